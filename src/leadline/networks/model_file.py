"""Model files: safetensors that hold the weights, the whole configuration and where both came from."""

import hashlib
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from leadline.atomic import atomic_write
from leadline.errors import ModelFileError, UsageError
from leadline.model_card import METADATA_KEY, ModelCard, read_card
from leadline.networks.depth_net import DepthNet


def save_model(path: Path, net: DepthNet, card: ModelCard) -> None:
    """Write a model, atomically.

    Args:
        path: ends in `.safetensors`.
        net: the network that the card describes.
        card: configuration and provenance.

    Raises:
        OutputError: no space or no permission.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in net.state_dict().items()}
    with atomic_write(path) as part:
        save_file(tensors, part, metadata={METADATA_KEY: card.to_json(sha256=_sha256(tensors))})


def load_model(path: Path) -> tuple[DepthNet, ModelCard]:
    """A network in evaluation mode on the CPU, and its card.

    Raises:
        ModelFileError: missing, truncated, tampered with, made by a newer version, or no leadline model.
    """
    tensors, metadata = _read(path)
    card, beside = read_card(metadata, name=str(path))
    if beside.get("sha256") != _sha256(tensors):
        raise ModelFileError(f"{path}: its weights are not those that were saved (checksum); fetch the file again")
    try:
        net = network_of(card)
        net.load_state_dict(tensors)
    except (RuntimeError, UsageError) as error:
        raise ModelFileError(f"{path}: its weights do not fit the network that it names ({error})") from error
    return net.eval(), card


def network_of(card: ModelCard) -> DepthNet:
    """The network that a card describes, untaught.

    Raises:
        UsageError: an encoder that is not known.
    """
    return DepthNet(
        card.encoder,
        codec=card.codec,
        min_depth_m=card.min_depth_m,
        max_depth_m=card.max_depth_m,
        says_sigma=card.says_sigma,
    )


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str] | None]:
    if not path.is_file():
        raise ModelFileError(f"{path}: no such model file")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(
            f"{path}: truncated, or not a safetensors file ({error}); fetch or save it again"
        ) from error


def _sha256(tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
