"""What the ROS 2 node makes of messages, without ROS; with its message definitions where `rosbags` is installed."""

import importlib.util
import runpy
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from leadline.depth.camera import Camera
from leadline.inference.predictor import Predictor
from leadline.model_card import ModelCard

PATH = Path(__file__).parents[2] / "examples" / "ros2" / "depth_node.py"


@pytest.fixture(scope="module")
def node() -> ModuleType:
    spec = importlib.util.spec_from_file_location("depth_node", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def predictor() -> Predictor:
    """A ramp from 1 to 3 m, from left to right."""
    ramp = np.broadcast_to(np.linspace(1, 3, 48, dtype=np.float32), (1, 1, 32, 48))
    card = ModelCard("yolov8n", "linear", 0.1, 10.0, height=64, width=96, fit="letterbox")
    return Predictor(lambda tensor: ramp.copy(), card)


class Told:
    """What a node has published and said."""

    def __init__(self, node: ModuleType, predictor: Predictor, **how: Any) -> None:
        self.messages: dict[str, Any] = {}
        self.warnings: list[str] = []
        kinds = node.Messages(*[SimpleNamespace] * 4)
        self.publisher = node.DepthPublisher(
            predictor, kinds, self.messages.__setitem__, self.warnings.append, **{"steady": False, **how}
        )


HEADER = SimpleNamespace(stamp="12.5 s", frame_id="camera_optical_frame")
PICTURE = np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8)


def image_message(encoding: str = "rgb8", *, padding: int = 0, **other: Any) -> SimpleNamespace:
    order = {"rgb8": [0, 1, 2], "bgr8": [2, 1, 0], "rgba8": [0, 1, 2, 0], "bgra8": [2, 1, 0, 0], "mono8": [0]}
    picture = PICTURE[..., order.get(encoding, [0])]
    rows = picture.reshape(64, -1)
    padded = np.pad(rows, ((0, 0), (0, padding)))
    fields = {"header": HEADER, "height": 64, "width": 96, "encoding": encoding, "step": padded.shape[1]}
    return SimpleNamespace(**{**fields, "data": padded.tobytes(), **other})


def info_message(fx_px: float, **other: Any) -> SimpleNamespace:
    k = [fx_px, 0, 47.5, 0, fx_px, 31.5, 0, 0, 1]
    return SimpleNamespace(**{"k": k, "width": 96, "height": 64, **other})


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8", "rgba8", "bgra8"])
@pytest.mark.parametrize("padding", [0, 5])
def test_pictures_of_every_common_encoding_are_read(node, encoding, padding):
    np.testing.assert_array_equal(node.pixels(image_message(encoding, padding=padding)), PICTURE)


def test_grey_pictures_are_read(node):
    np.testing.assert_array_equal(node.pixels(image_message("mono8")), PICTURE[..., :1].repeat(3, axis=2))


@pytest.mark.parametrize(
    "wrong", [{"encoding": "16UC1"}, {"data": b"short"}, {"step": 10}, {"height": 0}, {"width": 5000}]
)
def test_a_picture_that_cannot_be_understood_is_said_and_passed_over(node, predictor, wrong):
    told = Told(node, predictor)
    told.publisher.on_image(image_message(**wrong))
    assert told.messages == {}
    assert len(told.warnings) == 1
    told.publisher.on_image(image_message())
    assert "depth/image" in told.messages


def test_depth_is_published_in_metres_with_the_pictures_own_header(node, predictor):
    told = Told(node, predictor)
    told.publisher.on_image(image_message())
    message = told.messages["depth/image"]
    assert message.header is HEADER
    assert (message.encoding, message.height, message.width, message.step) == ("32FC1", 64, 96, 4 * 96)
    metres = np.frombuffer(message.data, "<f4").reshape(64, 96)
    np.testing.assert_array_equal(metres, predictor.predict(PICTURE).metres)
    assert "depth/sigma" not in told.messages


