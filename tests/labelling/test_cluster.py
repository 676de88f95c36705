import threading
import time
from pathlib import Path

import pytest

from leadline.cli import main
from leadline.data.sources.catalog import open_source
from leadline.errors import ModelFileError, OutputError
from leadline.labelling import cluster
from leadline.labelling.labelled_scene import read_journal
from leadline.labelling.photographs import Photograph
from leadline.options import LabelOptions

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own

PHOTOGRAPHS = 40


def write_teacher(folder: Path) -> str:
    """A declared ONNX teacher that every process of a cluster can open."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 64, 64])
    depth = helper.make_tensor_value_info("depth", TensorProto.FLOAT, ["batch", 1, 64, 64])
    weight = helper.make_tensor("weight", TensorProto.FLOAT, [1, 3, 1, 1], [1.0] * 3)
    bias = helper.make_tensor("bias", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Conv", ["image", "weight", "bias"], ["depth"])
    graph = helper.make_graph([node], "tiny", [image], [depth], [weight, bias])
    path = folder / "tiny.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    path.with_suffix(".yaml").write_text("name: tiny\nlicence: none\nheight: 64\nwidth: 64\noutput: metres\n")
    return str(path)


def content(out: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*.png")) + sorted(out.rglob("*.jpg"))
    }


def test_a_killed_worker_costs_no_label_and_doubles_none(tmp_path, photographs, monkeypatch):
    ray = pytest.importorskip("ray", reason="Ray is not installed: no cluster here (extra 'cluster')")
    from ray.cluster_utils import Cluster

    folder, teacher = photographs(count=PHOTOGRAPHS), write_teacher(tmp_path)
    words = ["data", "label", str(folder), "--teacher", teacher, "--out"]
    assert main([*words, str(tmp_path / "threads")]) == 0
    monkeypatch.setattr(cluster, "PHOTOGRAPHS_A_TASK", 4)
    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    try:
        victim, _ = machines.add_node(num_cpus=1), machines.add_node(num_cpus=1)

        def kill() -> None:
            while not list((tmp_path / "cluster").rglob("*.png")):
                time.sleep(0.02)
            machines.remove_node(victim, allow_graceful=False)

        killer = threading.Thread(target=kill)
        killer.start()
        assert main([*words, str(tmp_path / "cluster"), "--cluster", machines.address]) == 0
        killer.join()
    finally:
        ray.shutdown()
        machines.shutdown()
    assert content(tmp_path / "cluster") == content(tmp_path / "threads")
    named = [outcome.picture for outcome in read_journal(tmp_path / "cluster/photos/labels.jsonl")]
    assert sorted(named) == sorted(path.name for path in folder.iterdir())
    assert len(open_source(tmp_path / "cluster").frames) == PHOTOGRAPHS


@pytest.fixture
def done_there(tmp_path, monkeypatch, photographs):
    """What the driver gets of a row that a process of the cluster did; no Ray is needed for that."""
    monkeypatch.chdir(tmp_path)

    def do(photo: Photograph, teacher: str):
        options = LabelOptions((str(photo.path),), (teacher,), Path("out"))
        row = {"index": 0, **cluster._as_row(photo)}
        return cluster._from_row(cluster._label_row(row, options=options, camera=None, folder=str(tmp_path)))

    return do


def test_what_became_of_a_photograph_travels_in_a_row(tmp_path, photographs, done_there):
    teacher = write_teacher(tmp_path)
    outcome = done_there(Photograph(photographs(count=1) / "0000.jpg", "photos", "0000"), teacher)
    assert (outcome.picture, outcome.frame, outcome.contradiction) == ("0000.jpg", "0000", pytest.approx(0, abs=0.1))
    assert (tmp_path / "out/photos/depth/0000.png").exists()
    (tmp_path / "broken.jpg").write_bytes(b"broken")
    assert "broken.jpg" in done_there(Photograph(tmp_path / "broken.jpg", "photos", "broken"), teacher)


def test_a_failure_on_the_cluster_keeps_its_kind(tmp_path, photographs, done_there):
    photo = Photograph(photographs(count=1) / "0000.jpg", "photos", "0000")
    with pytest.raises(ModelFileError, match="no such teacher file"):
        done_there(photo, "missing.onnx")
    (tmp_path / "out").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot be written"):
        done_there(photo, write_teacher(tmp_path))
