"""Trainings that are killed, stopped, repeated, shared among processes, or go wrong."""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from leadline.cli import main
from leadline.data import frames as frames_module
from leadline.data import prepare as prepare_module
from leadline.data.sources.scene_folders import SceneFolders
from leadline.errors import InputError, ModelFileError, TrainingDiverged, TrainingInterrupted, UsageError
from leadline.networks.model_file import load_model
from leadline.options import DataOptions, ModelOptions, MoreSource, OptimOptions, RunOptions, TrainOptions
from leadline.recipes import read_recipe, write_recipe
from leadline.run_folder import COLUMNS, RECIPE_FILE, STATE_FILE, read_metrics
from leadline.training import train as loop
from leadline.training.run_log import CLOCK_COLUMNS
from leadline.training.train import train


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Quick where other work keeps the cores busy, and the same bits in this process and in those that are killed."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield
    torch.set_num_threads(before)


@pytest.fixture
def signals_reach_us() -> None:
    """Python handles signals in the main thread alone, and a background job of a shell ignores Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("this test process does not run its tests in its main thread")
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pytest.skip("this test process was started with Ctrl-C ignored")


@pytest.fixture(scope="module")
def frames(tmp_path_factory, write_scenes) -> Path:
    """Twelve frames in four rooms; they are prepared once for all trainings of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield write_scenes(tmp_path_factory.mktemp("frames"), rooms=4, frames=3)


def recipe(frames: Path, out: Path, *, data=(), optim=(), model=(), run=()) -> TrainOptions:
    """Nine frames teach and three judge: three steps an epoch, six in all."""
    return TrainOptions(
        data=DataOptions(root=frames, height=64, width=64, validation_share=0.25, **dict(data)),
        model=ModelOptions(weights="none", **dict(model)),
        optim=OptimOptions(**{"batch_size": 4, "epochs": 2, "learning_rate": 1e-3, **dict(optim)}),
        run=RunOptions(**{"device": "cpu", "precision": "float32", "save_every_s": 0.0, "pictures": 1, **dict(run)}),
        out=out,
    )


def trained(options: TrainOptions) -> tuple[Path, str]:
    said = io.StringIO()
    return train(options, console=Console(file=said, width=500)), said.getvalue()


@pytest.fixture(scope="module")
def whole(frames, tmp_path_factory) -> Path:
    """A run that nothing interrupts."""
    return trained(recipe(frames, tmp_path_factory.mktemp("runs") / "whole"))[0]


def assert_same_run(folder: Path, other: Path) -> None:
    for name in ("last.safetensors", "best.safetensors"):
        ours, theirs = load_file(folder / name), load_file(other / name)
        assert ours.keys() == theirs.keys()
        assert [key for key in ours if not torch.equal(ours[key], theirs[key])] == []
    assert without_clock(folder) == without_clock(other)


def without_clock(folder: Path) -> list[dict[str, float]]:
    return [{key: row[key] for key in COLUMNS if key not in CLOCK_COLUMNS} for row in read_metrics(folder)]


def leadline(*words: object, launcher: tuple[str, ...] = (), **options) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", *launcher, "-m", "leadline", "train", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def wait_until(happened, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not happened():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "nothing happened for a minute"
        time.sleep(0.005)


def interrupted_at(step: int, action):
    """take_step, but for an action before one of the steps."""

    def take(*arguments, **named):
        if named["step"] == step:
            action()
        return step_taken(*arguments, **named)

    step_taken = loop.take_step
    return take


def test_a_killed_run_ends_with_the_weights_of_one_that_was_not(frames, whole, tmp_path):
    folder = tmp_path / "killed"
    options = recipe(frames, folder)
    write_recipe(tmp_path / "mine.yaml", read_recipe(str(whole / RECIPE_FILE)))
    moments = [
        ((tmp_path / "mine.yaml", "--out", folder), lambda: (folder / STATE_FILE).exists()),
        (("--resume", folder), lambda: bool(read_metrics(folder))),
    ]
    for words, moment in moments:
        process = leadline(*words)
        wait_until(moment, process)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        step = torch.load(folder / STATE_FILE, weights_only=True)["progress"]["step"]
        assert 0 < step < 6
    trained(replace(options, out=None, resume=folder))
    assert_same_run(folder, whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [1, 2])  # in an epoch, and in its last step
@pytest.mark.usefixtures("signals_reach_us")
def test_a_signal_stops_after_the_step_and_resume_ends_with_the_same_weights(
    frames, whole, tmp_path, monkeypatch, number, step
):
    before = signal.getsignal(number)
    options = recipe(frames, tmp_path / "stopped", run={"save_every_s": 1e6})
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted_at(step, lambda: signal.raise_signal(number)))
        with pytest.raises(
            TrainingInterrupted, match=f"step {step + 1} of 6 and saved; go on with.*--resume"
        ) as stopped:
            trained(options)
    assert stopped.value.exit_code == 75
    assert signal.getsignal(number) is before
    _, said = trained(replace(options, out=None, resume=options.out))
    assert f"going on from step {step + 1}" in said
    assert_same_run(options.out, whole)


