"""What a training says while it runs: a progress bar on a terminal, a line per validation elsewhere."""

import datetime
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from leadline.metrics import Metrics
from leadline.training.learner import Learner
from leadline.training.plan import Plan
from leadline.training.sources_table import sources_table
from leadline.training.training_data import TrainingData


class Reporter:
    """Speaks for the first process; the others are silent.

    Args:
        console: to speak on.
        steps: of the whole training.
        speaks: whether this is the first process.
    """

    def __init__(self, console: Console, *, steps: int, speaks: bool) -> None:
        self.console = console
        self.steps = steps
        self.speaks = speaks
        self._validated = ""
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not (speaks and console.is_terminal),
        )
        self._task = self._bar.add_task("training", total=steps, epoch="", status="")

    def __enter__(self) -> "Reporter":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def started(self, plan: Plan, data: TrainingData, learner: Learner, *, device: object, precision: str) -> None:
        """Before the first step: what learns from what, where."""
        parameters = sum(parameter.numel() for parameter in learner.bare.parameters())
        rooms = {data.store.frames[index].frame.room for index in data.train.indices}
        self.say(
            f"{plan.recipe.model.encoder} ({parameters:,} parameters) learns from {len(data.split.train)} frames of "
            f"{len(rooms)} rooms, validates on {len(data.split.validation)}; {learner.steps} steps, {device}, "
            f"{precision}; in {plan.folder}"
        )
        if self.speaks:
            # A pipe has no width; 80 columns would cut the figures.
            wide = (
                self.console
                if self.console.is_terminal
                else Console(file=self.console.file, width=140, quiet=self.console.quiet)
            )
            wide.print(sources_table(data.sources))
        if learner.progress.step:
            self.say(f"going on from step {learner.progress.step}")

    def stepped(self, *, step: int, epoch: int, loss: float, images_per_s: float) -> None:
        """After each step."""
        if self._bar.disable:
            return
        status = f"{images_per_s:.1f} images/s  loss {loss:.4f}{self._validated}"
        self._bar.update(self._task, completed=step, epoch=epoch + 1, status=status)

    def validated(self, row: Mapping[str, float], *, epochs: int, left_s: float) -> None:
        """After each validation."""
        self._validated = f"  val rel {row['val_rel']:.3f}"
        if self.speaks and not self.console.is_terminal:
            left = datetime.timedelta(seconds=round(left_s))
            self.say(
                f"epoch {row['epoch']:.0f}/{epochs}  step {row['step']:.0f}  loss {row['train_loss']:.4f}  "
                f"val loss {row['val_loss']:.4f}  rel {row['val_rel']:.3f}  rms {row['val_rms']:.3f} m  "
                f"delta1 {row['val_delta1']:.3f}  {row['images_per_s']:.1f} images/s  "
                f"data {row['data_share']:.1%}  left {left}"
            )

    def say(self, text: str, *, style: str | None = None) -> None:
        """A line for people."""
        if self.speaks:
            self.console.print(text, style=style, highlight=False, soft_wrap=True)

    def finished(self, metrics: Metrics, constant: Metrics, *, folder: str) -> None:
        """The last validation beside the constant prediction."""
        self.say("validation, each room counting the same, beside a constant map of the training frames' median depth:")
        for name, found in (("this model", metrics), ("constant", constant)):
            self.say(
                f"  {name:<11} rel {found.rel:.3f}   rms {found.rms:.3f} m   log10 {found.log10:.3f}   "
                f"delta1 {found.delta1:.3f}   delta2 {found.delta2:.3f}   delta3 {found.delta3:.3f}"
            )
        self.say(f"{folder}: best.safetensors, last.safetensors, metrics.csv, curves.png, predictions/")
