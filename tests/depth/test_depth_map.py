"""The result of a prediction: what it refuses, shows and writes."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from PIL import Image

from leadline.depth.camera import Camera
from leadline.depth.depth_map import SAVE_KINDS, SAVE_SUFFIXES, DepthMap
from leadline.depth.files import read_depth
from leadline.errors import OutputError, UsageError

METRES = np.linspace(0.5, 5, 60 * 80, dtype=np.float32).reshape(60, 80)
IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("metres", "says"),
    [
        (IMAGE, r"\(60, 80, 3\) uint8; did you pass the image"),
        (METRES.astype(np.float64), "float64"),
        (METRES[None], r"\(1, 60, 80\)"),
        ([[1.0]], "list"),
    ],
)
def test_anything_but_float32_metres_is_refused(metres, says):
    # Past the shape hook of the tests, which would refuse it first, with other words.
    depth_map = object.__new__(DepthMap)
    object.__setattr__(depth_map, "metres", metres)
    object.__setattr__(depth_map, "image", None)
    with pytest.raises(ValueError, match=says):
        depth_map.__post_init__()


@pytest.mark.parametrize("image", [IMAGE[:30], IMAGE[..., 0]])
def test_an_image_of_another_size_is_refused(image):
    with pytest.raises(ValueError, match=r"must be \(60, 80, 3\) uint8"):
        DepthMap(METRES, image=image)


def test_colours_are_the_map_with_a_legend_below():
    colors = DepthMap(METRES).color()
    assert colors.dtype == np.uint8
    assert colors.shape[1:] == (80, 3)
    assert colors.shape[0] > 60
    assert colors[0, 0].tolist() == [122, 4, 3]
    assert colors[59, 79].tolist() == [48, 18, 59]


def test_a_fixed_range_gives_two_pictures_the_same_colours():
    one = DepthMap(METRES).color(near_m=0.0, far_m=10.0)
    other = DepthMap(METRES[::-1].copy()).color(near_m=0.0, far_m=10.0)
    np.testing.assert_array_equal(one[:60], other[59::-1])


def test_a_range_that_is_empty_or_reversed_still_gives_colours():
    assert DepthMap(METRES).color(near_m=3.0, far_m=1.0).shape[1] == 80
    assert DepthMap(np.full((60, 80), np.nan, np.float32)).color().shape[1] == 80


def test_side_by_side_begins_with_the_photograph():
    both = DepthMap(METRES, image=IMAGE).side_by_side()
    np.testing.assert_array_equal(both[:60, :80], IMAGE)
    np.testing.assert_array_equal(both[:, 80:], DepthMap(METRES).color())


def test_side_by_side_needs_the_photograph(tmp_path):
    with pytest.raises(UsageError, match="needs the photograph"):
        DepthMap(METRES).side_by_side()
    with pytest.raises(UsageError, match="needs the photograph"):
        DepthMap(METRES).save(tmp_path / "a.png", kind="side")
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_chooses_metres_or_millimetres(tmp_path):
    depth_map = DepthMap(METRES)
    depth_map.save(tmp_path / "a.npy")
    depth_map.save(str(tmp_path / "a.png"))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), METRES)
    np.testing.assert_allclose(read_depth(tmp_path / "a.png"), METRES, atol=0.000501)


@pytest.mark.parametrize("kind", SAVE_KINDS)
def test_every_kind_is_written_under_its_suffix(tmp_path, kind):
    path = tmp_path / f"a{SAVE_SUFFIXES[kind]}"
    camera = Camera.centred(focal_px=70.0, width=80, height=60)
    DepthMap(METRES, image=IMAGE, camera=camera, sigma_m=METRES).save(path, kind=kind)
    assert path.stat().st_size > 0


def test_sigma_given_as_a_function_is_made_once_and_only_when_it_is_read():
    made = []
    depth = DepthMap(METRES, sigma_m=lambda: made.append(1) or METRES)
    assert made == []
    assert depth.sigma_m is METRES
    assert depth.sigma_m is METRES
    assert made == [1]


def test_a_map_without_sigma_says_none():
    assert DepthMap(METRES).sigma_m is None
    assert replace(DepthMap(METRES, sigma_m=METRES), image=IMAGE).sigma_m is METRES
    with pytest.raises(FrozenInstanceError):
        DepthMap(METRES).sigma_m = METRES


def test_pictures_for_people_are_what_color_and_side_by_side_say(tmp_path):
    depth_map = DepthMap(METRES, image=IMAGE)
    depth_map.save(tmp_path / "color.png", kind="color")
    depth_map.save(tmp_path / "side.png", kind="side")
    for name, expected in (("color", depth_map.color()), ("side", depth_map.side_by_side())):
        with Image.open(tmp_path / f"{name}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), expected)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "npy"), ("a.npy", "depth16"), ("a.png", "ply"), ("a.jpg", None), ("a", None)]
)
def test_a_suffix_that_does_not_fit_is_refused(tmp_path, name, kind):
    with pytest.raises(UsageError, match=r"is written as \.(npy|png|ply)"):
        DepthMap(METRES).save(tmp_path / name, kind=kind)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        DepthMap(METRES).save(tmp_path / "file" / "a.png")
