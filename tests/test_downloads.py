"""Fetching from a server on this machine that behaves as badly as the internet does."""

import hashlib
import multiprocessing
import shutil
import socket
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace

import pytest

from leadline import downloads
from leadline.downloads import RemoteFile, cache_folder, fetch
from leadline.errors import DownloadError, OutputError
from loopback import CONTENT, HALF, QUICK, answer, refuse


def test_a_file_is_fetched_once_and_then_found(serve, tmp_path):
    server = serve(answer())
    path = fetch(server.file(), folder=tmp_path / "new" / "folder", **QUICK)
    assert path.read_bytes() == CONTENT
    assert fetch(server.file(), folder=tmp_path / "new" / "folder", **QUICK) == path
    assert server.asked == [None]
    assert [file.name for file in path.parent.iterdir() if file.suffix == ".part"] == []


def test_a_cached_file_of_the_wrong_size_is_fetched_again(serve, tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"half a file")
    assert fetch(serve(answer()).file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT


def test_a_file_that_is_there_needs_no_server_and_no_writable_folder(tmp_path):
    (tmp_path / "weights.pt").write_bytes(b"12345")
    file = RemoteFile("http://127.0.0.1:9/weights.pt", "weights.pt", 5, None, "CC0-1.0")
    assert fetch(file, folder=tmp_path) == tmp_path / "weights.pt"
    assert [found.name for found in tmp_path.iterdir()] == ["weights.pt"]


def test_a_cut_connection_is_resumed_where_it_broke(serve, tmp_path):
    server = serve(answer(sent=HALF), answer(206))
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]


