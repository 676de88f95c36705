"""A model file gives back what was saved, or says why it cannot."""

import json
import re
import struct
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from leadline.errors import ModelFileError, OutputError
from leadline.model_card import FORMAT_VERSION, METADATA_KEY, ModelCard
from leadline.networks import model_file
from leadline.networks.depth_net import DepthNet
from leadline.networks.model_file import load_model, save_model

CARD = ModelCard(
    encoder="yolov8n",
    codec="log",
    min_depth_m=0.2,
    max_depth_m=8.0,
    height=64,
    width=96,
    fit="stretch",
    training_median_m=2.25,
    recipe={"optim": {"loss": {"l1": 0.1}}},
    data={"fingerprint": "0123456789abcdef", "split": {"by": "room"}},
    scores={"rel": 0.125},
)


@pytest.fixture(scope="module")
def net() -> DepthNet:
    torch.manual_seed(0)
    return DepthNet("yolov8n", codec="log", min_depth_m=0.2, max_depth_m=8.0).eval()


@pytest.fixture
def path(net, tmp_path):
    save_model(tmp_path / "model.safetensors", net, CARD)
    return tmp_path / "model.safetensors"


def with_metadata(path, change) -> None:
    """Write the file anew with other metadata."""
    with safe_open(path, framework="pt") as file:
        content = json.loads(file.metadata()[METADATA_KEY])
    tensors = load_file(path)
    save_file(tensors, path, metadata=change(content))


def refused(path, message: str) -> None:
    with pytest.raises(ModelFileError, match=f"^{re.escape(str(path))}: .*{message}"):
        load_model(path)


def test_what_was_saved_is_what_is_loaded(net, path):
    loaded, card = load_model(path)
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(loaded.metres(image), net.metres(image))
    assert card == CARD
    assert not loaded.training
    assert {value.device.type for value in loaded.state_dict().values()} == {"cpu"}


def test_a_network_in_another_memory_format_is_saved_the_same(net, path, tmp_path):
    torch.manual_seed(0)
    other = DepthNet("yolov8n", codec="log", min_depth_m=0.2, max_depth_m=8.0).to(memory_format=torch.channels_last)
    save_model(tmp_path / "last.safetensors", other, CARD)
    assert (tmp_path / "last.safetensors").read_bytes() == path.read_bytes()


def test_saving_leaves_nothing_beside_the_file(path):
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_failed_saving_leaves_the_old_file(net, path, monkeypatch):
    before = path.read_bytes()

    def half(_tensors, part, metadata):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model_file, "save_file", half)
    with pytest.raises(OutputError, match="no space left"):
        save_model(path, net, CARD)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["model.safetensors"]


def test_a_missing_file_is_refused(tmp_path):
    refused(tmp_path / "none.safetensors", "no such model file")
    refused(tmp_path, "no such model file")


@pytest.mark.parametrize("share", [0.0, 0.00001, 0.001, 0.5, 0.999])
def test_a_truncated_file_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "truncated, or not a safetensors file")


@pytest.mark.parametrize("content", [b"\x80\x04}.", b"PK\x03\x04" + bytes(100), b"<html>not found</html>", bytes(64)])
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / "other.safetensors").write_bytes(content)
    refused(tmp_path / "other.safetensors", "")


@pytest.mark.parametrize("where", [0.0, 0.5, 0.999999])
def test_one_flipped_bit_of_the_weights_is_noticed(path, where):
    content = bytearray(path.read_bytes())
    begin = 8 + struct.unpack("<Q", content[:8])[0]
    content[begin + int(where * (len(content) - begin))] ^= 1
    path.write_bytes(content)
    refused(path, "checksum")


def test_a_file_without_leadlines_metadata_is_refused(path):
    with_metadata(path, lambda content: None)
    refused(path, "holds no leadline metadata")


def test_a_newer_format_asks_for_an_update(path):
    with_metadata(path, lambda content: {METADATA_KEY: json.dumps(content | {"format": FORMAT_VERSION + 1})})
    refused(path, "Update leadline")


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "x"},
        {"min_depth_m": 9.0},
        {"max_depth_m": "far"},
        {"height": 0},
        {"width": 10**9},
        {"fit": "crop"},
        {"height": None},
    ],
)
def test_a_damaged_card_is_refused(path, damage):
    with_metadata(path, lambda content: {METADATA_KEY: json.dumps(content | damage)})
    refused(path, "damaged")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"format": 1}'])
def test_metadata_that_are_no_card_are_refused(path, text):
    with_metadata(path, lambda content: {METADATA_KEY: text})
    refused(path, "damaged")


@pytest.mark.parametrize("other", [{"encoder": "yolov8s"}, {"encoder": "nonsense"}, {"codec": "nonsense"}])
def test_weights_that_do_not_fit_the_named_network_are_refused(net, tmp_path, other):
    save_model(tmp_path / "model.safetensors", net, replace(CARD, **other))
    refused(tmp_path / "model.safetensors", "do not fit the network")


def test_keys_that_a_later_version_adds_are_passed_over(path):
    with_metadata(path, lambda content: {METADATA_KEY: json.dumps(content | {"colour": "red"})})
    assert load_model(path)[1] == CARD
