"""A recipe may ask for frames that are made out of nothing."""

import pytest
from rich.console import Console

pytest.importorskip("embreex")

from leadline.options import DataOptions, Recipe
from leadline.recipes import read_recipe
from leadline.training.plan import Plan
from leadline.training.synthetic_rooms import with_rooms


def plan_of(tmp_path, **data):
    recipe = Recipe(data=DataOptions(height=32, width=48, **data))
    return Plan(recipe, tmp_path / "run", resumes=False, budget_s=None)


def test_rooms_are_made_once_and_named_in_the_recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    plan = plan_of(tmp_path, synthetic_frames=2)
    found = with_rooms(plan, Console(quiet=True))
    pictures = sorted(found.recipe.data.root.glob("*/rgb/*.jpg"))
    assert len(pictures) == 2
    before = [picture.stat().st_mtime_ns for picture in pictures]
    assert with_rooms(plan, Console(quiet=True)) == found
    assert [picture.stat().st_mtime_ns for picture in pictures] == before
    assert with_rooms(found, Console(quiet=True)) == found


def test_what_is_rendered_is_not_searched_for_faults_of_cameras(tmp_path, monkeypatch):
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    plan = plan_of(tmp_path, synthetic_frames=2)
    assert plan.recipe.data.check
    assert not with_rooms(plan, Console(quiet=True)).recipe.data.check


def test_frames_of_ones_own_come_first(tmp_path):
    plan = plan_of(tmp_path, synthetic_frames=2, root=tmp_path)
    assert with_rooms(plan, Console(quiet=True)) is plan


def test_quick_synth_needs_no_frames():
    recipe = read_recipe("quick-synth")
    assert recipe.data.root is None
    assert recipe.data.synthetic_frames
    assert recipe.data.more == ()
