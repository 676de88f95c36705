"""The old content or the new one, never half of it."""

import errno
import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from leadline.atomic import atomic_write, check_space, check_writable, only_one, sweep, writing_failed
from leadline.errors import OutputError


def names_in(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_file_appears_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "a.txt") as part:
        part.write_text("whole")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "whole"
    assert names_in(tmp_path) == ["a.txt"]


def test_the_part_has_the_suffix_of_the_file_and_hides(tmp_path):
    with atomic_write(tmp_path / "a.tar.gz") as part:
        assert part.suffix == ".gz"
        assert part.name.startswith(".")
        part.write_bytes(b"")


def test_missing_folders_are_made(tmp_path):
    with atomic_write(tmp_path / "deep" / "down" / "a.txt") as part:
        part.write_text("x")
    assert (tmp_path / "deep" / "down" / "a.txt").exists()


def test_an_old_file_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with atomic_write(tmp_path / "a.txt") as part:
        part.write_text("new")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_what_cannot_be_written_is_told_beforehand_and_nothing_is_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    check_writable(tmp_path / "deep" / "down" / "a.txt")
    check_writable(tmp_path / "file")
    for path in ("file/a.txt", "file/deep/a.txt", "folder"):
        with pytest.raises(OutputError, match=f"{path}: cannot be written"):
            check_writable(tmp_path / path)
    monkeypatch.setattr("leadline.atomic.os.access", lambda path, mode: path != tmp_path)
    with pytest.raises(OutputError, match=r"Permission denied\); choose a folder you may write to"):
        check_writable(tmp_path / "deep" / "a.txt")
    assert names_in(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("failure", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_whatever_fails_the_old_file_stays_and_no_part_is_left(tmp_path, failure):
    (tmp_path / "a.txt").write_text("old")

    def write_half():
        with atomic_write(tmp_path / "a.txt") as part:
            part.write_text("ha")
            raise failure

    with pytest.raises(type(failure)):
        write_half()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names_in(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_an_output_error_and_leaves_nothing(tmp_path, code):
    def write_too_much():
        with atomic_write(tmp_path / "a.txt") as part:
            part.write_text("ha")
            raise OSError(code, os.strerror(code))

    with pytest.raises(OutputError, match=r"a\.txt: no space left"):
        write_too_much()
    assert names_in(tmp_path) == []


def test_a_full_disk_at_the_last_moment_is_noticed(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="no space left"), atomic_write(tmp_path / "a.txt") as part:
        part.write_text("x")
    assert names_in(tmp_path) == []


def test_a_place_below_a_file_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "a.txt", tmp_path / "file" / "deep" / "a.txt"):
        with pytest.raises(OutputError, match=r"cannot be written .*choose a folder"), atomic_write(path) as part:
            part.write_text("x")
    assert (tmp_path / "file").read_text() == "x"


def test_a_folder_of_that_name_is_not_replaced(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(OutputError, match="cannot be written"), atomic_write(tmp_path / "a.txt") as part:
        part.write_text("x")
    assert names_in(tmp_path) == ["a.txt"]


def test_a_denied_permission_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="Permission denied"), atomic_write(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_failures_of_other_kinds_pass_through(tmp_path):
    with pytest.raises(OSError, match="broken cable"), atomic_write(tmp_path / "a.txt"):
        raise OSError(errno.EIO, "broken cable")
    assert names_in(tmp_path) == []


def test_a_block_that_writes_nothing_is_a_mistake_of_the_program(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.txt"):
        pass


def test_the_sentence_tells_full_from_forbidden(tmp_path):
    assert "free some" in writing_failed(tmp_path, OSError(errno.ENOSPC, "x"))
    assert "may write to" in writing_failed(tmp_path, PermissionError(errno.EACCES, "Permission denied"))


def test_a_folder_that_cannot_be_made_is_said_so() -> None:
    with pytest.raises(OutputError, match="cannot be written"), atomic_write(Path("/proc/leadline/a.txt")) as part:
        part.write_text("never")


def test_a_library_that_tells_of_a_full_disk_in_its_own_words_is_understood(tmp_path, monkeypatch):
    def write(error: Exception):
        with atomic_write(tmp_path / "a.pt"):
            raise error

    with pytest.raises(OutputError, match="no space left"):
        write(RuntimeError("I/O error: No space left on device (os error 28)"))  # safetensors
    with pytest.raises(RuntimeError, match="unexpected pos"):
        write(RuntimeError("unexpected pos 64 vs 0"))
    full = shutil.disk_usage(tmp_path)._replace(free=4096)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(OutputError, match="no space left"):
        write(RuntimeError("unexpected pos 64 vs 0"))  # torch
    assert names_in(tmp_path) == []


def test_a_disk_with_too_little_room_is_told_in_units_for_people(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=2_500_000))
    check_space(tmp_path, needed_bytes=2_500_000, name="it", instead="choose another folder")
    expected = r"the set needs 3\.0 GB more and 2\.5 MB are free; free some, or take a smaller one"
    with pytest.raises(OutputError, match=expected):
        check_space(tmp_path, needed_bytes=3_000_000_000, name="the set", instead="take a smaller one")


def test_one_passes_the_lock_and_the_next_waits_for_it(tmp_path):
    passed = threading.Event()

    def second():
        with only_one(tmp_path / "new" / ".lock"):
            passed.set()

    waiting = threading.Thread(target=second)
    with only_one(tmp_path / "new" / ".lock"):
        waiting.start()
        assert not passed.wait(0.2)
    waiting.join(5)
    assert passed.is_set()


def test_a_lock_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot be written"), only_one(tmp_path / "file" / ".lock"):
        pass


def test_sweeping_takes_what_killed_writers_left_and_nothing_else(tmp_path):
    for name in (".a.77.part.npy", ".b.78.part", "a.npy", ".hidden", "c.part"):
        (tmp_path / name).write_text("")
    sweep(tmp_path)
    assert names_in(tmp_path) == [".hidden", "a.npy", "c.part"]
