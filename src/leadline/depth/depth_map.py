"""The result of a prediction: metres for each pixel of a photograph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from leadline.depth.camera import Camera
from leadline.depth.colors import colorize, depth_range_m, legend
from leadline.depth.correction import Correction
from leadline.depth.files import write_depth16, write_npy, write_npz
from leadline.depth.floor import Floor, find_floor
from leadline.depth.framing import under_centres
from leadline.depth.images import write_image
from leadline.depth.points import Surface, back_project, surface, surface_normals, thinned
from leadline.depth.surface_files import write_glb, write_ply
from leadline.errors import UsageError

SaveKind = Literal["depth16", "npy", "color", "side", "ply", "glb", "sigma16", "npz"]
SAVE_KINDS: tuple[SaveKind, ...] = get_args(SaveKind)
SAVE_SUFFIXES: dict[SaveKind, str] = {
    "depth16": ".png",
    "npy": ".npy",
    "color": ".png",
    "side": ".png",
    "ply": ".ply",
    "glb": ".glb",
    "sigma16": ".png",
    "npz": ".npz",
}
IN_SPACE: tuple[SaveKind, ...] = ("ply", "glb")
"""The kinds that need the camera, and trimesh."""
LARGEST_SURFACE_PX = 640
"""Points and meshes of larger maps are made of a grid of this many pixels on the longer side: four times the network's
own resolution, so that nothing is lost, and a photograph of 12 megapixels gives a mesh that can be opened."""


_Given: TypeAlias = NDArray[np.float32] | Callable[[], NDArray[np.float32]] | None


class _MadeWhenRead:
    """A field that may be given as a function, which is called when the field is read first.

    Two threads that read it first at once make the same map twice, which harms nobody.
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __set__(self, instance: object, value: _Given) -> None:
        instance.__dict__[self._name] = value

    def __get__(self, instance: object | None, owner: type) -> NDArray[np.float32] | None:
        if instance is None:
            return None  # of the class: what a dataclass takes for the field's default
        value: _Given = instance.__dict__[self._name]
        if callable(value):
            value = instance.__dict__[self._name] = value()
        return value


if TYPE_CHECKING:
    _Sigma: TypeAlias = _MadeWhenRead  # which gives another type than it is given
else:
    _Sigma = _Given


