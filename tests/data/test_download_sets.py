"""Public data sets, fetched from a server on this machine that behaves as badly as the internet does."""

import gzip
import io
import socket
import stat
import tarfile
import zipfile

import pytest

from leadline.cli import main
from leadline.data import download_sets
from leadline.data.download_sets import DATA_SETS, DataSet, download, unpack
from leadline.downloads import RemoteFile
from leadline.errors import DownloadError, OutputError
from loopback import QUICK, answer

FILES = {"sequence/rgb.txt": b"1.0 rgb/1.png", "sequence/rgb/1.png": bytes(range(256)) * 999}


def tgz(files=FILES, **changes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            for key, value in changes.items():
                setattr(entry, key, value)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), compresslevel=0, mtime=0)  # tarfile would write the second of now


def zipped(files=FILES, mode=stat.S_IFREG) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return packed.getvalue()


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def offered(serve, *behaviours, name="set.tgz", content=None, **changes):
    server = serve(*behaviours, content=tgz() if content is None else content)
    return server, DataSet("a set", server.file(name, **changes))


@pytest.mark.parametrize(("name", "content"), [("set.tgz", tgz()), ("set.zip", zipped())])
def test_an_archive_is_fetched_unpacked_and_deleted(serve, tmp_path, name, content):
    server, data_set = offered(serve, answer(), name=name, content=content)
    folder = download("tum-x", data_set, folder=tmp_path / "new", **QUICK)
    assert folder == tmp_path / "new" / "tum-x"
    assert files_below(folder) == FILES
    assert sorted(path.name for path in folder.parent.iterdir()) == [f".{name}.lock", "tum-x"]
    assert download("tum-x", data_set, folder=tmp_path / "new", **QUICK) == folder
    assert server.asked == [None]


def test_a_file_that_is_no_archive_stays_as_it_is(serve, tmp_path):
    _, data_set = offered(serve, answer(), name="set.mat")
    assert download("nyu", data_set, folder=tmp_path, **QUICK).read_bytes() == tgz()


def test_an_archive_that_somebody_put_there_is_used_and_left(serve, tmp_path):
    server, data_set = offered(serve, answer())
    (tmp_path / "set.tgz").write_bytes(tgz())
    assert files_below(download("tum-x", data_set, folder=tmp_path, **QUICK)) == FILES
    assert (tmp_path / "set.tgz").exists()
    assert server.asked == []


def test_a_connection_that_is_cut_off_and_then_stalls_still_arrives(serve, tmp_path):
    cut, stalled = answer(sent=100_000), answer(206, sent=150_000, stall_s=1.0)
    server, data_set = offered(serve, cut, stalled, answer(206))
    folder = download("tum-x", data_set, folder=tmp_path, timeout_s=0.2, pause_s=0.01)
    assert files_below(folder) == FILES
    assert server.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_that_lies_about_the_size_is_not_believed(serve, tmp_path):
    _, data_set = offered(serve, answer(length=5000))
    with pytest.raises(DownloadError, match=r"offers 5000 bytes, .*Put the file there by hand: .*set\.tgz"):
        download("tum-x", data_set, folder=tmp_path, **QUICK)
    assert not (tmp_path / "tum-x").exists()


def test_an_unpinned_file_that_is_cut_off_for_good_is_no_data_set(serve, tmp_path):
    _, data_set = offered(serve, answer(sent=100_000), size_bytes=None, sha256=None)
    with pytest.raises(DownloadError, match="ended after 100000 of"):
        download("tum-x", data_set, folder=tmp_path, **QUICK)
    assert not (tmp_path / "set.tgz").exists()