@pytest.mark.parametrize("reading", ["memory", "stream"])
@pytest.mark.usefixtures("signals_reach_us")
def test_however_frames_are_read_a_run_stopped_within_an_epoch_ends_with_the_same_weights(
    frames, tmp_path, monkeypatch, reading
):
    data = {"reading": reading, "buffer_frames": 4}
    whole, _ = trained(recipe(frames, tmp_path / "whole", data=data))
    options = recipe(frames, tmp_path / "stopped", data=data, run={"save_every_s": 1e6})
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted_at(1, lambda: signal.raise_signal(signal.SIGTERM)))
        with pytest.raises(TrainingInterrupted, match="step 2 of 6"):
            trained(options)
    trained(replace(options, out=None, resume=options.out))
    assert_same_run(options.out, whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("signals_reach_us")
def test_a_signal_while_frames_are_prepared_stops_at_once_and_the_same_command_goes_on(
    frames, whole, tmp_path, monkeypatch, capfd, number
):
    monkeypatch.setattr(prepare_module, "SHARD_FRAMES", 4)
    monkeypatch.setattr(frames_module, "decoding_workers", lambda: 1)
    read, before, seen = SceneFolders.read, signal.getsignal(number), []

    def sixth_interrupts(self, frame):
        seen.append(frame.identity)
        if len(seen) == 6:
            os.kill(os.getpid(), number)
        return read(self, frame)

    monkeypatch.setattr(SceneFolders, "read", sixth_interrupts)
    write_recipe(tmp_path / "mine.yaml", read_recipe(str(whole / RECIPE_FILE)))
    folder, store = tmp_path / "stopped", tmp_path / "store"
    words = ["train", str(tmp_path / "mine.yaml"), "--out", str(folder), "--data.store", str(store), "--data.no-check"]
    assert main(words) == 75
    assert "stopped before the first step" in capfd.readouterr().err
    assert signal.getsignal(number) is before
    assert not folder.exists()
    assert [path.name for path in store.glob("shard-*")] == ["shard-00000.json"]
    del seen[:]
    monkeypatch.setattr(SceneFolders, "read", lambda self, frame: seen.append(frame.identity) or read(self, frame))
    assert main(words) == 0
    assert len(seen) == 8
    assert_same_run(folder, whole)


def test_what_could_not_begin_leaves_no_folder_in_the_way(frames, tmp_path):
    options = recipe(frames, tmp_path / "run")
    lacking = replace(options, model=replace(options.model, weights=str(tmp_path / "missing.pt")))
    with pytest.raises(ModelFileError):
        trained(lacking)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("signals_reach_us")
def test_a_second_ctrl_c_interrupts_at_once(frames, tmp_path, monkeypatch):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "take_step", interrupted_at(1, twice))
    with pytest.raises(KeyboardInterrupt):
        trained(recipe(frames, tmp_path / "impatient"))


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(frames, whole, tmp_path):
    again, _ = trained(recipe(frames, tmp_path / "again"))
    assert_same_run(again, whole)
    other, _ = trained(recipe(frames, tmp_path / "other", optim={"epochs": 1}, run={"seed": 1}))
    assert without_clock(other)[0] != without_clock(whole)[0]


def test_two_processes_learn_what_one_does(frames, tmp_path):
    # Batch norm sees the batch of its own process, so that its statistics are kept; frames divide by the batch.
    options = recipe(frames, tmp_path / "one", model={"freeze_batch_norm": True}, data={"split_by": "same", "limit": 8})
    one, _ = trained(options)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = leadline(
        one / RECIPE_FILE, "--out", tmp_path / "two", "--run.devices", 2, launcher=launcher
    )  # fmt: skip
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    ours, theirs = read_metrics(tmp_path / "two"), read_metrics(one)
    assert len(ours) == len(theirs) == 2
    for name in ("train_loss", "val_loss", "val_rel", "val_rms", "val_flatness"):
        np.testing.assert_allclose([row[name] for row in ours], [row[name] for row in theirs], rtol=1e-4, err_msg=name)
    assert said.count("learns from 8 frames") == 1


