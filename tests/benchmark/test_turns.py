"""Turns on a clock that the tests move."""

import pytest

from leadline.benchmark.turns import LEAST_RUNS, one_turn, take_turns


class Clock:
    """Stands still but for the actions, which take the seconds that they are told."""

    def __init__(self, *durations: float) -> None:
        self.now = 100.0
        self.durations = list(durations)
        self.runs = 0

    def __call__(self) -> float:
        return self.now

    def action(self) -> None:
        self.runs += 1
        self.now += self.durations.pop(0) if len(self.durations) > 1 else self.durations[0]


def test_the_first_run_of_a_turn_is_not_counted():
    clock = Clock(9.0, 1.0)
    assert one_turn(clock.action, seconds=4.0, clock=clock) == [1.0] * 4
    assert clock.runs == 5


def test_a_turn_lasts_as_long_as_it_was_told():
    clock = Clock(0.25)
    assert len(one_turn(clock.action, seconds=10.0, clock=clock)) == 40


def test_a_slow_action_still_runs_a_few_times():
    clock = Clock(60.0)
    assert one_turn(clock.action, seconds=0.1, clock=clock) == [60.0] * LEAST_RUNS


def test_each_run_is_timed_by_itself():
    assert one_turn((clock := Clock(1.0, 2.0, 4.0, 8.0, 1.0)).action, seconds=3.0, clock=clock) == [2.0, 4.0, 8.0]


def test_all_take_a_turn_before_any_takes_its_second():
    order = []
    turns = {name: (lambda name=name: order.append(name) or [float(len(order))]) for name in "ABC"}
    taken = take_turns(turns, rounds=3)
    assert "".join(order) == "ABCABCABC"
    assert taken["B"] == [[2.0], [5.0], [8.0]]


def test_progress_hears_of_every_turn():
    heard = []
    take_turns({"a": lambda: [1.0], "b": lambda: [1.0]}, rounds=4, advance=lambda: heard.append(1))
    assert len(heard) == 8


@pytest.mark.parametrize("drift", [1.0, 3.0])
def test_a_machine_that_slows_down_slows_all_alike(drift):
    slowness = [1.0]

    def turn(own: float) -> list[float]:
        slowness[0] *= drift
        return [own * slowness[0]]

    taken = take_turns({"a": lambda: turn(1.0), "b": lambda: turn(2.0)}, rounds=3)
    assert [b[0] / a[0] for a, b in zip(taken["a"], taken["b"], strict=True)] == pytest.approx([2.0 * drift] * 3)