def test_points_lie_on_the_rays_of_the_camera_that_was_told(node, predictor):
    told = Told(node, predictor, points_px=96)
    told.publisher.on_camera_info(info_message(80.0))
    told.publisher.on_image(image_message())
    cloud = told.messages["depth/points"]
    assert [(field.name, field.offset, field.datatype) for field in cloud.fields] == [
        ("x", 0, 7), ("y", 4, 7), ("z", 8, 7), ("rgb", 12, 7)
    ]  # fmt: skip
    assert (cloud.point_step, cloud.row_step) == (16, 16 * cloud.width)
    points = np.frombuffer(cloud.data, [("xyz", "<f4", 3), ("bgr", "u1", 4)])
    assert len(points) == cloud.width > 5000
    x, y, z = points["xyz"].T
    columns, rows = np.round(80 * x / z + 47.5).astype(int), np.round(80 * y / z + 31.5).astype(int)
    np.testing.assert_array_equal(points["bgr"][:, 2::-1], PICTURE[rows, columns])
    np.testing.assert_allclose(z, predictor.predict(PICTURE).metres[rows, columns])


def test_the_camera_is_published_for_the_size_of_the_picture(node, predictor):
    told = Told(node, predictor)
    info = info_message(160.0, width=192, height=128)
    info.k[2], info.k[5] = 95.5, 63.5
    told.publisher.on_camera_info(info)
    told.publisher.on_image(image_message())
    message = told.messages["depth/camera_info"]
    assert (message.width, message.height) == (96, 64)
    assert message.k == pytest.approx([80, 0, 47.5, 0, 80, 31.5, 0, 0, 1])
    assert message.p[:3] == pytest.approx([80, 0, 47.5])


@pytest.mark.parametrize("info", [None, info_message(0.0), info_message(80.0, width=64, height=64)])
def test_without_a_camera_that_fits_that_of_the_training_is_supposed(node, predictor, info):
    told = Told(node, predictor)
    if info is not None:
        told.publisher.on_camera_info(info)
    told.publisher.on_image(image_message())
    assert told.messages["depth/camera_info"].k[0] == pytest.approx(0.82 * 96)


def range_message(metres: float) -> SimpleNamespace:
    return SimpleNamespace(range=metres, min_range=0.05, max_range=10.0)


def test_a_range_reading_sets_the_scale_of_one_picture(node, predictor):
    told = Told(node, predictor)
    ratios = []
    for reading in (range_message(4.0), None, range_message(float("inf")), range_message(0.0)):
        if reading is not None:
            told.publisher.on_range(reading)
        told.publisher.on_image(image_message())
        metres = np.frombuffer(told.messages["depth/image"].data, "<f4").reshape(64, 96)
        ratios.append(float(metres[32, 48] / predictor.predict(PICTURE).metres[32, 48]))
    assert ratios[0] > 1.3
    assert ratios[1:] == [1, 1, 1]


def test_the_filter_over_time_takes_part(node, predictor):
    steps = iter([1.0, 1.05])
    network = predictor.network
    jittery = Predictor(lambda tensor: network(tensor) * np.float32(next(steps)), predictor.card)
    told = Told(node, jittery, steady=True)
    middles = []
    for _ in range(2):
        told.publisher.on_image(image_message())
        middles.append(np.frombuffer(told.messages["depth/image"].data, "<f4").reshape(64, 96)[32, 48])
    assert 1.005 < middles[1] / middles[0] < 1.03


