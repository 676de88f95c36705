"""The paper's augmentations, on whole batches on the device: mirror image, permutation of the colour channels."""

import itertools

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from leadline.data.randomness import uniform

_PERMUTATIONS = torch.tensor(list(itertools.permutations(range(3))))
_FLIP, _PERMUTE, _WHICH = range(3)


def augment(
    image: Float[Tensor, "b 3 h w"],
    depth_m: Float[Tensor, "b 1 h w"],
    *,
    frames: NDArray[np.int64],
    seed: int,
    epoch: int,
    flip: float,
    channel_permutation: float,
) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"]]:
    """Mirror some frames, and permute the colours of some.

    Args:
        image: RGB in [0, 1].
        depth_m: metres, 0 in holes; so the mask goes wherever the depth goes.
        frames: (b,) what each frame's draw depends on, beside seed and epoch.
        seed: of the run.
        epoch: of the pass over the data.
        flip: probability of a mirror image.
        channel_permutation: probability of one of the six permutations (one of which changes nothing), as DenseDepth.

    Returns:
        New images and depths; the given ones are left as they are.
    """
    mirrored = uniform(frames, seed=seed, epoch=epoch, draw=_FLIP) < flip
    if mirrored.any():
        where = torch.from_numpy(mirrored).to(image.device)[:, None, None, None]
        image = torch.where(where, image.flip(-1), image)
        depth_m = torch.where(where, depth_m.flip(-1), depth_m)
    permuted = uniform(frames, seed=seed, epoch=epoch, draw=_PERMUTE) < channel_permutation
    if permuted.any():
        which = (uniform(frames, seed=seed, epoch=epoch, draw=_WHICH) * 6).astype(np.int64)
        channels = _PERMUTATIONS[torch.from_numpy(np.where(permuted, which, 0))].to(image.device)
        image = torch.take_along_dim(image, channels[:, :, None, None], dim=1)
    return image, depth_m
