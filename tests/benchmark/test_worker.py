"""A process of its own: its timings, its memory, its errors and its death."""

import os
import time
from functools import partial

import pytest

from leadline.benchmark.worker import Subject, Worker
from leadline.errors import LeadlineError, ModelFileError

HUNDRED_MEGABYTES = 100_000_000


def sleeper(seconds: float) -> Subject:
    return Subject({"sleep": partial(time.sleep, seconds)}, {"who": "sleeper", "process": os.getpid()}, lambda: 42)


def eater(nothing: None) -> Subject:
    return Subject({"eat": lambda: bytes(range(256)) * (HUNDRED_MEGABYTES // 256)})


def missing(path: str) -> Subject:
    raise ModelFileError(f"{path}: no such model file")


def killed(signal: int) -> Subject:
    return Subject({"die": lambda: os.kill(os.getpid(), signal)})


def test_actions_run_in_another_process_and_are_timed_there():
    with Worker("sleeper", partial(sleeper, 0.01)) as worker:
        assert worker.actions == ("sleep",)
        assert worker.facts["who"] == "sleeper"
        assert worker.facts["process"] != os.getpid()
        runs = worker.turn("sleep", seconds=0.05)
        assert all(run >= 0.01 for run in runs)
        assert len(runs) >= 3
        assert worker.macs() == 42


def test_the_peak_of_the_memory_is_the_processes_own():
    parents_own = bytes(range(256)) * (2 * HUNDRED_MEGABYTES // 256)
    with Worker("sleeper", partial(sleeper, 0.0)) as idle, Worker("eater", partial(eater, None)) as hungry:
        before = idle.peak_memory()
        if before is None:
            pytest.skip("this system does not tell the peak of the memory")
        hungry.turn("eat", seconds=0.0)
        assert before < 2 * HUNDRED_MEGABYTES < len(parents_own) + HUNDRED_MEGABYTES
        assert hungry.peak_memory() > before + 0.9 * HUNDRED_MEGABYTES


def test_an_error_for_people_arrives_as_it_is():
    with pytest.raises(ModelFileError, match=r"^none\.onnx: no such model file$"):
        Worker("none", partial(missing, "none.onnx"))


def test_a_process_that_is_killed_is_said_with_its_signal():
    with Worker("big", partial(killed, 9)) as worker, pytest.raises(LeadlineError, match=r"big: .* SIGKILL .*memory"):
        worker.turn("die", seconds=0.0)


def test_leaving_the_context_ends_the_process():
    with Worker("sleeper", partial(sleeper, 0.0)) as worker:
        process = worker.facts["process"]
        os.kill(process, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