def test_two_processes_learn_what_one_does_from_two_sources(frames, tmp_path, write_scenes):
    # Two frames of each source a step, one of each for a process; half the weight and holes of other sizes.
    labelled = write_scenes(tmp_path / "labelled", rooms=2, frames=2)
    options = recipe(
        frames,
        tmp_path / "one",
        model={"freeze_batch_norm": True},
        data={"more": (MoreSource(labelled, share=0.5, weight=0.5),), "balance": "room", "epoch_frames": 4},
        optim={"ema": 0.9, "epochs": 1, "loss": {"l1": 1.0, "log_l1": 1.0}},
    )
    one, _ = trained(options)
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    process = leadline(one / RECIPE_FILE, "--out", tmp_path / "two", "--run.devices", 2, launcher=launcher)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert said.count("what the model will see") == 1
    ours, theirs = (load_file(folder / "last.safetensors") for folder in (tmp_path / "two", one))
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], rtol=1e-3, atol=1e-5, msg=name)


def test_two_pictures_are_learnt_by_heart(frames, tmp_path):
    folder, said = trained(
        recipe(
            frames,
            tmp_path / "overfit",
            data={"split_by": "same", "limit": 2, "flip": 0.0, "channel_permutation": 0.0},
            optim={"batch_size": 2, "epochs": 120, "learning_rate": 2e-3},
            model={"freeze_batch_norm": True},
            run={"validate_every": 120, "save_every_s": 1e6},
        )
    )
    row = read_metrics(folder)[-1]
    assert row["val_rel"] < 0.08
    assert row["val_delta1"] > 0.95
    assert "flat predictions" not in said


def test_a_mixed_and_averaged_training_goes_on_to_the_same_weights(frames, tmp_path, monkeypatch, write_scenes):
    labelled = write_scenes(tmp_path / "labelled", rooms=3, frames=2)
    mixed = {
        "data": {
            "more": (MoreSource(labelled, share=0.5, weight=0.5),), "balance": "room", "epoch_frames": 6,
            "color_jitter": 0.3, "crop": 0.6, "blur": 0.3, "noise": 0.05,
        },
        "optim": {"ema": 0.9, "encoder_lr_scale": 0.1, "loss": {"l1": 0.1, "log_l1": 1.0, "multiscale_gradient": 0.5}},
    }  # fmt: skip
    whole, said = trained(recipe(frames, tmp_path / "whole", **mixed))
    assert "what the model will see" in said
    assert said.count("2 (50%)") == 2
    options = recipe(frames, tmp_path / "stopped", **mixed)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", interrupted_at(4, lambda: signal.raise_signal(signal.SIGTERM)))
        with pytest.raises(TrainingInterrupted):
            trained(options)
    moved = (replace(mixed["data"]["more"][0], root=labelled.rename(tmp_path / "moved")),)
    given = recipe(frames, options.out, **{**mixed, "data": {**mixed["data"], "more": moved}})
    others = (replace(moved[0], root=write_scenes(tmp_path / "others", rooms=3, frames=3)),)
    wrong = recipe(frames, options.out, **{**mixed, "data": {**mixed["data"], "more": others}})
    with pytest.raises(InputError, match=r"others: not the frames that the run in .* was started with"):
        trained(replace(wrong, out=None, resume=options.out))
    trained(replace(given, out=None, resume=options.out))
    assert_same_run(options.out, whole)
    state = torch.load(whole / STATE_FILE, weights_only=True)
    saved = load_file(whole / "last.safetensors")
    assert all(torch.equal(saved[name], state["average"][name]) for name in saved)
    assert not torch.equal(state["net"]["head.conv.weight"], state["average"]["head.conv.weight"])


def test_a_time_budget_ends_in_time_with_usable_models(frames, tmp_path):
    began = time.monotonic()
    options = replace(recipe(frames, tmp_path / "short", optim={"epochs": 100_000}), time_budget="8s")
    folder, said = trained(options)
    assert time.monotonic() - began < 8
    assert "the time budget ended at step" in said
    for name in ("last.safetensors", "best.safetensors"):
        assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(folder / name).values())
    step = torch.load(folder / STATE_FILE, weights_only=True)["progress"]["step"]
    assert step > 0
    _, said = trained(replace(options, out=None, resume=folder, time_budget="6s"))
    assert f"going on from step {step}" in said


def test_a_nan_stops_with_the_term_the_frames_and_advice_and_keeps_good_weights(frames, whole, tmp_path, monkeypatch):
    measured = loop_step().measured_at
    calls = iter(range(1000))

    def planted(depth_m, *, size, codec):
        found, valid = measured(depth_m, size=size, codec=codec)
        # Three steps and one validation batch a epoch call this; then comes the second step of the second epoch.
        return (found * torch.nan if next(calls) == 4 else found), valid

    monkeypatch.setattr(loop_step(), "measured_at", planted)
    options = recipe(frames, tmp_path / "diverged", run={"save_every_s": 1e6})
    with pytest.raises(TrainingDiverged) as diverged:
        trained(options)
    said = str(diverged.value)
    assert diverged.value.exit_code == 7
    assert "step 4" in said
    assert "l1" in said
    assert "scene-" in said
    assert "optim.learning_rate" in said
    assert all(bool(torch.isfinite(tensor).all()) for tensor in load_file(options.out / "last.safetensors").values())
    monkeypatch.undo()
    trained(replace(options, out=None, resume=options.out))
    assert_same_run(options.out, whole)


