"""Batches of several sources: so many frames of each, rooms that count the same, the same again whenever asked."""

import json
from collections import Counter
from itertools import chain

import numpy as np
import pytest
import torch

from leadline.data.depth_code import DepthCode
from leadline.data.loader import Batches
from leadline.data.mixture import Feed
from leadline.data.order import repeated_order, room_order, shuffled_order
from leadline.data.prepare import prepare
from leadline.data.sample import fingerprint
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.store import Store
from leadline.depth.framing import Framing
from leadline.options import DataOptions

PLAIN = DataOptions(flip=0.0, channel_permutation=0.0)
OFTEN = DataOptions(flip=0.5, channel_permutation=0.5, color_jitter=0.3, blur=0.5, noise=0.1, crop=0.6)


@pytest.fixture(scope="module")
def stores(tmp_path_factory, write_scenes) -> list[Store]:
    """Ten frames of five rooms, and twelve of three."""
    made = []
    for name, rooms, frames in (("root", 5, 2), ("more", 3, 4)):
        folder = tmp_path_factory.mktemp(name)
        source = SceneFolders(write_scenes(folder / "frames", rooms=rooms, frames=frames))
        made.append(
            prepare(source, folder / "store", framing=Framing(height=32, width=40), code=DepthCode(), workers=2)
        )
    return made


def mixed(stores, *, batch_size=8, share=0.25, **options) -> Batches:
    more = [Feed(stores[1], range(len(stores[1])), share=share, weight=0.5)]
    return Batches(
        stores[0], range(len(stores[0])), batch_size=batch_size, device=torch.device("cpu"), more=more, **options
    )


def drawn(batches: Batches, epoch: int, **options) -> list[list[tuple[int, int]]]:
    loaded = batches.shuffled(epoch, options=PLAIN, **options)
    return [list(zip(batch.feeds.tolist(), batch.frames.tolist(), strict=True)) for batch in loaded]


def test_every_batch_holds_the_share_of_each_source(stores):
    found = drawn(mixed(stores), 0)
    assert [Counter(feed for feed, _ in batch) for batch in found] == [{0: 6, 1: 2}, {0: 4, 1: 1}]
    assert sorted(frame for feed, frame in chain(*found) if feed == 0) == list(range(10))
    assert len(mixed(stores)) == 2


def test_a_further_source_goes_on_where_it_was_until_all_its_frames_came(stores):
    found = [frame for epoch in range(4) for feed, frame in chain(*drawn(mixed(stores), epoch)) if feed == 1]
    assert sorted(found) == list(range(12))


def test_an_epoch_may_be_longer_or_shorter_than_a_pass(stores):
    assert len(mixed(stores, epoch_frames=30)) == 5
    assert len(chain_of(mixed(stores, epoch_frames=30), 0)) == 30 + 10
    halves = [frame for epoch in range(2) for frame in chain_of(mixed(stores, epoch_frames=5), epoch)]
    assert sorted(frame for feed, frame in halves if feed == 0) == list(range(10))


def chain_of(batches: Batches, epoch: int) -> list[tuple[int, int]]:
    return list(chain(*drawn(batches, epoch)))


def test_weight_is_that_of_the_source_times_the_confidence(stores):
    batch = next(mixed(stores).shuffled(0, options=PLAIN))
    assert batch.weight.tolist() == [1.0] * 6 + [0.5] * 2


