"""Figure 1, Table 3 and Figures 3 to 5: of frames, and of what was learned from them."""

from __future__ import annotations

import numpy as np

from leadline.data.order import evenly
from leadline.data.sample import Frame, Source
from leadline.depth.colors import colorize, depth_range_m
from leadline.depth.framing import under_centres
from leadline.evaluation.protocols import PLAIN, PROTOCOLS
from leadline.options import ReproduceOptions, read_size
from leadline.report.pictures import at_page_height, figure, picture_row, spread_frames
from leadline.report.plots import Line, line_chart, standalone
from leadline.reproduction.claims import OVERFITTING_MINUTES
from leadline.reproduction.exhibit import Exhibit, data_note, table_exhibit
from leadline.reproduction.material import Material, measure
from leadline.reproduction.networks import ENCODERS
from leadline.reproduction.step_time import STEP, time_steps
from leadline.reproduction.trainings import overfitting, pace_note

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
    run, rows = material.training, []
    for name in NYU_PROTOCOLS:
        measured = material.measured(name)
        model, constant = measured.evaluation.own()
        for said, metrics in ((f"{name} v{PROTOCOLS[name].version}", model), ("  constant prediction", constant)):
            rows.append([said, str(len(measured.evaluation.scores)), *(f"{getattr(metrics, m):.3f}" for m in SHOWN)])
    seen = "" if run.judges_are_unseen else " The paper splits by frame: what is measured may show rooms that taught."
    caption = (
        f"{data_note(material.source)} {pace_note(run)}. Aligned protocols correct each frame by its own truth.{seen}"
    )
    return table_exhibit("Table 3: evaluation", caption, ["protocol", "frames", *SHOWN], rows, name="table3")


def overfitting_figure(material: Material) -> Exhibit:
    """Figure 3: eight frames learned by heart by both encoders: picture, measured depth, prediction, error."""
    options, source = material.options, material.source
    parts, notes = [], []
    scores: list[Line] = []
    for encoder in ENCODERS:
        run = overfitting(options, encoder, material.console)
        measured = measure(run, source, None, PLAIN.name)
        model, constant = measured.evaluation.own()
        notes.append(f"{pace_note(run)}: rel {model.rel:.3f} (constant {constant.rel:.3f}), rms {model.rms:.3f} m.")
        frames = spread_frames([measured], options.pictures)
        parts.append(f"<h3>{encoder}</h3>" + "".join(picture_row(frame, [measured], PLAIN) for frame in frames))
        scores.append(Line(encoder, run.column("val_loss"), 2 * len(scores)))
    plot = line_chart("loss on the eight frames", scores, x_title="step", from_zero=True)
    caption = f"{data_note(source)} {' '.join(notes)} {_timing(options)}"
    body = f"<div class=plots>{plot}</div>{''.join(parts)}"
    return Exhibit("Figure 3: overfitting", caption, body, {"figure3-loss.svg": standalone(plot)})


def curves_figure(material: Material) -> Exhibit:
    """Figure 4: the loss of the training, on the frames that teach and on those that judge."""
    run = material.training
    lines = [Line(name, run.column(f"{kind}_loss"), turn * 2) for turn, (kind, name) in enumerate(_LOSSES.items())]
    plot = line_chart("loss", lines, x_title="epoch", from_zero=True)
    caption = f"{data_note(material.source)} {pace_note(run)}."
    return Exhibit(
        "Figure 4: loss curves", caption, f"<div class=plots>{plot}</div>", {"figure4.svg": standalone(plot)}
    )


def predictions_figure(material: Material) -> Exhibit:
    """Figure 5: frames that did not teach: picture, measured depth, prediction, error."""
    measured = material.measured(PLAIN.name)
    frames = spread_frames([measured], material.options.pictures)
    rows = "".join(picture_row(frame, [measured], PLAIN) for frame in frames)
    return Exhibit("Figure 5: predictions", f"{data_note(material.source)} {pace_note(material.training)}.", rows)


_LOSSES = {"train": "frames that teach", "val": "frames that judge"}


def _timing(options: ReproduceOptions) -> str:
    """The two encoders' training steps side by side, beside the paper's minutes."""
    if not options.rounds:
        return ""
    height, width = read_size(options.size)
    small, large = time_steps(ENCODERS, batch=8, height=height, width=width, rounds=options.rounds)
    took = [f"{one.timings[STEP].latency.median_ms:,.0f} ms" for one in (small, large)]
    ratio = large.timings[STEP].ratio
    claimed = [OVERFITTING_MINUTES[encoder] for encoder in ENCODERS]
    said = [
        f"A step of 8 pictures of {height}x{width}, in turns, {options.rounds} rounds, median:",
        f"{ENCODERS[0]} {took[0]}, {ENCODERS[1]} {took[1]}, {ratio.median:.1f} times as long",
        f"(a tenth of the rounds below {ratio.low:.1f}, a tenth above {ratio.high:.1f}).",
        f"The paper claims {claimed[0]} against {claimed[1]} minutes for the same iterations on its machine,",
        f"{claimed[1] / claimed[0]:.1f} times as long.",
    ]
    return " ".join(said)


def _example(source: Source, frame: Frame) -> str:
    sample = source.read(frame)
    photograph = at_page_height(sample.image)
    height, width = photograph.shape[:2]
    near_m, far_m = depth_range_m(sample.depth_m)
    depth_m = under_centres(sample.depth_m, height=height, width=width)
    both = np.concatenate([photograph, colorize(depth_m, near_m=near_m, far_m=far_m)])
    return figure(both, f"{frame.identity}: {near_m:.2f} to {far_m:.2f} m")
