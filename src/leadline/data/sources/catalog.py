"""Every kind of data set that leadline reads, by name. A new one is a file with its class, and a line here."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from leadline.data.sample import Source
from leadline.data.sources.bts_nyu import BtsNyu
from leadline.data.sources.densedepth_nyu import DenseDepthNyu
from leadline.data.sources.fastdepth_h5 import FastDepthH5
from leadline.data.sources.huggingface import HuggingFace
from leadline.data.sources.kitti import Kitti
from leadline.data.sources.nyu_labeled import NyuLabeled
from leadline.data.sources.paired_folders import PairedFolders
from leadline.data.sources.realsense import RealSense
from leadline.data.sources.record3d import Record3D
from leadline.data.sources.scannet import ScanNet
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.sources.seven_scenes import SevenScenes
from leadline.data.sources.stored_frames import StoredFrames
from leadline.data.sources.stray_scanner import StrayScanner
from leadline.data.sources.sun_rgbd import SunRgbd
from leadline.data.sources.tum_rgbd import TumRgbd
from leadline.errors import InputError, UsageError, did_you_mean

SOURCES: dict[str, type[Source]] = {
    "store": StoredFrames,
    # These three may also be rgb/ beside depth/, which says less: they come before "scenes".
    "tum": TumRgbd,
    "stray": StrayScanner,
    "record3d": Record3D,
    "scenes": SceneFolders,
    "paired": PairedFolders,
    "densedepth-nyu": DenseDepthNyu,
    "nyu-labeled": NyuLabeled,
    "bts": BtsNyu,
    "fastdepth": FastDepthH5,
    "7scenes": SevenScenes,
    "sunrgbd": SunRgbd,
    "scannet": ScanNet,
    "kitti": Kitti,
    "realsense": RealSense,
    "huggingface": HuggingFace,
}
"""In the order in which they are asked."""

LAYOUTS = {
    "store": "plan.json, color-00000.npy, ... (what leadline data prepare writes)",
    "tum": "<sequence>/rgb.txt and <sequence>/depth.txt",
    "stray": "<recording>/rgb.mp4 (or rgb/), depth/000000.png and camera_matrix.csv",
    "record3d": "<recording>.r3d, or metadata beside rgbd/0.jpg and rgbd/0.depth",
    "scenes": "<scene>/rgb/0001.jpg beside <scene>/depth/0001.png",
    "paired": "images/0001.jpg beside depth/0001.png (or images/train/..., images/val/...)",
    "densedepth-nyu": "nyu_data.zip, or a folder with data/nyu2_train.csv",
    "nyu-labeled": "nyu_depth_v2_labeled.mat",
    "bts": "sync/<scene>/rgb_00045.jpg beside sync_depth_00045.png, official_splits/test/...",
    "fastdepth": "train/<scene>/00001.h5, val/official/00001.h5",
    "7scenes": "<scene>/seq-01/frame-000000.color.png beside frame-000000.depth.png",
    "sunrgbd": "<...>/image/ beside depth_bfx/ and intrinsics.txt, for each frame",
    "scannet": "scene0000_00/color/0.jpg beside scene0000_00/depth/0.png",
    "kitti": "train/<drive>/proj_depth/... beside <date>/<drive>/image_02/..., or val_selection_cropped/",
    "realsense": "<recording>_Color_<time>.png beside <recording>_Depth_<time>.csv (or 16-bit .png)",
    "huggingface": "a folder that datasets.save_to_disk wrote, with columns image and depth_map",
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
