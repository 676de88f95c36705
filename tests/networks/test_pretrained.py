"""Weights by name."""

import re

import pytest

from leadline.errors import DownloadError, ModelFileError
from leadline.networks import pretrained
from leadline.networks.pretrained import YOLOV8_FILES, resolve_weights


def test_a_file_is_found_by_its_path(tmp_path):
    path = tmp_path / "mine.pt"
    path.write_bytes(b"weights")
    assert resolve_weights(str(path)) == path


def test_a_file_here_goes_before_a_known_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "yolov8n-seg.pt").write_bytes(b"weights")
    assert resolve_weights("yolov8n-seg.pt").resolve() == tmp_path / "yolov8n-seg.pt"


@pytest.mark.parametrize("name", ["yolov8s-seg", "yolov8s-seg.pt"])
def test_a_known_name_is_fetched(name, tmp_path, monkeypatch):
    asked = []

    def fetch(file, *, instead):
        asked.append((file, instead))
        return tmp_path / file.name

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pretrained, "fetch", fetch)
    assert resolve_weights(name) == tmp_path / "yolov8s-seg.pt"
    assert asked == [(YOLOV8_FILES["yolov8s-seg"], "--model.weights PATH")]


def test_without_a_network_the_message_names_the_option(tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise OSError("no route to host")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("leadline.downloads.urlopen", no_network)
    monkeypatch.setattr("leadline.downloads.time.sleep", lambda seconds: None)
    with pytest.raises(DownloadError, match=re.escape("--model.weights PATH")):
        resolve_weights("yolov8n-seg")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ModelFileError, match="did you mean 'yolov8n-seg'"):
        resolve_weights("yolo8n-seg")


def test_a_missing_file_with_a_known_name_is_not_fetched(tmp_path):
    with pytest.raises(ModelFileError, match="neither a file"):
        resolve_weights(str(tmp_path / "yolov8n-seg.pt"))


def test_every_known_file_is_pinned():
    for name, file in YOLOV8_FILES.items():
        assert file.name == f"{name}.pt"
        assert file.url.startswith("https://")
        assert file.url.endswith(f"/{file.name}")
        assert file.size_bytes
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.licence == "AGPL-3.0"
