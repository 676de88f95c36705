import pytest

from leadline.training import clock as clock_module
from leadline.training.clock import Clock


@pytest.fixture
def now(monkeypatch):
    class Now:
        s = 100.0

    monkeypatch.setattr(clock_module.time, "monotonic", lambda: Now.s)
    return Now


def test_a_saving_is_due_when_its_time_is_over(now):
    clock = Clock()
    now.s += 60
    assert not clock.saving_is_due(60.0)
    now.s += 1
    assert clock.saving_is_due(60.0)


def test_a_slow_disk_is_asked_less_often(now):
    clock = Clock()
    with clock.saving():
        now.s += 30
    now.s += 599
    assert not clock.saving_is_due(60.0)  # thirty seconds of writing may cost a twentieth of six hundred
    now.s += 2
    assert clock.saving_is_due(60.0)


def test_zero_saves_after_every_step_whatever_it_costs(now):
    clock = Clock()
    with clock.saving():
        now.s += 30
    now.s += 0.01
    assert clock.saving_is_due(0.0)