def test_an_unpinned_file_needs_the_space_that_its_server_announces(serve, tmp_path):
    _, data_set = offered(serve, answer(length=10**18), size_bytes=None, sha256=None)
    with pytest.raises(OutputError, match=r"needs 1\.0 EB more"):
        download("tum-x", data_set, folder=tmp_path, **QUICK)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.tgz", tgz({**FILES, "../outside": b"x"})),
        ("set.tgz", tgz({**FILES, "a/../../outside": b"x"})),
        ("set.tgz", tgz({**FILES, "/tmp/outside": b"x"})),
        ("set.tgz", tgz({**FILES, "C:\\outside": b"x"})),
        ("set.tgz", tgz(type=tarfile.SYMTYPE, linkname="/etc")),
        ("set.tgz", tgz(type=tarfile.LNKTYPE, linkname="sequence/rgb.txt")),
        ("set.tgz", tgz(type=tarfile.FIFOTYPE)),
        ("set.zip", zipped({**FILES, "../outside": b"x"})),
        ("set.zip", zipped({**FILES, "..\\outside": b"x"})),
        ("set.zip", zipped({**FILES, "/outside": b"x"})),
        ("set.zip", zipped(mode=stat.S_IFLNK)),
    ],
)
def test_an_archive_that_reaches_elsewhere_is_refused_before_anything_is_written(tmp_path, name, content):
    archive = tmp_path / "in" / name
    archive.parent.mkdir()
    archive.write_bytes(content)
    with pytest.raises(DownloadError, match=r"its member .* Nothing was unpacked"):
        unpack(archive, tmp_path / "in" / "set")
    assert list(tmp_path.rglob("*")) == [tmp_path / "in", archive]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("set.tgz", b"<html>moved</html>"),
        ("set.tgz", tgz()[:100_000]),
        ("set.tgz", tgz()[:-8] + b"\0" * 8),
        ("set.zip", b"<html>moved</html>"),
        ("set.zip", zipped().replace(bytes(range(64)), bytes(64))),
    ],
    ids=["page", "cut", "checksum", "zip page", "zip checksum"],
)
def test_a_damaged_archive_leaves_nothing(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DownloadError, match=r"damaged, or no archive .*download it again"):
        unpack(tmp_path / name, tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_an_unpacking_that_was_killed_left_is_cleared(tmp_path):
    (tmp_path / ".set.part" / "sequence").mkdir(parents=True)
    (tmp_path / ".set.part" / "sequence" / "half").write_bytes(b"x")
    (tmp_path / "set.zip").write_bytes(zipped())
    unpack(tmp_path / "set.zip", tmp_path / "set")
    assert files_below(tmp_path / "set") == FILES


def test_too_little_space_to_unpack_is_noticed_first(tmp_path, monkeypatch):
    (tmp_path / "set.zip").write_bytes(zipped())
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match=r"set\.zip, unpacked, needs 255\.8 kB more"):
        unpack(tmp_path / "set.zip", tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_the_command_names_the_licence_and_how_to_go_on(serve, tmp_path, monkeypatch, capsys):
    server, data_set = offered(serve, answer())
    monkeypatch.setitem(DATA_SETS, "nyu", data_set)
    assert main(["data", "download", "nyu", "--out", str(tmp_path / "here")]) == 0
    said = capsys.readouterr()
    assert "a set (CC0-1.0, 0.3 MB), from http://127.0.0.1" in said.err
    assert "unpinned" not in said.err
    assert f"--data.root {tmp_path / 'here' / 'nyu'}" in said.out
    assert server.asked == [None]


def test_an_unpinned_checksum_is_said_openly(serve, tmp_path, monkeypatch, capsys):
    _, data_set = offered(serve, answer(), size_bytes=None, sha256=None)
    monkeypatch.setitem(DATA_SETS, "nyu", data_set)
    assert main(["data", "download", "nyu", "--out", str(tmp_path)]) == 0
    assert "unpinned: nobody confirmed a checksum of set.tgz" in capsys.readouterr().err


def test_offline_names_the_address_and_the_place_and_exits_5(tmp_path, monkeypatch, capsys):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/set.tgz"
    data_set = DataSet("a set", RemoteFile(url, "set.tgz", 5, None, "CC0-1.0"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setitem(DATA_SETS, "nyu", data_set)
    monkeypatch.setattr(download_sets, "fetch", lambda file, folder: _fetch(file, folder=folder, **QUICK, attempts=1))
    assert main(["data", "download", "nyu", "--out", str(tmp_path)]) == 5
    said = capsys.readouterr().err
    assert url in said
    assert f"Put the file there by hand: {tmp_path / 'set.tgz'}" in said


_fetch = download_sets.fetch


def test_an_unknown_name_is_answered_with_all_of_them(capsys):
    assert main(["data", "download", "nyuu"]) == 2
    said = capsys.readouterr().err
    assert "did you mean 'nyu'?" in said
    assert all(name in said and data_set.what in said for name, data_set in DATA_SETS.items())


def test_what_is_listed_can_be_fetched_safely():
    for data_set in DATA_SETS.values():
        file = data_set.file
        assert file.url.endswith(f"/{file.name}")
        assert (file.sha256 is None) == (file.size_bytes is None)
        assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
        # Over plain HTTP only the checksum protects.
        assert file.url.startswith("https://") or file.sha256
        assert file.licence
