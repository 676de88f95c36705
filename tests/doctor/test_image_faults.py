"""Pictures that show nothing."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from rooms import only, rooms, serious, with_image


def blurred(radius):
    return lambda image: np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))


def smeared(steps, axis):
    """What a camera sees that pans by so many pixels while its shutter is open."""
    return lambda image: np.mean([np.roll(image, step, axis) for step in range(steps)], axis=0)


def test_pictures_of_rooms_are_not_accused():
    assert serious("images", rooms()) == []


@pytest.mark.parametrize(
    ("change", "words", "severity"),
    [
        (lambda image: image * 0.05, "nearly black", "error"),
        (lambda image: np.full_like(image, 128), "blank", "error"),
        (blurred(2.5), "blurred", "warning"),
        (smeared(5, 1), "smeared by movement", "warning"),
        (smeared(5, 0), "smeared by movement", "warning"),
    ],
)
def test_pictures_that_show_nothing_or_little_are_found(change, words, severity):
    finding = only(serious("images", with_image(rooms(2), change)))
    assert (finding.severity, finding.title) == (severity, f"6 of 6 pictures are {words}")


def test_one_black_picture_is_a_warning_with_its_name():
    samples = rooms(4)
    samples[5:6] = with_image(samples[5:6], lambda image: image * 0.05)
    finding = only(serious("images", samples))
    assert finding.severity == "warning"
    assert [example.frame.identity for example in finding.examples] == [samples[5].frame.identity]