@dataclass(frozen=True)
class DepthMap:
    """Metric depth of one photograph.

    Args:
        metres: (H, W) float32, distance along the camera's axis; NaN where unknown.
        image: (H, W, 3) uint8 RGB, the photograph, when it is at hand.
        camera: that took it, of H x W pixels; a predictor gives the one it was told, or read in the EXIF, or else
            supposes that of the training.
        sigma_m: (H, W) float32, one standard deviation of the error in metres, of models that say it: by a Laplace
            distribution half of the errors are below 0.49 of it, 95 % below 2.1. It is less where points set the
            scale. May be given as a function that makes it, which is then called when it is first read: few do.
        correction: what points measured in this photograph made of the model's metres, or why nothing; None without
            points.

    Raises:
        ValueError: another shape or type; of a sigma that a function makes nothing is demanded.

    Example:
        >>> import numpy as np
        >>> DepthMap(np.full((2, 3), 1.5, np.float32)).metres.mean()
        np.float32(1.5)
    """

    metres: NDArray[np.float32]
    image: NDArray[np.uint8] | None = None
    camera: Camera | None = None
    correction: Correction | None = None
    sigma_m: _Sigma = _MadeWhenRead()

    def __post_init__(self) -> None:
        metres, image, camera = self.metres, self.image, self.camera
        if not (isinstance(metres, np.ndarray) and metres.ndim == 2 and metres.dtype == np.float32):
            got = f"{metres.shape} {metres.dtype}" if isinstance(metres, np.ndarray) else type(metres).__name__
            raise ValueError(f"depth must be (H, W) float32 in metres, got {got}; did you pass the image?")
        if image is not None and (image.shape != (*metres.shape, 3) or image.dtype != np.uint8):
            raise ValueError(
                f"the image must be {(*metres.shape, 3)} uint8 like its depth, got {image.shape} {image.dtype}"
            )
        if camera is not None and (camera.height, camera.width) != metres.shape:
            raise ValueError(
                f"the camera must be of {metres.shape[1]}x{metres.shape[0]} pixels like its depth, got {camera.width}x"
                f"{camera.height}; Camera.scaled_to gives it for another size"
            )
        sigma_m = self.__dict__["sigma_m"]  # without making it
        if isinstance(sigma_m, np.ndarray) and (sigma_m.shape != metres.shape or sigma_m.dtype != np.float32):
            got = f"{sigma_m.shape} {sigma_m.dtype}"
            raise ValueError(f"sigma must be {metres.shape} float32 like its depth, got {got}")

    def points(self, camera: Camera | None = None) -> NDArray[np.float32]:
        """The point in space that each pixel sees, in the camera's axes: x to the right, y down, z forward.

        Args:
            camera: the map's own when None.

        Returns:
            (H, W, 3) float32 metres, NaN where the depth is unknown.

        Raises:
            UsageError: no camera is known, or it is of another size.
        """
        return back_project(self.metres, self._known_camera(camera))

    def normals(self, camera: Camera | None = None) -> NDArray[np.float32]:
        """Which way the surface at each pixel faces, over neighbours that lie a network's pixel away.

        Args:
            camera: the map's own when None.

        Returns:
            (H, W, 3) float32 of length 1, towards the camera; NaN where unknown and along the border.

        Raises:
            UsageError: no camera is known, or it is of another size.
        """
        reach_px = max(1, max(self.metres.shape) // _NETWORK_PX)
        return surface_normals(self.points(camera), reach_px=reach_px)

    def floor(self, camera: Camera | None = None) -> Floor | None:
        """The floor and the camera's height above it, or None where no large plane faces up.

        Args:
            camera: the map's own when None; held upright within 50 degrees.

        Raises:
            UsageError: no camera is known, or it is of another size.
        """
        return find_floor(self.points(camera), self.normals(camera))

    def surface(
        self, camera: Camera | None = None, *, voxel_m: float = 0.0, largest_side_px: int = LARGEST_SURFACE_PX
    ) -> Surface:
        """Coloured points and triangles, without the pixels that fly between near and far.

        Args:
            camera: the map's own when None.
            voxel_m: one point for each cube of this side; 0: one for each pixel of the grid.
            largest_side_px: of the grid of pixels that becomes points; smaller maps are taken as they are.

        Raises:
            UsageError: no camera is known, or it is of another size.
        """
        camera = self._known_camera(camera)
        scale = min(1.0, largest_side_px / max(self.metres.shape))
        height, width = (max(1, round(size * scale)) for size in self.metres.shape)
        depth_m = under_centres(self.metres, height=height, width=width)
        image = self.image if self.image is not None else self._colors()
        camera = camera.placed(width=width, height=height, left=0, top=0, inner_width=width, inner_height=height)
        colors = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        whole = surface(back_project(depth_m, camera), colors)
        return thinned(whole, voxel_m=voxel_m) if voxel_m else whole

    def color(self, *, near_m: float | None = None, far_m: float | None = None) -> NDArray[np.uint8]:
        """Depth as colours, near red and far blue, with a legend in metres below.

        Args:
            near_m: reddest depth; the nearest in the map (first hundredth) when None.
            far_m: bluest depth; the farthest in the map (last hundredth) when None.

        Returns:
            (H + legend, W, 3) uint8, RGB.
        """
        own_near_m, own_far_m = depth_range_m(self.metres)
        near_m = own_near_m if near_m is None else near_m
        far_m = max(own_far_m if far_m is None else far_m, near_m + 0.01)
        colors = colorize(self.metres, near_m=near_m, far_m=far_m)
        return np.concatenate([colors, legend(width=colors.shape[1], near_m=near_m, far_m=far_m)])

    def side_by_side(self, *, near_m: float | None = None, far_m: float | None = None) -> NDArray[np.uint8]:
        """The photograph and its colours beside one another.

        Args:
            near_m: as in `color`.
            far_m: as in `color`.

        Returns:
            (H + legend, 2 W, 3) uint8, RGB.

        Raises:
            UsageError: the photograph is not at hand.
        """
        if self.image is None:
            raise UsageError("side by side needs the photograph: DepthMap(metres, image=...)")
        colors = self.color(near_m=near_m, far_m=far_m)
        below = np.full((colors.shape[0] - self.image.shape[0], self.image.shape[1], 3), 255, np.uint8)
        return np.concatenate([np.concatenate([self.image, below]), colors], axis=1)

    def save(self, path: Path | str, *, kind: SaveKind | None = None, voxel_m: float = 0.0) -> None:
        """Write the map, atomically.

        Args:
            path: the file. `.npy` holds float32 metres, `.png` 16-bit millimetres unless `kind` says otherwise, `.ply`
                coloured points and `.glb` a coloured mesh, `.npz` arrays `metres` and, where it is known, `sigma_m`.
            kind: one of SAVE_KINDS; by the suffix when None. "sigma16" is sigma in 16-bit millimetres.
            voxel_m: for points and meshes, as in `surface`.

        Raises:
            UsageError: a suffix that does not fit the kind; points without a camera, or without trimesh; sigma of a
                model that does not say it.
            OutputError: no space or no permission.
        """
        path = Path(path)
        if kind is None:
            kind = _KIND_BY_SUFFIX.get(path.suffix.lower(), "depth16")
        if path.suffix.lower() != SAVE_SUFFIXES[kind] and kind not in ("color", "side"):
            raise UsageError(f"{path}: {kind} is written as {SAVE_SUFFIXES[kind]}")
        if kind == "depth16":
            write_depth16(path, self.metres)
        elif kind == "npy":
            write_npy(path, self.metres)
        elif kind == "npz":
            write_npz(path, metres=self.metres, **({} if self.sigma_m is None else {"sigma_m": self.sigma_m}))
        elif kind == "sigma16":
            if self.sigma_m is None:
                raise UsageError("this model does not say how far it is to be trusted; `leadline doubt` teaches it")
            write_depth16(path, self.sigma_m)
        elif kind == "ply":
            write_ply(path, self.surface(voxel_m=voxel_m))
        elif kind == "glb":
            write_glb(path, self.surface(voxel_m=voxel_m))
        else:
            write_image(path, self.color() if kind == "color" else self.side_by_side())

    def _colors(self) -> NDArray[np.uint8]:
        near_m, far_m = depth_range_m(self.metres)
        return colorize(self.metres, near_m=near_m, far_m=far_m)

    def _known_camera(self, camera: Camera | None) -> Camera:
        camera = camera or self.camera
        if camera is None:
            raise UsageError("points need the camera: DepthMap(metres, camera=Camera.centred(focal_px=..., ...))")
        height, width = self.metres.shape
        camera.demand_size(height=height, width=width)
        return camera


_KIND_BY_SUFFIX: dict[str, SaveKind] = {".npy": "npy", ".npz": "npz", ".ply": "ply", ".glb": "glb"}
_NETWORK_PX = 160
