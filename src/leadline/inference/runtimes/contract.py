"""What the predictor may expect of a runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Network = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(B, 3, H, W) float32 RGB in [0, 1] -> (B, 1, h, w) float32 metres, for the card's H and W and any B.

Where the card says so, a second channel is the Laplace scale of the error in log depth: (B, 2, h, w)."""


class Opened(NamedTuple):
    """A model file, ready to run.

    Args:
        network: from framed pictures to metres; called from several threads at once.
        metadata: the file's own texts by key, for `leadline.model_card.read_card`; empty where the format has no room.
    """

    network: Network
    metadata: Mapping[str, str]


class Open(Protocol):
    """Opens a model file; a runtime is one such function in a file of its own and one line in the catalog.

    The runtime's package is imported inside the function, so that the catalog can be read without it.

    Where the card is: a format with room for text (ONNX, safetensors, OpenVINO's rt_info, extra files of a zip) carries
    `ModelCard.to_json()` under the key `METADATA_KEY`, and the opener returns it. A format without room returns no
    metadata; its card is the same JSON in a file NAME.json beside NAME.SUFFIX, which the catalog reads.
    """

    def __call__(self, path: Path, *, device: str, threads: int | None) -> Opened:
        """Open a file that exists.

        Args:
            path: the model, of one of the suffixes that the catalog lists for this runtime.
            device: auto, cpu or cuda; auto is the best that is there.
            threads: for one prediction; None leaves it to the runtime.

        Raises:
            ModuleNotFoundError: the runtime's package is missing; the catalog says what to install.
            ModelFileError: truncated, of another kind, or nothing that this runtime can run.
            UsageError: a device that is not there.
        """
        ...


def one_by_one(network: Network) -> Network:
    """A network for any number of pictures, from one whose file is fixed to a single picture."""

    def whole_batch(pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([network(pictures[index : index + 1]) for index in range(len(pictures))])

    return whole_batch