def test_messages_are_those_of_ros_and_survive_its_serialization(node):
    typesys = pytest.importorskip("rosbags.typesys", reason="rosbags, which knows ROS's messages, is not installed")
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)

    def empty(name: str) -> Any:
        """A message that takes fields as they are set, as rclpy's do; complete when it is serialized."""
        kind = store.types[name]
        return SimpleNamespace(**{field: None for field in kind.__dataclass_fields__ if field != "__msgtype__"})

    def serialized(name: str, message: SimpleNamespace) -> Any:
        fields = dict(vars(message))
        for field in ("d", "k", "r", "p"):
            if field in fields:
                fields[field] = np.array(fields[field], np.float64)
        if name == "sensor_msgs/msg/PointCloud2":
            fields["fields"] = [store.types["sensor_msgs/msg/PointField"](**vars(field)) for field in message.fields]
        if isinstance(fields.get("data"), bytes):
            fields["data"] = np.frombuffer(fields["data"], np.uint8)
        if name == "sensor_msgs/msg/CameraInfo":
            region = store.types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
            fields |= {"binning_x": 0, "binning_y": 0, "roi": region}
        typed = store.types[name](**fields)
        return store.deserialize_cdr(store.serialize_cdr(typed, name), name)

    time = store.types["builtin_interfaces/msg/Time"](sec=12, nanosec=5)
    header = store.types["std_msgs/msg/Header"](stamp=time, frame_id="camera")
    names = ("Image", "CameraInfo", "PointCloud2", "PointField")
    messages = node.Messages(*[lambda name=name: empty(f"sensor_msgs/msg/{name}") for name in names])
    camera = Camera(80.0, 81.0, 47.5, 31.5, 96, 64)
    depth_m = np.linspace(1, 3, 64 * 96, dtype=np.float32).reshape(64, 96)
    image = serialized("sensor_msgs/msg/Image", node.float_image(messages, header, depth_m))
    np.testing.assert_array_equal(image.data.view("<f4").reshape(64, 96), depth_m)
    info = serialized("sensor_msgs/msg/CameraInfo", node.camera_info(messages, header, camera))
    assert info.k.tolist() == [80, 0, 47.5, 0, 81, 31.5, 0, 0, 1]
    from leadline.depth.depth_map import DepthMap

    surface = DepthMap(depth_m, PICTURE, camera).surface()
    cloud = serialized("sensor_msgs/msg/PointCloud2", node.point_cloud(messages, header, surface))
    np.testing.assert_array_equal(cloud.data.view("<f4").reshape(-1, 4)[:, :3], surface.points_m)
    assert cloud.header.frame_id == "camera"


def test_ros_is_asked_for_only_when_the_node_runs(node, monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    with pytest.raises(ImportError):
        node.main()


def test_the_launch_file_starts_the_node_beside_it_with_every_parameter(monkeypatch):
    """With stand-ins for ROS's launch, which hand on what they are given."""

    def given(*words: object, **named: object) -> SimpleNamespace:
        return SimpleNamespace(words=words, **named)

    launch = SimpleNamespace(LaunchDescription=given)
    actions = SimpleNamespace(DeclareLaunchArgument=given, ExecuteProcess=given)
    substitutions = SimpleNamespace(LaunchConfiguration=lambda name: f"<{name}>")
    for name, module in (("launch", launch), ("launch.actions", actions), ("launch.substitutions", substitutions)):
        monkeypatch.setitem(sys.modules, name, module)
    described = runpy.run_path(str(PATH.with_name("depth.launch.py")))["generate_launch_description"]()
    *declared, process = described.words[0]
    python, node_file, ros_arguments, *flags = process.cmd
    assert (python, Path(node_file), ros_arguments) == ("python3", PATH, "--ros-args")
    names = {"image", "camera_info", "range", "model", "threads", "steady", "points_px"}
    assert {argument.words[0] for argument in declared} == names
    set_by_flags = dict(zip(["".join(word) for word in flags[1::2]], flags[::2], strict=True))
    assert set_by_flags == {
        f"{name}:=<{name}>": "-r" if name in ("image", "camera_info", "range") else "-p" for name in names
    }
    node_source = PATH.read_text(encoding="utf-8")
    assert all(f'declare_parameter("{name}"' in node_source for name in ("model", "threads", "steady", "points_px"))
