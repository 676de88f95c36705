"""A process of its own for each subject, so that its memory is its own and nothing of one slows another."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from leadline.benchmark.turns import one_turn
from leadline.errors import LeadlineError


@dataclass(frozen=True)
class Subject:
    """What is measured, opened in its own process.

    Args:
        actions: by name, what is timed.
        facts: plain values to report beside the timings.
        macs: counts the multiply-adds of the action `network`, when all else is measured; None where it cannot.
    """

    actions: Mapping[str, Callable[[], object]]
    facts: Mapping[str, Any] = field(default_factory=dict)
    macs: Callable[[], int | None] = lambda: None


class Worker:
    """A process that holds one subject and runs its actions when it is told to; leaving its context ends it.

    Args:
        name: of the subject, for messages.
        open_subject: called in the process; must be picklable.

    Attributes:
        actions: names of the subject's actions.
        facts: the subject's.

    Raises:
        LeadlineError: whatever opening raised, or that the process died; so does every method.
    """

    def __init__(self, name: str, open_subject: Callable[[], Subject]) -> None:
        self._name = name
        context = multiprocessing.get_context("spawn")  # a fork would begin with the parent's memory
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, open_subject), daemon=True)
        self._process.start()
        theirs.close()  # so that the death of the process is the end of the file here
        self.actions: tuple[str, ...]
        self.facts: dict[str, Any]
        self.actions, self.facts = self._answer()

    def turn(self, action: str, *, seconds: float) -> list[float]:
        """Seconds of each run in one turn of an action (`leadline.benchmark.turns.one_turn`)."""
        return self._ask("turn", action, seconds)

    def peak_memory(self) -> int | None:
        """The most bytes of memory that the process ever held, or None where the system does not tell."""
        return self._ask("peak memory")

    def macs(self) -> int | None:
        """The subject's multiply-adds; to be asked last, because counting takes memory."""
        return self._ask("macs")

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join(timeout=5)
        self._process.kill()

    def _ask(self, question: str, *details: object) -> Any:
        with suppress(BrokenPipeError):  # a process that has died is reported by the answer that does not come
            self._connection.send((question, details))
        return self._answer()

    def _answer(self) -> Any:
        try:
            answer = self._connection.recv()
        except (EOFError, ConnectionResetError):
            self._process.join()
            raise LeadlineError(
                f"{self._name}: the process that measured it ended with {_ending(self._process.exitcode)}"
            ) from None
        if isinstance(answer, LeadlineError):
            raise answer
        return answer


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        killed = " (is the memory too small?)" if exit_code == -9 else ""
        return f"signal {signal.Signals(-exit_code).name}{killed}"
    return f"exit code {exit_code}"


def _serve(connection: Connection, open_subject: Callable[[], Subject]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    try:
        subject = open_subject()
        connection.send((tuple(subject.actions), dict(subject.facts)))
        answers: dict[str, Callable[..., Any]] = {
            "turn": lambda action, seconds: one_turn(subject.actions[action], seconds=seconds),
            "peak memory": _peak_memory,
            "macs": subject.macs,
        }
        while True:
            question, details = connection.recv()
            connection.send(answers[question](*details))
    except LeadlineError as error:
        connection.send(error)
    except EOFError:  # the parent has what it wanted
        pass


def _peak_memory() -> int | None:
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage of Linux remembers the parent's peak, from before the exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
