"""A ROS 2 node: pictures in; depth, camera and points out, and how far to trust them where the model says it.

    pip install 'leadline[video]'
    python3 depth_node.py --ros-args -r image:=/camera/image_raw -r camera_info:=/camera/camera_info
    ros2 launch ./depth.launch.py image:=/camera/image_raw camera_info:=/camera/camera_info

Subscribes to `image` (sensor_msgs/Image), `camera_info` (sensor_msgs/CameraInfo; without it, the focal length of the
training camera is supposed) and `range` (sensor_msgs/Range of a finder that looks along the camera's axis; its last
reading sets the scale of the next picture). Publishes, with the picture's own header:

    depth/image         sensor_msgs/Image, 32FC1, metres along the camera's axis (REP 118)
    depth/sigma         sensor_msgs/Image, 32FC1, metres, only for models that say it
    depth/camera_info   sensor_msgs/CameraInfo of the depth image
    depth/points        sensor_msgs/PointCloud2: x, y, z, rgb in the camera's optical frame, without flying pixels

Parameters: `model` (a file, or the name of one in the box: nano), `threads` (2), `steady` (filter over time, true;
needs leadline[video]), `points_px` (longer side of the grid that becomes points, 160: the network's own resolution).

The newest picture is taken; those that come while it is in work are dropped. Only `main` knows ROS.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from leadline.depth.camera import Camera
from leadline.depth.depth_map import DepthMap
from leadline.depth.points import Surface
from leadline.inference.predictor import PointsDoNotHelp, Predictor, load
from leadline.inference.streams.steady import Steady


class Messages(NamedTuple):
    """The kinds of messages that are made: those of sensor_msgs, or anything with the same fields."""

    image: Callable[[], Any]
    camera_info: Callable[[], Any]
    points: Callable[[], Any]
    field: Callable[[], Any]


class DepthPublisher:
    """What the node does with each message.

    Args:
        predictor: the model.
        messages: the kinds of messages to publish.
        publish: takes the name of a topic and its message.
        warn: takes a sentence for people.
        steady: whether to filter over time.
        points_px: longer side of the grid that becomes points.
    """

    def __init__(
        self,
        predictor: Predictor,
        messages: Messages,
        publish: Callable[[str, Any], None],
        warn: Callable[[str], None],
        *,
        steady: bool = True,
        points_px: int = 160,
    ) -> None:
        self._predictor, self._messages, self._publish, self._warn = predictor, messages, publish, warn
        self._steady = Steady() if steady else None
        self._points_px = points_px
        self._camera: Camera | None = None
        self._range_m: float | None = None

    def on_camera_info(self, message: Any) -> None:
        """Remember the camera; one that is not calibrated (K of zeros) is unknown."""
        fx_px, _, cx_px, _, fy_px, cy_px = (float(entry) for entry in message.k[:6])
        is_known = fx_px > 0 and fy_px > 0 and message.width > 0 and message.height > 0
        self._camera = Camera(fx_px, fy_px, cx_px, cy_px, int(message.width), int(message.height)) if is_known else None

    def on_range(self, message: Any) -> None:
        """Remember the reading for one picture; one out of the finder's own limits is none."""
        self._range_m = message.range if message.min_range <= message.range <= message.max_range else None

    def on_image(self, message: Any) -> None:
        """Publish the depth of a picture; one that cannot be understood is said and passed over."""
        try:
            image = pixels(message)
        except ValueError as error:
            self._warn(str(error))
            return
        depth = self._depth(image)
        self._publish("depth/image", float_image(self._messages, message.header, depth.metres))
        sigma_m = getattr(depth, "sigma_m", None)
        if sigma_m is not None:
            self._publish("depth/sigma", float_image(self._messages, message.header, sigma_m))
        self._publish("depth/camera_info", camera_info(self._messages, message.header, depth.camera))
        surface = depth.surface(largest_side_px=self._points_px)
        self._publish("depth/points", point_cloud(self._messages, message.header, surface))

    def _depth(self, image: NDArray[np.uint8]) -> DepthMap:
        height, width = image.shape[:2]
        camera = None if self._camera is None else self._camera.scaled_to(width=width, height=height)
        points, self._range_m = self._points(camera, height=height, width=width), None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PointsDoNotHelp)  # then the depth is what the network says
            depth = self._predictor.predict(image, camera=camera, points=points)
        if self._steady is None:
            return depth
        return replace(depth, metres=self._steady(image, depth.metres))

    def _points(self, camera: Camera | None, *, height: int, width: int) -> list[tuple[float, float, float]] | None:
        """The reading, at the pixel that the camera's axis goes through."""
        if self._range_m is None:
            return None
        column, row = (camera.cx_px, camera.cy_px) if camera else ((width - 1) / 2, (height - 1) / 2)
        return [(column, row, self._range_m)]


