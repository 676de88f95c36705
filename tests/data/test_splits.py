"""Which frames teach and which judge: the same ones always, and never both."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.data.sample import Frame
from leadline.data.splits import SplitRule, make_split, read_scene_list, read_split, write_split
from leadline.errors import InputError


def frames(rooms: int = 6, each: int = 5, **options) -> list[Frame]:
    """Two scenes in each room."""
    return [
        Frame(scene=f"scene-{room}-{i % 2}", name=f"{i:04}", room=f"room-{room}", size_bytes=1, **options)
        for room in range(rooms)
        for i in range(each)
    ]


def rooms_of(listed: list[Frame], identities: tuple[str, ...]) -> set[str]:
    return {frame.room for frame in listed if frame.identity in identities}


@settings(deadline=None, max_examples=50)
@given(
    rooms=st.integers(2, 12),
    each=st.integers(1, 4),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
    by=st.sampled_from(["room", "frame"]),
)
def test_no_frame_does_both_and_each_does_one(rooms, each, share, seed, by):
    listed = frames(rooms, each)
    split = make_split(listed, SplitRule(by=by, share=share, seed=seed))
    assert split.train
    assert split.validation
    assert not set(split.train) & set(split.validation)
    assert set(split.train) | set(split.validation) == {frame.identity for frame in listed}
    if by == "room":
        assert not rooms_of(listed, split.train) & rooms_of(listed, split.validation)


def test_the_same_frames_and_seed_give_the_same_split_in_any_order():
    listed = frames()
    for by in ("room", "frame"):
        ours, theirs = make_split(listed, SplitRule(by=by)), make_split(listed[::-1], SplitRule(by=by))
        assert set(ours.validation) == set(theirs.validation)
        assert ours.digest == theirs.digest
        assert ours.digest != make_split(listed, SplitRule(by=by, seed=1)).digest


def test_a_tenth_of_the_frames_judges():
    split = make_split(frames(10, 10), SplitRule(by="frame", share=0.1))
    assert (len(split.train), len(split.validation)) == (90, 10)


def test_official_test_frames_never_teach():
    listed = [*frames(2, 3, subset="train"), *(f for f in frames(4, 3, subset="test") if f.room > "room-1")]
    split = make_split(listed, SplitRule(by="official"))
    assert rooms_of(listed, split.train) == {"room-0", "room-1"}
    assert rooms_of(listed, split.validation) == {"room-2", "room-3"}
    by_room = make_split(listed, SplitRule(by="room", share=0.5))
    assert rooms_of(listed, by_room.train) | rooms_of(listed, by_room.validation) == {"room-0", "room-1"}


def test_the_same_frames_teach_and_judge_when_overfitting():
    split = make_split(frames(), SplitRule(by="same", limit=8))
    assert split.train == split.validation
    assert len(split.train) == 8


def test_a_limit_is_spread_over_the_rooms():
    listed = frames(6, 5)
    for limit in (6, 7, 12):
        split = make_split(listed, SplitRule(by="same", limit=limit))
        counts = [sum(name.startswith(f"scene-{room}-") for name in split.train) for room in range(6)]
        assert sum(counts) == limit
        assert max(counts) - min(counts) <= 1


def test_listed_scenes_judge_and_their_rooms_do_not_teach():
    listed = frames(3, 4)
    split = make_split(listed, SplitRule(scenes=("scene-1-0",)))
    assert {name.split("/")[0] for name in split.validation} == {"scene-1-0"}
    assert rooms_of(listed, split.train) == {"room-0", "room-2"}


def test_unknown_scenes_are_named():
    with pytest.raises(InputError, match="the data do not have: scene-9"):
        make_split(frames(), SplitRule(scenes=("scene-1-0", "scene-9")))


@pytest.mark.parametrize("rule", [SplitRule(by="room"), SplitRule(by="official")])
def test_an_empty_half_is_refused(rule):
    with pytest.raises(InputError, match="add frames or rooms"):
        make_split(frames(rooms=1), rule)


def test_a_split_comes_back_from_its_file(tmp_path):
    for rule in (SplitRule(limit=9), SplitRule(scenes=("scene-1-0",))):
        split = make_split(frames(), rule)
        write_split(tmp_path / "split.json", split)
        assert read_split(tmp_path / "split.json") == split


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"train": 3, "validation": [], "rule": {}})])
def test_a_damaged_split_is_refused(tmp_path, content):
    (tmp_path / "split.json").write_text(content)
    with pytest.raises(InputError, match=r"split\.json"):
        read_split(tmp_path / "split.json")


def test_a_list_of_scenes_may_hold_comments(tmp_path):
    (tmp_path / "v.txt").write_text("# kitchens\nkitchen-1  # bright\n\n  kitchen-2\n")
    assert read_scene_list(tmp_path / "v.txt") == ("kitchen-1", "kitchen-2")
    (tmp_path / "v.txt").write_text("# none\n")
    with pytest.raises(InputError, match="lists no scene"):
        read_scene_list(tmp_path / "v.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_scene_list(tmp_path / "missing.txt")
