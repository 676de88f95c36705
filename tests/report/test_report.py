"""The page about runs: what stands in it, what it does without, how it looks in a browser."""

import html
import json
import re
import shutil
from pathlib import Path
from unittest import mock

import pytest

import browser
from leadline.benchmark.contest import Contender, Contest, Result, Timing
from leadline.benchmark.figures import Latency, Ratio
from leadline.cli import main
from leadline.errors import InputError, UsageError
from leadline.evaluation import evaluate
from leadline.options import BenchmarkOptions
from leadline.report.run import read_runs
from leadline.run_folder import COLUMNS, METRICS_FILE


def reported(tmp_path: Path, *words: object) -> str:
    out = tmp_path / "report.html"
    assert main(["report", *map(str, words), "--out", str(out)]) == 0
    return out.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(runs, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("page")
    return reported(folder, runs["linear"], runs["log"], runs["overfit"], "--pictures", 1, "--worst", 1, "--no-speed")


def cells(page: str, first: str) -> list[list[str]]:
    """The rows of the page's tables that begin with a cell."""
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", page)]
    return [row[1:] for row in rows if row and row[0] == first]


def test_the_page_needs_nothing_but_itself(page):
    assert re.findall(r"<script|<link|@import|https?://", page) == []
    assert all(address.startswith("data:image/") for address in re.findall(r'src="([^"]*)', page))
    assert page.count("<img") > 10


def test_its_figures_are_those_of_evaluate(page, runs, frames, capsys):
    assert main(["evaluate", str(runs["log"] / "best.safetensors"), "--data", str(frames), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    shown = cells(page, "log")[0]
    assert shown[0].split()[0] == f"{result['over_rooms']['model']['rel']:.3f}"
    assert shown[1].split()[0] == f"{result['over_rooms']['model']['rms']:.3f}"
    constant = cells(page, f"constant {result['constant_m']:.2f} m")[0]
    assert constant[0] == f"{result['over_rooms']['constant']['rel']:.3f}"


def test_runs_stand_together_only_where_the_same_frames_judged(page):
    assert re.findall(r"<h2>Measured: (.*?)</h2>", page) == ["linear, log", "overfit"]
    assert "compare only what stands together" in page
    assert "overfit was taught in these rooms" in page


def test_several_runs_say_where_their_recipes_differ(page):
    assert cells(page, "model.codec") == [["linear", "log", "log"]]
    assert cells(page, "data.split_by") == [["room", "room", "same"]]
    assert cells(page, "optim.learning_rate") == []


def test_the_commands_that_it_prints_are_those_of_the_run(page, runs):
    assert html.escape(f"leadline train {runs['log'] / 'options.yaml'} --out {runs['log']}-again") in page
    assert html.escape(f"leadline report {runs['log']}") in page


def test_speed_and_memory_are_those_of_the_measured_models(runs, tmp_path, monkeypatch):
    asked = []

    def measured(options: BenchmarkOptions) -> Contest:
        asked.append(options.models)
        timing = Timing(Latency(12.3, 45.6, 80.0, 9), Ratio(1.0, 1.0, 1.0))
        timings = {"network": timing, "predict": timing}
        result = Result(Contender("x", Path), timings, file_bytes=8_500_000, peak_memory_bytes=None, macs=10**9)
        return Contest([result], {})

    monkeypatch.setattr("leadline.report.report.benchmark", measured)
    page = reported(tmp_path, runs["log"], "--model", "last", "--pictures", 0, "--worst", 0)
    assert asked == [(str(runs["log"] / "last.safetensors"),)]
    assert cells(page, "log")[-1] == ["12.3 (45.6)", "12.3 (45.6)", "1.00", "", "8.5"]


def test_without_its_frames_a_run_is_told_of_and_not_measured(runs, tmp_path, capsys):
    page = reported(tmp_path, runs["log"], "--data", tmp_path / "gone")
    assert "log is not measured" in page
    assert "say with --data where its frames are" in page
    assert "<h2>Measured" not in page
    assert page.count("<polyline") == 7
    assert "0 of 1 runs measured" in capsys.readouterr().out


def test_a_run_that_has_just_begun_has_a_page(runs, tmp_path):
    young = tmp_path / "young"
    young.mkdir()
    for name in ("options.yaml", "split.json", "sources.json", "versions.json"):
        shutil.copy(runs["log"] / name, young)
    page = reported(tmp_path, young)
    assert "holds no model yet" in page
    assert "loss: nothing to draw yet" in page


def test_what_is_no_run_is_refused_and_nothing_is_written(runs, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    out = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "empty"), "--out", str(out)]) == 2
    assert "holds no run (no options.yaml)" in capsys.readouterr().err
    assert main(["report", str(runs["log"]), str(runs["log"]), "--out", str(out)]) == 2
    assert main(["report", str(runs["log"]), "--protocol", "plein", "--out", str(out)]) == 2
    assert "did you mean 'plain'" in capsys.readouterr().err
    assert not out.exists()


def test_what_cannot_be_written_is_told_before_anything_is_measured(runs, tmp_path, monkeypatch, capsys):
    def never(*_: object, **__: object) -> None:
        raise AssertionError("measured first")

    monkeypatch.setattr("leadline.report.report.measure_runs", never)
    (tmp_path / "file").touch()
    assert main(["report", str(runs["log"]), "--out", str(tmp_path / "file" / "report.html")]) == 6
    assert "choose a folder you may write to" in capsys.readouterr().err


def test_a_measurement_that_is_interrupted_makes_no_page(runs, tmp_path, monkeypatch):
    second = mock.Mock(side_effect=[mock.DEFAULT, KeyboardInterrupt], wraps=evaluate._score)
    monkeypatch.setattr("leadline.evaluation.evaluate._score", second)
    assert main(["report", str(runs["log"]), "--out", str(tmp_path / "report.html"), "--no-speed"]) == 130
    assert second.call_count == 2
    assert list(tmp_path.iterdir()) == []


def test_runs_of_one_name_are_told_apart_by_their_parents(runs, tmp_path):
    twin = tmp_path / "other" / "log"
    shutil.copytree(runs["log"], twin)
    names = [run.name for run in read_runs([runs["log"], twin], model="best")]
    assert names == [f"{runs['log'].parent.name}/log", "other/log"]
    with pytest.raises(UsageError, match="twice"):
        read_runs([twin, twin], model="best")


def test_a_damaged_log_is_named(runs, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(runs["log"], broken)
    (broken / METRICS_FILE).write_text(f"{','.join(COLUMNS)}\n{','.join(['many'] * len(COLUMNS))}\n")
    with pytest.raises(InputError, match=r"metrics.csv: the log is damaged \(could not convert"):
        read_runs([broken], model="best")
    (broken / METRICS_FILE).write_text("epoch,step\n1,2\n")
    with pytest.raises(InputError, match=r"metrics.csv: the log is damaged \(no column"):
        read_runs([broken], model="best")


@pytest.mark.parametrize("name", ["sources.json", "versions.json", "split.json", "options.yaml", "best.safetensors"])
def test_a_damaged_file_of_a_run_is_named_and_nothing_is_written(name, runs, tmp_path, capsys):
    broken = tmp_path / "broken"
    shutil.copytree(runs["log"], broken)
    (broken / name).write_text('"half')
    assert main(["report", str(broken), "--out", str(tmp_path / "report.html"), "--no-speed"]) in (2, 3, 4)
    assert f"{broken / name}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


def test_names_from_outside_are_not_taken_for_html(runs, tmp_path):
    hostile = tmp_path / "<b>&x"
    shutil.copytree(runs["log"], hostile)
    page = reported(tmp_path, hostile, "--pictures", 1, "--worst", 0, "--no-speed")
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;x" in page


@pytest.mark.skipif(browser.CHROMIUM is None, reason="no chromium to look at the page with")
@pytest.mark.parametrize(("width", "scheme"), browser.LOOKS)
def test_in_a_browser_all_is_there_and_can_be_read(page, tmp_path, width, scheme):
    browser.look_at(page, tmp_path, width=width, scheme=scheme)
