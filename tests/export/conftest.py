"""torch's exporter takes a quarter of a minute: the tests of this folder share what it makes."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="session", autouse=True)
def export_once() -> Iterator[None]:
    """Gives the same program for the same weights, size and freedom of sizes."""
    really_export, programs = torch.onnx.export, {}

    def export(module, example, **options):
        weights = tuple(float(weight.sum()) for weight in module.parameters())
        wanted = (weights, example[0].shape, str(options["dynamic_shapes"]))
        if wanted not in programs:
            programs[wanted] = really_export(module, example, **options)
        return programs[wanted]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.onnx, "export", export)
        yield
