"""`leadline average`: one model from several that were taught on from the same one.

Weights of trainings that began at one model lie in one valley of the loss, and their mean is often better than any of
them, at no cost when it runs ("model soups", Wortsman et al., 2022). Of models without a common beginning the mean is
useless: measure it before you use it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from leadline.errors import UsageError
from leadline.model_card import ModelCard
from leadline.networks.model_file import load_model, save_model
from leadline.options import AverageOptions


def average_command(options: AverageOptions) -> None:
    """Average, write, and say what was done.

    Raises:
        UsageError: models of different networks, or taught with different splits of frames; unless all frames taught
            the last one, after which none is left out anyway.
        ModelFileError: a file that cannot be used.
        OutputError: no space or no permission.
    """
    loaded = [load_model(path) for path in options.models]
    cards = [card for _, card in loaded]
    _check(options.models, cards)
    net, card = loaded[-1]
    net.load_state_dict(mean_state([each.state_dict() for each, _ in loaded]))
    names = [path.name for path in options.models]
    licence = "; ".join(dict.fromkeys(each.licence for each in cards))
    # What the last one measured is not true of the mean.
    save_model(options.out, net, replace(card, licence=licence, scores={}, data={**card.data, "average_of": names}))
    print(f"{options.out}: the mean of {len(names)} models; leadline evaluate says how good it is")
    sizes = sorted({f"{each.height}x{each.width}" for each in cards})
    if len(sizes) > 1:
        print(f"they are of {' and '.join(sizes)}: batch-norm statistics of other sizes move the scale of the mean")


def mean_state(states: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor, parameters and batch-norm statistics alike; counters are those of the last."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if last.is_floating_point() else last
        for name, last in states[-1].items()
    }


def _check(paths: Sequence[Path], cards: Sequence[ModelCard]) -> None:
    for path, card in zip(paths, cards, strict=True):
        for name in ("encoder", "codec", "min_depth_m", "max_depth_m", "canonical_focal", "says_sigma"):
            if getattr(card, name) != getattr(cards[-1], name):
                raise UsageError(
                    f"{path}: {name} is {getattr(card, name)}, but {getattr(cards[-1], name)} in {paths[-1]}; "
                    f"only models of one network can be averaged"
                )
        if card.data.get("fingerprint") != cards[-1].data.get("fingerprint"):
            raise UsageError(f"{path}: taught with other frames than {paths[-1]}; {_UNKNOWN}")
        if _left_out(card) != _left_out(cards[-1]) and _left_out(cards[-1]) != _NOTHING:
            raise UsageError(f"{path}: taught with another split of the frames than {paths[-1]}; {_UNKNOWN}")


def _left_out(card: ModelCard) -> object:
    """What decides which frames did not teach: the scenes that are named, or the whole rule, its seed included."""
    split = card.data.get("split") or {}
    if split.get("by") == "same" and split.get("scenes") is None:
        return _NOTHING
    return split["scenes"] if split.get("scenes") and split.get("limit") is None else split


_NOTHING = "nothing: all frames taught"
_UNKNOWN = "nobody could say any more which frames the mean has not seen"
