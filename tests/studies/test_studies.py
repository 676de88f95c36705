"""Studies: what their variants change, what is trained again and what is not, and the table."""

import csv
import statistics
from pathlib import Path

import pytest

from leadline.cli import main
from leadline.errors import RecipeError, TrainingDiverged, TrainingInterrupted
from leadline.options import TrainOptions
from leadline.recipes import as_plain, write_recipe
from leadline.run_folder import COLUMNS
from leadline.studies.study import Study, Variant, base_recipe, read_study, study_names
from leadline.studies.table import SHOWN, as_markdown, write_csv
from leadline.studies.trial import DIVERGED_FILE, plan_trials


def differences(variant: Variant, study: Study) -> set[str]:
    base, own = as_plain(base_recipe(study)), as_plain(variant.recipe(base_recipe(study)))
    return {f"{part}.{key}" for part in base for key in base[part] if base[part][key] != own[part][key]}


@pytest.mark.parametrize("name", study_names())
def test_each_variant_of_a_shipped_study_changes_what_its_flags_name(name):
    study = read_study(name)
    base = base_recipe(study)
    for variant in study.variants:
        named = {word[2:].replace("-", "_") for word in variant.change.split() if word.startswith("--")}
        named = {"optim.loss" if field.startswith("optim.loss.") else field for field in named}
        assert differences(variant, study) <= named, variant.name
    recipes = [as_plain(variant.recipe(base)) for variant in study.variants]
    assert all(recipes.count(recipe) == 1 for recipe in recipes)


def test_the_papers_ablations_have_three_seeds_for_their_headlines():
    variants = {variant.name: variant for variant in read_study("paper-ablations").variants}
    assert {name for name, variant in variants.items() if variant.seeds == 3} >= {"as the paper", "from scratch"}
    assert differences(variants["as the paper"], read_study("paper-ablations")) == set()
    assert differences(variants["without ssim"], read_study("paper-ablations")) == {"optim.loss"}


def test_a_change_that_is_no_flag_is_named_with_its_variant():
    variant = Variant("mine", "--optim.learning-rte 1")
    with pytest.raises(RecipeError, match=r"variant 'mine'.*learning-rte"):
        variant.recipe(base_recipe(read_study("paper-ablations")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("about: x\nbase: quick-rgbd\nvariants: []", "each with its own name"),
        ("about: x\nbase: quick-rgbd\nvariants: [{name: a b}, {name: A-B}]", "a-b"),
        ("about: x\nbase: quick-rgbd\nvariants: [{nam: a}]", "did you mean 'name'"),
    ],
)
def test_a_study_that_cannot_be_meant_is_refused(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=said):
        read_study(str(path))


@pytest.fixture
def trained(monkeypatch) -> list[TrainOptions]:
    """Trainings that take no time: their rel is a hundredth of the seed, and learning rates from 1 up diverge."""
    asked: list[TrainOptions] = []

    def train(options: TrainOptions, *, console: object) -> Path:
        asked.append(options)
        folder = options.out or options.resume
        folder.mkdir(parents=True, exist_ok=True)
        write_recipe(folder / "options.yaml", options)
        if options.optim.learning_rate >= 1:
            raise TrainingDiverged("step 3: the loss term l1 became NaN. And more.")
        row = dict.fromkeys(COLUMNS, 0.5) | {"epoch": options.optim.epochs, "val_rel": 0.01 * options.run.seed}
        (folder / "metrics.csv").write_text("\n".join([",".join(COLUMNS), ",".join(map(str, row.values()))]))
        return folder

    monkeypatch.setattr("leadline.training.ensure.loop.train", train)
    monkeypatch.setattr("leadline.studies.sweep._constant", lambda trials: None)
    return asked


@pytest.fixture
def study(tmp_path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "about: What is better\nbase: quick-rgbd\nvariants:\n  - {name: plain, seeds: 3}\n"
        "  - {name: log, change: --model.codec log}\n  - {name: wild, change: --optim.learning-rate 2}\n"
    )
    return path


def test_what_is_done_is_not_trained_again(study, trained, tmp_path, capsys):
    words = ["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    assert [(options.out.name) for options in trained] == [
        "plain-seed0", "log-seed0", "wild-seed0", "plain-seed1", "plain-seed2",
    ]  # fmt: skip
    first = capsys.readouterr().out
    assert main(words) == 0
    assert len(trained) == 5
    assert capsys.readouterr().out == first
    assert (tmp_path / "out" / "results.md").read_text() in first


