"""Depth in another unit than was assumed."""

from dataclasses import replace

import numpy as np
import pytest
from rooms import found, only, room, rooms, serious, with_depth

from leadline.doctor.units import UnitFacts, measure
from leadline.doctor.view import View


def test_rooms_in_millimetres_are_accused_of_nothing():
    assert serious("units", rooms()) == []


@pytest.mark.parametrize(
    ("factor", "flag"),
    [(5.0, "0.0002"), (0.256, "0.00390625"), (0.1, "0.01"), (10.0, "0.0001")],
    ids=["5000 steps a metre", "256 steps a metre", "centimetres", "tenths of a millimetre"],
)
def test_a_wrong_unit_is_noticed_and_the_flag_is_said(factor, flag):
    generator = np.random.default_rng(0)
    # Fractions of a millimetre, as files in another unit have; multiples of 5 would be a trace of their own.
    wrong = with_depth(rooms(8), lambda depth_m: (depth_m + generator.uniform(-0.0005, 0.0005, depth_m.shape)) * factor)
    finding = only(serious("units", wrong))
    assert f"--data.depth-unit-m {flag}" in finding.cure
    assert "median depth" in finding.evidence
    assert finding.scenes == ()


def test_one_frame_of_tum_read_in_millimetres_is_an_error_by_its_multiples_of_five():
    finding = only(serious("units", with_depth([room(1)], lambda depth_m: depth_m * 5)))
    assert finding.severity == "error"
    assert "0.0002" in finding.cure
    assert "multiple of 5" in finding.evidence


def test_a_unit_that_was_given_is_compared_with_the_others():
    wrong = with_depth(rooms(8), lambda depth_m: depth_m * 10)
    finding = only(serious("units", wrong, depth_unit_m=0.01))
    assert "--data.depth-unit-m 0.001" in finding.cure


def test_one_scene_alone_is_never_proved_wrong_by_its_distances():
    finding = only(serious("units", with_depth([room(1, frame) for frame in range(3)], lambda depth_m: depth_m * 0.1)))
    assert finding.severity == "warning"


def test_one_scene_in_another_unit_is_named():
    odd = with_depth([room(9, frame) for frame in range(3)], lambda depth_m: depth_m * 0.1)
    finding = only(serious("units", [*rooms(8), *odd]))
    assert finding.scenes == ("room-9",)
    assert {example.frame.scene for example in finding.examples} == {"room-9"}


def test_eight_bits_read_as_millimetres_are_an_error():
    finding = only(serious("units", with_depth(rooms(3), lambda depth_m: np.rint(depth_m * 25.5) / 1000)))
    assert finding.severity == "error"
    assert "8 bits" in finding.title
    assert "0.0392157" in finding.cure


def test_eight_bits_stretched_to_sixteen_are_an_error():
    wrong = with_depth(rooms(3), lambda depth_m: np.rint(depth_m * 25.5) * 257 / 1000)
    finding = only([f for f in serious("units", wrong) if f.severity == "error"])
    assert "multiples of 257" in finding.evidence


def test_metres_that_went_through_eight_bits_are_a_warning_with_their_step():
    finding = only(serious("units", with_depth(rooms(3), lambda depth_m: np.rint(depth_m * 25.5) * 10 / 255)))
    assert finding.severity == "warning"
    assert "39.2 mm" in finding.evidence


def test_the_facts_are_those_of_the_measured_pixels():
    sample = only(with_depth([room(0)], lambda depth_m: np.where(np.arange(320) < 160, 0.0, 2.0) * np.ones((240, 1))))
    assert measure(View.of(sample)) == UnitFacts(
        median_m=2.0, near_m=2.0, far_m=2.0, largest_m=2.0,
        values=1, divisor=2000, step_m=0.0, histogram=tuple(240 * 160 if at == 8 else 0 for at in range(49)),
    )  # fmt: skip


def test_nothing_is_found_where_nothing_was_read():
    assert found("units", []) == []


def test_a_sensor_with_steps_of_five_millimetres_is_no_error():
    coarse = with_depth(rooms(3), lambda depth_m: np.rint(depth_m * 200 / 2) / 200)
    assert [finding.severity for finding in serious("units", coarse)] in ([], ["warning"])


def test_metres_as_floats_are_told_by_how_much_they_are_off():
    wrong = [replace(sample, depth_m=(sample.depth_m * np.float32(10.0001)).astype(np.float32)) for sample in rooms(8)]
    finding = only(serious("units", wrong))
    assert "0.1 times the one that was read" in finding.title
    assert "0.0001" not in finding.cure


def test_a_street_in_metres_is_a_warning_at_most():
    down = (np.arange(240) - 119.5)[:, None] / 200 * np.ones((1, 320))
    street = np.where(down > 0.02, 1.65 / np.maximum(down, 0.02), 60.0)
    findings = serious("units", with_depth(rooms(5), lambda _: street))
    assert [finding.severity for finding in findings] == ["warning"]
    assert "or it is no room" in findings[0].title
