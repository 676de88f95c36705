"""`leadline calibrate`: measured distances in photographs of where a model works correct its metres, once for all."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from leadline.box import find_model
from leadline.calibration.stored_card import write_with_card
from leadline.depth.camera import Camera
from leadline.depth.depth_map import DepthMap
from leadline.depth.images import read_image
from leadline.errors import InputError, PointsRefused, UsageError
from leadline.inference.predict import find_images
from leadline.inference.predictor import Predictor, UnusualShape
from leadline.inference.runtimes.catalog import open_model
from leadline.model_card import read_card
from leadline.options import CalibrateOptions
from leadline.scale.choose import PICTURES_TO_LEAVE_OUT, Choice, choose_correction
from leadline.scale.points import Points
from leadline.scale.readings import PointsOf, open_readings


def calibrate_command(options: CalibrateOptions) -> None:
    """Calibrate, and print what each form of correction says of points left out."""
    out, choice = calibrate(options)
    table = Table("correction")
    table.add_column("off by, where left out", justify="right")
    for name, error in choice.left_out.items():
        taken = "  <- taken" if name == choice.correction.form else ""
        table.add_row(f"{name}{taken}", f"{math.expm1(error):.1%}")
    Console(width=100).print(table)
    print(f"{out}: the model's metres {choice.correction}")
    if choice.correction.pictures < PICTURES_TO_LEAVE_OUT:
        print(
            f"Learnt from {choice.correction.pictures} of the {PICTURES_TO_LEAVE_OUT} photographs or more that would "
            f"show whether it holds for others; the error bar is for those that it was learnt from"
        )


def calibrate(options: CalibrateOptions) -> tuple[Path, Choice]:
    """Find the correction that measured distances ask for, and write the model with it.

    An earlier correction of the model is forgotten: this one is for what the network itself says.

    Returns:
        The file that was written, and how its correction was chosen.

    Raises:
        PointsRefused: no correction helps; says how far off each is. Nothing is written then.
        InputError: no photographs, no points, or one of them that cannot be used.
        UsageError: neither points nor a height, or a model whose graph is corrected already.
    """
    model = find_model(options.model)
    opened = open_model(model, device=options.device, backend=options.backend)
    card, beside = read_card(opened.metadata, name=str(model))
    if card.is_corrected:
        raise UsageError(
            f"{model}: was exported from a calibrated model, and its graph corrects its metres already; calibrate the "
            f"model that it was exported from, and export that again"
        )
    predictor = Predictor(opened.network, replace(card, correction=None))
    pairs = _measured(predictor, options)
    choice = choose_correction(pairs.predicted_m, pairs.measured_m, pairs.picture, scale_sigma=math.inf)
    _demand_help(choice)
    out = options.out or Path(f"{model.stem}-calibrated{model.suffix}")
    write_with_card(model, out, replace(card, correction=choice.correction).to_json(**beside))
    return out, choice


class _Pairs(NamedTuple):
    """What the network says, in its own metres, and what was measured, (n,) each; and in which photograph."""

    predicted_m: np.ndarray
    measured_m: np.ndarray
    picture: np.ndarray


def _measured(predictor: Predictor, options: CalibrateOptions) -> _Pairs:
    images = find_images([options.images])
    if options.points is None and options.camera_height_m is None:
        raise UsageError("give what was measured: --points FILE, or --camera-height-m above the floor, or both")
    points_of = None if options.points is None else open_readings(options.points, pictures=len(images))
    parts = []
    for number, image in enumerate(images):
        found = _in_picture(predictor, image, points_of, options)
        parts += [_Pairs(*pair, np.full(len(pair[0]), number)) for pair in found]
    if not parts:
        raise InputError(
            f"nothing was measured in any of {len(images)} photographs of {options.images}: no points for them (do the "
            f"names fit?), or no floor in sight"
        )
    return _Pairs(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _in_picture(
    predictor: Predictor, image: Path, points_of: PointsOf | None, options: CalibrateOptions
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Predicted and measured metres of the points of one photograph, and of the camera's height."""
    pixels = read_image(image)
    height, width = pixels.shape[:2]
    focal_px = options.focal_px or predictor.known_focal_px(image)
    camera = None if focal_px is None else Camera.centred(focal_px=focal_px, width=width, height=height)
    points = None if points_of is None else points_of(image, height=height, width=width, camera=camera)
    if points is None and options.camera_height_m is None:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusualShape)
        depth = predictor.predict(pixels, camera=camera)
    # The network's own metres, which are those of its training camera: there the card corrects them.
    factor = predictor.card.metres_per_said(focal_px, height=height, width=width)
    pairs = [] if points is None else [_at_points(depth, points)]
    if options.camera_height_m is not None:
        pairs += _at_floor(depth, options.camera_height_m)
    return [(predicted / factor, measured / factor) for predicted, measured in pairs]


def _at_points(depth: DepthMap, points: Points) -> tuple[np.ndarray, np.ndarray]:
    height, width = depth.metres.shape
    return depth.metres[points.pixels(height=height, width=width)], points.metres


def _at_floor(depth: DepthMap, camera_height_m: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """The camera's height as one measurement: depths and heights are wrong by the same factor."""
    floor = depth.floor()
    return [] if floor is None else [(np.array([floor.camera_height_m]), np.array([camera_height_m]))]


def _demand_help(choice: Choice) -> None:
    correction = choice.correction
    if not choice.left_out:
        raise PointsRefused("one point cannot say whether a correction helps; give more, best of several photographs")
    if 3 * (correction.points - correction.ignored) < correction.points:
        raise PointsRefused(
            f"{correction.ignored} of {correction.points} points contradict the others, so nothing was written; are "
            f"they in metres, and of these pixels?"
        )
    if not choice.is_meant:
        raise PointsRefused(
            f"the points ask for {correction}, which cannot be meant, so nothing was written; are they in metres?"
        )
    if choice.gain <= choice.gain_error:
        raise PointsRefused(
            f"no correction helps, so nothing was written: points left out are off by {choice.in_words()}. Either the "
            f"model is right, or it errs differently in each photograph; then points of each help: predict --points"
        )