def pixels(message: Any) -> NDArray[np.uint8]:
    """The picture in a sensor_msgs/Image: (H, W, 3) uint8 RGB.

    Raises:
        ValueError: an encoding that is no picture of 8 bits, or fewer bytes than its size says.
    """
    if message.encoding not in _ENCODINGS:
        raise ValueError(f"an image of encoding {message.encoding!r} cannot be used; known: {', '.join(_ENCODINGS)}")
    bytes_px, channels = _ENCODINGS[message.encoding]
    height, width, step = message.height, message.width, message.step
    content = np.frombuffer(message.data, np.uint8)
    if not (height > 0 and width > 0 and step >= width * bytes_px and content.size >= height * step):
        raise ValueError(f"an image of {width}x{height} {message.encoding} has {content.size} bytes in rows of {step}")
    rows = content[: height * step].reshape(height, step)[:, : width * bytes_px]
    return np.ascontiguousarray(rows.reshape(height, width, bytes_px)[..., channels])


def float_image(messages: Messages, header: Any, values: NDArray[np.float32]) -> Any:
    """(H, W) float32 as a sensor_msgs/Image of 32FC1."""
    message = messages.image()
    message.header = header
    message.height, message.width = values.shape
    message.encoding, message.is_bigendian, message.step = "32FC1", 0, 4 * values.shape[1]
    message.data = np.ascontiguousarray(values, "<f4").tobytes()
    return message


def camera_info(messages: Messages, header: Any, camera: Camera) -> Any:
    """A camera as a sensor_msgs/CameraInfo without distortion."""
    message = messages.camera_info()
    message.header = header
    message.height, message.width, message.distortion_model = camera.height, camera.width, "plumb_bob"
    fx, fy, cx, cy = camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px
    message.d = [0.0] * 5
    message.k = [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def point_cloud(messages: Messages, header: Any, surface: Surface) -> Any:
    """Coloured points as a sensor_msgs/PointCloud2; rgb is packed into a float32, as RViz and PCL read it."""
    points = np.empty(len(surface.points_m), [("xyz", "<f4", 3), ("rgb", "<u4")])
    points["xyz"] = surface.points_m
    red, green, blue = surface.colors.astype(np.uint32).T
    points["rgb"] = red << 16 | green << 8 | blue
    message = messages.points()
    message.header = header
    message.height, message.width = 1, len(points)
    message.fields = [_field(messages, name, 4 * index) for index, name in enumerate(("x", "y", "z", "rgb"))]
    message.is_bigendian, message.is_dense = False, True
    message.point_step, message.row_step = points.itemsize, points.nbytes
    message.data = points.tobytes()
    return message


def _field(messages: Messages, name: str, offset: int) -> Any:
    field = messages.field()
    field.name, field.offset, field.datatype, field.count = name, offset, _FLOAT32, 1
    return field


_ENCODINGS = {
    "rgb8": (3, [0, 1, 2]),
    "bgr8": (3, [2, 1, 0]),
    "rgba8": (4, [0, 1, 2]),
    "bgra8": (4, [2, 1, 0]),
    "mono8": (1, [0, 0, 0]),
}  # bytes of a pixel, and which of them are red, green and blue
_FLOAT32 = 7  # sensor_msgs/PointField.FLOAT32


def main() -> None:
    """Run the node until it is told to stop."""
    import rclpy
    from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import CameraInfo, Image, PointCloud2, PointField, Range

    rclpy.init()
    node = rclpy.create_node("leadline_depth")
    model = node.declare_parameter("model", "nano").value
    threads = node.declare_parameter("threads", 2).value
    kinds = {
        "depth/image": Image,
        "depth/sigma": Image,
        "depth/camera_info": CameraInfo,
        "depth/points": PointCloud2,
    }
    # A queue of one: the newest picture, never an old one. Best effort takes pictures of any publisher.
    newest = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
    publishers = {name: node.create_publisher(kind, name, 1) for name, kind in kinds.items()}
    publisher = DepthPublisher(
        load(model, threads=threads),
        Messages(image=Image, camera_info=CameraInfo, points=PointCloud2, field=PointField),
        publish=lambda name, message: publishers[name].publish(message),
        warn=lambda text: node.get_logger().warning(text, throttle_duration_sec=5.0),
        steady=node.declare_parameter("steady", True).value,
        points_px=node.declare_parameter("points_px", 160).value,
    )
    node.create_subscription(CameraInfo, "camera_info", publisher.on_camera_info, newest)
    node.create_subscription(Range, "range", publisher.on_range, newest)
    node.create_subscription(Image, "image", publisher.on_image, newest)
    try:
        rclpy.spin(node)
    except KeyboardInterrupt:
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
