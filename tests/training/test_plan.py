"""What is refused or chosen before the first step."""

import re
from pathlib import Path

import pytest
import torch

from leadline.errors import ModelFileError, UsageError
from leadline.options import ModelOptions, OptimOptions, Recipe, RunOptions, TrainOptions, read_duration
from leadline.run_folder import STATE_FILE
from leadline.training import plan
from leadline.training.plan import Plan, check_names, check_weights, make_plan, start_fabric, versions


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1h2m3s", 3723),
        ("0.5h", 1800),
        (" 5s ", 5),
    ],
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "-5", "5 minutes", "1d", "m", "30m1h", "1e3", "nan"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(UsageError, match=r"90s, 30m, 2h or 1h30m, got " + re.escape(repr(text))):
        read_duration(text)


def test_an_unknown_encoder_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'yolov8n'"):
        check_names(Recipe(model=ModelOptions(encoder="yolo8n")))


def test_an_unknown_loss_term_names_the_nearest():
    with pytest.raises(UsageError, match=r"'gradients'; did you mean 'gradient'\?"):
        check_names(Recipe(optim=OptimOptions(loss={"gradients": 1.0})))


def test_weights_that_are_not_there_are_told_before_any_frame_is_read_unless_a_state_has_them(tmp_path):
    gone = Recipe(model=ModelOptions(weights="gone.pt"))
    with pytest.raises(ModelFileError, match=r"gone\.pt: neither a file nor"):
        check_weights(Plan(gone, tmp_path, resumes=False, budget_s=None))
    start = Recipe(model=ModelOptions(start=tmp_path / "gone"))
    with pytest.raises(ModelFileError, match=r"model\.start: .*gone: no such file"):
        check_weights(Plan(start, tmp_path, resumes=False, budget_s=None))
    (tmp_path / STATE_FILE).touch()
    check_weights(Plan(gone, tmp_path, resumes=True, budget_s=None))


@pytest.mark.parametrize(
    ("precision", "device", "bfloat16", "chosen"),
    [
        ("auto", "cpu", False, "32-true"),
        ("auto", "cpu", True, "bf16-mixed"),
        ("auto", "cuda", True, "bf16-mixed"),
        ("float32", "cuda", True, "32-true"),
        ("bfloat16", "cpu", False, "bf16-mixed"),
        ("float16", "cuda", True, "16-mixed"),
    ],
)
def test_precision_follows_the_hardware_where_it_is_left_open(precision, device, bfloat16, chosen, monkeypatch):
    monkeypatch.setattr(plan, "bfloat16_is_fast", lambda device: bfloat16)
    assert plan._fabric_precision(RunOptions(precision=precision), device) == chosen


def test_half_precision_on_a_cpu_is_refused():
    with pytest.raises(UsageError, match="float16 needs a GPU"):
        start_fabric(RunOptions(device="cpu", precision="float16"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match="no CUDA device"):
        start_fabric(RunOptions(device="cuda"))


def test_the_seed_decides_the_first_weights():
    drawn = []
    for seed in (1, 1, 2):
        start_fabric(RunOptions(device="cpu", seed=seed))
        drawn.append(torch.rand(1).item())
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_run_without_a_folder_gets_one_of_its_own():
    folder = make_plan(TrainOptions(model=ModelOptions(encoder="timm:resnet18"))).folder
    assert folder.parent == Path("runs")
    assert folder.name.endswith("-timm-resnet18")


def test_resume_beside_another_folder_is_refused(tmp_path):
    (tmp_path / "options.yaml").write_text("")
    with pytest.raises(UsageError, match="leave --out away"):
        make_plan(TrainOptions(resume=tmp_path, out=tmp_path / "elsewhere"))


def test_versions_name_what_ran():
    assert {"python", "machine", "leadline", "torch", "numpy"} <= versions().keys()
