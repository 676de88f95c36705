"""Other people's checkpoints: what is read from them, and that nothing in them runs."""

import contextlib
import datetime
import io
import os
import pickle
import random
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from leadline.errors import ModelFileError, UnsafeWeightsError
from leadline.networks.checkpoints import read_checkpoint

SHARED = os.environ.get("LEADLINE_SHARED")
needs_shared = pytest.mark.skipif(SHARED is None, reason="LEADLINE_SHARED does not name the folder of shared weights")


def small_network() -> nn.Module:
    torch.manual_seed(0)
    activation = nn.ReLU()  # shared by two places, as ultralytics shares its SiLU
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), activation, nn.Conv2d(4, 2, 1), activation
    )
    network.register_buffer("scratch", torch.ones(2), persistent=False)
    return network


def write_torch_zip(path: Path, program: bytes, storages: dict[str, bytes] | None = None) -> Path:
    """A file as torch.save lays it out, around any pickle."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", program)
        for key, raw in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", raw)
    return path


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return list(found) == list(expected) and all(torch.equal(found[name], expected[name]) for name in expected)


# --- What is read ---


@needs_shared
def test_the_backbone_of_yolov8n_has_the_parameters_of_the_paper():
    tensors = read_checkpoint(Path(SHARED) / "weights" / "yolov8n-seg.pt")
    backbone = tuple(f"model.{layer}." for layer in range(10))
    weights = {name: value for name, value in tensors.items() if name.startswith(backbone)}
    learned = [value.numel() for name, value in weights.items() if name.endswith((".weight", ".bias"))]
    assert sum(learned) == 1_272_656
    assert tensors["model.0.conv.weight"].shape == (16, 3, 3, 3)
    assert tensors["model.0.conv.weight"].dtype == torch.float32
    assert tensors["model.0.bn.num_batches_tracked"].dtype == torch.int64
    assert all(value.isfinite().all() for value in tensors.values())


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
def test_a_pickled_module_gives_its_state_dict(tmp_path, protocol):
    network = small_network()
    torch.save({"model": network}, tmp_path / "net.pt", pickle_protocol=protocol)
    assert same(read_checkpoint(tmp_path / "net.pt"), network.state_dict())


def test_what_ultralytics_stores_beside_the_weights_is_no_obstacle(tmp_path):
    network = small_network().half()
    content = {
        "epoch": -1,
        "best_fitness": np.float64(0.5),
        "model": None,
        "ema": network,
        "updates": None,
        "optimizer": torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9).state_dict(),
        "train_args": {"data": Path("coco.yaml"), "classes": {1, 2}, "shape": torch.Size([1, 3]), "save": True},
        "train_results": {"loss": [0.5, 0.25], "map": np.arange(3.0)},
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "date": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
    }
    torch.save(content, tmp_path / "best.pt")
    expected = {
        name: value.float() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    assert same(read_checkpoint(tmp_path / "best.pt"), expected)


def test_the_averaged_weights_go_before_the_last_ones(tmp_path):
    last, averaged = nn.Linear(2, 2), nn.Linear(2, 2)
    torch.save({"model": last, "ema": averaged}, tmp_path / "both.pt")
    assert same(read_checkpoint(tmp_path / "both.pt"), averaged.state_dict())


@pytest.mark.parametrize("wrap", [dict, OrderedDict, lambda d: {"state_dict": d}, lambda d: {"model": d, "epoch": 3}])
def test_state_dicts_are_read_bare_and_nested(tmp_path, wrap):
    state = small_network().state_dict()
    torch.save(wrap(state), tmp_path / "state.pt")
    assert same(read_checkpoint(tmp_path / "state.pt"), state)


@pytest.mark.parametrize(
    ("saved", "read"),
    [
        (torch.float64, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.int64, torch.int64),
        (torch.int32, torch.int32),
        (torch.int16, torch.int16),
        (torch.int8, torch.int8),
        (torch.uint8, torch.uint8),
        (torch.bool, torch.bool),
    ],
)
def test_floats_become_float32_and_others_stay(tmp_path, saved, read):
    tensor = torch.tensor([[0, 1, 1], [1, 0, 1]]).to(saved)
    torch.save({"a": tensor}, tmp_path / "a.pt")
    save_file({"a": tensor}, tmp_path / "a.safetensors")
    for name in ("a.pt", "a.safetensors"):
        found = read_checkpoint(tmp_path / name)["a"]
        assert found.dtype == read
        assert torch.equal(found, tensor.to(read))


def test_views_parameters_scalars_and_empty_tensors_are_read(tmp_path):
    whole = torch.arange(24.0).reshape(2, 3, 4)
    state = {
        "transposed": whole.permute(2, 0, 1),
        "slice": whole[1, 1:],
        "parameter": nn.Parameter(torch.ones(3)),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 5),
    }
    torch.save(state, tmp_path / "views.pt")
    assert same(read_checkpoint(tmp_path / "views.pt"), state)


def test_a_parameter_with_attributes_is_read(tmp_path):
    parameter = nn.Parameter(torch.ones(3))
    parameter.note = "a person set this"
    torch.save({"a": parameter}, tmp_path / "noted.pt")
    assert torch.equal(read_checkpoint(tmp_path / "noted.pt")["a"], torch.ones(3))


# --- That nothing runs ---


def touch(path: Path) -> str:
    return f"open({str(path)!r}, 'w').close()"


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def programs(code: str) -> dict[str, bytes]:
    """Pickles that run `code` when Python's own unpickler reads them, one for each way that it can call."""
    stack_global = b"\x80\x04" + text("builtins") + text("exec") + b"\x93"
    by_getattr = b"cbuiltins\ngetattr\n(cbuiltins\n__import__\n(" + text("builtins") + b"tR" + text("exec") + b"tR"
    return {
        "REDUCE": pickle.dumps(Calls(exec, code)),
        "REDUCE, protocol 0": pickle.dumps(Calls(exec, code), protocol=0),
        "GLOBAL": b"cbuiltins\nexec\n(" + text(code) + b"tR.",
        "STACK_GLOBAL": stack_global + text(code) + b"\x85R.",
        "INST": b"(" + text(code) + b"ibuiltins\nexec\n.",
        "OBJ": b"(cbuiltins\nexec\n" + text(code) + b"o.",
        "eval": pickle.dumps(Calls(eval, f"exec({code!r})")),
        "os.system": pickle.dumps(Calls(os.system, f'python3 -c "{code}"')),
        "getattr": by_getattr + b"(" + text(code) + b"tR.",
        "the file's own memo": stack_global + b"\x94" + b"0h\x00" + text(code) + b"\x85R.",
        "a nested name": b"\x80\x04" + text("pickle") + text("sys.modules.get") + b"\x93" + text("builtins") + b"\x85R"
        b"0" + stack_global[2:] + text(code) + b"\x85R.",
        "a call within a state": b"ccollections\nOrderedDict\n)R}"
        + text("a")
        + stack_global[2:]
        + text(code)
        + b"\x85Rsb.",
    }


