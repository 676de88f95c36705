"""How fast frames reach the network: the usual ways, and the store.

python benchmarks/data.py --frames FRAMES [--batch 32]          (OpenCV's rows: pip install opencv-python-headless)

"per core" is frames by seconds of processor time, of all processes and threads together: what one core delivers,
whatever else runs on the machine.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import tyro
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, Dataset

from leadline.data.depth_code import DepthCode
from leadline.data.frames import decoding_workers
from leadline.data.loader import Batches
from leadline.data.prepare import frame_bytes, prepare
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.store import Store
from leadline.depth.framing import Framing
from leadline.options import DataOptions

WORKERS = 2
PLAIN, PAPER = DataOptions(flip=0.0, channel_permutation=0.0), DataOptions()
ALL = DataOptions(color_jitter=0.2, crop=0.7, erase=0.25)


@dataclass(frozen=True)
class Options:
    """What to measure on."""

    frames: Path
    """A folder of scenes."""
    batch: int = 32
    """Frames a batch."""
    seconds: float = 6.0
    """Of each measurement."""


class Files(Dataset):
    """The usual way: files decoded and resized each time they are asked for."""

    def __init__(self, source: SceneFolders, read: Callable[[Path, Path], tuple[torch.Tensor, torch.Tensor]]) -> None:
        pairs = [source._pairs[frame.identity] for frame in source.frames]
        self.pairs = [(str(pair.color), str(pair.depth)) for pair in pairs]
        self.read = read

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.read(*self.pairs[index])


def with_pillow(color: str, depth: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Open, resize, to tensors."""
    image = Image.open(color).convert("RGB").resize((320, 240), Image.Resampling.BILINEAR)
    levels = Image.open(depth).resize((320, 240), Image.Resampling.NEAREST)
    metres = torch.from_numpy(np.array(levels).astype(np.float32))[None] / 1000
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255, metres


