"""How long a training step of one encoder takes beside one of another: turns, so that the machine's moods cancel."""

from __future__ import annotations

from functools import partial

from leadline.benchmark.contest import Contender, Result, hold_contest
from leadline.benchmark.worker import Subject

STEP = "step"


def time_steps(encoders: tuple[str, ...], *, batch: int, height: int, width: int, rounds: int) -> list[Result]:
    """A whole step (forward, the paper's loss, backward, Adam) of each encoder's network, in turns.

    Args:
        encoders: the first is the one that the others are compared with.
        batch: pictures of a step.
        height: of the pictures.
        width: of the pictures.
        rounds: turns of each, of one step or more.
    """
    contenders = [
        Contender(encoder, partial(open_training_step, encoder, batch, height, width)) for encoder in encoders
    ]
    return hold_contest(contenders, rounds=rounds, turn_s=0.01).results


def open_training_step(encoder: str, batch: int, height: int, width: int) -> Subject:
    """A network with random weights and pictures of noise: how long a step takes does not depend on them."""
    import torch

    from leadline.losses import training_loss
    from leadline.networks.depth_net import DepthNet

    torch.manual_seed(0)
    net = DepthNet(encoder)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-6)
    image = torch.rand(batch, 3, height, width)
    truth = torch.rand_like(net.eval()(image)) * 0.9 + 0.05
    valid = torch.ones_like(truth, dtype=torch.bool)
    net.train()

    def step() -> None:
        loss = training_loss(
            predicted=net(image),
            truth=truth,
            valid=valid,
            weights={"l1": 0.1, "gradient": 1.0, "ssim": 1.0},
            code=net.head.codec,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return Subject({STEP: step})