def test_a_connection_that_breaks_more_often_than_there_are_attempts_still_arrives(serve, tmp_path):
    server = serve(*[answer(206, sent=k * len(CONTENT) // 8) for k in range(1, 8)], answer(206))
    assert fetch(server.file(), folder=tmp_path, attempts=2, **QUICK).read_bytes() == CONTENT
    assert len(server.asked) == 8


def test_what_an_earlier_run_left_is_continued(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(CONTENT[:HALF])
    server = serve(answer(206))
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [f"bytes={HALF}-"]


def test_what_an_earlier_run_left_whole_is_only_checked(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(CONTENT)
    server = serve(refuse(500))
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == []


def test_without_a_checksum_nothing_old_is_continued(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(b"x" * HALF)
    server = serve(answer(206))
    assert fetch(server.file(sha256=None), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_server_that_ignores_the_range_starts_over(serve, tmp_path):
    server = serve(answer(sent=HALF), answer(200))
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT


def test_a_server_that_cannot_satisfy_the_range_starts_over(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(b"y" * HALF)
    server = serve(refuse(416), answer())
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [f"bytes={HALF}-", None]


def test_a_server_that_continues_elsewhere_starts_over(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(CONTENT[:HALF])
    server = serve(lambda request, start: answer(206)(request, start + 7), answer())
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [f"bytes={HALF}-", None]


def test_a_longer_leftover_than_the_file_is_thrown_away(serve, tmp_path):
    (tmp_path / "weights.pt.part").write_bytes(CONTENT + b"z")
    server = serve(answer())
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT
    assert server.asked == [None]


def test_a_stall_is_broken_off_and_resumed(serve, tmp_path):
    server = serve(answer(sent=HALF, stall_s=2.0), answer(206))
    assert fetch(server.file(), folder=tmp_path, timeout_s=0.2, pause_s=0.01).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={HALF}-"]


def test_another_announced_size_is_refused_at_once(serve, tmp_path):
    server = serve(answer(length=len(CONTENT) - 5))
    with pytest.raises(DownloadError, match=f"offers {len(CONTENT) - 5} bytes, the expected file has {len(CONTENT)}"):
        fetch(server.file(), folder=tmp_path, **QUICK)
    assert len(server.asked) == 1


def test_a_promise_of_more_bytes_than_come_ends_in_an_error(serve, tmp_path):
    def past_the_end(request: BaseHTTPRequestHandler, start: int) -> None:
        if start >= len(CONTENT):
            request.send_error(416)
        else:
            answer(206, length=len(CONTENT) + 100)(request, start)

    server = serve(past_the_end)
    with pytest.raises(DownloadError, match="tried 4 times"):
        fetch(server.file(size_bytes=None), folder=tmp_path, **QUICK)
    assert not (tmp_path / "weights.pt").exists()


def test_no_announced_size_is_no_obstacle(serve, tmp_path):
    assert fetch(serve(answer(length=None)).file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT


def test_a_server_in_trouble_is_asked_again(serve, tmp_path):
    server = serve(refuse(503), refuse(429), answer())
    assert fetch(server.file(), folder=tmp_path, **QUICK).read_bytes() == CONTENT


def test_a_missing_file_is_not_asked_for_twice(serve, tmp_path):
    server = serve(refuse(404))
    with pytest.raises(DownloadError, match="404 Not Found"):
        fetch(server.file(), folder=tmp_path, **QUICK)
    assert len(server.asked) == 1


def test_a_wrong_checksum_names_both_and_leaves_nothing(serve, tmp_path):
    server = serve(answer())
    with pytest.raises(DownloadError) as caught:
        fetch(server.file(sha256="0" * 64), folder=tmp_path, **QUICK)
    assert "0" * 64 in str(caught.value)
    assert hashlib.sha256(CONTENT).hexdigest() in str(caught.value)
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith("weights")] == []


def test_offline_says_how_to_do_without(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/weights.pt"
    file = RemoteFile(url, "weights.pt", 5, None, "CC0-1.0")
    with pytest.raises(DownloadError) as caught:
        fetch(file, folder=tmp_path, instead="--model.weights PATH", attempts=2, **QUICK)
    message = str(caught.value)
    assert url in message
    assert str(tmp_path / "weights.pt") in message
    assert "--model.weights PATH" in message
    assert "another file" not in message
    assert caught.value.exit_code == 5
    (tmp_path / "weights.pt").write_bytes(b"by hand, but not this one")
    with pytest.raises(DownloadError, match="The one that is there is another file: 25 bytes instead of 5"):
        fetch(file, folder=tmp_path, attempts=1, **QUICK)


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    file = RemoteFile("http://127.0.0.1:9/weights.pt", "weights.pt", 5, None, "CC0-1.0")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(file, folder=tmp_path / "file" / "cache", **QUICK)


def test_too_little_space_is_noticed_before_the_download(serve, tmp_path, monkeypatch):
    server = serve(answer())
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(OutputError, match=r"needs 1\.0 MB more"):
        fetch(server.file(), folder=tmp_path, **QUICK)
    assert server.asked == []


def test_a_disk_that_fills_up_is_an_output_error_and_not_retried(serve, tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "weights.pt.part").symlink_to("/dev/full")
    server = serve(answer())
    with pytest.raises(OutputError, match="No space left"):
        fetch(server.file(), folder=tmp_path, **QUICK)
    assert len(server.asked) == 1


def _fetch_in_another_process(file: RemoteFile, folder: Path, results) -> None:
    results.put(hashlib.sha256(fetch(file, folder=folder, timeout_s=10.0).read_bytes()).hexdigest())


def test_two_processes_at_once_share_one_download(serve, tmp_path):
    def slowly(request: BaseHTTPRequestHandler, start: int) -> None:
        time.sleep(0.5)
        answer()(request, start)

    server = serve(slowly)
    # Not forked: this process runs threads, the server's.
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    arguments = (server.file(), tmp_path, results)
    processes = [context.Process(target=_fetch_in_another_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    found = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    results.close()
    assert found == [hashlib.sha256(CONTENT).hexdigest()] * 2
    assert len(server.asked) == 1


def test_the_progress_bar_names_the_file_and_its_licence(serve, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(downloads.sys.stderr, "isatty", lambda: True, raising=False)
    fetch(serve(answer()).file(), folder=tmp_path, **QUICK)
    assert "weights.pt (CC0-1.0)" in capsys.readouterr().err


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("LEADLINE_CACHE", raising=False)
    assert cache_folder() == tmp_path / "leadline"
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("LEADLINE_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path("~/.cache/leadline").expanduser()
