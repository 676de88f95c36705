"""Batches: every frame once, in an order and with changes that depend on nothing hidden."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from leadline.data.augment import (
    Drawn,
    add_noise,
    augment_bytes,
    augment_floats,
    augment_frame,
    blur,
    crop_and_rescale,
    draw_byte_changes,
    erase_rectangles,
    floats_from_bytes,
    floats_from_frame,
    jitter_colors,
    tone_curves,
)
from leadline.data.depth_code import DepthCode
from leadline.data.loader import Batches, _draw
from leadline.data.mixture import feed_seeds
from leadline.data.order import shuffled_order, streamed_order
from leadline.data.prepare import prepare
from leadline.data.randomness import uniform
from leadline.data.sources.scene_folders import SceneFolders
from leadline.data.store import Store, open_store
from leadline.depth.framing import Framing
from leadline.options import DataOptions

PLAIN = DataOptions(flip=0.0, channel_permutation=0.0)
OFTEN = DataOptions(flip=0.5, channel_permutation=0.5)


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
    found = frames_of(batches(store).shuffled(0, options=PLAIN))
    assert [len(group) for group in found] == [4, 4, 1]
    assert len(batches(store)) == 3
    assert sorted(chain(*found)) == list(range(9))


def test_order_follows_from_seed_and_epoch_alone(store):
    order = frames_of(batches(store, seed=3).shuffled(5, options=PLAIN))
    assert frames_of(batches(store, seed=3).shuffled(5, options=PLAIN)) == order
    assert frames_of(batches(store, seed=3).shuffled(6, options=PLAIN)) != order
    assert frames_of(batches(store, seed=4).shuffled(5, options=PLAIN)) != order


def test_start_goes_on_within_an_epoch(store):
    whole = list(batches(store).shuffled(2, options=OFTEN))
    rest = list(batches(store).shuffled(2, start=1, options=OFTEN))
    assert len(rest) == len(whole) - 1
    for ours, theirs in zip(rest, whole[1:], strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert torch.equal(ours.depth_m, theirs.depth_m)
        assert ours.frames.tolist() == theirs.frames.tolist()
    assert list(batches(store).shuffled(2, start=3, options=PLAIN)) == []


def test_two_processes_share_the_batch_of_one(store):
    one = frames_of(batches(store, count=8).shuffled(1, options=PLAIN))
    first, second = (
        frames_of(batches(store, count=8, rank=rank, world=2).shuffled(1, options=PLAIN)) for rank in range(2)
    )
    for whole, ours, theirs in zip(one, first, second, strict=True):
        assert not set(ours) & set(theirs)
        assert len(ours) == len(theirs)
        assert set(ours) | set(theirs) == set(whole)


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("count", [4, 5, 8, 9])
def test_all_processes_take_as_many_steps_and_leave_no_frame_out(store, count, world):
    shares = [
        frames_of(batches(store, count=count, rank=rank, world=world).shuffled(0, options=PLAIN))
        for rank in range(world)
    ]
    assert {len(share) for share in shares} == {len(batches(store, count=count, world=world))}
    assert all(group for share in shares for group in share)
    assert sorted(chain(*chain(*shares))) == list(range(count))


def frames_of_process(job: tuple[Path, int]) -> list[int]:
    folder, rank = job
    loaded = batches(open_store(folder), rank=rank, world=2, buffer_frames=4).shuffled(3, options=OFTEN)
    return list(chain(*frames_of(loaded)))


def test_two_processes_of_the_system_read_every_frame_once_and_none_twice(store):
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        first, second = pool.map(frames_of_process, [(store.folder, 0), (store.folder, 1)])
    assert first
    assert second
    assert sorted(first + second) == list(range(9))


def test_fewer_frames_than_processes_are_no_steps(store):
    assert len(batches(store, count=1, world=2)) == 0


def test_validation_sees_every_frame_as_it_is(store):
    for world in (1, 2, 3):
        found = [batch for rank in range(world) for batch in batches(store, rank=rank, world=world).in_order()]
        assert sorted(chain(*frames_of(found))) == list(range(9))
    batch = next(batches(store).in_order())
    color, levels = store.gather([0, 1, 2, 3])
    np.testing.assert_allclose(batch.image.numpy(), color / np.float32(255), rtol=1e-6)
    np.testing.assert_allclose(batch.depth_m[:, 0].numpy(), store.code.metres(levels), rtol=1e-6)


def test_more_processes_than_frames_leave_some_without_validation(store):
    assert list(batches(store, count=1, rank=1, world=2).in_order()) == []


def test_batches_are_augmented_the_same_each_time_and_in_any_company(store):
    by_four = {
        i: b.image[at] for b in batches(store).shuffled(7, options=OFTEN) for at, i in enumerate(b.frames.tolist())
    }
    by_two = batches(store, batch_size=2)
    for batch in by_two.shuffled(7, options=OFTEN):
        for at, index in enumerate(batch.frames.tolist()):
            assert torch.equal(batch.image[at], by_four[index])


def pictures(count: int = 64):
    generator = np.random.default_rng(0)
    color = torch.from_numpy(generator.integers(0, 255, (count, 3, 4, 5), dtype=np.uint8))
    levels = generator.integers(0, 9000, (count, 4, 5), dtype=np.int16)
    return color, torch.from_numpy(np.where(levels < 3000, 0, levels))


def drawn(count: int, *, epoch: int = 2):
    return lambda draw: uniform(np.arange(count), seed=1, visits=epoch, draw=draw)


def test_flip_turns_picture_depth_and_holes_together():
    color, levels = pictures()
    found, found_levels = color.clone(), levels.clone()
    augment_bytes(found, found_levels, draw_byte_changes(drawn(64), DataOptions(flip=1.0, channel_permutation=0.0)))
    assert torch.equal(found, color.flip(-1))
    assert torch.equal(found_levels, levels.flip(-1))
    found, found_levels = color.clone(), levels.clone()
    augment_bytes(found, found_levels, draw_byte_changes(drawn(64), DataOptions(flip=0.5, channel_permutation=0.0)))
    turned = [bool(torch.equal(found[i], color[i].flip(-1))) for i in range(64)]
    assert turned == [bool(torch.equal(found_levels[i], levels[i].flip(-1))) for i in range(64)]
    assert 16 < sum(turned) < 48
    assert all(torch.equal(found[i], color[i]) for i in range(64) if not turned[i])


def test_permutation_changes_colours_only():
    color, levels = pictures(600)
    found, found_levels = color.clone(), levels.clone()
    augment_bytes(found, found_levels, draw_byte_changes(drawn(600), DataOptions(flip=0.0, channel_permutation=1.0)))
    assert torch.equal(found_levels, levels)
    orders = [tuple(int((color[i] == channel).flatten(1).all(1).nonzero()) for channel in found[i]) for i in range(600)]
    counts = {order: orders.count(order) for order in set(orders)}
    assert len(counts) == 6
    assert min(counts.values()) > 60


def test_without_augmentation_nothing_changes(store):
    batch = next(batches(store).shuffled(0, options=PLAIN))
    color, levels = store.gather(batch.frames)
    assert torch.equal(batch.image, torch.from_numpy(color).float() / 255)
    np.testing.assert_allclose(batch.depth_m[:, 0].numpy(), store.code.metres(levels), rtol=1e-6)


def test_a_tone_curve_bends_and_brightens_within_its_strength():
    curves = tone_curves(drawn(300), 0.4)
    assert (np.diff(curves) >= 0).all()
    assert (curves[:, 0] == 0).all()
    brightness = curves[:, 255]
    assert 0.6 <= brightness.min() < 0.63
    assert 1.37 < brightness.max() <= 1.4
    powers = np.log(curves[:, 128] / brightness) / np.log(128 / 255)
    assert 1 / 1.4 <= powers.min() < 0.73
    assert 1.37 < powers.max() <= 1.4001


def test_bytes_become_what_the_curve_of_their_frame_says():
    color, _ = pictures(5)
    curves = tone_curves(drawn(5), 0.3)
    image = torch.empty(color.shape)
    floats_from_bytes(color, image, curves)
    for at, frame in enumerate(color.numpy()):
        np.testing.assert_array_equal(image[at].numpy(), curves[at][frame])
        alone = np.empty(frame.shape, np.float32)
        floats_from_frame(frame, alone, curves[at])
        np.testing.assert_array_equal(alone, curves[at][frame])


def test_a_frame_alone_becomes_what_it_becomes_in_a_batch():
    color, levels = pictures(200)
    changes = draw_byte_changes(drawn(200), DataOptions(flip=0.5, channel_permutation=0.5))
    together, together_levels = color.clone(), levels.clone()
    augment_bytes(together, together_levels, changes)
    before = color.clone()
    for at in range(200):
        alone, alone_levels = augment_frame(color[at].numpy(), levels[at].numpy().view(np.uint16), changes, at)
        np.testing.assert_array_equal(alone, together[at].numpy())
        np.testing.assert_array_equal(alone_levels.view(np.int16), together_levels[at].numpy())
    assert torch.equal(color, before)


@pytest.mark.parametrize("options", [PLAIN, OFTEN, DataOptions(flip=0.5, channel_permutation=0.5, color_jitter=0.3)])
def test_a_device_is_sent_bytes_and_makes_of_them_what_the_cpu_makes_frame_by_frame(store, options):
    loaded = batches(store)
    for on_cpu, group in zip(loaded.shuffled(3, options=options), loaded._groups(3), strict=True):
        draw = partial(_draw, group, feed_seeds(0, group.feeds))
        image, depth_m = torch.empty_like(on_cpu.image), torch.empty_like(on_cpu.depth_m)
        loaded._write_on_device(group, draw_byte_changes(draw, options), image, depth_m[:, 0])
        augment_floats(image, depth_m, draw, options)
        torch.testing.assert_close(image, on_cpu.image, rtol=0, atol=1e-6)
        torch.testing.assert_close(depth_m, on_cpu.depth_m, rtol=1e-6, atol=0)


def test_jitter_is_contrast_about_the_mean_and_saturation_about_grey():
    image = torch.rand(200, 3, 8, 8) * 0.5 + 0.2
    before = image.clone()
    jitter_colors(image, drawn(200), 0.0)
    torch.testing.assert_close(image, before)
    jitter_colors(image, drawn(200), 0.4)

    def grey(rgb):
        return (rgb * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)

    contrast, saturation = (
        (1 + 0.4 * (2 * torch.from_numpy(drawn(200)(number)).float() - 1))[:, None, None, None]
        for number in (Drawn.CONTRAST, Drawn.SATURATION)
    )
    mean = grey(before).mean(dim=(2, 3), keepdim=True)
    expected = contrast * (before - mean) + mean
    expected = saturation * (expected - grey(expected)) + grey(expected)
    torch.testing.assert_close(image, expected.clamp(0, 1))


def test_blur_is_the_mean_of_the_pixels_around():
    image = torch.rand(100, 3, 9, 11)
    before = image.clone()
    blur(image, drawn(100), 0.5)
    changed = [at for at in range(100) if not torch.equal(image[at], before[at])]
    assert 30 < len(changed) < 70
    sizes = {3: 0, 5: 0}
    for at in changed:
        means = {
            size: torch.nn.functional.avg_pool2d(before[at], size, 1, size // 2, count_include_pad=False)
            for size in sizes
        }
        fits = [size for size, mean in means.items() if torch.allclose(image[at], mean, atol=1e-6)]
        assert len(fits) == 1
        sizes[fits[0]] += 1
    assert min(sizes.values()) > 10


def test_blur_of_a_picture_smaller_than_its_reach_is_its_mean():
    image = torch.rand(20, 3, 1, 2)
    expected = image.mean(dim=3, keepdim=True).expand_as(image).clone()
    blur(image, drawn(20), 1.0)
    torch.testing.assert_close(image, expected)


def test_noise_is_as_strong_as_drawn_and_stays_in_range():
    image = torch.full((50, 3, 40, 40), 0.5)
    add_noise(image, drawn(50), 0.1)
    expected = 0.1 * torch.from_numpy(drawn(50)(Drawn.NOISE_STRENGTH)).float()
    torch.testing.assert_close(image.std(dim=(1, 2, 3)), expected, rtol=0.08, atol=1e-4)
    bright = torch.full((50, 3, 40, 40), 0.99)
    add_noise(bright, drawn(50), 0.1)
    assert bright.max() == 1


def test_a_crop_shows_what_a_camera_nearer_by_would_see():
    height, width = 48, 64
    columns = (torch.arange(width) / width).expand(height, width)
    image = torch.stack([columns, columns, columns]).repeat(50, 1, 1, 1)
    depth_m = (1 + columns).repeat(50, 1, 1, 1)
    crop_and_rescale(image, depth_m, drawn(50), 0.5)
    span = image[:, 1].amax(dim=(1, 2)) - image[:, 1].amin(dim=(1, 2))  # share of the columns that are shown
    # The wall's depth at a column is known from that column's colour; it must have shrunk by the enlargement.
    enlargement = (1 + image[:, 1:2]) / depth_m
    expected = (63 / 64 / span)[:, None, None, None].expand_as(enlargement)
    torch.testing.assert_close(enlargement, expected, rtol=0.06, atol=0)
    assert enlargement.min() > 0.98
    assert 1.85 < enlargement.max() < 2.1
    assert span.min() < 0.55
    assert span.max() > 0.9


def test_a_crop_invents_no_depth():
    depth_m = torch.tensor(np.random.default_rng(0).choice([0.0, 1.0, 7.0], (30, 1, 24, 32)), dtype=torch.float32)
    image = torch.rand(30, 3, 24, 32)
    crop_and_rescale(image, depth_m, drawn(30), 0.4)
    assert all(len(found[found > 0].unique()) <= 2 for found in depth_m)
    ratio = torch.stack([found.max() / found[found > 0].min() for found in depth_m])
    torch.testing.assert_close(ratio, torch.full_like(ratio, 7.0))


def test_erasing_hides_a_rectangle_under_the_mean():
    image = torch.rand(300, 3, 40, 60)
    before = image.clone()
    erase_rectangles(image, drawn(300), 0.5)
    changed = (image != before).any(dim=1)
    share = changed.float().mean(dim=(1, 2))
    assert 100 < (share > 0).sum() < 200
    for at in torch.nonzero(share)[:, 0].tolist():
        rows, columns = changed[at].any(1).nonzero()[:, 0], changed[at].any(0).nonzero()[:, 0]
        inside = image[at, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        torch.testing.assert_close(inside, before[at].mean(dim=(1, 2), keepdim=True).expand_as(inside))
        assert 0.02 <= inside[0].numel() / 2400 <= 0.21


def test_all_augmentations_are_a_function_of_seed_epoch_and_frame(store):
    options = DataOptions(flip=0.5, channel_permutation=0.5, color_jitter=0.3, crop=0.6, erase=0.5)
    by_four = {i: b for b in batches(store).shuffled(3, options=options) for i in b.frames.tolist()}
    for batch in batches(store, batch_size=2).shuffled(3, options=options):
        for at, index in enumerate(batch.frames.tolist()):
            other = by_four[index]
            there = other.frames.tolist().index(index)
            torch.testing.assert_close(batch.image[at], other.image[there], rtol=0, atol=1e-6)
            assert torch.equal(batch.depth_m[at], other.depth_m[there])


def test_batches_that_are_kept_are_not_overwritten(store):
    kept = list(batches(store, batch_size=2).shuffled(0, options=PLAIN))
    for batch in kept:
        color, _ = store.gather(batch.frames)
        assert torch.equal(batch.image, torch.from_numpy(color).float() / 255)


def test_memory_of_batches_that_are_gone_is_used_again(store):
    addresses = {batch.image.data_ptr() for batch in batches(store, batch_size=1).shuffled(0, options=PLAIN)}
    assert len(addresses) <= 3


def test_streaming_gives_every_frame_once_and_the_same_again(store):
    options = {"buffer_frames": 8}
    found = frames_of(batches(store, **options).shuffled(0, options=PLAIN))
    assert sorted(chain(*found)) == list(range(9))
    assert frames_of(batches(store, **options).shuffled(0, options=PLAIN)) == found
    assert frames_of(batches(store, **options).shuffled(1, options=PLAIN)) != found
    assert frames_of(batches(store, **options).shuffled(0, start=1, options=PLAIN)) == found[1:]


@pytest.mark.parametrize("count", [1, 7, 64, 1000, 5003])
@pytest.mark.parametrize("buffer_frames", [1, 64, 100_000])
def test_a_streamed_order_is_a_permutation(count, buffer_frames):
    order = streamed_order(count, seed=0, epoch=3, buffer_frames=buffer_frames)
    assert sorted(order.tolist()) == list(range(count))
    if count > 10:
        assert order.tolist() != streamed_order(count, seed=0, epoch=4, buffer_frames=buffer_frames).tolist()


def test_a_streamed_order_keeps_few_blocks_in_use():
    order = streamed_order(20_000, seed=0, epoch=0, buffer_frames=1024)
    blocks = [set((order[at : at + 1024] // 64).tolist()) for at in range(0, 19_456, 1024)]
    assert max(map(len, blocks)) <= 1024 // 64 + 2 * 8  # the buffer's, and a piece at both ends of each lane
    # And it mixes: neighbours of a batch are not neighbours on the disk.
    assert np.mean(np.abs(np.diff(order)) < 64) < 0.02


@pytest.mark.parametrize("world", [2, 4, 8])
def test_streaming_processes_read_blocks_of_their_own(world):
    order = streamed_order(20_480, seed=0, epoch=0, buffer_frames=1024)
    read = [set((order[rank::world] // 64).tolist()) for rank in range(world)]
    assert sum(map(len, read)) <= 320 + 8  # a block may lie across the end of a lane


@pytest.mark.parametrize("buffer_frames", [0, 8])
def test_two_processes_see_every_frame_once_between_them(store, buffer_frames):
    shares = [
        frames_of(batches(store, count=8, rank=rank, world=2, buffer_frames=buffer_frames).shuffled(4, options=PLAIN))
        for rank in range(2)
    ]
    assert sorted(chain(*shares[0], *shares[1])) == list(range(8))
    whole = frames_of(batches(store, count=8, buffer_frames=buffer_frames).shuffled(4, options=PLAIN))
    for one, ours, theirs in zip(whole, *shares, strict=True):
        assert sorted(one) == sorted(ours + theirs)


def test_a_store_in_memory_gives_the_same(store):
    before = store.gather(range(9))
    store.read_ahead(np.arange(9))
    store.into_memory()
    store.read_ahead(np.arange(9))
    for ours, theirs in zip(store.gather(range(9)), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_draws_are_even_and_independent_of_one_another():
    frames = np.arange(20_000)
    draws = [uniform(frames, seed=0, visits=visit, draw=draw) for visit, draw in [(0, 0), (0, 1), (1, 0)]]
    for values in draws:
        assert ((values >= 0) & (values < 1)).all()
        assert abs(values.mean() - 0.5) < 0.01
        assert np.abs(np.histogram(values, 10, (0, 1))[0] / 2000 - 1).max() < 0.1
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.03


def test_epochs_have_orders_of_their_own():
    orders = {tuple(shuffled_order(20, seed=seed, epoch=epoch)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
