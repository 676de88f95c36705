"""torch's exporter takes a quarter of a minute: the tests of this folder share what it makes."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from leadline.model_card import ModelCard
from leadline.networks.model_file import network_of, save_model


@pytest.fixture(scope="session", autouse=True)
def export_once() -> Iterator[None]:
    """Gives the same program for the same weights, size and freedom of sizes."""
    really_export, programs = torch.onnx.export, {}

    def export(module, example, **options):
        weights = tuple(float(weight.sum()) for weight in module.parameters())
        wanted = (weights, str(module.correction), example[0].shape, str(options["dynamic_shapes"]))
        if wanted not in programs:
            programs[wanted] = really_export(module, example, **options)
        return programs[wanted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", export)
        yield


@pytest.fixture(scope="session")
def write_model() -> Callable[[Path, ModelCard], Path]:
    """Writes a model that says something else at every pixel, with a card."""

    def write(path: Path, card: ModelCard) -> Path:
        torch.manual_seed(0)
        net = network_of(card)
        net.head.start_at(2.0)
        torch.nn.init.normal_(net.head.conv.weight, std=1.0)
        save_model(path, net, card)
        return path

    return write
