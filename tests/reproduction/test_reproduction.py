"""The paper's tables and figures: live figures, claims marked as claims, other frames marked as others."""

import re
import shutil
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
import torch
from rich.console import Console

import browser
from leadline.cli import main
from leadline.data.sources.catalog import open_source
from leadline.data.sources.densedepth_nyu import DenseDepthNyu
from leadline.networks.depth_net import DepthNet
from leadline.options import ExhibitName, Recipe, ReproduceOptions
from leadline.recipes import read_recipe
from leadline.report.run import read_runs
from leadline.reproduction import networks, trainings
from leadline.reproduction.claims import PARAMETERS
from leadline.reproduction.exhibit import data_note
from leadline.reproduction.frames import NYU_PROTOCOLS
from leadline.reproduction.material import measure
from leadline.reproduction.reproduce import EXHIBITS, NEED_NO_FRAMES
from leadline.reproduction.step_time import STEP, open_training_step
from leadline.run_folder import METRICS_FILE


@pytest.fixture(scope="module")
def frames(tmp_path_factory, write_scenes) -> Path:
    return write_scenes(tmp_path_factory.mktemp("frames"), rooms=4, frames=2)


def cells(markdown: str) -> dict[str, list[str]]:
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in markdown.splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_table_1_counts_the_networks_and_marks_the_papers_claims(monkeypatch):
    monkeypatch.setattr(networks, "HEIGHT", 64)  # parameters do not depend on it, and time does
    monkeypatch.setattr(networks, "WIDTH", 64)
    exhibit = networks.encoders_table()
    rows = cells(exhibit.files["table1.md"])
    assert rows[""] == ["yolov8n", "densenet169"]
    assert rows["parameters of the encoder"] == ["1,272,656", "12,484,480"]
    assert [rows[name][0] for name in ("of the decoder", "of both")] == ["849,777", "2,122,433"]
    assert rows["the paper claims"] == [f"{PARAMETERS['yolov8n']:,}", "not known"]
    assert "The paper's 2,142,192" in exhibit.caption


def test_table_2_adds_up_and_has_the_papers_shapes():
    rows = cells(networks.architecture_table().files["table2.md"])
    parameters = [int(row[1].replace(",", "")) for name, row in rows.items() if name not in ("stage", "---", "all")]
    assert sum(parameters) == 2_122_433 == int(rows["all"][1].replace(",", ""))
    shapes = {name: rows[name][0] for name in ("bottleneck", "up1", "up2", "up3", "up4", "head")}
    assert shapes == {
        "bottleneck": "256x8x10", "up1": "128x15x20", "up2": "64x30x40", "up3": "32x60x80", "up4": "16x120x160",
        "head": "1x120x160",
    }  # fmt: skip


def test_figure_2_draws_each_block_beside_the_features_that_it_is_given():
    svg = networks.architecture_figure().files["figure2.svg"]
    root = ElementTree.fromstring(svg)
    name = "{http://www.w3.org/2000/svg}text"
    places = {text.text: float(text.get("y")) for text in root.iter(name) if text.get("class") == "title"}
    given = {"up4": "0 Conv", "up3": "2 C2f", "up2": "4 C2f", "up1": "6 C2f"}
    assert {block: places[block] for block in given} == {block: places[stage] for block, stage in given.items()}
    assert places["bottleneck"] > places["9 SPPF"]
    assert places["head"] < places["up4"]
    assert "prefers-color-scheme: dark" in svg


def test_other_frames_than_the_papers_are_marked(frames):
    assert data_note(open_source(frames)).startswith("Not on NYU Depth v2, which the paper used")
    assert "8 frames of 4 rooms" in data_note(open_source(frames))
    nyu = object.__new__(DenseDepthNyu)
    nyu.root, nyu.frames = Path("nyu_data.zip"), ()
    assert data_note(nyu) == "On NYU Depth v2 (nyu_data.zip), as in the paper."


MEASURED: list[tuple[str, str]] = []
"""The folder of the run and the name of the protocol, whenever a model is measured."""


@pytest.fixture(scope="module")
def everything(frames, tmp_path_factory) -> Path:
    """All exhibits, but for DenseNet-169, whose files are half a gigabyte."""
    out = tmp_path_factory.mktemp("reproduction")

    def noted(run, source, limit, protocol):
        MEASURED.append((run.folder.name, protocol))
        return measure(run, source, limit, protocol)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLINE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("leadline.training.run_log.draw_curves", lambda *_: None)
        patch.setattr("leadline.reproduction.frames.ENCODERS", ("yolov8n",))
        patch.setattr("leadline.reproduction.frames.measure", noted)
        patch.setattr("leadline.reproduction.material.measure", noted)
        assert main(words(frames, out)) == 0
    return out


