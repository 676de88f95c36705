"""What became of the photographs, counted and named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadline.atomic import atomic_write
from leadline.errors import InputError, PartialFailure
from leadline.labelling.labelled_scene import LabelledScene, Outcome, read_journal


@dataclass(frozen=True)
class Tally:
    """How many photographs were labelled, dropped, and not readable."""

    kept: int
    dropped: int
    broken: int

    @classmethod
    def of(cls, scenes: Mapping[str, LabelledScene], broken: Sequence[str]) -> Tally:
        """Count what the scenes' journals say."""
        outcomes = [outcome for scene in scenes.values() for outcome in scene.outcomes.values()]
        dropped = sum(outcome.dropped is not None for outcome in outcomes)
        return cls(kept=len(outcomes) - dropped, dropped=dropped, broken=len(broken))

    @property
    def text(self) -> str:
        """In a few words."""
        return f"{self.kept} photographs labelled, {self.dropped} dropped, {self.broken} not readable"

    def demand_all(self) -> None:
        """Raise when not every picture was read.

        Raises:
            PartialFailure: some were not.
            InputError: none was.
        """
        if self.broken and not self.kept + self.dropped:
            raise InputError(f"none of {self.broken} pictures could be read")
        if self.broken:
            total = self.kept + self.dropped + self.broken
            raise PartialFailure(f"{self.broken} of {total} pictures could not be read; the others are done")


def write_report(path: Path, broken: Sequence[str]) -> None:
    """Write a text beside the scenes of an output: counts, and every photograph without a label with the reason.

    Args:
        path: of the text; its folder's scenes are all told of, those of earlier labellings too.
        broken: why pictures could not be read, in this labelling.
    """
    scenes = {journal.parent.name: read_journal(journal) for journal in sorted(path.parent.glob("*/labels.jsonl"))}
    every = [outcome for outcomes in scenes.values() for outcome in outcomes]
    lines = [f"all scenes: {_counted(every)}", *(f"{name}: {_counted(outcomes)}" for name, outcomes in scenes.items())]
    lines += ["", "dropped:"]
    lines += [
        f"  {name}/{outcome.picture}: {outcome.dropped}"
        for name, outcomes in scenes.items()
        for outcome in outcomes
        if outcome.dropped is not None
    ]
    lines += ["", "not readable:", *(f"  {why}" for why in broken), ""]
    with atomic_write(path) as part:
        part.write_text("\n".join(lines), encoding="utf-8")


def _counted(outcomes: Sequence[Outcome]) -> str:
    confidences = sorted(outcome.confidence for outcome in outcomes if outcome.confidence is not None)
    dropped = len(outcomes) - len(confidences)
    median = f", median confidence {confidences[len(confidences) // 2]:.2f}" if confidences else ""
    return f"{len(confidences)} labelled, {dropped} dropped{median}"
