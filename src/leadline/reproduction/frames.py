"""Figure 1, Table 3 and Figures 3 to 5: of frames, and of what was learned from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leadline.data.order import evenly
from leadline.data.sample import Frame, Source
from leadline.depth.colors import colorize, depth_range_m
from leadline.depth.framing import under_centres
from leadline.evaluation.protocols import PLAIN, PROTOCOLS
from leadline.options import ReproduceOptions, read_size
from leadline.report.measured import Measured
from leadline.report.pictures import at_page_height, figure, picture_row, spread_frames
from leadline.report.plots import Line, line_chart, standalone
from leadline.report.sections import table
from leadline.reproduction.claims import OVERFITTING_MINUTES
from leadline.reproduction.exhibit import Exhibit, data_note, markdown, table_exhibit
from leadline.reproduction.material import Material, judging_part, measure
from leadline.reproduction.networks import ENCODERS
from leadline.reproduction.step_time import STEP, time_steps
from leadline.reproduction.trainings import overfitting

SHOWN = ("rel", "rms", "log10", "delta1", "delta2", "delta3")
NYU_PROTOCOLS = tuple(name for name in PROTOCOLS if not name.startswith("kitti"))


def examples_figure(material: Material) -> Exhibit:
    """Figure 1: frames of the data set, colour above depth."""
    source = material.source
    rooms: dict[str, Frame] = {}
    for frame in source.frames:
        rooms.setdefault(frame.room, frame)
    firsts = list(rooms.values())
    figures = "".join(_example(source, frame) for frame in evenly(firsts, material.options.pictures))
    caption = (
        f"{data_note(source)} Colour, and measured depth below it: red is near, blue is far, black was not measured."
    )
    return Exhibit("Figure 1: examples of the data set", caption, f"<div class=pictures>{figures}</div>")


def evaluation_table(material: Material) -> Exhibit:
    """Table 3: the trained model under every protocol for NYU Depth v2, the constant prediction below it."""
    run, source, rows = material.training, material.source, []
    for name in NYU_PROTOCOLS:
        measured = material.measured(name)
        model, constant = measured.evaluation.own()
        for said, metrics in ((f"{name} v{PROTOCOLS[name].version}", model), ("constant", constant)):
            rows.append([said, str(len(measured.evaluation.scores)), *(f"{getattr(metrics, m):.3f}" for m in SHOWN)])
    notes = [
        f"{data_note(source)} {material.training_note}",
        "Below each protocol the constant prediction by it. Aligned protocols correct each frame by its own truth;",
        "fastdepth counts pixels without truth, as its script does, and where there are any its rel is infinite.",
    ]
    if judging_part(run, source) == "test":
        notes.append("The frames are the official test set.")
    elif run.caveat:
        notes.append(f"The model {run.caveat}.")
    head = ["protocol", "frames", *SHOWN]
    return table_exhibit("Table 3: evaluation", " ".join(notes), head, rows, name="table3")


def overfitting_figure(material: Material) -> Exhibit:
    """Figure 3: eight frames learned by heart by both encoders: picture, measured depth, predictions, errors."""
    options, source = material.options, material.source
    runs = [overfitting(options, encoder, material.console) for encoder in ENCODERS]
    measured = [measure(run, source, None, PLAIN.name) for run in runs]
    lines = [Line(run.recipe.model.encoder, run.column("val_loss"), 2 * at) for at, run in enumerate(runs)]
    plot = line_chart("loss on the eight frames", lines, x_title="step", from_zero=True)
    shown = spread_frames(measured, options.pictures)
    pictures = "".join(picture_row(frame, measured, PLAIN) for frame in shown)
    caption = (
        f"{data_note(source)} Eight frames of {options.size} teach, and the same eight judge. The paper's minutes are "
        f"for its own iterations on its own machine."
    )
    head, rows = ["", *ENCODERS], _overfitting_rows(measured, options)
    return Exhibit(
        "Figure 3: overfitting",
        caption,
        f"{table(head, rows)}<div class=plots>{plot}</div>{pictures}",
        {"figure3.md": markdown(head, rows), "figure3-loss.svg": standalone(plot)},
    )


def curves_figure(material: Material) -> Exhibit:
    """Figure 4: the loss of the training, on the frames that teach and on those that judge."""
    run = material.training
    lines = [Line(name, run.column(f"{kind}_loss"), turn * 2) for turn, (kind, name) in enumerate(_LOSSES.items())]
    plot = line_chart("loss", lines, x_title="epoch", from_zero=True)
    where = f"{data_note(material.source)} " if material.taught_on_source else ""
    caption = f"{where}{material.training_note}"
    return Exhibit(
        "Figure 4: loss curves", caption, f"<div class=plots>{plot}</div>", {"figure4.svg": standalone(plot)}
    )


def predictions_figure(material: Material) -> Exhibit:
    """Figure 5: frames that did not teach: picture, measured depth, prediction, error."""
    measured = material.measured(PLAIN.name)
    frames = spread_frames([measured], material.options.pictures)
    rows = "".join(picture_row(frame, [measured], PLAIN) for frame in frames)
    caption = (
        f"{data_note(material.source)} {material.training_note} Errors are blue where the model says too near, red "
        f"where too far."
    )
    return Exhibit("Figure 5: predictions", caption, rows)


_LOSSES = {"train": "frames that teach", "val": "frames that judge"}


def _overfitting_rows(measured: Sequence[Measured], options: ReproduceOptions) -> list[list[str]]:
    """The table of Figure 3, a column for each encoder."""
    scores = [one.evaluation.own() for one in measured]
    facts = {
        "weights at first": [one.run.weights for one in measured],
        "steps": [f"{one.run.rows[-1]['step']:,.0f}" for one in measured],
        "learning rate": [f"{one.run.recipe.optim.learning_rate:g}" for one in measured],
        "rel": [f"{model.rel:.3f}" for model, _ in scores],
        "rel of a constant": [f"{constant.rel:.3f}" for _, constant in scores],
        "rms [m]": [f"{model.rms:.3f}" for model, _ in scores],
        "minutes": [f"{one.run.rows[-1]['seconds'] / 60:.1f}" for one in measured],
        "minutes, the paper's claim": [str(OVERFITTING_MINUTES[encoder]) for encoder in ENCODERS],
        **_timing(options),
    }
    return [[name, *cells] for name, cells in facts.items()]


def _timing(options: ReproduceOptions) -> dict[str, list[str]]:
    """Rows of Figure 3: the encoders' training steps side by side; none without rounds."""
    if not options.rounds:
        return {}
    height, width = read_size(options.size)
    steps = [
        one.timings[STEP] for one in time_steps(ENCODERS, batch=8, height=height, width=width, rounds=options.rounds)
    ]
    ratios = [f"{step.ratio.median:.1f} ({step.ratio.low:.1f} to {step.ratio.high:.1f})" for step in steps[1:]]
    return {
        f"a step in turns, median of {options.rounds}": [f"{step.latency.median_ms:,.0f} ms" for step in steps],
        "times as long (10-90 %)": ["1", *ratios],
    }


def _example(source: Source, frame: Frame) -> str:
    sample = source.read(frame)
    photograph = at_page_height(sample.image)
    height, width = photograph.shape[:2]
    near_m, far_m = depth_range_m(sample.depth_m)
    depth_m = under_centres(sample.depth_m, height=height, width=width)
    both = np.concatenate([photograph, colorize(depth_m, near_m=near_m, far_m=far_m)])
    return figure(both, f"{frame.identity}: {near_m:.2f} to {far_m:.2f} m")