def words(frames: Path, out: Path, exhibit: str = "all") -> list[str]:
    flags = "--pace quick --size 64x64 --steps 1 --epochs 1 --weights none --pictures 1 --rounds 0"
    return ["reproduce", exhibit, "--data", str(frames), "--out", str(out), *flags.split()]


def test_all_is_on_one_page_that_needs_nothing_else(everything):
    page = (everything / "report.html").read_text(encoding="utf-8")
    titles = re.findall(r"<h2>((?:Table|Figure) \d)", page)
    assert re.findall(r"<a href=#(.*?)>", page) == re.findall(r"<section id=(.*?)>", page) == list(EXHIBITS)
    assert get_args(ExhibitName) == (*EXHIBITS, "all")
    assert titles == ["Table 1", "Table 2", "Table 3", "Figure 1", "Figure 2", "Figure 3", "Figure 4", "Figure 5"]
    assert page.count("Not on NYU Depth v2") == len(EXHIBITS) - len(NEED_NO_FRAMES)
    assert re.findall(r"<script|<link|@import|src=\"(?!data:)", page) == []
    assert {path.name for path in everything.iterdir()} == {
        "report.html", "table1.md", "table2.md", "table3.md", "figure2.svg", "figure3.md", "figure3-loss.svg",
        "figure4.svg", "training", "overfit-yolov8n",
    }  # fmt: skip


def test_the_page_has_the_command_that_made_it(everything, frames):
    page = (everything / "report.html").read_text(encoding="utf-8")
    (command,) = re.findall(r"<pre class=wraps>(leadline .*?)</pre>", page)
    given = words(frames, everything)
    assert sorted(command.split()[1:]) == sorted(given)
    assert command.split()[1:3] == given[:2]


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium to look at the page with")
@pytest.mark.parametrize(("width", "scheme"), browser.LOOKS)
def test_in_a_browser_all_is_there_and_can_be_read(everything, tmp_path, width, scheme):
    browser.look_at((everything / "report.html").read_text(encoding="utf-8"), tmp_path, width=width, scheme=scheme)


def test_figure_3_has_each_measured_figure_of_its_run_beside_the_papers_claim(everything):
    rows = cells((everything / "figure3.md").read_text())
    (run,) = read_runs([everything / "overfit-yolov8n"], model="last")
    assert rows["weights at first"] == ["random"]
    assert rows["steps"] == ["1"]
    assert float(rows["rms [m]"][0]) > 0
    assert rows["minutes"] == [f"{run.rows[-1]['seconds'] / 60:.1f}"]
    assert rows["minutes, the paper's claim"] == ["50"]


@pytest.mark.usefixtures("everything")
def test_no_model_is_measured_twice_in_the_same_way():
    assert ("training", "plain") in MEASURED
    assert ("overfit-yolov8n", "plain") in MEASURED
    assert len(MEASURED) == len(set(MEASURED)) == len(NYU_PROTOCOLS) + 1


def test_table_3_has_every_nyu_protocol_with_its_version_and_the_constant_below(everything):
    lines = (everything / "table3.md").read_text().splitlines()[2:]
    names = [line.strip("| ").split(" | ")[0] for line in lines]
    assert names[::2] == [
        f"{name} v1" for name in (
            "plain", "densedepth-paper", "densedepth-head", "eigen", "eigen-flip", "fastdepth", "fastdepth-fixed",
            "median-aligned", "lstsq-aligned-depth", "lstsq-aligned-log", "lstsq-aligned-disparity",
        )
    ]  # fmt: skip
    assert set(names[1::2]) == {"constant"}


def test_what_was_trained_is_not_trained_again(everything, frames, monkeypatch, capsys):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr("leadline.training.ensure.loop.train", never)
    assert main(words(frames, everything, "figure4")) == 0
    assert capsys.readouterr().out.strip().endswith("figure4.html")


def test_a_training_by_other_options_is_not_taken_for_this_one(everything, frames, capsys):
    assert main([*words(frames, everything, "figure4"), "--epochs", "2"]) == 2
    assert "training: holds a training by another recipe (optim.epochs)" in capsys.readouterr().err


def test_a_training_that_is_there_is_taken(everything, frames, tmp_path, monkeypatch):
    assert main([*words(frames, tmp_path, "figure5"), "--run", str(everything / "training")]) == 0
    assert not (tmp_path / "training").exists()
    assert (tmp_path / "figure5.html").read_text().count("<figure>") == 4


