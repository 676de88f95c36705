"""Every kind of data set that leadline reads, by name. A new one is a file with its class, and a line here."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from leadline.data.sample import Source
from leadline.data.sources.densedepth_nyu import DenseDepthNyu
from leadline.data.sources.nyu_labeled import NyuLabeled
from leadline.data.sources.paired_folders import PairedFolders
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.sources.stored_frames import StoredFrames
from leadline.errors import InputError, UsageError, did_you_mean

SOURCES: dict[str, type[Source]] = {
    "store": StoredFrames,
    "scenes": SceneFolders,
    "paired": PairedFolders,
    "densedepth-nyu": DenseDepthNyu,
    "nyu-labeled": NyuLabeled,
}

LAYOUTS = {
    "store": "plan.json, color-00000.npy, ... (what leadline data prepare writes)",
    "scenes": "<scene>/rgb/0001.jpg beside <scene>/depth/0001.png",
    "paired": "images/0001.jpg beside depth/0001.png (or images/train/..., images/val/...)",
    "densedepth-nyu": "nyu_data.zip, or a folder with data/nyu2_train.csv",
    "nyu-labeled": "nyu_depth_v2_labeled.mat",
}
"""What each kind looks like, in a line."""


def open_source(root: Path, *, kind: str = "auto", depth_unit_m: float | None = None) -> Source:
    """List the frames of a data set; nothing but its directory is read.

    Args:
        root: a folder or an archive.
        kind: a key of SOURCES, or "auto" for the first of them that recognises `root`.
        depth_unit_m: metres per step of the depth files, when it is not what their format says.

    Raises:
        UsageError: an unknown kind, or a unit that is not positive.
        InputError: nothing there, nothing that is recognised, or a data set that cannot be used.
    """
    if kind != "auto" and kind not in SOURCES:
        raise UsageError(f"unknown kind of data {kind!r}; {did_you_mean(kind, ['auto', *SOURCES])}")
    if depth_unit_m is not None and not 0 < depth_unit_m < float("inf"):
        raise UsageError(f"depth_unit_m must be positive metres per step, got {depth_unit_m}")
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    if kind == "auto":
        kind = _recognised(root)
    return SOURCES[kind](root, depth_unit_m=depth_unit_m)


def _recognised(root: Path) -> str:
    for kind, source in SOURCES.items():
        if source.recognises(root):
            return kind
    layouts = "\n".join(f"  {kind:<15} {LAYOUTS[kind]}" for kind in SOURCES)
    raise InputError(f"{root}: no data set that leadline knows; {_found(root)}. It knows:\n{layouts}")


def _found(root: Path) -> str:
    """What there is instead, in a few words."""
    if not root.is_dir():
        return "it is a single file"
    folders: list[str] = []
    suffixes: Counter[str] = Counter()
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.name)
                else:
                    suffixes[Path(entry.name).suffix.lower() or "without a suffix"] += 1
    except OSError as error:
        return f"it cannot be listed ({error.strerror or error})"
    parts = [f"{count} files {suffix}" for suffix, count in suffixes.most_common(3)]
    if folders:
        shown = ", ".join(sorted(folders)[:5]) + (", ..." if len(folders) > 5 else "")
        parts.append(f"{len(folders)} folders ({shown})")
    return f"found {' and '.join(parts)}" if parts else "the folder is empty"
