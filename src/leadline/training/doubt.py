"""`leadline doubt`: a model learns how far it is to be trusted, after it has learnt depth.

An error in log depth is that of the whole picture's scale (its median) and the rest. One convolution on the decoder's
features says the scale b of a Laplace distribution of the rest, taught by its likelihood, |rest| / b + ln b (Kendall &
Gal, 2017). All else stands still, so it costs no accuracy. In rooms that taught the network its errors are smaller than
elsewhere; so b is multiplied by one factor, by which rooms left out are as likely as can be. How far the scale is off
there stands in the card; where points set the scale, their error bar takes its place.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from leadline.data.sample import Frame, Source
from leadline.data.sources.catalog import open_source
from leadline.depth.framing import median_under
from leadline.errors import InputError
from leadline.evaluation.report import chosen_frames
from leadline.inference.predictor import Predictor
from leadline.model_card import ModelCard
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model, network_of, save_model
from leadline.options import DoubtOptions


class Errors(NamedTuple):
    """What a frozen network says of one frame.

    Args:
        room: where.
        features: of the decoder.
        rest: ln truth - ln predicted, less their median over the frame; 0 where not valid.
        valid: where it was measured.
        scale: that median.
    """

    room: str
    features: Float[Tensor, "1 c h w"]
    rest: Float[Tensor, "1 1 h w"]
    valid: Bool[Tensor, "1 1 h w"]
    scale: float = 0.0


OfARoom = TypeVar("OfARoom", Errors, Frame)


def doubt_command(options: DoubtOptions) -> None:
    """Teach, calibrate, write, and say what was found."""
    earlier, card = load_model(options.model)
    source = open_source(options.data)
    teaching = spread(chosen_frames(source, "train", card), options.limit)
    calibrating = chosen_frames(source, "val", card)
    net = with_sigma(earlier, card)
    teach_sigma(net, read_errors(net, card, source, teaching), steps=options.steps)
    left_out = read_errors(net, card, source, calibrating)
    factor = calibrate_sigma(net, left_out)
    scale_error = mean_over_rooms([(frame.room, abs(frame.scale)) for frame in left_out])
    out = options.out or options.model.with_name(f"{options.model.stem}-sigma.safetensors")
    save_model(out, net, replace(card, says_sigma=True, scale_error=scale_error))
    print(
        f"{out}: taught on {len(teaching)} frames, multiplied by {factor:.2f} on {len(calibrating)} frames of rooms "
        f"left out, where the scale of a picture is off by {scale_error:.2f} in log depth; depth is as before"
    )


def with_sigma(earlier: DepthNet, card: ModelCard) -> DepthNet:
    """The same network with an untaught second output, that says 0.15 everywhere."""
    net = network_of(replace(card, says_sigma=True))
    net.load_state_dict(earlier.state_dict(), strict=card.says_sigma)
    sigma = net.head.sigma
    assert sigma is not None
    assert sigma.bias is not None
    with torch.no_grad():
        sigma.weight.zero_()
        sigma.bias.fill_(-1.9)
    return net.eval()


def read_errors(net: DepthNet, card: ModelCard, source: Source, frames: Sequence[Frame]) -> list[Errors]:
    """What the network says of each frame, at its own resolution.

    Raises:
        InputError: there are none.
    """
    framer = Predictor(lambda tensor: tensor, card)
    found = []
    for frame in frames:
        sample = source.read(frame)
        with torch.inference_mode():
            features = net.decoder(net.encoder(torch.from_numpy(framer.tensor(sample.image))))
            predicted = net.head.codec.decode(net.head(features))
        height, width = predicted.shape[-2:]
        truth_m = median_under(card.framing.depth(sample.depth_m), height=height, width=width)
        truth = torch.from_numpy(truth_m)[None, None]
        valid = (truth >= card.min_depth_m) & (truth <= card.max_depth_m)
        if valid.any():
            error = (truth.clamp(min=1e-3) / predicted).log()
            scale = float(error[valid].median())
            rest = torch.where(valid, error - scale, 0.0)
            found.append(Errors(frame.room, features.clone(), rest.clone(), valid, scale))
    if not found:
        raise InputError(f"{source.root}: none of {len(frames)} frames has depth that the model can say")
    return found


def teach_sigma(net: DepthNet, frames: Sequence[Errors], *, steps: int) -> None:
    """Adam on the one convolution; every room comes as often as any other."""
    assert net.head.sigma is not None
    rooms = _by_room(frames)
    names = sorted(rooms)
    random = torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.head.sigma.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        drawn = torch.randint(len(names), (_FRAMES_A_STEP,), generator=random).tolist()
        group = [rooms[names[place]] for place in drawn]
        picked = [frames[int(torch.randint(len(frames), (), generator=random))] for frames in group]
        loss = torch.stack([surprise(net, frame) for frame in picked]).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def surprise(net: DepthNet, frame: Errors) -> Float[Tensor, ""]:
    """Minus the mean log likelihood of a frame's errors, but for ln 2."""
    log_sigma = net.head.log_sigma(frame.features)[frame.valid]
    return (frame.rest[frame.valid].abs() * (-log_sigma).exp() + log_sigma).mean()


def calibrate_sigma(net: DepthNet, frames: Sequence[Errors]) -> float:
    """Multiply what the network says by the factor that makes these frames most likely, each room like any other."""
    assert net.head.sigma is not None
    assert net.head.sigma.bias is not None
    ratios = []
    with torch.no_grad():
        for frame in frames:
            ratio = frame.rest.abs() * (-net.head.log_sigma(frame.features)).exp()
            ratios.append((frame.room, float(ratio[frame.valid].mean())))
        factor = mean_over_rooms(ratios)
        net.head.sigma.bias += torch.tensor(factor).log()
    return factor


def mean_over_rooms(values: Sequence[tuple[str, float]]) -> float:
    """The mean of values by room, each room like any other."""
    rooms: dict[str, list[float]] = {}
    for room, value in values:
        rooms.setdefault(room, []).append(value)
    return sum(sum(members) / len(members) for members in rooms.values()) / len(rooms)


def spread(frames: Sequence[Frame], limit: int) -> list[Frame]:
    """As many frames as allowed, by turns from each room, in the order of their names."""
    rooms = _by_room(frames)
    turns = sorted((place, room) for room, members in rooms.items() for place in range(len(members)))
    return [rooms[room][place] for place, room in turns[:limit]]


def _by_room(frames: Sequence[OfARoom]) -> dict[str, list[OfARoom]]:
    rooms: dict[str, list[OfARoom]] = {}
    for frame in frames:
        rooms.setdefault(frame.room, []).append(frame)
    return rooms


_FRAMES_A_STEP = 4
