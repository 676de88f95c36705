"""What a run leaves for people: metrics.csv, TensorBoard, loss curves and pictures."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from leadline.atomic import atomic_write
from leadline.depth.colors import colorize, depth_range_m
from leadline.depth.images import write_image
from leadline.run_folder import COLUMNS, METRICS_FILE, read_metrics
from leadline.training.validation import Picture

CLOCK_COLUMNS = ("images_per_s", "data_share", "seconds")
"""Columns that two equal runs need not share."""


class RunLog:
    """The log of one run; a resumed run goes on with the rows that its state knows.

    Args:
        folder: of the run.
        rows: lines of metrics.csv to keep; later ones belong to steps that are taken again.
        step: that the run goes on from.
    """

    def __init__(self, folder: Path, *, rows: int, step: int) -> None:
        self.folder = folder
        self.rows = read_metrics(folder)[:rows]
        # tensorboard is slow to import, and its protocol buffers are not needed for anything else.
        from torch.utils.tensorboard import SummaryWriter

        self._tensorboard = SummaryWriter(str(folder / "tensorboard"), purge_step=step or None)

    def add(self, row: Mapping[str, float], terms: Mapping[str, float]) -> None:
        """One validation: a line of metrics.csv, TensorBoard scalars, new curves.

        Args:
            row: by the names of COLUMNS.
            terms: mean of each weighted loss term, for TensorBoard.
        """
        self.rows.append({name: row[name] for name in COLUMNS})
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        # What was read is written as it was: eight digits are the same again.
        writer.writerows({name: f"{value:.8g}" for name, value in row.items()} for row in self.rows)
        with atomic_write(self.folder / METRICS_FILE) as part:
            part.write_text(text.getvalue(), encoding="utf-8")
        step = int(row["step"])
        for name in COLUMNS[3:]:
            self._tensorboard.add_scalar(name.replace("_", "/", 1), row[name], step)
        for name, value in terms.items():
            self._tensorboard.add_scalar(f"term/{name}", value, step)
        self._tensorboard.flush()
        draw_curves(self.folder / "curves.png", self.rows)

    def write_pictures(self, epoch: int, pictures: Sequence[Picture]) -> None:
        """Example predictions of an epoch."""
        write_examples(self.folder / "predictions" / f"epoch-{epoch:04}.png", pictures)

    def close(self) -> None:
        """Flush and close TensorBoard's file."""
        self._tensorboard.close()


def draw_curves(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Loss and validation metrics over epochs, as PNG (the paper's Figure 4)."""
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(12, 3.5), layout="constrained")
    panels = {
        "loss": ("train_loss", "val_loss"),
        "rel": ("val_rel",),
        "rms [m]": ("val_rms",),
        "delta 1": ("val_delta1",),
    }
    for axes, (title, names) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        for name in names:
            marker = "o" if len(rows) == 1 else None
            axes.plot(epochs, [row[name] for row in rows], label=name.replace("_", " "), marker=marker)
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend()
    with atomic_write(path) as part:
        figure.savefig(part, dpi=100)


def write_examples(path: Path, pictures: Sequence[Picture]) -> None:
    """Rows of picture, prediction, measurement; the two depths of a row share their colours.

    Args:
        path: PNG to write.
        pictures: picture (H, W, 3) uint8, predicted (H, W) metres, measured (H, W) metres with 0 in holes.
    """
    rows = []
    for image, predicted_m, truth_m in pictures:
        near_m, far_m = depth_range_m(truth_m)
        depths = [colorize(depth, near_m=near_m, far_m=far_m) for depth in (predicted_m, truth_m)]
        rows.append(np.concatenate([image, *depths], axis=1))
    if rows:
        write_image(path, np.concatenate(rows))
