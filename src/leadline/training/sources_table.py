"""What a training learns from, in one table: printed at its start, and kept beside the run."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from leadline.atomic import atomic_write
from leadline.data.mixture import Feed, frames_of_each
from leadline.errors import InputError


@dataclass(frozen=True)
class SourceSummary:
    """What one source gives to a training.

    Attributes:
        name: its folder or file.
        fingerprint: of its frames.
        scenes, rooms, frames: how many of each teach.
        batch_frames: frames of it in each batch.
        batch_share: the same as a share of the batch.
        weight: of an error at its pixels, times the mean confidence of its frames.
        measured_share: of all pixels.
        near_m, median_m, far_m: 1st, 50th and 99th percentile of the measured pixels.
        cameras: frames whose intrinsics are known.
        fov_deg: 1st, 50th and 99th percentile of these frames' horizontal field of view (padding included); None
            where there are none.
    """

    name: str
    fingerprint: str
    scenes: int
    rooms: int
    frames: int
    batch_frames: int
    batch_share: float
    weight: float
    measured_share: float
    near_m: float
    median_m: float
    far_m: float
    cameras: int
    fov_deg: tuple[float, float, float] | None


def summarize(feeds: Sequence[Feed], names: Sequence[str], *, batch_size: int) -> list[SourceSummary]:
    """One summary for each feed, of the frames that teach."""
    counts = frames_of_each(feeds, batch_size=batch_size)
    return [_summary(feed, name, count, batch_size) for feed, name, count in zip(feeds, names, counts, strict=True)]


def write_sources(path: Path, sources: Sequence[SourceSummary]) -> None:
    """Write the summaries as JSON, atomically."""
    with atomic_write(path) as part:
        part.write_text(json.dumps([asdict(source) for source in sources], indent=1), encoding="utf-8")


def check_sources(path: Path, sources: Sequence[SourceSummary]) -> None:
    """Refuse to go on with other frames than those that a run was started with.

    Raises:
        InputError: another number of sources or other frames, or the file is damaged.
    """
    try:
        earlier = [str(source["fingerprint"]) for source in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: the sources of the run cannot be read ({error})") from error
    if len(earlier) != len(sources):
        raise InputError(f"{path}: the run was started with {len(earlier)} sources, not with {len(sources)}")
    for source, fingerprint in zip(sources, earlier, strict=True):
        if source.fingerprint != fingerprint:
            raise InputError(f"{source.name}: not the frames that the run in {path.parent} was started with")


def sources_table(sources: Sequence[SourceSummary]) -> Table:
    """The summaries for people."""
    table = Table(title="what the model will see", title_justify="left")
    for column in (
        "source",
        "scenes",
        "rooms",
        "frames",
        "of a batch",
        "weight",
        "measured",
        "median",
        "1-99 %",
        "view",
    ):
        table.add_column(column, justify="left" if column == "source" else "right", overflow="fold")
    for source in sources:
        table.add_row(
            source.name,
            f"{source.scenes:,}",
            f"{source.rooms:,}",
            f"{source.frames:,}",
            f"{source.batch_frames} ({source.batch_share:.0%})",
            f"{source.weight:.3g}",
            f"{source.measured_share:.0%}",
            f"{source.median_m:.2f} m",
            f"{source.near_m:.2f}-{source.far_m:.2f} m",
            _view(source),
        )
    return table


def _summary(feed: Feed, name: str, count: int, batch_size: int) -> SourceSummary:
    stored = [feed.store.frames[index] for index in feed.indices]
    depth = feed.store.depth_summary(feed.indices)
    views = [each.camera.fov_deg for each in stored if each.camera is not None]
    return SourceSummary(
        name=name,
        fingerprint=feed.store.fingerprint,
        scenes=len({each.frame.scene for each in stored}),
        rooms=len({each.frame.room for each in stored}),
        frames=len(stored),
        batch_frames=count,
        batch_share=count / batch_size,
        weight=feed.weight * float(np.mean([each.frame.confidence for each in stored])),
        measured_share=depth.measured_share,
        near_m=depth.near_m,
        median_m=depth.median_m,
        far_m=depth.far_m,
        cameras=len(views),
        fov_deg=tuple(np.percentile(views, [1, 50, 99]).tolist()) if views else None,
    )


def _view(source: SourceSummary) -> str:
    if source.fov_deg is None:
        return "unknown"
    narrow, middle, wide = source.fov_deg
    known = "" if source.cameras == source.frames else f", {source.cameras / source.frames:.0%} known"
    return f"{narrow:.0f}-{middle:.0f}-{wide:.0f}\N{DEGREE SIGN}{known}"
