"""The filter over time: it calms what flickers and smears nothing, whatever the camera does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.errors import UsageError
from leadline.inference.streams.steady import Steady, carry, small_grey

HEIGHT, WIDTH = 120, 160


def texture(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> np.ndarray:
    """Something to see everywhere, as in a room: smooth at the scale of a few pixels."""
    noise = np.random.default_rng(seed).normal(size=(height, width))
    for axis in (0, 1):
        for _ in range(3):
            noise = noise + np.roll(noise, 1, axis) + np.roll(noise, -1, axis)
    scaled = (noise - noise.min()) / np.ptp(noise)
    return np.repeat((255 * scaled).astype(np.uint8)[..., None], 3, axis=2)


def flat(depth_m: float) -> np.ndarray:
    return np.full((HEIGHT, WIDTH), depth_m, np.float32)


def test_a_still_camera_whose_depth_jitters_is_calmed():
    steady, generator, image = Steady(), np.random.default_rng(1), texture()
    said = [flat(2.0) * np.float32(np.exp(generator.normal(0, 0.05))) for _ in range(40)]
    filtered = [steady(image, depth_m) for depth_m in said]

    def flicker(depths: list[np.ndarray]) -> float:
        middles = np.log([depth_m[60, 80] for depth_m in depths[5:]])
        return float(np.abs(np.diff(middles)).mean())

    assert flicker(filtered) < 0.5 * flicker(said)
    assert np.mean([depth_m.mean() for depth_m in filtered[5:]]) == pytest.approx(2.0, rel=0.03)


def test_noise_of_single_places_is_calmed():
    steady, generator, image = Steady(), np.random.default_rng(1), texture()
    patches = [np.kron(generator.normal(0, 0.05, (12, 16)), np.ones((10, 10))) for _ in range(30)]
    filtered = [steady(image, (2 * np.exp(patch)).astype(np.float32)) for patch in patches]
    assert np.log(filtered[-1] / 2).std() < 0.6 * patches[-1].std()


def test_an_object_that_moves_leaves_no_trail():
    steady, wall = Steady(), texture()
    thing = texture(40, 40, seed=5) // 3
    for step in range(8):
        left = 10 + 12 * step
        image, depth_m = wall.copy(), flat(3.0)
        image[40:80, left : left + 40], depth_m[40:80, left : left + 40] = thing, 1.0
        filtered = steady(image, depth_m)
    ratio = np.abs(np.log(filtered / depth_m))
    assert ratio.max() < 0.2 + 1e-3
    # Where it was a moment ago is the wall again, at once.
    assert np.median(np.abs(filtered[40:80, left - 12 : left] / 3.0 - 1)) < 0.02
    assert np.median(np.abs(filtered[40:80, left : left + 40] / 1.0 - 1)) < 0.02


def test_a_camera_that_turns_keeps_the_edges_where_they_are():
    steady, scene = Steady(), texture(HEIGHT, 2 * WIDTH)
    depth_of_scene = np.where(np.arange(2 * WIDTH) % 80 < 40, 1.5, 3.0).astype(np.float32)
    for step in range(10):
        window = slice(6 * step, 6 * step + WIDTH)
        depth_m = np.broadcast_to(depth_of_scene[window], (HEIGHT, WIDTH)).copy()
        filtered = steady(np.ascontiguousarray(scene[:, window]), depth_m)
    wrong = np.abs(np.log(filtered / depth_m)) > 0.05
    assert wrong.mean() < 0.06


def test_a_camera_that_walks_lags_by_a_few_hundredths_at_most():
    # 1 m a second at 30 frames a second, towards a wall.
    steady, image = Steady(), texture()
    for step in range(45):
        depth_m = flat(3.0 - step / 30)
        filtered = steady(image, depth_m)
    assert 0 <= np.median(filtered / depth_m) - 1 < 0.07


def test_after_a_cut_the_past_is_forgotten():
    steady = Steady()
    for _ in range(5):
        steady(texture(seed=0), flat(1.0))
    np.testing.assert_allclose(steady(texture(seed=9), flat(1.1)), 1.1, rtol=0.02)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.floats(0.2, 9), min_size=2, max_size=5), st.floats(0.05, 1))
def test_no_past_moves_a_frame_beyond_the_bound(depths, gain):
    steady, image = Steady(gain=gain, bound=0.1), texture()
    for depth in depths:
        filtered = steady(image, flat(depth))
        assert np.abs(np.log(filtered / depth)).max() <= 0.1 + 1e-5
        assert filtered.dtype == np.float32


def test_a_gain_of_one_filters_nothing():
    steady, image = Steady(gain=1.0), texture()
    for depth in (1.0, 1.1, 1.3):
        np.testing.assert_allclose(steady(image, flat(depth)), depth, rtol=1e-5)


def test_another_size_begins_anew():
    steady = Steady()
    steady(texture(), flat(1.0))
    other = np.full((90, 130), 1.1, np.float32)
    np.testing.assert_array_equal(steady(texture(90, 130), other), other)


def test_values_are_carried_along_with_the_picture():
    scene = texture(HEIGHT, WIDTH + 8)
    before, now = small_grey(scene[:, :WIDTH].copy()), small_grey(scene[:, 8:].copy())
    values = np.broadcast_to(np.arange(WIDTH, dtype=np.float32), (HEIGHT, WIDTH)).copy()
    carried = carry(before, values, now)
    inner = (slice(10, -10), slice(10, -20))
    assert np.abs(carried.values - values - 8)[inner].max() < 1
    assert carried.trust[inner].mean() > 0.9
    assert carried.trust[:, -6:].max() == 0  # it came into view


def test_without_opencv_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(UsageError, match=r"pip install 'leadline\[video\]'; or do without by --no-steady"):
        Steady()(texture(), flat(1.0))