@pytest.mark.parametrize("balance", ["frame", "room"])
def test_an_epoch_goes_on_in_its_middle_with_the_same_pixels(stores, balance):
    batches = mixed(stores, balance=balance, epoch_frames=25)
    whole = list(batches.shuffled(3, options=OFTEN))
    for ours, theirs in zip(batches.shuffled(3, start=2, options=OFTEN), whole[2:], strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert torch.equal(ours.depth_m, theirs.depth_m)


@pytest.mark.parametrize("balance", ["frame", "room"])
def test_processes_share_each_batch_without_overlap(stores, balance):
    options = {"balance": balance, "epoch_frames": 24}
    one = drawn(mixed(stores, **options), 1)
    shares = [drawn(mixed(stores, rank=rank, world=2, **options), 1) for rank in range(2)]
    for whole, ours, theirs in zip(one, *shares, strict=True):
        assert sorted(ours + theirs) == sorted(whole)
        assert len(ours) == len(theirs)


def test_a_frame_changes_otherwise_each_time_it_comes_and_in_each_source(stores):
    batches = mixed([stores[0], stores[0]], share=0.5, epoch_frames=40)
    seen: dict[tuple[int, int], list[torch.Tensor]] = {}
    for batch in batches.shuffled(0, options=OFTEN):
        for feed, frame, image in zip(batch.feeds.tolist(), batch.frames.tolist(), batch.image, strict=True):
            seen.setdefault((feed, frame), []).append(image)
    for images in seen.values():
        assert len({image.numpy().tobytes() for image in images}) == len(images) >= 4
    assert not torch.equal(seen[0, 0][0], seen[1, 0][0])


def test_a_room_of_a_hundred_frames_counts_like_a_room_of_one():
    rooms = np.array([0] * 100 + [1] + [2] * 7)
    frames, visits = room_order(rooms, np.arange(300), seed=0)
    assert np.bincount(rooms[frames]).tolist() == [100, 100, 100]
    assert sorted(frames[rooms[frames] == 0].tolist()) == list(range(100))
    assert visits[rooms[frames] == 1].max() == 99
    assert max(Counter(frames[rooms[frames] == 2].tolist()).values()) == 15


def test_endless_orders_are_the_same_in_parts():
    rooms = np.random.default_rng(0).integers(0, 9, 50)
    rooms[:9] = range(9)
    for order in (
        lambda positions: room_order(rooms, positions, seed=3),
        lambda positions: repeated_order(
            50, positions, permutation=lambda visit: shuffled_order(50, seed=3, epoch=visit)
        ),
    ):
        whole = order(np.arange(500))
        parts = [order(np.arange(start, start + 125)) for start in range(0, 500, 125)]
        for found, joined in zip(whole, zip(*parts, strict=True), strict=True):
            assert np.array_equal(found, np.concatenate(joined))


@pytest.fixture(scope="module")
def two_cameras(tmp_path_factory, write_scenes) -> Store:
    """A scene of a camera whose focal length is half of the picture's width, and one of an unknown camera."""
    folder = tmp_path_factory.mktemp("cameras")
    frames = write_scenes(folder / "frames", rooms=2, frames=1)
    camera = {"intrinsics": {"fx": 32.0, "fy": 32.0, "cx": 31.5, "cy": 23.5}, "rgb_size": [64, 48]}
    (frames / "scene-0" / "scene.json").write_text(json.dumps(camera))
    framing = Framing(height=32, width=40, fit="stretch")
    return prepare(SceneFolders(frames), folder / "store", framing=framing, code=DepthCode(), workers=1)


def test_depth_is_scaled_to_the_canonical_camera_where_the_camera_is_known(two_cameras):
    plain, canonical = (
        Batches(two_cameras, [0, 1], batch_size=2, device=torch.device("cpu"), canonical_focal=focal)
        for focal in (None, 1.0)
    )
    before, after = next(plain.in_order()), next(canonical.in_order())
    assert before.enlarged.tolist() == [1, 1]
    assert after.enlarged.tolist() == [2, 1]
    torch.testing.assert_close(after.depth_m, before.depth_m * torch.tensor([2.0, 1.0])[:, None, None, None])


def test_a_confidence_halves_the_weight_and_a_relative_frame_is_known_as_one(tmp_path, write_scenes):
    frames = write_scenes(tmp_path / "frames", rooms=1, frames=2)
    (frames / "scene-0" / "scene.json").write_text(json.dumps({"confidence": {"0001": 0.5}, "kind": "relative"}))
    store = prepare(
        SceneFolders(frames), tmp_path / "store", framing=Framing(height=32, width=40), code=DepthCode(), workers=1
    )
    batch = next(Batches(store, [0, 1], batch_size=2, device=torch.device("cpu")).in_order())
    assert batch.weight.tolist() == [1.0, 0.5]
    assert batch.relative.tolist() == [True, True]
    sure = write_scenes(tmp_path / "sure", rooms=1, frames=2)
    assert fingerprint(SceneFolders(frames).frames) != fingerprint(SceneFolders(sure).frames)