@pytest.mark.parametrize("way", programs(""))
def test_no_way_to_call_runs_anything(tmp_path, way):
    witness, proof = tmp_path / "it-ran", tmp_path / "it-would-run"
    # The payload is real: Python's own unpickler runs it.
    pickle.loads(programs(touch(proof))[way])
    assert proof.exists()

    path = write_torch_zip(tmp_path / "malicious.pt", programs(touch(witness))[way])
    with pytest.raises(UnsafeWeightsError, match=r"malicious\.pt.*Nothing in the file was executed"):
        read_checkpoint(path)
    assert not witness.exists()


@pytest.mark.parametrize("place", ["model", "train_args", "state", "key"])
def test_a_call_hidden_in_a_valid_checkpoint_does_not_run(tmp_path, place):
    witness = tmp_path / "it-ran"
    hidden = Calls(exec, touch(witness))
    network = small_network()
    content = {"ema": None, "model": network, "train_args": {"data": "coco.yaml"}}
    if place == "model":
        network.stride = hidden
    elif place == "train_args":
        content["train_args"]["project"] = hidden
    elif place == "state":
        network[0]._buffers["extra"] = hidden
    else:
        content[hidden] = 1
    torch.save(content, tmp_path / "best.pt")
    with pytest.raises(UnsafeWeightsError, match=r"best\.pt: asks for '(builtins|__builtin__)\.exec'"):
        read_checkpoint(tmp_path / "best.pt")
    assert not witness.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("posix", "system"),
        ("subprocess", "Popen"),
        ("builtins", "getattr"),
        ("builtins", "__import__"),
        ("importlib", "import_module"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.serialization", "os.system"),
        ("torch.nn.init", "math.__loader__.load_module"),
        ("ultralytics.utils", "subprocess.run"),
        ("pathlib", "os.system"),
        ("pathlib", "Path.unlink"),
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("torch.nnx", "Evil"),
        ("ultralyticsx", "Evil"),
        ("__main__", "Evil"),
        ("torch.nn\nos", "system"),
        ("", ""),
    ],
)
def test_a_name_that_no_checkpoint_needs_is_refused(tmp_path, module, name):
    path = write_torch_zip(tmp_path / "names.pt", b"\x80\x04" + text(module) + text(name) + b"\x93.")
    with pytest.raises(UnsafeWeightsError) as caught:
        read_checkpoint(path)
    assert repr(f"{module}.{name}") in str(caught.value)
    assert caught.value.exit_code == 4


