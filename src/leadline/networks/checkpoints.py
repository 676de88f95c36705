"""Other people's checkpoints, read without running anything in them.

A `.pt` file is a zip: raw numbers, and a pickle, which is a program for a small stack machine that says how to put
objects around them. Python's own machine imports and calls whatever the program names. The one in this file has no
way to do either: a global is only a name; the calls that rebuild tensors and dictionaries are done by functions here;
any other call gives an inert stand-in that keeps its state. Names that no checkpoint needs are refused.

Not a subclass of `pickle.Unpickler`, because that one is brought down by data alone, before it asks for any global:
a memo index of 2^28 allocates gigabytes, and a million nested tuples as a key overflow the C stack.
"""

import math
import pickletools
import re
import sys
import zipfile
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import safe_open
from torch import Tensor

from leadline.errors import ModelFileError, UnsafeWeightsError


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
        content = _PickleMachine(path, entries.storage).run(entries.read("data.pkl"))
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


@dataclass(frozen=True)
class _Global:
    """A class or function by name; never the thing itself."""

    name: str


@dataclass(frozen=True, eq=False)
class _Storage:
    """Numbers in one row, of which tensors are views."""

    numbers: Tensor


@dataclass(eq=False)
class _Inert:
    """In the place of an object: its class's name and its state. It has no behaviour."""

    of: str
    state: dict[Hashable, object] = field(default_factory=dict)


# Classes of layers and settings; they become `_Inert`, whatever they are.
_INERT_PACKAGES = re.compile(r"(torch\.nn|ultralytics)\.[\w.]+")
# What ultralytics' training settings and results hold besides, and how old pickles spell objects and bytes.
_INERT_NAMES = re.compile(
    r"(builtins|__builtin__)\.(set|frozenset|list|dict|tuple|int|float|complex|str|bytes|bytearray|slice|range|object)"
    r"|collections\.(OrderedDict|defaultdict|deque|Counter)"
    r"|(copyreg|copy_reg)\._reconstructor|_codecs\.encode|types\.SimpleNamespace|argparse\.Namespace"
    r"|pathlib(\._local)?\.(Pure)?(Posix|Windows)?Path"
    r"|datetime\.(datetime|date|time|timedelta|timezone)"
    r"|numpy\.(dtype|ndarray)|numpy\.(core|_core)\.multiarray\.(scalar|_reconstruct)"
    r"|torch\.(Size|device|Tensor|\w+Storage|(b?float|u?int|complex)\d+|bool|strided|contiguous_format)"
    r"|torch\._utils\.(_rebuild_tensor_v2|_rebuild_parameter|_rebuild_parameter_with_state)"
    r"|torch\._tensor\._rebuild_from_type_v2"
)


def _rebuild_tensor(storage: object, offset: object, size: object, stride: object, *_: object) -> Tensor:
    """A view of a storage, within its bounds. The arguments are those of `torch._utils._rebuild_tensor_v2`."""
    if not isinstance(storage, _Storage) or not isinstance(offset, int) or not _is_shape(size) or not _is_shape(stride):
        raise ValueError("a tensor's storage, offset, size or stride is of the wrong kind")
    if len(size) != len(stride) or offset < 0:
        raise ValueError(f"a tensor has size {size} but stride {stride}, offset {offset}")
    available = len(storage.numbers)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    # The second condition refuses stride 0, by which four bytes could pose as a terabyte.
    if math.prod(size) > 0 and (last >= available or math.prod(size) > available):
        raise ValueError(f"a tensor of size {size}, stride {stride}, offset {offset} exceeds its {available} numbers")
    if math.prod(size) == 0:
        return storage.numbers.new_empty(size)
    return storage.numbers.as_strided(size, stride, offset)


def _is_shape(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and len(value) <= 8 and all(type(n) is int and n >= 0 for n in value)


def _rebuild_dict(items: Iterable[Any] = (), *_: object) -> dict[Hashable, object]:
    pairs = items.items() if isinstance(items, dict) else items
    return {_as_key(key): value for key, value in pairs}


def _rebuild_set(items: Iterable[object] = (), *_: object) -> set[Hashable]:
    return {_as_key(item) for item in items}


def _as_key(value: object) -> Hashable:
    """A dictionary's key. Hashing tuples of tuples of tuples would overflow the C stack."""
    simple = (str, bytes, int, float, complex, type(None), _Inert, _Global)
    if isinstance(value, simple) or (isinstance(value, tuple) and all(isinstance(part, simple) for part in value)):
        return value
    raise ValueError(f"a dictionary has a {type(value).__name__} as its key")


_REBUILD: dict[str, Callable[..., object]] = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "torch._utils._rebuild_parameter_with_state": lambda tensor, *_: tensor,
    "torch.Size": lambda sizes=(): tuple(sizes),
    "collections.OrderedDict": _rebuild_dict,
    "builtins.dict": _rebuild_dict,
    "builtins.set": _rebuild_set,
    "__builtin__.dict": _rebuild_dict,
    "__builtin__.set": _rebuild_set,
    "copyreg._reconstructor": lambda made, *_: _Inert(made.name),
    "copy_reg._reconstructor": lambda made, *_: _Inert(made.name),
}


