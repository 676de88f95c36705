"""Other people's checkpoints: a zip of raw numbers and a pickle, or safetensors; nothing in them is run."""

import sys
import zipfile
from collections.abc import Hashable, Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from leadline.errors import ModelFileError
from leadline.networks.pickle_machine import Inert, PickleMachine


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, on the CPU.

    Reads what ultralytics writes (a pickled module under "ema" or "model"; "ema" is preferred, as ultralytics does),
    state dicts saved with `torch.save` (also nested under "ema", "model" or "state_dict"), and `.safetensors`.

    Args:
        path: `.safetensors`, or a file of `torch.save` (PyTorch 1.6 or newer).

    Returns:
        Floating-point tensors as float32, others as they are. Tied weights share their memory.

    Raises:
        UnsafeWeightsError: the pickle asks for more than tensors and their names; nothing of it was executed.
        ModelFileError: missing, damaged, or of another format.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such weights file")
    try:
        tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch_zip(path)
    except ModelFileError:
        raise
    except Exception as error:  # whichever way damaged bytes upset a parser, the cure is the same
        raise ModelFileError(f"{path}: damaged ({_reason(error)}); fetch or save it again") from error
    if not tensors:
        raise ModelFileError(f"{path}: holds no tensors; give a checkpoint with weights")
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: _as_float32(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118


def _read_torch_zip(path: Path) -> dict[str, Tensor]:
    if not zipfile.is_zipfile(path):
        raise ModelFileError(f"{path}: {_not_a_zip(path)}")
    with zipfile.ZipFile(path) as archive:
        entries = _Entries(path, archive)
        content = PickleMachine(path, entries.storage).run(entries.read("data.pkl"))
    return dict(_named_tensors(_weights_in(path, content)))


def _not_a_zip(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PK"):
        return "truncated (the zip directory at its end is missing); fetch it again"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the weights it stands for; fetch them with `git lfs pull`"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "a web page, not weights; download the file itself"
    if head.startswith(b"\x80"):
        return (
            "a bare pickle, as PyTorch wrote before 1.6; leadline does not read those. If you trust it, convert it: "
            "torch.save(torch.load(OLD, weights_only=True), NEW)"
        )
    return "not a file of torch.save; give a .pt or .safetensors checkpoint"


class _Entries:
    """The members of a torch zip; none may claim to be larger than the file is."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        self.storages: dict[tuple[str, torch.dtype], Tensor] = {}
        members = archive.infolist()
        # torch.save compresses nothing. Compressed or overlapping members are how a small zip fills the memory.
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ModelFileError(f"{path}: compressed, which torch.save never does; unpack and save the weights again")
        unequal = any(member.compress_size != member.file_size for member in members)
        if unequal or sum(member.file_size for member in members) > path.stat().st_size:
            raise ValueError("its members claim to be larger than the file")
        names = archive.namelist()
        pickles = [name for name in names if name.count("/") <= 1 and name.rpartition("/")[2] == "data.pkl"]
        if len(pickles) != 1:
            raise ModelFileError(f"{path}: a zip, but not a file of torch.save (no single data.pkl in it)")
        self.folder = pickles[0].removesuffix("data.pkl")
        if f"{self.folder}constants.pkl" in names:
            raise ModelFileError(f"{path}: a TorchScript program, not a checkpoint; give the .pt it was made from")
        if f"{self.folder}byteorder" in names and self.read("byteorder") != sys.byteorder.encode():
            raise ModelFileError(f"{path}: saved on a machine of another byte order; convert it to .safetensors there")

    def read(self, name: str) -> bytes:
        """A member's bytes; zipfile compares their CRC-32."""
        content = self.archive.read(self.folder + name)
        if name == "data.pkl" and len(content) > _MAX_PICKLE_BYTES:
            raise ValueError(f"its pickle has {len(content)} bytes, more than the {_MAX_PICKLE_BYTES} that are read")
        return content

    def storage(self, kind: str, key: str, count: int) -> Tensor:
        """The numbers under `key`, converted once, so that many views of one storage cost its memory once."""
        if kind not in _STORAGES:
            raise ValueError(f"tensors of {kind} are not supported")
        dtype = _STORAGES[kind]
        if (key, dtype) not in self.storages:
            raw = self.read(f"data/{key}")
            if len(raw) != count * dtype.itemsize:
                raise ValueError(f"storage {key} has {len(raw)} bytes, but {count} x {dtype.itemsize} are announced")
            numbers = torch.frombuffer(bytearray(raw), dtype=torch.uint8) if raw else torch.empty(0, dtype=torch.uint8)
            # Bytes other than 0 and 1 are no booleans, and undefined behaviour further down.
            numbers = numbers != 0 if dtype is torch.bool else numbers.view(dtype)
            self.storages[key, dtype] = _as_float32(numbers)
        return self.storages[key, dtype]


_MAX_PICKLE_BYTES = 8 << 20  # that of YOLOv8n-seg has a tenth of a megabyte
_STORAGES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}


def _as_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


# --- What a pickle is allowed to talk about ---


def _weights_in(path: Path, content: object) -> dict[Hashable, object] | Inert:
    """The module or state dict in a checkpoint: nested under a known name, or the whole content."""
    if isinstance(content, dict):
        for name in ("ema", "model", "state_dict"):
            if isinstance(content.get(name), (dict, Inert)):
                return _weights_in(path, content[name])
        if not any(isinstance(value, Tensor) for value in content.values()):
            keys = ", ".join(sorted(repr(key)[:40] for key in content)[:8]) or "nothing"
            raise ModelFileError(f"{path}: no weights under 'ema', 'model' or 'state_dict'; it has {keys}")
        return content
    if isinstance(content, Inert):
        return content
    raise ModelFileError(f"{path}: holds a {type(content).__name__}, not a model or a dictionary of tensors")


def _named_tensors(weights: dict[Hashable, object] | Inert) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors, in the order and under the names of the module's state dict."""
    if isinstance(weights, dict):
        for name, value in weights.items():
            if isinstance(value, Tensor):
                yield str(name), value
        return
    waiting: list[tuple[str, Inert]] = [("", weights)]
    seen = 0
    while waiting:
        prefix, module = waiting.pop()
        tensors = _own_tensors(module)
        seen += 1 + len(tensors)
        # Layers may be shared (activations are), so a layer seen twice is no error; a module within itself is.
        if seen > _MAX_TENSORS or len(prefix) > _MAX_NAME:
            raise ValueError("its modules contain each other without end")
        yield from ((prefix + name, value) for name, value in tensors)
        for name, layer in reversed(_children(module, "_modules")):
            if isinstance(layer, Inert):
                waiting.append((f"{prefix}{name}.", layer))


def _own_tensors(module: Inert) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of one layer, without those that its state dict leaves out."""
    passing = module.state.get("_non_persistent_buffers_set")
    left_out = passing if isinstance(passing, set) else set()
    buffers = [(name, value) for name, value in _children(module, "_buffers") if name not in left_out]
    members = [*_children(module, "_parameters"), *buffers]
    return [(name, value) for name, value in members if isinstance(value, Tensor)]


def _children(module: Inert, kind: str) -> list[tuple[str, object]]:
    found = module.state.get(kind)
    named = [(str(name), value) for name, value in found.items()] if isinstance(found, dict) else []
    if any(len(name) > _MAX_NAME for name, _ in named):
        raise ValueError(f"a tensor's or layer's name is longer than {_MAX_NAME} characters")
    return named


_MAX_TENSORS = 50_000  # with the layers; YOLOv8x-seg has a thousand
_MAX_NAME = 1000


def _reason(error: Exception) -> str:
    return str(error).split("\n")[0][:200] or type(error).__name__
