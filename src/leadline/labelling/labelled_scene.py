"""A folder of labelled photographs: an ordinary scene, and a journal of what became of every picture."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from leadline.atomic import atomic_write, writing_failed
from leadline.errors import InputError, OutputError


@dataclass(frozen=True)
class Outcome:
    """What became of a picture.

    Args:
        picture: its file's name in the folder of photographs.
        frame: name of the frame that it became; None when it was dropped.
        confidence: of its label, in (0, 1].
        contradiction: of the teacher with itself.
        dissent: of another teacher.
        dropped: why it has no label.
    """

    picture: str
    frame: str | None = None
    confidence: float | None = None
    contradiction: float | None = None
    dissent: float | None = None
    dropped: str | None = None


class LabelledScene:
    """One scene of the output.

        <scene>/rgb/0001.jpg, <scene>/depth/0001.png    as every scene has them
        <scene>/scene.json                              the teacher, each frame's confidence
        <scene>/labels.jsonl                            a line for each picture that is done: how it ended

    The journal is what a resumed labelling goes by, and grows with every picture; scene.json is written from it.

    Args:
        folder: of the scene.
        card: what scene.json says besides the confidences, and what a resumed labelling must agree on.

    Raises:
        InputError: the folder holds something else, or labels made otherwise; names what differs.
        OutputError: it cannot be written.
    """

    def __init__(self, folder: Path, card: dict[str, Any]) -> None:
        self.folder = folder
        self._card = card
        self._journal = folder / "labels.jsonl"
        self._check_same(folder / "scene.json")
        self.outcomes = {outcome.picture: outcome for outcome in read_journal(self._journal)}
        if not (folder / "scene.json").exists():
            self._write_card({})
        self._mend()

    def add(self, outcome: Outcome) -> None:
        """Note what became of a picture whose files are written."""
        self.outcomes[outcome.picture] = outcome
        line = json.dumps({key: value for key, value in asdict(outcome).items() if value is not None})
        try:
            with self._journal.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")
        except OSError as error:
            raise OutputError(writing_failed(self._journal, error)) from error

    def finish(self) -> None:
        """Write scene.json with the confidence of every frame."""
        self._write_card(
            {
                outcome.frame: round(outcome.confidence, 4)
                for outcome in self.outcomes.values()
                if outcome.frame is not None and outcome.confidence is not None
            }
        )

    def _mend(self) -> None:
        """Cut off what a crash left of a last line, or the next one would be joined to it."""
        if self._journal.exists() and not self._journal.read_bytes().endswith(b"\n"):
            text = self._journal.read_text(encoding="utf-8")
            with atomic_write(self._journal) as part:
                part.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def _check_same(self, path: Path) -> None:
        if not path.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise InputError(f"{self.folder}: holds something that is no labelling; choose another --out")
            return
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: cannot be understood: {error}") from error
        differing = [key for key in self._card if not isinstance(found, dict) or found.get(key) != self._card[key]]
        if differing:
            raise InputError(
                f"{self.folder}: holds labels that were made otherwise (differs in: {', '.join(differing)}); choose "
                f"another --out, or delete it"
            )

    def _write_card(self, confidence: dict[str, float]) -> None:
        with atomic_write(self.folder / "scene.json") as part:
            part.write_text(json.dumps({**self._card, "confidence": confidence}, indent=1), encoding="utf-8")


def color_file(scene: Path, frame: str, suffix: str) -> Path:
    """Where the picture of a frame goes."""
    return scene / "rgb" / f"{frame}{suffix}"


def depth_file(scene: Path, frame: str) -> Path:
    """Where the label of a frame goes."""
    return scene / "depth" / f"{frame}.png"


def read_journal(path: Path) -> list[Outcome]:
    """The outcomes that a journal holds; a last line that was cut off by a crash is passed over.

    Raises:
        InputError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error
    try:
        return [Outcome(**json.loads(line)) for line in lines if line.endswith("\n")]
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: damaged ({error}); delete its folder and label again") from error
