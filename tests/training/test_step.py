"""What a step learns from, how fast, and what it leaves alone."""

import numpy as np
import pytest
import torch

from leadline.networks.depth_head import make_codec
from leadline.networks.depth_net import DepthNet
from leadline.options import ModelOptions, OptimOptions
from leadline.training.step import learning_rate_at, make_optimizer, measured_at, set_training_mode

CODEC = make_codec("linear", min_depth_m=0.1, max_depth_m=10.0)


def measured(rows, size):
    depth_m, valid = measured_at(torch.tensor(rows, dtype=torch.float32)[None, None], size=size, codec=CODEC)
    return depth_m[0, 0], valid[0, 0]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ([[1, 2], [3, 4]], 2),  # the lower of the two in the middle: a measurement, no mean
        ([[0, 2], [3, 4]], 3),
        ([[0, 0], [3, 4]], 3),
        ([[0, 0], [0, 4]], 4),
        ([[0.05, 11], [0, 4]], 4),  # out of range, left out
        ([[10, 0.1], [0, 0]], 0.1),  # the ends of the range belong to it
        ([[10, 10], [10, 0]], 10),
    ],
)
def test_an_output_pixel_takes_the_lower_median_of_its_usable_measurements(block, expected):
    depth_m, valid = measured(block, (1, 1))
    assert depth_m.item() == pytest.approx(expected)
    assert valid.item()


@pytest.mark.parametrize("block", [[[0, 0], [0, 0]], [[0.05, 0], [10.01, 12]]])
def test_a_pixel_without_a_usable_measurement_is_not_learned_from(block):
    depth_m, valid = measured(block, (1, 1))
    assert depth_m.item() == 1.0
    assert not valid.item()


@pytest.mark.parametrize(("height", "width"), [(7, 9), (8, 10), (5, 5), (33, 65)])
def test_every_value_comes_from_the_block_it_stands_for(height, width):
    generator = np.random.default_rng(0)
    depth = generator.uniform(0, 12, (height, width)).astype(np.float32) * (generator.random((height, width)) < 0.7)
    size = ((height + 1) // 2, (width + 1) // 2)
    found, valid = measured(depth, size)
    for row in range(size[0]):
        for column in range(size[1]):
            block = depth[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
            usable = np.sort(block[(block >= 0.1) & (block <= 10)])
            assert valid[row, column].item() == bool(len(usable))
            assert found[row, column].item() == (usable[(len(usable) - 1) // 2] if len(usable) else 1.0)


def test_measurements_at_the_size_of_the_output_stay_as_they_are():
    depth = torch.rand(2, 1, 6, 5) + 1
    found, valid = measured_at(depth, size=(6, 5), codec=CODEC)
    assert torch.equal(found, depth)
    assert valid.all()


def test_the_learning_rate_rises_evenly_and_then_stays():
    options = OptimOptions(learning_rate=1.0, warmup_steps=4)
    rates = [learning_rate_at(step, steps=8, options=options) for step in range(8)]
    assert rates == [0.25, 0.5, 0.75, 1, 1, 1, 1, 1]


def test_the_cosine_begins_after_the_warm_up_and_ends_at_zero():
    options = OptimOptions(learning_rate=1.0, warmup_steps=2, schedule="cosine")
    rates = [learning_rate_at(step, steps=10, options=options) for step in range(11)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[6] == pytest.approx(0.5)
    assert rates[10] == 0
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_a_warm_up_longer_than_the_training_is_no_error():
    options = OptimOptions(warmup_steps=10, schedule="cosine", learning_rate=1.0)
    assert learning_rate_at(3, steps=4, options=options) == pytest.approx(0.4)
    assert learning_rate_at(10, steps=10, options=options) == 1.0


@pytest.mark.parametrize(
    ("options", "frozen", "statistics_frozen"),
    [
        (ModelOptions(), False, False),
        (ModelOptions(freeze_batch_norm=True), False, True),
        (ModelOptions(freeze_encoder=True), True, True),
    ],
)
def test_what_is_frozen_stays_as_it_was(options, frozen, statistics_frozen):
    torch.manual_seed(0)
    net = DepthNet("yolov8n")
    if options.freeze_encoder:  # as build_learner does
        net.encoder.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    optimizer = make_optimizer(net, OptimOptions(optimizer="adamw", weight_decay=0.1, learning_rate=1e-2))
    set_training_mode(net, net.encoder, options)
    net(torch.rand(2, 3, 64, 64)).square().mean().backward()
    optimizer.step()
    after = net.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {name for name in before if "running_" in name}
    encoder = {name for name, _ in net.encoder.named_parameters(prefix="encoder")}
    assert bool(changed & statistics) != statistics_frozen
    assert bool(changed & encoder) != frozen
    assert any(name.startswith("decoder") for name in changed)