def with_opencv(color: str, depth: str, *, reduced: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The same with OpenCV; `reduced` decodes JPEG at half of its size."""
    import cv2

    cv2.setNumThreads(0)
    image = cv2.imread(color, cv2.IMREAD_REDUCED_COLOR_2 if reduced else cv2.IMREAD_COLOR)
    image = cv2.cvtColor(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)
    levels = cv2.resize(cv2.imread(depth, cv2.IMREAD_UNCHANGED), (320, 240), interpolation=cv2.INTER_NEAREST)
    metres = torch.from_numpy(levels.astype(np.float32))[None] / 1000
    return torch.from_numpy(image).permute(2, 0, 1).float() / 255, metres


def with_opencv_reduced(color: str, depth: str) -> tuple[torch.Tensor, torch.Tensor]:
    """OpenCV, decoding JPEG at half of its size."""
    return with_opencv(color, depth, reduced=True)


def main(options: Options) -> None:
    """Print two tables."""
    torch.set_num_threads(1)
    console = Console(width=120)
    source = SceneFolders(options.frames)
    with tempfile.TemporaryDirectory() as folder:
        store = preparation_table(source, Path(folder), console)
        feeding_table(source, store, options, console)


def preparation_table(source: SceneFolders, folder: Path, console: Console) -> Store:
    """Speed and size of preparing, and what 50,000 frames would take."""
    framing, workers = Framing(height=240, width=320), decoding_workers()
    wall, processor = time.monotonic(), processor_s()
    store = prepare(source, folder, framing=framing, code=DepthCode(), workers=workers)
    wall, processor = time.monotonic() - wall, processor_s() - processor
    table = Table(title=f"preparing {len(store)} frames at 240x320 with {workers} threads")
    for column in ("frames/s", "per core", "bytes a frame", "50,000 frames"):
        table.add_column(column, justify="right")
    each = frame_bytes(framing)
    table.add_row(
        f"{len(store) / wall:.0f}",
        f"{len(store) / processor:.0f}",
        f"{each:,}",
        f"{50_000 * wall / len(store) / 60:.0f} min, {50_000 * each / 1e9:.1f} GB",
    )
    console.print(table)
    return store


def feeding_table(source: SceneFolders, store: Store, options: Options, console: Console) -> None:
    """Frames per second of each way to a batch."""
    copy_bytes_s = copying_speed()
    table = Table(
        title=f"batches of {options.batch} at 240x320 to the CPU; copying memory: {copy_bytes_s / 1e9:.1f} GB/s a core"
    )
    for column in ("way", "frames/s", "per core", "times Pillow", "of the memory's limit"):
        table.add_column(column, justify="left" if column == "way" else "right")
    pillow = None
    for name, run, moved_bytes in ways(source, store, options):
        try:
            wall, core = measured(run, options.seconds)
        except ImportError as error:
            table.add_row(name, f"{error.name} is not installed", "", "", "")
            continue
        pillow = pillow or core
        limit = f"{core * moved_bytes / copy_bytes_s:.0%}" if moved_bytes else ""
        table.add_row(name, f"{wall:,.0f}", f"{core:,.0f}", f"{core / pillow:,.1f}", limit)
    console.print(table)


Way = tuple[str, Callable[[], Iterator[int]], int]


def ways(source: SceneFolders, store: Store, options: Options) -> Iterator[Way]:
    """Name, a function that yields frames per batch, and the bytes that must be moved for each frame at the least."""

    def files(read: Callable) -> Callable[[], Iterator[int]]:
        loader = DataLoader(Files(source, read), batch_size=options.batch, shuffle=True, num_workers=WORKERS)
        return lambda: (len(image) for image, _ in loader)

    def ours(augmentation: DataOptions, buffer_frames: int = 0) -> Callable[[], Iterator[int]]:
        batches = Batches(
            store, range(len(store)), options.batch, torch.device("cpu"), seed=0, buffer_frames=buffer_frames
        )
        return lambda: (
            len(batch.frames) for epoch in range(1000) for batch in batches.shuffled(epoch, options=augmentation)
        )

    stored = frame_bytes(store.framing)
    floats = 240 * 320 * 4 * 4
    yield f"Pillow, DataLoader with {WORKERS} workers", files(with_pillow), 0
    yield f"OpenCV, DataLoader with {WORKERS} workers", files(with_opencv), 0
    yield "OpenCV, JPEG decoded at half size", files(with_opencv_reduced), 0
    yield "store: bytes", lambda: gathered(store, options.batch), 2 * stored
    yield "store: floats", ours(PLAIN), stored + floats
    yield "store: floats, the paper's augmentations", ours(PAPER), stored + floats
    yield "store: floats, streamed, the paper's augmentations", ours(PAPER, 256), stored + floats
    yield "store: floats, also jitter, crops, erasing", ours(ALL), stored + floats
    store.into_memory()
    yield "store in memory: floats, the paper's augmentations", ours(PAPER), stored + floats


def gathered(store: Store, batch: int) -> Iterator[int]:
    """Batches of bytes into memory that is there."""
    color, levels = store.gather(range(batch))
    generator = np.random.default_rng(0)
    while True:
        store.gather(generator.integers(0, len(store), batch), color=color, levels=levels)
        yield batch


def measured(run: Callable[[], Iterator[int]], seconds: float) -> tuple[float, float]:
    """Frames by seconds on the clock and of processor time."""
    frames, batches = 0, run()
    sum(islice(batches, 3))  # to have read and started all that is read and started once
    del batches
    wall, processor = time.monotonic(), processor_s()
    batches = run()
    for count in batches:
        frames += count
        if time.monotonic() - wall > seconds:
            break
    wall = time.monotonic() - wall
    del batches  # so that workers end, and their time is known
    return frames / wall, frames / (processor_s() - processor)


def processor_s() -> float:
    """Seconds of processor time of this process and its finished children."""
    return sum(os.times()[:4])


def copying_speed() -> float:
    """Bytes read and written a second by one core that copies memory."""
    original = np.ones(64 * 2**20, np.uint8)
    copy = original.copy()
    began, rounds = time.process_time(), 20
    for _ in range(rounds):
        np.copyto(copy, original)
    return 2 * original.nbytes * rounds / (time.process_time() - began)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
