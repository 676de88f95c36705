import pytest

from leadline.errors import InputError
from leadline.labelling.labelled_scene import LabelledScene, Outcome, read_journal

CARD = {"kind": "metric", "aspect": None}


def test_a_journal_gives_back_what_was_added(tmp_path):
    scene = LabelledScene(tmp_path / "scene", CARD)
    outcomes = [
        Outcome("a.jpg", "a", confidence=0.5, contradiction=0.1),
        Outcome("b.jpg", dropped="blank"),
    ]
    for outcome in outcomes:
        scene.add(outcome)
    assert read_journal(tmp_path / "scene/labels.jsonl") == outcomes
    assert LabelledScene(tmp_path / "scene", CARD).outcomes == {"a.jpg": outcomes[0], "b.jpg": outcomes[1]}


def test_what_follows_a_torn_line_is_not_joined_to_it(tmp_path):
    LabelledScene(tmp_path / "scene", CARD).add(Outcome("a.jpg", "a"))
    with (tmp_path / "scene/labels.jsonl").open("a") as file:
        file.write('{"picture": "b.j')
    LabelledScene(tmp_path / "scene", CARD).add(Outcome("c.jpg", "c"))
    assert [outcome.picture for outcome in read_journal(tmp_path / "scene/labels.jsonl")] == ["a.jpg", "c.jpg"]


@pytest.mark.parametrize("line", ["no JSON", '{"picture": "a.jpg", "mood": "good"}', "[]"])
def test_a_damaged_journal_is_named(tmp_path, line):
    LabelledScene(tmp_path / "scene", CARD)
    (tmp_path / "scene/labels.jsonl").write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"labels.jsonl: damaged"):
        LabelledScene(tmp_path / "scene", CARD)


def test_a_damaged_card_is_named(tmp_path):
    (tmp_path / "scene").mkdir()
    (tmp_path / "scene/scene.json").write_text("{")
    with pytest.raises(InputError, match=r"scene.json: cannot be understood"):
        LabelledScene(tmp_path / "scene", CARD)
