"""Looking for folders, and how little a quick look costs."""

import pytest

from leadline.data.sources.folders import files_in, find_folders, folders_in, holds_one, some_names
from leadline.errors import InputError


def has_mark(folder):
    return (folder / "mark").is_file()


@pytest.fixture
def root(tmp_path):
    for name in ("b", "a/inner", "a/inner/below", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "mark").touch()
    return tmp_path


def test_folders_and_files_are_sorted_and_hidden_ones_passed_over(root):
    (root / "z.txt").touch()
    (root / ".DS_Store").touch()
    assert folders_in(root) == [root / "a", root / "b"]
    assert files_in(root) == [root / "z.txt"]
    assert files_in(root / "gone") == []


def test_a_wanted_folder_is_not_searched_further(root):
    assert list(find_folders(root, has_mark, deepest=3)) == [root / "a" / "inner", root / "b"]
    assert list(find_folders(root, has_mark, deepest=1)) == [root / "b"]
    assert list(find_folders(root / "b", has_mark, deepest=0)) == [root / "b"]


def test_a_missing_folder_is_named(root):
    with pytest.raises(InputError, match="gone: cannot be listed"):
        list(find_folders(root / "gone", has_mark, deepest=1))


def test_a_quick_look_finds_what_is_near_and_never_raises(root):
    assert holds_one(root, has_mark, deepest=2)
    assert not holds_one(root / "a", has_mark, deepest=0)
    assert not holds_one(root / "gone", has_mark, deepest=2)
    assert not holds_one(root / "b" / "mark" / "below", has_mark, deepest=2)

    def forbidden(folder):
        raise PermissionError

    assert not holds_one(root, forbidden, deepest=2)


def test_a_quick_look_ends(tmp_path):
    looked_at = []
    for number in range(500):
        (tmp_path / f"{number:03}").mkdir()
    assert not holds_one(tmp_path, lambda folder: looked_at.append(folder) is not None, deepest=1)
    assert len(looked_at) == 400


def test_names_of_a_file_or_of_nothing_are_none(root):
    assert some_names(root / "gone") == some_names(root / "b" / "mark") == []
    assert some_names(root / "b") == ["mark"]
