"""What a training leaves in its folder: the names of its files, and the rows of its log."""

from __future__ import annotations

import csv
from pathlib import Path

RECIPE_FILE = "options.yaml"
STATE_FILE = "last.pt"
SPLIT_FILE = "split.json"
SOURCES_FILE = "sources.json"
VERSIONS_FILE = "versions.json"
METRICS_FILE = "metrics.csv"


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """The rows of a run's metrics.csv; none when there is no such file."""
    path = folder / METRICS_FILE
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
