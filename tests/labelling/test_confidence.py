import numpy as np
import pytest

from leadline.errors import InputError
from leadline.labelling.confidence import ask
from leadline.labelling.teacher import Teacher

IMAGE = np.random.default_rng(0).integers(60, 200, (80, 100, 3), dtype=np.uint8)


def test_a_teacher_that_says_the_same_of_every_view_is_fully_believed(teacher):
    label = ask([teacher()], IMAGE)
    np.testing.assert_allclose(label.values, 1 + IMAGE.mean(axis=2) / 127.5, rtol=1e-6)
    assert label.contradiction == pytest.approx(0, abs=1e-6)
    assert label.confidence == pytest.approx(1)


def test_a_teacher_that_prefers_one_side_contradicts_itself(teacher):
    slightly, much = (ask([teacher(ramp=ramp)], IMAGE) for ramp in (0.3, 5.0))
    assert 0 < slightly.contradiction < 0.2 < much.contradiction
    assert slightly.confidence > 0.5 > much.confidence
    # The mean with the mirror image's answer leans to neither side.
    np.testing.assert_allclose(much.values.mean(axis=0)[:20].mean(), much.values.mean(axis=0)[-20:].mean(), rtol=0.1)


def test_an_answer_in_another_scale_to_the_enlarged_middle_is_no_contradiction():
    def answer(pictures):
        return [np.full((20, 20), 2.0 * picture.shape[1] / 100, np.float32) for picture in pictures]

    assert ask([Teacher("scaled", "0" * 64, "none", "metric", answer)], IMAGE).contradiction == pytest.approx(
        0, abs=1e-6
    )


def test_another_layout_in_the_middle_is_a_contradiction():
    def answer(pictures):
        return [
            np.linspace(1, 1 if picture.shape[1] == 100 else 9, 400, dtype=np.float32).reshape(20, 20)
            for picture in pictures
        ]

    assert ask([Teacher("fickle", "0" * 64, "none", "metric", answer)], IMAGE).contradiction > 0.2


def test_relative_answers_are_compared_without_their_scale_and_shift():
    scales = iter([(1.0, 0.0), (7.0, 3.0), (0.1, -5.0)])

    def answer(pictures):
        maps = []
        for picture in pictures:
            scale, shift = next(scales)
            maps.append((picture.mean(axis=2) * scale + shift).astype(np.float32))
        return maps

    label = ask([Teacher("relative", "0" * 64, "none", "relative", answer)], IMAGE)
    assert label.contradiction < 0.01
    assert np.median(label.values) == pytest.approx(0, abs=1e-3)
    assert np.abs(label.values).mean() == pytest.approx(1, abs=1e-3)


def test_pixels_without_an_answer_stay_without_one():
    def answer(pictures):
        maps = [np.full(picture.shape[:2], 2.0, np.float32) for picture in pictures]
        maps[0][:10] = np.nan
        return maps

    label = ask([Teacher("holes", "0" * 64, "none", "metric", answer)], IMAGE)
    assert np.isnan(label.values[:10]).all()
    assert (label.values[10:] == 2).all()


def test_a_teacher_without_any_answer_is_an_error():
    def answer(pictures):
        return [np.full((4, 4), np.nan, np.float32) for _ in pictures]

    with pytest.raises(InputError, match="says nothing"):
        ask([Teacher("silent", "0" * 64, "none", "metric", answer)], IMAGE)


def test_teachers_that_agree_are_believed_and_those_that_dissent_are_not(teacher):
    twin, other = teacher(), teacher(scale=1.3)
    alone, agreed, dissented = (ask(teachers, IMAGE) for teachers in ([twin], [twin, twin], [twin, other]))
    assert agreed.dissent == pytest.approx(0, abs=1e-6)
    assert dissented.dissent == pytest.approx(np.log(1.3), rel=1e-3)
    assert alone.confidence == pytest.approx(agreed.confidence)
    assert dissented.confidence < 0.2
    np.testing.assert_array_equal(alone.values, dissented.values)  # the first one labels


def test_a_relative_teacher_objects_to_the_layout_only(teacher):
    def said(disparity):
        def answer(pictures):
            return [disparity(1 + picture.mean(axis=2) / 127.5).astype(np.float32) for picture in pictures]

        return Teacher("relative", "0" * 64, "none", "relative", answer)

    same, upside_down = said(lambda metres: 7 / metres + 3), said(lambda metres: metres)
    assert ask([teacher(), same], IMAGE).dissent < 0.01
    assert ask([teacher(), upside_down], IMAGE).dissent > 0.5