def test_curves_of_a_training_on_other_frames_do_not_pass_for_these(everything, frames, write_scenes, tmp_path):
    others = write_scenes(tmp_path / "others", rooms=2, frames=1)
    run = everything / "training"
    assert main([*words(others, tmp_path / "out", "figure4"), "--run", str(run)]) == 0
    page = (tmp_path / "out" / "figure4.html").read_text()
    (caption,) = re.findall(r"<h2>Figure 4.*?</h2><p>(.*?)</p>", page)
    assert caption.endswith(f"minutes, on other frames, {frames.name}.")
    assert "2 frames of 2 rooms" not in caption
    assert main([*words(others, tmp_path / "out", "figure5"), "--run", str(run)]) == 3


def test_a_training_without_an_epoch_is_nothing_to_show(everything, frames, tmp_path, capsys):
    young = shutil.copytree(everything / "training", tmp_path / "young")
    (young / METRICS_FILE).unlink()
    assert main([*words(frames, tmp_path / "out", "figure4"), "--run", str(young)]) == 3
    assert f"leadline train --resume {young}" in capsys.readouterr().err
    (young / METRICS_FILE).write_text("half of")
    assert main([*words(frames, tmp_path / "out", "table3"), "--run", str(young)]) == 3
    assert "metrics.csv: the log is damaged" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "exit_code", "said"),
    [
        (["--data", "gone"], 3, "gone: no such file or folder"),
        (["--run", "gone"], 2, "gone: holds no run"),
        (["--size", "64"], 2, "HEIGHTxWIDTH"),
        (["--weights", "gone.pt"], 4, "gone.pt: neither a file nor the name of known weights"),
        (["--validation-file", "gone.txt"], 3, "gone.txt: the list of validation scenes cannot be read"),
    ],
)
def test_what_is_not_there_is_told_before_anything_is_made(
    flags, exit_code, said, frames, tmp_path, monkeypatch, capsys
):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("the frames are looked through first")

    monkeypatch.setattr("leadline.training.training_data.check_before_training", never)
    monkeypatch.chdir(tmp_path)
    exhibit = "figure4" if flags[0] in ("--weights", "--validation-file") else "all"
    assert main([*words(frames, tmp_path / "out", exhibit), *flags]) == exit_code
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["reproduce", "table2", "--out", str(tmp_path / "file")]) == 6
    assert "choose a folder you may write to" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("pace", ["paper", "quick"])
def test_the_papers_pace_is_the_papers_and_the_quick_one_is_shorter(pace, frames, everything, tmp_path, monkeypatch):
    asked: list[Recipe] = []
    (some_run,) = read_runs([everything / "training"], model="best")
    monkeypatch.setattr(trainings, "_trained", lambda recipe, *_: asked.append(recipe) or some_run)
    options = ReproduceOptions("all", data=frames, out=tmp_path, pace=pace)
    trainings.overfitting(options, "yolov8n", Console())
    trainings.whole_training(options, open_source(frames), Console())
    heart, whole = asked
    assert heart.optim.loss == whole.optim.loss == read_recipe("paper-yolov8n").optim.loss
    assert whole.data.split_by == "room"  # no official test set: what is measured was never seen
    if pace == "paper":
        assert (heart.optim.epochs, heart.optim.learning_rate, heart.optim.schedule) == (6000, 1e-4, "constant")
        assert whole.optim == read_recipe("paper-yolov8n").optim
    else:
        assert (heart.optim.epochs, heart.optim.learning_rate, heart.optim.schedule) == (300, 1e-3, "cosine")
        assert whole.optim.epochs == 8


@pytest.mark.parametrize("exhibit", [name for name in EXHIBITS if name not in NEED_NO_FRAMES])
def test_an_exhibit_of_frames_asks_for_frames(exhibit, tmp_path, capsys):
    assert main(["reproduce", exhibit, "--out", str(tmp_path / "out")]) == 2
    assert f"{exhibit} needs frames: --data DIR" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_timed_step_is_a_whole_step(monkeypatch):
    net = DepthNet("yolov8n")
    monkeypatch.setattr("leadline.networks.depth_net.DepthNet", lambda encoder: net)
    subject = open_training_step("yolov8n", 2, 64, 64)
    before = [parameter.clone() for parameter in net.parameters()]
    subject.actions[STEP]()
    assert any(not torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert all(bool(torch.isfinite(parameter).all()) for parameter in net.parameters())