class _PickleMachine:
    """Runs a pickle (protocols 0 to 5) without importing or calling anything that it names.

    Args:
        path: for messages.
        storage: from a storage's type, key and count of numbers to the numbers.
    """

    def __init__(self, path: Path, storage: Callable[[str, str, int], Tensor]) -> None:
        self.path = path
        self.storage = storage
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, object] = {}  # not an array: an index costs nothing, however large

    def run(self, program: bytes) -> object:
        """The object that the program builds."""
        for opcode, argument, _ in pickletools.genops(program):
            if opcode.name == "STOP":
                return self.stack.pop()
            if opcode.name in _ACTIONS:
                _ACTIONS[opcode.name](self, argument)
            elif _LITERALS.fullmatch(opcode.name):
                self.push(argument)
            else:  # EXT1 and its kin name globals by number; out-of-band buffers are in no file
                raise UnsafeWeightsError(self._refusal(f"the pickle operation {opcode.name}"))
        raise ValueError("its pickle has no end")

    def push(self, value: object) -> None:
        self.stack.append(value)

    def _refusal(self, wanted: str) -> str:
        return (
            f"{self.path}: asks for {wanted}, which no weights need. Nothing in the file was executed. "
            "Do not load it elsewhere either, unless you trust whoever made it; ask them for .safetensors."
        )

    def name(self, module: str, name: str) -> None:
        """Push a global's name, if checkpoints have a use for it."""
        wanted = f"{module}.{name}"
        nested = "." in name  # `ultralytics.utils` and `os.system` would walk from one module into another
        if nested or not (_INERT_PACKAGES.fullmatch(wanted) or _INERT_NAMES.fullmatch(wanted)):
            raise UnsafeWeightsError(self._refusal(repr(wanted[:200])))
        self.push(_Global(wanted))

    def name_from_stack(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a global's name is not text")
        self.name(module, name)

    def rebuild(self, what: object, arguments: object) -> None:
        """Push what a call would have given."""
        if not isinstance(what, _Global) or not isinstance(arguments, (tuple, list)):
            raise ValueError("its pickle calls something that is neither a class nor a function")
        if what.name == "torch._tensor._rebuild_from_type_v2":  # function, class, arguments, attributes
            self.rebuild(arguments[0], arguments[2])
        elif what.name in _REBUILD:
            self.push(_REBUILD[what.name](*arguments))
        else:
            self.push(_Inert(what.name))

    def build(self, state: object) -> None:
        """Give the object on top its state; tensors and dictionaries need none."""
        if isinstance(state, tuple) and len(state) == 2:  # attributes, slots
            state = state[0]
        if isinstance(self.stack[-1], _Inert) and isinstance(state, dict):
            self.stack[-1].state.update(state)

    def numbers(self, reference: object) -> None:
        """Push the storage that a persistent id names: ("storage", type, key, device, count)."""
        if not isinstance(reference, tuple) or len(reference) != 5 or reference[0] != "storage":
            raise ValueError("its pickle refers to something outside that is not a storage")
        _, kind, key, _, count = reference
        if not isinstance(kind, _Global) or not isinstance(key, str) or not isinstance(count, int):
            raise ValueError("a storage's type, key or size is of the wrong kind")
        self.push(_Storage(self.storage(kind.name, key, count)))

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """The values above the last mark, which are taken from the stack with it."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def pop(self) -> None:
        # A mark is an element too: POP right after MARK removes it.
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def extend(self, values: list[Any]) -> None:
        """Append to the list (or add to the set) on top; what stands in for another class forgets its elements."""
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(values)
        elif isinstance(self.stack[-1], set):
            self.stack[-1].update(_rebuild_set(values))

    def assign(self, values: list[Any]) -> None:
        """Set key, value, key, value... in the dictionary on top."""
        items = _pairs(values)
        if isinstance(self.stack[-1], dict):
            self.stack[-1].update(items)

    def remember(self, index: int | None = None) -> None:
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        self.push(self.memo[index])


def _pairs(values: list[Any]) -> dict[Hashable, object]:
    return _rebuild_dict(zip(values[::2], values[1::2], strict=True))


# Operations that push the value which follows them.
_LITERALS = re.compile(
    "INT|BININT[12]?|LONG[14]?|(BIN)?FLOAT|STRING|(SHORT_)?BINSTRING"
    "|UNICODE|(SHORT_)?BINUNICODE|BINUNICODE8|(SHORT_)?BINBYTES|BINBYTES8|BYTEARRAY8"
)


def _instance(machine: _PickleMachine, module_and_name: Any) -> None:
    arguments = machine.since_mark()
    machine.name(*module_and_name.split(" ", 1))
    machine.rebuild(machine.stack.pop(), arguments)


def _object(machine: _PickleMachine, _: Any) -> None:
    what, *arguments = machine.since_mark()
    machine.rebuild(what, arguments)


def _called(machine: _PickleMachine, _: Any) -> None:
    arguments, what = machine.stack.pop(), machine.stack.pop()
    machine.rebuild(what, arguments)


def _called_with_names(machine: _PickleMachine, _: Any) -> None:
    _, arguments, what = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.rebuild(what, arguments)


def _take(machine: _PickleMachine, count: int) -> tuple[Any, ...]:
    if len(machine.stack) < count:
        raise ValueError("its pickle takes more values than it made")
    taken = tuple(machine.stack[-count:])
    del machine.stack[-count:]
    return taken


_ACTIONS: dict[str, Callable[[_PickleMachine, Any], object]] = {
    "PROTO": lambda *_: None,
    "FRAME": lambda *_: None,
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push(set()),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "MARK": lambda machine, _: machine.mark(),
    "POP": lambda machine, _: machine.pop(),
    "POP_MARK": lambda machine, _: machine.since_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "DICT": lambda machine, _: machine.push(_pairs(machine.since_mark())),
    "FROZENSET": lambda machine, _: machine.push(_rebuild_set(machine.since_mark())),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "TUPLE1": lambda machine, _: machine.push(_take(machine, 1)),
    "TUPLE2": lambda machine, _: machine.push(_take(machine, 2)),
    "TUPLE3": lambda machine, _: machine.push(_take(machine, 3)),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.extend(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.extend(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.assign(list(_take(machine, 2))),
    "SETITEMS": lambda machine, _: machine.assign(machine.since_mark()),
    "PUT": lambda machine, index: machine.remember(index),
    "BINPUT": lambda machine, index: machine.remember(index),
    "LONG_BINPUT": lambda machine, index: machine.remember(index),
    "MEMOIZE": lambda machine, _: machine.remember(),
    "GET": lambda machine, index: machine.recall(index),
    "BINGET": lambda machine, index: machine.recall(index),
    "LONG_BINGET": lambda machine, index: machine.recall(index),
    "GLOBAL": lambda machine, module_and_name: machine.name(*module_and_name.split(" ", 1)),
    "STACK_GLOBAL": lambda machine, _: machine.name_from_stack(),
    "INST": _instance,
    "OBJ": _object,
    "REDUCE": _called,
    "NEWOBJ": _called,
    "NEWOBJ_EX": _called_with_names,
    "BUILD": lambda machine, _: machine.build(machine.stack.pop()),
    "BINPERSID": lambda machine, _: machine.numbers(machine.stack.pop()),
    "PERSID": lambda machine, reference: machine.numbers(reference),
}


# --- Where the weights are in what was read ---


def _weights_in(path: Path, content: object) -> dict[Hashable, object] | _Inert:
    """The module or state dict in a checkpoint: nested under a known name, or the whole content."""
    if isinstance(content, dict):
        for name in ("ema", "model", "state_dict"):
            if isinstance(content.get(name), (dict, _Inert)):
                return _weights_in(path, content[name])
        if not any(isinstance(value, Tensor) for value in content.values()):
            keys = ", ".join(sorted(repr(key)[:40] for key in content)[:8]) or "nothing"
            raise ModelFileError(f"{path}: no weights under 'ema', 'model' or 'state_dict'; it has {keys}")
        return content
    if isinstance(content, _Inert):
        return content
    raise ModelFileError(f"{path}: holds a {type(content).__name__}, not a model or a dictionary of tensors")


def _named_tensors(weights: dict[Hashable, object] | _Inert) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors, in the order and under the names of the module's state dict."""
    if isinstance(weights, dict):
        for name, value in weights.items():
            if isinstance(value, Tensor):
                yield str(name), value
        return
    waiting: list[tuple[str, _Inert]] = [("", weights)]
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
            if isinstance(layer, _Inert):
                waiting.append((f"{prefix}{name}.", layer))


def _own_tensors(module: _Inert) -> list[tuple[str, Tensor]]:
    """Parameters and buffers of one layer, without those that its state dict leaves out."""
    passing = module.state.get("_non_persistent_buffers_set")
    left_out = passing if isinstance(passing, set) else set()
    buffers = [(name, value) for name, value in _children(module, "_buffers") if name not in left_out]
    members = [*_children(module, "_parameters"), *buffers]
    return [(name, value) for name, value in members if isinstance(value, Tensor)]


def _children(module: _Inert, kind: str) -> list[tuple[str, object]]:
    found = module.state.get(kind)
    named = [(str(name), value) for name, value in found.items()] if isinstance(found, dict) else []
    if any(len(name) > _MAX_NAME for name, _ in named):
        raise ValueError(f"a tensor's or layer's name is longer than {_MAX_NAME} characters")
    return named


_MAX_TENSORS = 50_000  # with the layers; YOLOv8x-seg has a thousand
_MAX_NAME = 1000


def _reason(error: Exception) -> str:
    return str(error).split("\n")[0][:200] or type(error).__name__
