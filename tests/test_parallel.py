"""Work side by side, results in order."""

import threading
import time

import pytest

from leadline.parallel import cores, in_order


def test_results_come_in_the_order_of_the_items_whoever_is_first():
    def slow_at_even(number):
        time.sleep(0.01 if number % 2 == 0 else 0)
        return number

    assert list(in_order(slow_at_even, range(40), workers=4)) == list(range(40))


def test_as_many_are_in_work_as_there_are_workers():
    meeting = threading.Barrier(3, timeout=20)
    assert sorted(in_order(lambda _: meeting.wait(), range(3), workers=3)) == [0, 1, 2]


def test_items_are_taken_as_they_are_needed():
    taken = []

    def items():
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_order(lambda number: number, items(), workers=2)
    assert next(results) == 0
    assert len(taken) == 4
    results.close()
    assert len(taken) == 4


def test_what_the_work_raises_is_raised_and_nothing_new_is_begun():
    begun = []

    def fail_at_three(number):
        begun.append(number)
        if number == 3:
            raise OSError("no space")
        return number

    results = in_order(fail_at_three, range(1000), workers=1)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="no space"):
        next(results)
    assert len(begun) <= 5


def test_nothing_gives_nothing():
    assert list(in_order(len, [], workers=3)) == []


def test_there_is_a_core():
    assert cores() >= 1
