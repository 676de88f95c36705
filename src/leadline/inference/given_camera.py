"""The camera that the command line gives, and what else it gives that nothing has a use for."""

from __future__ import annotations

from collections.abc import Sequence

from leadline.depth.camera import Camera
from leadline.depth.depth_map import IN_SPACE
from leadline.errors import InputError, UsageError
from leadline.inference.predictor import Predictor
from leadline.options import PredictOptions, read_intrinsics


def given_camera(options: PredictOptions, *, height: int, width: int, name: str) -> Camera | None:
    """What --intrinsics or --focal-px say of a picture of this size; None where neither is given.

    Args:
        options: with the flags.
        height: of the picture, in pixels.
        width: of the picture, in pixels.
        name: of the picture, for messages.

    Raises:
        InputError: that cannot be the camera of this picture.
        UsageError: intrinsics that cannot be read.
    """
    if options.intrinsics is not None:
        flag, camera = "--intrinsics", Camera(*read_intrinsics(options.intrinsics), width=width, height=height)
    elif options.focal_px is not None:
        flag, camera = "--focal-px", Camera.centred(focal_px=options.focal_px, width=width, height=height)
    else:
        return None
    x, y = camera.cx_px / width, camera.cy_px / height
    if not (_MARGIN <= x <= 1 - _MARGIN and _MARGIN <= y <= 1 - _MARGIN):
        raise InputError(
            f"{name}: {flag} have their centre at ({camera.cx_px:g}, {camera.cy_px:g}), far from the middle of this "
            f"picture of {width}x{height}; are they those of another size?"
        )
    if not _NARROWEST_DEG <= camera.fov_deg <= _WIDEST_DEG:
        raise InputError(
            f"{name}: with {flag} of {camera.fx_px:g} this picture of {width}x{height} would be {camera.fov_deg:.1f} "
            f"degrees wide; is that in pixels, and of this size?"
        )
    return camera


def uses_camera(kinds: Sequence[str], predictor: Predictor) -> bool:
    """Whether the camera changes what is written, or the metres themselves."""
    return not {*kinds}.isdisjoint(IN_SPACE) or predictor.card.canonical_focal is not None


def demand_use(options: PredictOptions, kinds: Sequence[str], predictor: Predictor, *, streams: bool) -> None:
    """Refuse what this model cannot say, and flags that would not be regarded.

    Args:
        options: with the flags.
        kinds: what is to be written.
        predictor: the model.
        streams: whether the inputs are streams, not photographs.

    Raises:
        UsageError: says which.
    """
    if "sigma16" in kinds and not predictor.card.says_sigma:
        raise UsageError(
            "--save sigma16: this model does not say how far it is to be trusted; `leadline doubt` teaches it"
        )
    for flag in ("live", "range_m", "fps"):
        if not streams and getattr(options, flag):
            raise UsageError(f"--{flag.replace('_', '-')} is for streams, and the inputs are photographs; leave it out")
    if options.voxel_m and {*kinds}.isdisjoint(IN_SPACE):
        raise UsageError(f"--voxel thins points and meshes, and none are written; --save {','.join(IN_SPACE)} would")
    if options.intrinsics is not None:
        read_intrinsics(options.intrinsics)  # once, before anything is done
    is_given = options.intrinsics is not None or options.focal_px is not None
    if is_given and options.points is None and not uses_camera(kinds, predictor):
        raise UsageError(
            f"--focal-px, --intrinsics: {predictor.card.encoder} was taught without regard to cameras, and cannot use "
            f"them, and neither can what is written; --save {','.join(IN_SPACE)} would"
        )


_MARGIN = 0.1
"""Of the picture's sides: a centre beyond it is that of a picture of half the size, or was given in another order."""
_NARROWEST_DEG, _WIDEST_DEG = 2.0, 160.0
