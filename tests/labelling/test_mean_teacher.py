import numpy as np
import pytest

from leadline.errors import UsageError
from leadline.labelling.mean_teacher import mean_of
from leadline.labelling.teacher import Teacher

IMAGE = np.random.default_rng(0).integers(60, 200, (80, 100, 3), dtype=np.uint8)


def saying(metres: np.ndarray, **others) -> Teacher:
    known = {"name": "constant", "sha256": "0" * 64, "licence": "MIT", "kind": "metric", **others}
    return Teacher(answer=lambda pictures: [metres.astype(np.float32) for _ in pictures], **known)


def test_the_mean_is_that_of_the_logarithms_so_that_twice_and_half_cancel(teacher):
    (metres,) = mean_of([teacher(scale=0.5), teacher(scale=2.0)]).answer([IMAGE])
    np.testing.assert_allclose(metres, teacher().answer([IMAGE])[0], rtol=1e-5)


def test_maps_of_different_sizes_meet_at_the_size_of_the_first():
    (metres,) = mean_of([saying(np.full((8, 10), 1.0)), saying(np.full((3, 4), 4.0))]).answer([IMAGE])
    np.testing.assert_allclose(metres, np.full((8, 10), 2.0), rtol=1e-6)


def test_where_one_says_nothing_the_mean_says_nothing():
    holed = np.full((8, 10), 1.0)
    holed[2, 3] = np.nan
    (metres,) = mean_of([saying(np.full((8, 10), 4.0)), saying(holed)]).answer([IMAGE])
    assert np.isnan(metres[2, 3])
    assert np.isfinite(metres).sum() == 79


def test_it_names_its_teachers_their_terms_and_the_camera_that_they_share():
    one = saying(np.ones((2, 2)), name="A", sha256="a" * 64, licence="MIT", focal_per_width=0.8)
    other = saying(np.ones((2, 2)), name="B", sha256="b" * 64, licence="AGPL-3.0", focal_per_width=0.8)
    both = mean_of([one, other])
    assert (both.name, both.licence, both.focal_per_width) == ("mean of A and B", "MIT; AGPL-3.0", 0.8)
    assert both.sha256 != mean_of([one, saying(np.ones((2, 2)), sha256="c" * 64)]).sha256
    assert mean_of([one, saying(np.ones((2, 2)))]).focal_per_width is None


@pytest.mark.parametrize("kinds", [["metric"], ["metric", "relative"]])
def test_there_is_no_mean_of_one_or_of_inverse_depth_without_scale(kinds):
    with pytest.raises(UsageError, match=r"two teachers|knows no metres"):
        mean_of([saying(np.ones((2, 2)), kind=kind) for kind in kinds])
