"""What a training leaves in its folder: the names of its files, and the rows of its log."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from leadline.errors import InputError

RECIPE_FILE = "options.yaml"
STATE_FILE = "last.pt"
SPLIT_FILE = "split.json"
SOURCES_FILE = "sources.json"
VERSIONS_FILE = "versions.json"
METRICS_FILE = "metrics.csv"


COLUMNS = (
    "epoch", "step", "samples", "learning_rate", "train_loss", "val_loss", "val_rel", "val_rms", "val_log10",
    "val_delta1", "val_delta2", "val_delta3", "val_silog", "val_flatness", "images_per_s", "data_share", "seconds",
)  # fmt: skip
"""Of the log."""


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The rows of a run's metrics.csv, a number for each of COLUMNS; none when there is no such file.

    Raises:
        InputError: the file is damaged.
    """
    path = folder / METRICS_FILE
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if not missing:
                return [{name: float(row[name]) for name in COLUMNS} for row in reader]
            reason = f"no column {missing[0]}"
    except (OSError, TypeError, ValueError, csv.Error) as error:
        reason = str(error)
    raise InputError(f"{path}: the log is damaged ({reason}); without this file the run goes on, with a new log")


def read_sources(folder: Path) -> list[dict[str, Any]]:
    """What a run learned from, a dictionary for each source; nothing when the run does not say it.

    Raises:
        InputError: the file is damaged.
    """
    found = _read_json(folder / SOURCES_FILE)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(source, dict) for source in found):
        raise InputError(f"{folder / SOURCES_FILE}: is damaged (not a list of sources)")
    return found


def read_versions(folder: Path) -> dict[str, str]:
    """What ran; nothing when the run does not say it.

    Raises:
        InputError: the file is damaged.
    """
    found = _read_json(folder / VERSIONS_FILE)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InputError(f"{folder / VERSIONS_FILE}: is damaged (no names of packages)")
    return {str(name): str(version) for name, version in found.items()}


def _read_json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is damaged ({error})") from error
