"""Two short trainings that were judged by the same frames, and one that was judged by others."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from leadline.options import DataOptions, ModelOptions, OptimOptions, RunOptions, TrainOptions


@pytest.fixture(scope="session")
def frames(tmp_path_factory, write_scenes) -> Path:
    return write_scenes(tmp_path_factory.mktemp("frames"), rooms=4, frames=2)


@pytest.fixture(scope="session")
def runs(tmp_path_factory, frames) -> dict[str, Path]:
    """linear and log share their split; "overfit" learns and is judged by the same frames."""
    from leadline.training.train import train

    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        # Its seconds buy nothing here: the page draws its own curves.
        patch.setattr("leadline.training.run_log.draw_curves", lambda *_: None)
        for name, codec, split_by in (("linear", "linear", "room"), ("log", "log", "room"), ("overfit", "log", "same")):
            options = TrainOptions(
                data=DataOptions(
                    root=frames, height=64, width=64, validation_share=0.5, split_by=split_by, check=False
                ),
                model=ModelOptions(weights="none", codec=codec),
                optim=OptimOptions(batch_size=4, epochs=2, learning_rate=1e-3),
                run=RunOptions(device="cpu", precision="float32", pictures=1),
                out=folder / name,
            )
            train(options, console=Console(file=io.StringIO()))
    return {path.name: path for path in folder.iterdir()}