def test_a_name_by_number_is_refused(tmp_path):
    with pytest.raises(UnsafeWeightsError, match="EXT1"):
        read_checkpoint(write_torch_zip(tmp_path / "ext.pt", b"\x80\x02\x82\x01."))


def test_allowed_names_are_neither_imported_nor_called(tmp_path, monkeypatch):
    package = tmp_path / "ultralytics"
    package.mkdir()
    (package / "__init__.py").write_text(touch(tmp_path / "imported"))
    monkeypatch.syspath_prepend(tmp_path)
    called = []
    monkeypatch.setattr(nn.Linear, "__init__", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(nn.Linear, "__setstate__", lambda *arguments: called.append(arguments))
    program = b"}(" + text("a") + b"cultralytics\nYOLO\n)R" + text("b") + b"ctorch.nn\nLinear\n)R}bu."
    with pytest.raises(ModelFileError, match="no weights under"):
        read_checkpoint(write_torch_zip(tmp_path / "inert.pt", program))
    assert not (tmp_path / "imported").exists()
    assert called == []


# --- Damaged and hostile files ---


def storage(count: int, kind: str = "FloatStorage", key: str = "0") -> bytes:
    number = b"\x8a\x08" + struct.pack("<q", count)
    return b"(" + text("storage") + f"ctorch\n{kind}\n".encode() + text(key) + text("cpu") + number + b"tQ"


def tensor_program(count: int, offset: int, size: tuple, stride: tuple, **changes: str) -> bytes:
    """A state dict {"a": tensor} with any bounds."""

    def shape(numbers: tuple) -> bytes:
        return b"(" + b"".join(pickle.dumps(n, protocol=2)[2:-1] for n in numbers) + b"t"

    view = storage(count, **changes) + pickle.dumps(offset, protocol=2)[2:-1] + shape(size) + shape(stride)
    return b"\x80\x02}" + text("a") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + view + b"\x89)tRs."


SIX = struct.pack("<6f", *range(6))


def test_the_hand_made_program_is_right(tmp_path):
    path = write_torch_zip(tmp_path / "a.pt", tensor_program(6, 0, (2, 3), (3, 1)), {"0": SIX})
    assert torch.equal(read_checkpoint(path)["a"], torch.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize(
    "program",
    [
        tensor_program(6, 1, (2, 3), (3, 1)),
        tensor_program(6, -1, (2, 3), (3, 1)),
        tensor_program(6, 0, (2, -3), (3, 1)),
        tensor_program(6, 0, (2, 3), (3, -1)),
        tensor_program(6, 0, (2, 3), (3,)),
        tensor_program(6, 0, (2, 3), (4, 1)),
        tensor_program(6, 0, (1000, 1000), (0, 0)),
        tensor_program(6, 0, (2**62, 2**62), (1, 1)),
        tensor_program(6, 2**70, (1,), (1,)),
        tensor_program(6, 0, (0, 2**70), (1, 1)),
        tensor_program(6, 0, (1, 1), (2**70, 1)),
        tensor_program(6, 0, (1,) * 100, (1,) * 100),
        tensor_program(6, 0, (2.5,), (1,)),
        tensor_program(7, 0, (2, 3), (3, 1)),
        tensor_program(2**60, 0, (2, 3), (3, 1)),
        tensor_program(-6, 0, (2, 3), (3, 1)),
        tensor_program(6, 0, (2, 3), (3, 1), kind="DoubleStorage"),
        tensor_program(6, 0, (2, 3), (3, 1), kind="QInt8Storage"),
        tensor_program(6, 0, (2, 3), (3, 1), key="../0"),
        tensor_program(6, 0, (2, 3), (3, 1), key="1"),
    ],
)
def test_a_tensor_must_lie_within_its_storage(tmp_path, program):
    path = write_torch_zip(tmp_path / "bounds.pt", program, {"0": SIX})
    with pytest.raises(ModelFileError, match=r"bounds\.pt: damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x02Nr\xff\xff\xff\xff0}.",  # a memo index for which Python's unpickler allocates 64 GB
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".",
        b"\x80\x02\x8b\xff\xff\xff\x7f.",
        b"\x80\x02" + text("ultralytics") + text("Model") + b"\x93)\x81}" + b"\x94(" + text("_modules") + b"}"
        b"" + text("a") + b"h\x00sub.",
        b"}}Ns.",
        b"N.",
        b"0.",
        b"t.",
        b"\x85.",
        b"h\x05.",
        b"(K\x01K\x02K\x03d.",
        b"K\x01)R.",
        b"Px\n.",
        b"]Q.",
        b"}]Ns.",
        b"}",
        b"",
        b"\xff\xff\xff",
    ],
)
def test_a_hostile_program_is_an_error_and_costs_no_memory(tmp_path, program):
    path = write_torch_zip(tmp_path / "hostile.pt", program)
    tracemalloc.start()
    with pytest.raises(ModelFileError, match=r"hostile\.pt"):
        read_checkpoint(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 200e6


@pytest.mark.parametrize(
    ("program", "cure"),
    [
        (b"\x80\x02}" + b")" + b"\x85" * 100_000 + b"Ns.", "a tuple as its key"),  # its hash overflows the C stack
        (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "holds a list"),
        (b"\x80\x02" + b"]" * (8 << 20) + b".", "more than the 8388608 that are read"),
    ],
)
def test_deep_nesting_does_not_overflow_the_stack(tmp_path, program, cure):
    with pytest.raises(ModelFileError, match=cure):
        read_checkpoint(write_torch_zip(tmp_path / "deep.pt", program))


def test_long_names_do_not_multiply_over_shared_layers(tmp_path):
    network = nn.ReLU()
    for _ in range(10):
        network = nn.Sequential(OrderedDict([("a" * 100_000, network), ("b", network)]))
    torch.save({"model": network}, tmp_path / "names.pt")
    with pytest.raises(ModelFileError, match="longer than 1000 characters"):
        read_checkpoint(tmp_path / "names.pt")


def test_modules_that_contain_themselves_end_in_an_error(tmp_path):
    network = nn.Sequential(nn.ReLU())
    network._modules["self"] = network
    torch.save({"model": network}, tmp_path / "loop.pt")
    with pytest.raises(ModelFileError, match="contain each other without end"):
        read_checkpoint(tmp_path / "loop.pt")


def test_modules_that_multiply_end_in_an_error(tmp_path):
    network = nn.ReLU()
    for _ in range(40):
        network = nn.Sequential(network, network)
    torch.save({"model": network}, tmp_path / "many.pt")
    with pytest.raises(ModelFileError, match="contain each other without end"):
        read_checkpoint(tmp_path / "many.pt")


def test_a_compressed_zip_is_refused_before_it_is_unpacked(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(50_000_000))
    with pytest.raises(ModelFileError, match="compressed"):
        read_checkpoint(tmp_path / "bomb.pt")


def test_a_changed_number_is_noticed(tmp_path):
    path = write_torch_zip(tmp_path / "a.pt", tensor_program(6, 0, (2, 3), (3, 1)), {"0": SIX})
    content = path.read_bytes()
    path.write_bytes(content.replace(SIX, SIX[:-1] + b"\x7f"))
    with pytest.raises(ModelFileError, match="CRC"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b"", "not a file of torch.save"),
        (b"GIF89a", "not a file of torch.save"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "git lfs pull"),
        (b"<!DOCTYPE html><html></html>", "a web page"),
        (b"\n<html></html>", "a web page"),
        (b"PK\x03\x04 and no end", "truncated"),
        (pickle.dumps({"a": 1}), "PyTorch wrote before 1.6"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path, content, cure):
    (tmp_path / "other.pt").write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        read_checkpoint(tmp_path / "other.pt")
    assert "other.pt" in str(caught.value)
    assert cure in str(caught.value)


def test_the_old_format_of_torch_is_called_by_its_name(tmp_path):
    torch.save({"a": torch.ones(1)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(ModelFileError, match="bare pickle"):
        read_checkpoint(tmp_path / "old.pt")


def test_zips_that_are_no_checkpoints_say_so(tmp_path):
    for name, members, cure in [
        ("photos.pt", ["a.jpg"], "no single data.pkl"),
        ("script.pt", ["net/data.pkl", "net/constants.pkl"], "TorchScript"),
        ("two.pt", ["a/data.pkl", "b/data.pkl"], "no single data.pkl"),
    ]:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.writestr(member, b"}.")
        with pytest.raises(ModelFileError, match=cure):
            read_checkpoint(tmp_path / name)


def test_another_byte_order_is_not_misread(tmp_path):
    path = write_torch_zip(tmp_path / "big.pt", tensor_program(6, 0, (6,), (1,)), {"0": SIX})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/byteorder", "middle")
    with pytest.raises(ModelFileError, match="byte order"):
        read_checkpoint(path)


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        ({"optimizer": {"lr": 0.1}}, "no weights under 'ema', 'model' or 'state_dict'; it has 'optimizer'"),
        ([torch.ones(1)], "holds a list"),
        ({"model": {}}, "it has nothing"),
        ({"model": nn.ReLU()}, "holds no tensors"),
    ],
)
def test_a_checkpoint_without_weights_says_what_it_has(tmp_path, content, cure):
    torch.save(content, tmp_path / "none.pt")
    with pytest.raises(ModelFileError, match=cure):
        read_checkpoint(tmp_path / "none.pt")


def test_missing_files_and_folders_are_model_file_errors(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.pt", tmp_path / "nowhere.safetensors"):
        with pytest.raises(ModelFileError, match="no such weights file"):
            read_checkpoint(path)


def test_a_damaged_safetensors_file_is_a_model_file_error(tmp_path):
    save_file({"a": torch.ones(100)}, tmp_path / "a.safetensors")
    content = (tmp_path / "a.safetensors").read_bytes()
    for damaged in (b"", content[:5], content[:-1], b"\xff" * 8 + content[8:], content[:10] + b"\xff" + content[11:]):
        (tmp_path / "a.safetensors").write_bytes(damaged)
        with pytest.raises(ModelFileError, match=r"a\.safetensors: damaged"):
            read_checkpoint(tmp_path / "a.safetensors")


def survives(path: Path) -> None:
    """Either tensors or a ModelFileError; anything else fails the test."""
    with contextlib.suppress(ModelFileError):
        read_checkpoint(path)


def damaged(content: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.25:
        return content[: chance.randrange(len(content))]
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] = chance.choice((0, 0xFF, chance.randrange(256)))
    return bytes(changed)


def test_random_damage_never_gets_past_the_error(tmp_path):
    chance = random.Random(0)
    made = io.BytesIO()
    torch.save({"ema": small_network(), "train_args": {"a": Path("b"), "c": {1, 2}}}, made)
    for _ in range(150):
        (tmp_path / "fuzz.pt").write_bytes(damaged(made.getvalue(), chance))
        survives(tmp_path / "fuzz.pt")


def test_random_programs_never_get_past_the_error(tmp_path):
    chance = random.Random(1)
    made = io.BytesIO()
    torch.save({"ema": small_network(), "train_args": {"a": Path("b"), "c": {1, 2}}}, made)
    with zipfile.ZipFile(made) as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    program = members["data.pkl"]
    storages = {name.removeprefix("data/"): raw for name, raw in members.items() if name.startswith("data/")}
    for _ in range(200):  # the zip is written anew, so that its CRC does not hide the program from the reader
        survives(write_torch_zip(tmp_path / "fuzz.pt", damaged(program, chance), storages))


@needs_shared
def test_random_damage_to_the_real_file_never_gets_past_the_error(tmp_path):
    chance = random.Random(2)
    content = (Path(SHARED) / "weights" / "yolov8n-seg.pt").read_bytes()
    for _ in range(8):
        (tmp_path / "fuzz.pt").write_bytes(damaged(content, chance))
        survives(tmp_path / "fuzz.pt")