def test_a_divergence_is_a_result_and_the_others_go_on(study, trained, tmp_path, capsys):
    assert (
        main(["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), "--seeds", "1"]) == 0
    )
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("| wild"))
    assert "1 diverged: step 3: the loss term l1 became NaN" in row
    assert (tmp_path / "out" / "wild-seed0" / DIVERGED_FILE).is_file()
    assert [options.model.codec for options in trained] == ["linear", "log", "linear"]


def test_flags_are_for_all_variants_and_a_variant_overrules_them(study, trained, tmp_path):
    flags = ["--optim.epochs", "7", "--model.codec", "reciprocal", "--run.seed", "5", "--only", "plain", "log"]
    words = ["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), "--seeds", "2", *flags]
    assert main(words) == 0
    assert {(options.model.codec, options.optim.epochs) for options in trained} == {("reciprocal", 7), ("log", 7)}
    assert [options.run.seed for options in trained] == [5, 5, 6, 6]


def test_a_folder_of_other_trainings_is_refused(study, trained, tmp_path, capsys):
    words = ["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), "--seeds", "1"]
    assert main(words) == 0
    assert main([*words, "--optim.epochs", "9"]) == 2
    assert "plain-seed0: holds a training by another recipe" in capsys.readouterr().err
    assert len(trained) == 3


def test_a_stopped_sweep_goes_on_where_it_was(study, trained, tmp_path, monkeypatch, capsys):
    words = ["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "plain"]

    def stopped(options: TrainOptions, *, console: object) -> None:
        write_recipe((options.out or options.resume) / "options.yaml", options)
        raise TrainingInterrupted("stopped")

    with monkeypatch.context() as patch:
        patch.setattr("leadline.training.ensure.loop.train", stopped)
        assert main(words) == 75
    assert main(words) == 0
    assert [(options.out is None, options.resume is None) for options in trained] == [
        (True, False), (False, True), (False, True),
    ]  # fmt: skip


def test_the_table_has_the_mean_and_the_spread_of_the_seeds(study, trained, tmp_path):
    out = tmp_path / "out"
    assert main(["sweep", str(study), "--data.root", str(tmp_path), "--out", str(out), "--only", "plain"]) == 0
    rel = [0.0, 0.01, 0.02]
    cells = (out / "results.md").read_text().splitlines()[4].split(" | ")
    assert cells[1:3] == ["3", f"{statistics.fmean(rel):.3f} ± {statistics.stdev(rel):.3f}"]
    with (out / "results.csv").open() as file:
        assert [float(row["val_rel"]) for row in csv.DictReader(file)] == rel


def test_what_is_not_trained_yet_is_said(tmp_path):
    trials = plan_trials(
        base_recipe(read_study("paper-ablations")), [Variant("a")], seeds=2, study_seeds=1, folder=tmp_path
    )
    assert f"| a | 0 | {' | ' * (len(SHOWN) - 1)} | 2 to be trained |" in as_markdown(trials, about="x", constant=None)
    write_csv(tmp_path / "r.csv", trials)
    assert len((tmp_path / "r.csv").read_text().splitlines()) == 1


def test_a_damaged_log_of_a_trial_is_named(study, trained, tmp_path, capsys):
    words = ["sweep", str(study), "--data.root", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "log"]
    assert main(words) == 0
    (tmp_path / "out" / "log-seed0" / "metrics.csv").write_text("epoch,step\n7,")
    assert main(words) == 3
    assert "metrics.csv: the log is damaged" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["paper-ablation"], "did you mean 'paper-ablations'"),
        ([], "sweep needs a study"),
        (["gone.yaml"], "cannot be read"),
        (["paper-ablations", "--only", "froze", "--data.root", "x"], "no variant is called 'froze'"),
        (["paper-ablations", "--data.root", "x", "--time-budget", "soon"], "90s, 30m, 2h"),
    ],
)
def test_what_cannot_be_meant_exits_2(words, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", *words]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_real_training_ends_in_the_table_beside_the_constant(tmp_path, write_scenes, monkeypatch, capsys):
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("leadline.training.run_log.draw_curves", lambda *_: None)
    frames = write_scenes(tmp_path / "frames", rooms=3, frames=2)
    flags = (
        "--data.height 64 --data.width 64 --data.no-check --data.split-by room --optim.epochs 1 --optim.batch-size 4 "
        "--run.device cpu --seeds 1"
    )
    words = ["--data.root", str(frames), "--out", str(tmp_path / "out"), *flags.split(), "--only", "from scratch"]
    assert main(["sweep", "paper-ablations", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines if line.startswith("| ")] == [
        "| variant", "| from scratch", "| constant prediction",
    ]  # fmt: skip
    # After a step or two a network from scratch says little more than the constant that its head starts at.
    trained, constant = (float(line.split("|")[3]) for line in lines[-3:-1])
    assert trained == pytest.approx(constant, rel=0.5)
