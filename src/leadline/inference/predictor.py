"""One call for every runtime: a photograph in, metres out."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.box import find_model
from leadline.depth.camera import Camera
from leadline.depth.correction import Correction
from leadline.depth.depth_map import DepthMap
from leadline.depth.images import read_focal_px, read_image
from leadline.errors import InputError, ModelFileError, PointsRefused, UsageError
from leadline.inference.runtimes.catalog import open_model
from leadline.inference.runtimes.contract import Network
from leadline.model_card import ModelCard, read_card
from leadline.parallel import cores, in_order
from leadline.scale.fit import Scaled, scale_to_points
from leadline.scale.points import Points
from leadline.scale.robust import SCALE_SIGMA

Picture: TypeAlias = Path | str | Image.Image | NDArray[np.uint8]
"""A file, a Pillow picture, or an array (H, W, 3) uint8 RGB."""

LEAST_SHARE = 0.5
"""Below this share of the network's input that a picture fills, its shape is too far from the training's."""


PointsLike: TypeAlias = Points | NDArray | list[Any]
"""`Points`, or numbers (n, 3): column, row, metres."""


class PointsDoNotHelp(UserWarning):
    """Measured distances that contradict one another or the picture: the depth is as if there were none."""


class UnusualShape(UserWarning):
    """A picture far longer or higher than those of the training: expect worse depth."""


class Predictor:
    """A loaded model; safe to use from several threads.

    Attributes:
        card: what the model file says about itself.
        network: the bare network, from framed pictures to metres at its own resolution.
    """

    def __init__(self, network: Network, card: ModelCard) -> None:
        self.card = card
        self.network = network

    @overload
    def predict(
        self,
        image: Picture,
        *,
        focal_px: float | None = None,
        camera: Camera | None = None,
        points: PointsLike | None = None,
    ) -> DepthMap: ...
    @overload
    def predict(
        self,
        image: list[Any],
        *,
        focal_px: float | None = None,
        camera: Camera | None = None,
        points: list[Any] | None = None,
    ) -> list[DepthMap]: ...  # of Pictures, and of PointsLike or None
    def predict(
        self,
        image: Picture | list[Any],
        *,
        focal_px: float | None = None,
        camera: Camera | None = None,
        points: PointsLike | list[Any] | None = None,
    ) -> DepthMap | list[DepthMap]:
        """Metric depth of a photograph, or of each of several, at its own resolution.

        Args:
            image: a file, a Pillow picture, an array (H, W, 3) uint8 RGB, or a list of them, worked on side by side.
            focal_px: focal length of the photographs in their pixels; it places points in space, and a model that was
                taught with a known camera has its metres by it. None: what the EXIF of a file says, and else that of
                the training camera.
            camera: instead of it, where more than the focal length is known; of the photographs' size.
            points: pixels of the photograph with measured distances, (n, 3) columns, rows and metres along the camera's
                axis, from one to hundreds, outliers among them; for a list a list, in its order, with None for those
                without. They set the scale, and from eight on the factor of each place; where they do not help, the
                depth stays as it is, with the warning `PointsDoNotHelp`.

        Returns:
            Metres within the model's range (times the ratio of focal lengths), float32, with the photograph and its
            camera beside them; for a list a list, in its order.

        Raises:
            InputError: no photograph that can be read, or points that are not in it or not > 0.
            UsageError: a focal length that is not positive, a camera of another size, or not as many lists of points
                as photographs.
            ModelFileError: the model does not run, or not as its card says.
        """
        if focal_px is not None and not focal_px > 0:
            raise UsageError(f"focal_px must be positive, got {focal_px}")
        if focal_px is not None and camera is not None:
            raise UsageError("a camera has its focal length; give focal_px or camera")
        predict_one = partial(self._predict_one, focal_px=focal_px, camera=camera)
        if not isinstance(image, list):
            return predict_one((image, points))
        of_each: list[Any] = [None] * len(image) if points is None else list(cast("list[Any]", points))
        if len(of_each) != len(image):
            raise UsageError(f"points for {len(of_each)} of {len(image)} photographs; give None for those without")
        return list(in_order(predict_one, zip(image, of_each, strict=True), workers=cores()))

    def tensor(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network is given for a photograph, the same to the last bit whatever runs it.

        Args:
            pixels: (H, W, 3) uint8 RGB.

        Returns:
            (1, 3, height, width) float32 RGB in [0, 1], of the card's height and width.
        """
        framed = self.card.framing.image(pixels)
        return np.ascontiguousarray(framed.transpose(2, 0, 1)[None], np.float32) / np.float32(255)

    def shape_doubt(self, *, height: int, width: int) -> str | None:
        """Why the shape of a picture makes its depth doubtful; None when it does not.

        Example:
            >>> card = ModelCard("yolov8n", "linear", 0.1, 10.0, height=240, width=320, fit="letterbox")
            >>> Predictor(lambda tensor: tensor, card).shape_doubt(height=300, width=1200)
            "a picture of 1200x300 fills 33% of the network's input of 320x240; expect worse depth, or cut it"
        """
        relative = (width / height) / (self.card.width / self.card.height)
        share = min(relative, 1 / relative)
        if share >= LEAST_SHARE:
            return None
        how = "fills" if self.card.fit == "letterbox" else "is squeezed to"
        return (
            f"a picture of {width}x{height} {how} {share:.0%} of the network's input of {self.card.width}x"
            f"{self.card.height}; expect worse depth, or cut it"
        )

    def known_focal_px(self, image: object) -> float | None:
        """The focal length that a file's EXIF says; None when there is none."""
        return read_focal_px(Path(image)) if isinstance(image, (str, Path)) else None

    def _predict_one(
        self, image_and_points: tuple[Picture, PointsLike | None], *, focal_px: float | None, camera: Camera | None
    ) -> DepthMap:
        image, points = image_and_points
        pixels = _pixels(image)
        height, width = pixels.shape[:2]
        doubt = self.shape_doubt(height=height, width=width)
        if doubt is not None:
            warnings.warn(doubt, UnusualShape, stacklevel=3)
        if camera is None:
            focal_px = focal_px or self.known_focal_px(image) or self.card.focal_px(height=height, width=width)
            camera = Camera.centred(focal_px=focal_px, width=width, height=height)
        camera.demand_size(height=height, width=width)
        factor = self.card.metres_per_said(camera.fx_px, height=height, width=width)
        said_m, laplace = self._said(self.tensor(pixels))
        if self.card.correction is not None and not self.card.is_corrected:
            said_m = self.card.correction.apply(said_m)
        said_m = said_m * np.float32(factor)
        correction = None
        if points is not None:
            said_m, correction = self._scaled(said_m, points, height=height, width=width)
        restore = partial(self.card.framing.restore, height=height, width=width)
        of_scale = math.sqrt(2) * self.card.scale_error
        if correction is not None and correction.refused is None:  # points have set it, and know how well
            of_scale = correction.error
        sigma_m = None if laplace is None else partial(_sigma_m, said_m, laplace, of_scale, restore)
        return DepthMap(restore(said_m), pixels, camera, correction, sigma_m)

    def _scaled(self, depth_m: NDArray[np.float32], points: PointsLike, *, height: int, width: int) -> Scaled:
        """The network's map with the scale of the points, which are moved into it."""
        points = points if isinstance(points, Points) else Points.from_rows(points)
        points.demand_within(height=height, width=width)
        x, y = self.card.framing.shares(points.x_px, points.y_px, height=height, width=width)
        inside = Points(x * depth_m.shape[1] - 0.5, y * depth_m.shape[0] - 0.5, points.metres)
        try:
            return scale_to_points(depth_m, inside)
        except PointsRefused as error:
            warnings.warn(str(error), PointsDoNotHelp, stacklevel=4)
            refused = Correction("scale", offset=0.0, error=SCALE_SIGMA, points=len(points), refused=str(error))
            return Scaled(depth_m, refused)

    def _said(self, tensor: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Metres, and where the network says it the Laplace scale of the log error that a right scale leaves."""
        try:
            output = np.asarray(self.network(tensor), np.float32)
        except Exception as error:  # each runtime has exceptions of its own
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ModelFileError(f"the model does not run on a picture {tensor.shape}: {reason}") from error
        channels = 2 if self.card.says_sigma else 1
        if output.ndim != 4 or output.shape[:2] != (1, channels):
            raise ModelFileError(
                f"the model gives an array {output.shape} where depth is (1, {channels}, height, width)"
            )
        if not np.isfinite(output).all():
            raise ModelFileError("the model gave NaN or infinite depth; its weights are damaged")
        return output[0, 0], output[0, 1] if self.card.says_sigma else None


def load(
    model: Path | str | None = None, *, device: str = "auto", backend: str = "auto", threads: int | None = None
) -> Predictor:
    """A model ready to predict.

    Args:
        model: a file, or the name of a model in the box; the default one (`nano`) when None.
        device: auto, cpu or cuda.
        backend: what runs it: auto (by the suffix), or a name of `leadline.inference.runtimes.catalog.RUNTIMES`.
        threads: for one prediction; None leaves it to the runtime.

    Raises:
        ModelFileError: missing, damaged, made by a newer version, or not a leadline model.
        UsageError: a device or a backend that is not there.
    """
    path = find_model(model)
    opened = open_model(path, device=device, backend=backend, threads=threads)
    card, _ = read_card(opened.metadata, name=str(path))
    return Predictor(opened.network, card)


def _sigma_m(
    depth_m: NDArray[np.float32],
    laplace: NDArray[np.float32],
    of_scale: float,
    restore: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """One standard deviation at the photograph's size: of a Laplace distribution, and of the scale beside it."""
    return restore(depth_m * np.hypot(math.sqrt(2) * laplace, np.float32(of_scale)))


def _pixels(image: Picture) -> NDArray[np.uint8]:
    if isinstance(image, (str, Path)):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return np.array(image.convert("RGB"))
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or 0 in image.shape:
        raise InputError(f"an image is an array (H, W, 3) of uint8 in RGB, got {image.shape} {image.dtype}")
    return image
