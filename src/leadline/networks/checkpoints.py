"""Other people's checkpoints: tensors and their names, read without executing anything in them.

A `.pt` file is a zip with a pickle, and a pickle is a program. Here its only door to the outside, `find_class`, imports
nothing: what rebuilds tensors is answered by functions of this file, known harmless classes become inert stand-ins that
collect their state, and everything else is refused.
"""

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from leadline.errors import ModelFileError, UnsafeWeightsError

MAX_PICKLE_BYTES = 64 * 2**20


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Tensors of a checkpoint by name.

    Args:
        path: ultralytics' `.pt` (a pickled module; its EMA weights when it has them), a plain state dict saved by
            torch (also below "state_dict" or "model"), or `.safetensors`.

    Returns:
        Floating tensors as float32, counters as int64.

    Raises:
        UnsafeWeightsError: the pickle asks for anything but tensors and their names; nothing of it was executed.
        ModelFileError: missing, truncated, damaged, or without tensors.
    """
    if not path.is_file():
        raise ModelFileError(f"{path}: no such weights file")
    tensors = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch_zip(path)
    if not tensors:
        raise ModelFileError(f"{path}: holds no tensors; give a checkpoint of a network")
    return {name: value.float() if value.is_floating_point() else value for name, value in tensors.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelFileError(f"{path}: truncated, or not a safetensors file ({error}); fetch it again") from error


def _read_torch_zip(path: Path) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(path) as archive:
            content = _TensorUnpickler(path, archive).load()
        return _named_tensors(content)
    except ModelFileError:
        raise
    except zipfile.BadZipFile as error:
        raise ModelFileError(
            f"{path}: truncated, or not a checkpoint in torch's zip format ({error}); fetch it again, or save it as "
            f".safetensors"
        ) from error
    # A damaged pickle ends in whatever the opcode that met the damage raises.
    except Exception as error:
        raise ModelFileError(f"{path}: damaged ({type(error).__name__}: {error}); fetch it again") from error


def _named_tensors(content: object) -> dict[str, Tensor]:
    if isinstance(content, Mapping):
        for key in ("ema", "model", "state_dict"):
            if isinstance(content.get(key), (_Inert, Mapping)):
                return _named_tensors(content[key])
        return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    return dict(_module_tensors(content, "")) if isinstance(content, _Inert) else {}


def _module_tensors(module: "_Inert", prefix: str) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of a pickled module, named as its state dict would name them."""
    state = module.state
    own = [
        (prefix + name, value)
        for kind in ("_parameters", "_buffers")
        for name, value in state.get(kind, {}).items()
        if isinstance(value, Tensor)
    ]
    children = [(name, child) for name, child in state.get("_modules", {}).items() if isinstance(child, _Inert)]
    return own + [pair for name, child in children for pair in _module_tensors(child, f"{prefix}{name}.")]


class _Inert:
    """Stands in for an instance of a class that is not imported; keeps what the pickle says of it."""

    def __init__(self, *_arguments: object, **_named: object) -> None:
        self.state: dict[str, Any] = {}

    def __setstate__(self, state: object) -> None:
        if isinstance(state, tuple):  # (__dict__, __slots__)
            state = state[0]
        self.state = dict(state) if isinstance(state, Mapping) else {}

    def __setitem__(self, _key: object, _value: object) -> None:
        """Dictionary-like classes fill themselves so."""

    def append(self, _value: object) -> None:
        """List-like classes fill themselves so."""

    def extend(self, _values: object) -> None:
        """The same, many at once."""


class _Storage:
    """A kind of torch storage: the type of its numbers."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype


class _TensorUnpickler(pickle.Unpickler):
    """Knows tensors, names and inert stand-ins; imports nothing."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self._path, self._archive = path, archive
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1:
            raise ModelFileError(f"{path}: a zip, but no torch checkpoint (it has {len(pickles)} data.pkl)")
        entry = archive.getinfo(pickles[0])
        if entry.file_size > MAX_PICKLE_BYTES:
            raise ModelFileError(f"{path}: its pickle is {entry.file_size:,} bytes, too large to be names of tensors")
        self._folder = pickles[0].removesuffix("data.pkl")
        self._storages: dict[str, Tensor] = {}
        super().__init__(BytesIO(archive.read(entry)))

    def find_class(self, module: str, name: str) -> Any:
        """Our own answer to a global's name; the global itself is never looked up."""
        known = _ANSWERS.get((module, name))
        if known is not None:
            return known
        if module == "torch" and name in _STORAGES:
            return _Storage(_STORAGES[name])
        if module == "torch" and isinstance(_DTYPES.get(name), torch.dtype):
            return _DTYPES[name]
        if module.startswith(_INERT_PACKAGES) and name[:1].isupper() and "." not in name:
            return type(name, (_Inert,), {})
        raise UnsafeWeightsError(
            f"{self._path}: refused. A checkpoint holds tensors and their names, but this one asks for {module}.{name}, "
            f"which could run anything; nothing of it was executed. Get the file from where you trust it, as .safetensors."
        )

    def persistent_load(self, pid: Any) -> Tensor:
        """A storage: ("storage", kind, key, device, count), its bytes being the zip member data/KEY."""
        tag, kind, key, _device, count = pid
        if tag != "storage" or not isinstance(kind, _Storage):
            raise ModelFileError(f"{self._path}: damaged, a storage of an unknown kind")
        if key not in self._storages:
            entry = self._archive.getinfo(f"{self._folder}data/{key}")
            # Compared before anything is read or allocated: the count is only a claim.
            if entry.file_size != int(count) * kind.dtype.itemsize or entry.compress_type != zipfile.ZIP_STORED:
                raise ModelFileError(f"{self._path}: damaged, the storage {key} is not as long as the pickle says")
            data = bytearray(self._archive.read(entry))
            self._storages[key] = torch.frombuffer(data, dtype=kind.dtype) if data else torch.empty(0, dtype=kind.dtype)
        return self._storages[key]


def _rebuild_tensor(storage: Any, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_rest: object) -> Tensor:
    if not isinstance(storage, Tensor):
        raise ModelFileError("a tensor without a storage")
    numbers = (offset, *size, *stride)
    if not all(isinstance(number, int) and number >= 0 for number in numbers) or len(size) != len(stride):
        raise ModelFileError("a tensor of impossible shape")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if 0 not in size and last >= storage.numel():
        raise ModelFileError("a tensor that reaches beyond its storage")
    # contiguous() of a tensor with stride 0 could be made to allocate without bound.
    if torch.Size(size).numel() > storage.numel():
        raise ModelFileError("a tensor larger than its storage")
    return torch.as_strided(storage, size, stride, offset).clone()


def _rebuild_parameter(data: Any, *_rest: object) -> Any:
    return data


def _plain_set(values: Any = ()) -> set[Any]:
    return set(values)


_ANSWERS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("__builtin__", "set"): _plain_set,
    ("builtins", "set"): _plain_set,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch.nn.parameter", "Parameter"): _rebuild_parameter,
    ("torch", "Size"): tuple,
    ("torch", "device"): _Inert,
    # Paths among the training arguments of a checkpoint.
    ("pathlib", "PosixPath"): _Inert,
    ("pathlib", "WindowsPath"): _Inert,
    ("pathlib._local", "PosixPath"): _Inert,
}
_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_DTYPES = {name: getattr(torch, name) for name in ("float16", "float32", "float64", "bfloat16", "int32", "int64")}
_INERT_PACKAGES = ("torch.nn.modules.", "ultralytics.")
