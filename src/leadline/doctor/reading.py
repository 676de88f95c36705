"""Frames that cannot be read at all."""

from __future__ import annotations

from dataclasses import dataclass

from leadline.doctor.findings import Check, Finding, Study
from leadline.doctor.view import View


@dataclass(frozen=True)
class ReadingFacts:
    """Nothing to measure: a frame that was read is readable."""


def measure(_view: View) -> ReadingFacts:
    """Nothing."""
    return ReadingFacts()


def find(study: Study) -> list[Finding]:
    """An error when there are any: preparing the data would stop at them."""
    if not study.unreadable:
        return []
    causes = list(study.unreadable.values())
    more = f"\nand {len(causes) - 10} more" if len(causes) > 10 else ""
    return [
        Finding(
            "reading",
            "error",
            f"{len(causes)} of {len(study.frames) + len(causes)} frames cannot be used",
            "\n".join(causes[:10]) + more,
            "Mend or remove them, or leave them out of a training with --data.skip-bad-frames.",
            tuple(sorted({identity.rpartition("/")[0] for identity in study.unreadable})),
        )
    ]


CHECK = Check(measure, find)
