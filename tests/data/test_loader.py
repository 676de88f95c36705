"""Batches: every frame once, in an order and with changes that depend on nothing hidden."""

from itertools import chain

import numpy as np
import pytest
import torch

from leadline.data.augment import augment
from leadline.data.depth_code import DepthCode
from leadline.data.loader import Batches
from leadline.data.randomness import epoch_order, uniform
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.store import Store, prepare
from leadline.depth.framing import Framing


@pytest.fixture(scope="module", params=[0.001, 0.0], ids=["millimetres", "logarithm"])
def store(request, tmp_path_factory, write_scenes) -> Store:
    folder = tmp_path_factory.mktemp("loader")
    source = SceneFolders(write_scenes(folder / "frames", rooms=5, frames=2))
    framing, code = Framing(height=32, width=40), DepthCode(step_m=request.param)
    return prepare(source, folder / "store", framing=framing, code=code, workers=2)


def batches(store: Store, *, count: int = 9, batch_size: int = 4, **options) -> Batches:
    return Batches(store, list(range(count)), batch_size=batch_size, device=torch.device("cpu"), **options)


def frames_of(loaded) -> list[list[int]]:
    return [batch.frames.tolist() for batch in loaded]


def test_every_frame_comes_once_an_epoch(store):
    found = frames_of(batches(store).shuffled(0))
    assert [len(group) for group in found] == [4, 4, 1]
    assert len(batches(store)) == 3
    assert sorted(chain(*found)) == list(range(9))


def test_order_follows_from_seed_and_epoch_alone(store):
    order = frames_of(batches(store, seed=3).shuffled(5))
    assert frames_of(batches(store, seed=3).shuffled(5)) == order
    assert frames_of(batches(store, seed=3).shuffled(6)) != order
    assert frames_of(batches(store, seed=4).shuffled(5)) != order


def test_start_goes_on_within_an_epoch(store):
    whole = list(batches(store).shuffled(2, flip=0.5, channel_permutation=0.5))
    rest = list(batches(store).shuffled(2, start=1, flip=0.5, channel_permutation=0.5))
    assert len(rest) == len(whole) - 1
    for ours, theirs in zip(rest, whole[1:], strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert torch.equal(ours.depth_m, theirs.depth_m)
        assert ours.frames.tolist() == theirs.frames.tolist()
    assert list(batches(store).shuffled(2, start=3)) == []


def test_two_processes_share_the_batch_of_one(store):
    one = frames_of(batches(store, count=8).shuffled(1))
    first, second = (frames_of(batches(store, count=8, rank=rank, world=2).shuffled(1)) for rank in range(2))
    for whole, ours, theirs in zip(one, first, second, strict=True):
        assert not set(ours) & set(theirs)
        assert len(ours) == len(theirs)
        assert set(ours) | set(theirs) == set(whole)


@pytest.mark.parametrize("count", [5, 8, 9, 10])
def test_all_processes_take_as_many_steps_with_as_many_frames(store, count):
    shares = [frames_of(batches(store, count=count, rank=rank, world=2).shuffled(0)) for rank in range(2)]
    assert [len(group) for group in shares[0]] == [len(group) for group in shares[1]]
    assert len(batches(store, count=count, world=2)) == len(shares[0])
    assert sum(len(group) for share in shares for group in share) >= count - 1


def test_validation_sees_every_frame_as_it_is(store):
    for world in (1, 2, 3):
        found = [batch for rank in range(world) for batch in batches(store, rank=rank, world=world).in_order()]
        assert sorted(chain(*frames_of(found))) == list(range(9))
    batch = next(batches(store).in_order())
    color, levels = store.gather([0, 1, 2, 3])
    np.testing.assert_allclose(batch.image.permute(0, 2, 3, 1).numpy(), color / np.float32(255), rtol=1e-6)
    np.testing.assert_allclose(batch.depth_m[:, 0].numpy(), store.code.metres(levels), rtol=1e-6)


def test_more_processes_than_frames_leave_some_without_validation(store):
    assert list(batches(store, count=1, rank=1, world=2).in_order()) == []


def test_batches_are_augmented_the_same_each_time_and_in_any_company(store):
    options = {"flip": 0.5, "channel_permutation": 0.5}
    by_four = {i: b.image[at] for b in batches(store).shuffled(7, **options) for at, i in enumerate(b.frames.tolist())}
    by_two = batches(store, batch_size=2)
    for batch in by_two.shuffled(7, **options):
        for at, index in enumerate(batch.frames.tolist()):
            assert torch.equal(batch.image[at], by_four[index])


def pictures(count: int = 64):
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(count, 3, 4, 5, generator=generator)
    depth_m = torch.rand(count, 1, 4, 5, generator=generator)
    return image, torch.where(depth_m < 0.3, 0.0, depth_m)


def augmented(image, depth_m, **options):
    given = {"flip": 0.0, "channel_permutation": 0.0, "seed": 1, "epoch": 2, **options}
    return augment(image, depth_m, frames=np.arange(len(image)), **given)


def test_flip_turns_picture_depth_and_holes_together():
    image, depth_m = pictures()
    found, found_m = augmented(image, depth_m, flip=1.0)
    assert torch.equal(found, image.flip(-1))
    assert torch.equal(found_m, depth_m.flip(-1))
    assert torch.equal(found_m > 0, (depth_m > 0).flip(-1))
    found, found_m = augmented(image, depth_m, flip=0.5)
    turned = [bool(torch.equal(found[i], image[i].flip(-1))) for i in range(64)]
    assert turned == [bool(torch.equal(found_m[i], depth_m[i].flip(-1))) for i in range(64)]
    assert 16 < sum(turned) < 48
    assert all(torch.equal(found[i], image[i]) for i in range(64) if not turned[i])


def test_permutation_changes_colours_only():
    image, depth_m = pictures(600)
    before = image.clone()
    found, found_m = augmented(image, depth_m, channel_permutation=1.0)
    assert torch.equal(found_m, depth_m)
    assert torch.equal(image, before)
    torch.testing.assert_close(found.sort(dim=1).values, image.sort(dim=1).values)
    orders = [tuple(int((image[i] == channel).flatten(1).all(1).nonzero()) for channel in found[i]) for i in range(600)]
    counts = {order: orders.count(order) for order in set(orders)}
    assert len(counts) == 6
    assert min(counts.values()) > 60


def test_without_augmentation_nothing_changes():
    image, depth_m = pictures()
    found, found_m = augmented(image, depth_m)
    assert torch.equal(found, image)
    assert torch.equal(found_m, depth_m)


def test_draws_are_even_and_independent_of_one_another():
    frames = np.arange(20_000)
    draws = [uniform(frames, seed=0, epoch=epoch, draw=draw) for epoch, draw in [(0, 0), (0, 1), (1, 0)]]
    for drawn in draws:
        assert ((drawn >= 0) & (drawn < 1)).all()
        assert abs(drawn.mean() - 0.5) < 0.01
        assert np.abs(np.histogram(drawn, 10, (0, 1))[0] / 2000 - 1).max() < 0.1
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.03


def test_epochs_have_orders_of_their_own():
    orders = {tuple(epoch_order(20, seed=seed, epoch=epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
