"""OpenVINO's own files: `.xml` (the graph and the model's card) with `.bin` (the weights) beside it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from leadline.export.onnx import write_onnx
from leadline.inference.runtimes.openvino import openvino_core
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet


def write_openvino(net: DepthNet, card: ModelCard, path: Path, *, half: bool, dynamic: bool) -> None:
    """Write `.xml` and `.bin`, by way of ONNX: one graph for both runtimes, and one place that makes it."""
    import openvino

    with TemporaryDirectory() as folder:
        by_way_of = Path(folder) / "model.onnx"
        write_onnx(net, card, by_way_of, half=False, dynamic=dynamic)
        model = openvino_core().read_model(by_way_of)  # what ONNX says about itself becomes its rt_info
    openvino.save_model(model, path, compress_to_fp16=half)