def loop_step():
    from leadline.training import step

    return step


def test_a_learning_rate_beyond_reason_does_not_end_in_nan_weights(frames, tmp_path):
    options = recipe(frames, tmp_path / "wild", optim={"learning_rate": 1e30, "epochs": 3})
    with pytest.raises(TrainingDiverged, match="1e\\+30"):
        trained(options)
    state = torch.load(options.out / STATE_FILE, weights_only=True)["net"]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values() if tensor.is_floating_point())


def test_batch_norms_gone_wrong_are_noticed_in_validation(frames, tmp_path, monkeypatch):
    take_step = loop.take_step

    def spoil(fabric, net, *arguments, **named):
        terms = take_step(fabric, net, *arguments, **named)
        for name, values in net.named_buffers():
            if name.endswith("running_mean"):
                values.fill_(torch.nan)
        return terms

    monkeypatch.setattr(loop, "take_step", spoil)
    with pytest.raises(TrainingDiverged, match=r"validation: .* NaN or infinite depth for .*statistics"):
        trained(recipe(frames, tmp_path / "spoilt"))
    assert not (tmp_path / "spoilt" / "last.safetensors").exists()


def test_flat_predictions_are_said(frames, tmp_path):
    # A learning rate of nothing keeps the network at the constant that it starts from.
    _, said = trained(recipe(frames, tmp_path / "flat", optim={"learning_rate": 1e-12, "epochs": 1}))
    assert "flat predictions: they vary" in said
    assert "depth unit" in said


def test_a_run_leaves_all_its_files(whole):
    assert {
        RECIPE_FILE, "split.json", "sources.json", "versions.json", "metrics.csv", "curves.png", "tensorboard",
        "predictions", STATE_FILE, "last.safetensors", "best.safetensors",
    } == {path.name for path in whole.iterdir()}  # fmt: skip
    assert [path.name for path in sorted((whole / "predictions").iterdir())] == ["epoch-0001.png", "epoch-0002.png"]
    assert [row["epoch"] for row in read_metrics(whole)] == [1, 2]
    assert any((whole / "tensorboard").iterdir())


def test_a_model_names_its_frames_but_not_where_they_lie(frames, whole):
    card = load_model(whole / "last.safetensors")[1]
    assert card.recipe["data"]["root"] == frames.name
    assert str(frames.parent) not in card.to_json()


def test_a_finished_run_may_be_resumed_and_stays_as_it_is(frames, whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "done")
    trained(TrainOptions(resume=folder))
    assert_same_run(folder, whole)


def test_a_folder_with_a_run_is_refused(frames, whole):
    with pytest.raises(UsageError, match=r"holds a run already.*--resume"):
        trained(recipe(frames, whole))


def test_resume_with_a_changed_recipe_is_refused(frames, whole):
    changed = recipe(frames, whole, optim={"learning_rate": 1e-2})
    with pytest.raises(UsageError, match=r"would change optim\.learning_rate"):
        trained(replace(changed, out=None, resume=whole))


def test_resume_of_nothing_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no run to go on with"):
        trained(TrainOptions(resume=tmp_path / "nowhere"))


def test_resume_with_other_frames_is_refused(frames, whole, tmp_path, write_scenes):
    others = write_scenes(tmp_path / "others", rooms=5, frames=3)
    options = replace(recipe(others, whole), out=None, resume=whole)
    with pytest.raises(InputError, match=r"not the frames that the run in .* was started with"):
        trained(options)


def test_resume_with_moved_frames_is_allowed(frames, whole, tmp_path):
    moved = shutil.copytree(frames, tmp_path / "moved")
    folder = shutil.copytree(whole, tmp_path / "run")
    trained(replace(recipe(moved, folder), out=None, resume=folder))
    assert_same_run(folder, whole)


def test_a_model_is_taught_on_from_its_own_weights(whole, frames, tmp_path):
    start = whole / "last.safetensors"
    folder, _ = trained(recipe(frames, tmp_path / "on", model={"start": start}, optim={"learning_rate": 1e-12}))
    before, after = load_file(start), load_file(folder / "last.safetensors")
    learned = [name for name in before if "running_" not in name and "num_batches" not in name]
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in learned)


def test_a_model_that_says_metres_otherwise_is_no_start(whole, frames, tmp_path):
    options = recipe(frames, tmp_path / "on", model={"start": whole / "last.safetensors", "codec": "log"})
    with pytest.raises(ModelFileError, match=r"is a yolov8n that says linear depth from 0\.1 to 10 m"):
        trained(options)
