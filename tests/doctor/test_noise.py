"""Depth that rustles, and depth that does not."""

import numpy as np
import pytest
from PIL import Image
from rooms import facts, found, only, rooms, serious, with_depth

from leadline.doctor.noise import APART_PX, noise


def rustling(share: float, *, patch: int = 1):
    """Noise of a share of the distance, alike over patches of some pixels, as stereo matching leaves it."""
    generator = np.random.default_rng(0)

    def change(depth_m):
        height, width = depth_m.shape
        coarse = generator.normal(0, 1, (height // patch, width // patch)).astype(np.float32)
        return depth_m * (
            1 + share * np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        )

    return change


def test_a_sensor_that_is_off_by_millimetres_is_not_accused():
    assert serious("noise", rooms()) == []


@pytest.mark.parametrize("patch", [1, APART_PX - 1])
def test_noise_of_a_twentieth_of_the_distance_is_a_warning(patch):
    finding = only(serious("noise", with_depth(rooms(3), rustling(0.05, patch=patch))))
    assert (finding.severity, finding.title) == ("warning", "far depth is noisy in 3 of 3 scenes")
    assert finding.scenes


def test_only_the_noisy_scene_is_named():
    samples = rooms(3)
    samples[3:6] = with_depth(samples[3:6], rustling(0.05))
    assert only(serious("noise", samples)).scenes == ("room-1",)


def test_the_measured_noise_is_about_the_planted_one():
    assert noise(facts(with_depth(rooms(3), rustling(0.04)))) == pytest.approx(0.04, rel=0.25)


def test_edges_and_slanted_planes_are_no_noise():
    """A floor, three walls and six boxes before them, without any noise but the file's millimetres."""
    assert noise(facts(rooms(3))) < 0.004


def test_of_hardly_any_depth_nothing_is_claimed():
    def dots(depth_m):
        kept = np.zeros_like(depth_m)
        kept[::40, ::40] = depth_m[::40, ::40]
        return kept

    samples = with_depth(rooms(2), dots)
    assert noise(facts(samples)) is None
    assert found("noise", samples) == []
