"""A training looks at its frames once, before it begins."""

from pathlib import Path

import pytest
from rich.console import Console

from leadline.errors import FaultyData
from leadline.options import DataOptions, ModelOptions, OptimOptions, RunOptions, TrainOptions
from leadline.training import training_data
from leadline.training.plan import make_plan, start_fabric
from leadline.training.training_data import begin_run, load_training_data


@pytest.fixture
def frames(tmp_path, write_scenes, monkeypatch) -> Path:
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    return write_scenes(tmp_path / "frames", rooms=3, frames=2)


def options(frames: Path, out: Path, **data) -> TrainOptions:
    return TrainOptions(
        data=DataOptions(root=frames, height=64, width=64, **data),
        model=ModelOptions(weights="none"),
        optim=OptimOptions(batch_size=2),
        run=RunOptions(device="cpu", precision="float32"),
        out=out,
    )


def load(given: TrainOptions):
    plan = make_plan(given)
    return load_training_data(plan, start_fabric(plan.recipe.run), Console(quiet=True))


def refuse(*arguments, **named):
    raise FaultyData("looked")


def test_faulty_frames_stop_a_training_before_it_leaves_a_folder(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(training_data, "check_before_training", refuse)
    with pytest.raises(FaultyData):
        load(options(frames, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_who_says_no_check_is_not_checked(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(training_data, "check_before_training", refuse)
    assert len(load(options(frames, tmp_path / "run", check=False)).train.indices) == 4


def test_a_run_that_goes_on_is_not_looked_at_again(frames, tmp_path, monkeypatch):
    given = options(frames, tmp_path / "run")
    begin_run(make_plan(given), load(given))
    monkeypatch.setattr(training_data, "check_before_training", refuse)
    assert len(load(TrainOptions(resume=tmp_path / "run")).train.indices) == 4
