"""ONNX: the file that the base install runs, with metres as its output and the model's card inside."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float
from torch import Tensor, nn

from leadline.atomic import atomic_write
from leadline.errors import ModelFileError
from leadline.inference.predictor import load
from leadline.model_card import METADATA_KEY
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model
from leadline.options import ExportOptions

LARGEST_DIFFERENCE_M = 1e-3


def export_command(options: ExportOptions) -> None:
    """Export, and print what the proof of equality measured."""
    out = options.out or options.model.with_suffix(".onnx")
    largest_m = export_onnx(options.model, out)
    print(f"{out}  ({out.stat().st_size / 1e6:.1f} MB; differs from torch by at most {largest_m * 1000:.4f} mm)")


def export_onnx(model: Path, out: Path) -> float:
    """Write a model as ONNX, run it in ONNX Runtime beside torch, and keep it only when both give the same metres.

    Args:
        model: `.safetensors`.
        out: `.onnx`.

    Returns:
        The largest difference in metres, over pictures of noise and of smooth ramps.

    Raises:
        ModelFileError: no such model, or the exported file gives other metres; then nothing is written.
    """
    net, card = load_model(model)
    example = torch.zeros(1, 3, card.height, card.width)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            _Metres(net),
            (example,),
            input_names=["image"],
            output_names=["depth_m"],
            dynamic_shapes={"image": {0: torch.export.Dim("batch", min=1, max=1024)}},
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    onnx.helper.set_model_props(graph, {METADATA_KEY: card.to_json()})
    with atomic_write(out) as part:
        onnx.save(graph, part)
        largest_m = _largest_difference_m(part, net, card.height, card.width)
        if not largest_m <= LARGEST_DIFFERENCE_M:
            raise ModelFileError(
                f"{out}: the exported file differs from torch by up to {largest_m:.4f} m, so it was not written; "
                f"please report this with the versions of torch and onnxruntime"
            )
    return largest_m


class _Metres(nn.Module):
    """The network with its codec, so that every runtime gives metres."""

    def __init__(self, net: DepthNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 i j"]:
        """Metres."""
        return self.net.metres(image)


def _largest_difference_m(path: Path, net: DepthNet, height: int, width: int) -> float:
    generator = np.random.default_rng(0)
    noise = generator.random((1, 3, height, width), np.float32)
    ramp = np.broadcast_to(np.linspace(0, 1, width, dtype=np.float32), noise.shape)
    predictor = load(path, device="cpu")
    differences = []
    for picture in (noise, np.ascontiguousarray(ramp)):
        with torch.no_grad():
            expected = net.metres(torch.from_numpy(picture)).numpy()
        differences.append(float(np.abs(predictor.network(picture) - expected).max()))
    return max(differences)
