"""The command line as a person meets it: quick help, and errors in a sentence."""

import subprocess
import sys

import pytest

from leadline import cli, errors
from leadline.cli import VERBS, main
from leadline.recipes import recipe_names


def python(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def run_words(*words: str) -> tuple[int, str]:
    """Exit code and standard error of the command line in a process of its own."""
    done = subprocess.run([sys.executable, "-m", "leadline", *words], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [["--help"], [], *([*verb.split(), "--help"] for verb in VERBS)], ids=" ".join)
def test_help_needs_no_torch(words):
    code = (
        "import sys\n"
        "from leadline.cli import main\n"
        "try:\n"
        f"    code = main({words!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        "assert not code, code\n"
        "assert 'torch' not in sys.modules, 'help imports torch'\n"
    )
    done = python(code)
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout.lower()


def test_help_of_a_verb_takes_a_second_and_a_half_of_the_processor():
    code = (
        "import time\n"
        "from leadline.cli import main\n"
        "try:\n    main(['train', '--help'])\nexcept SystemExit:\n    pass\n"
        "import sys; print(time.process_time(), file=sys.stderr)"
    )
    assert float(python(code).stderr) < 1.5


def test_importing_leadline_imports_no_torch():
    assert python("import leadline, sys; assert 'torch' not in sys.modules").returncode == 0


def test_help_lists_every_verb_and_the_exit_codes(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"  {verb} " in said for verb in VERBS)
    codes = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)}
    assert all(f"{code} " in said for code in codes)


def test_the_help_of_train_names_the_shipped_recipes(capsys):
    with pytest.raises(SystemExit) as end:
        main(["train", "--help"])
    assert not end.value.code
    assert all(name in capsys.readouterr().out for name in recipe_names()[:1])


def test_version_is_said(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("leadline 0")


def test_an_unknown_verb_exits_2_and_names_the_nearest():
    code, said = run_words("trian")
    assert code == 2
    assert "did you mean 'train'?" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "words",
    [
        ("train", "paper-yolov8n", "--optim.learning-rat", "1"),
        ("train", "paper-yolov8n", "--optim.epochs", "many"),
        ("predict", "--out", "there"),
        ("evaluate",),
    ],
    ids=" ".join,
)
def test_wrong_flags_exit_2_without_a_traceback(words):
    code, said = run_words(*words)
    assert code == 2
    assert said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["train"], "train needs a recipe"),
        (["train", "paper-yolo8n"], "did you mean 'paper-yolov8n'?"),
        (["train", "none.yaml"], "no such recipe file"),
    ],
)
def test_a_missing_recipe_is_said(words, part, capsys):
    assert main(words) == 2
    assert part in capsys.readouterr().err


def test_a_wrong_field_of_a_recipe_is_said_with_its_line(tmp_path, capsys):
    path = tmp_path / "mine.yaml"
    path.write_text("data: {flip: 0.5}\noptim:\n  learning_rte: 1e-4\n")
    assert main(["train", str(path)]) == 2
    said = capsys.readouterr().err
    assert "mine.yaml, line 3" in said
    assert "optim.learning_rte" in said
    assert "did you mean 'learning_rate'?" in said


def test_a_flag_out_of_range_exits_2_and_names_it():
    code, said = run_words("train", "paper-yolov8n", "--data.flip", "2")
    assert code == 2
    assert "data.flip must be a probability, got 2" in said
    assert "Traceback" not in said


ERRORS = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.LeadlineError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_ends_in_its_exit_code_and_a_sentence(kind, monkeypatch, capsys):
    def fail(word, rest):
        raise kind("the file [a] b.jpg cannot be used")

    monkeypatch.setattr(cli, "_call", fail)
    assert main(["info", "yolov8n"]) == kind.exit_code
    assert "leadline: the file [a] b.jpg cannot be used" in capsys.readouterr().err


def test_the_exit_codes_are_those_of_the_tree_in_the_docstring():
    assert {kind.__name__: kind.exit_code for kind in ERRORS} == {
        "DownloadError": 5, "FaultyData": 1, "InputError": 3, "LeadlineError": 1, "ModelFileError": 4, "OutputError": 6,
        "PartialFailure": 8, "PointsRefused": 3, "RecipeError": 2, "TrainingDiverged": 7, "TrainingInterrupted": 75,
        "UnsafeWeightsError": 4, "UsageError": 2,
    }  # fmt: skip
    for kind in ERRORS:
        assert any(kind.__name__ in line and str(kind.exit_code) in line for line in errors.__doc__.splitlines())


def test_ctrl_c_exits_130(monkeypatch, capsys):
    def interrupt(word, rest):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_call", interrupt)
    assert main(["info", "yolov8n"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_missing_package_says_what_to_install(monkeypatch, capsys):
    def absent(module):
        raise ModuleNotFoundError("No module named 'onnx'", name="onnx")

    monkeypatch.setattr(cli, "import_module", absent)
    assert main(["export", "model.safetensors"]) == 2
    assert "pip install 'leadline[export]'" in capsys.readouterr().err


def test_unusable_frames_and_models_exit_3_and_4(tmp_path):
    code, said = run_words("evaluate", str(tmp_path / "none.safetensors"), "--data", str(tmp_path))
    assert code in (3, 4)
    assert "Traceback" not in said
