"""A pickle read as data: nothing is imported, nothing is called.

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
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

from torch import Tensor

from leadline.errors import UnsafeWeightsError


@dataclass(frozen=True)
class _Global:
    """A class or function by name; never the thing itself."""

    name: str


@dataclass(frozen=True, eq=False)
class _Storage:
    """Numbers in one row, of which tensors are views."""

    numbers: Tensor


@dataclass(eq=False)
class Inert:
    """In the place of an object: its class's name and its state. It has no behaviour."""

    of: str
    state: dict[Hashable, object] = field(default_factory=dict)


# Classes of layers and settings; they become `Inert`, whatever they are.
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
    simple = (str, bytes, int, float, complex, type(None), Inert, _Global)
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
    "copyreg._reconstructor": lambda made, *_: Inert(made.name),
    "copy_reg._reconstructor": lambda made, *_: Inert(made.name),
}


class PickleMachine:
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
        """Put a value on the stack."""
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
        """A global whose module and name lie on the stack."""
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
            self.push(Inert(what.name))

    def build(self, state: object) -> None:
        """Give the object on top its state; tensors and dictionaries need none."""
        if isinstance(state, tuple) and len(state) == 2:  # attributes, slots
            state = state[0]
        if isinstance(self.stack[-1], Inert) and isinstance(state, dict):
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
        """Begin a new stack above this one."""
        self.marks.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        """The values above the last mark, which are taken from the stack with it."""
        values, self.stack = self.stack, self.marks.pop()
        return values

    def pop(self) -> None:
        """Drop the top of the stack, or the newest mark."""
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
        """Keep the top of the stack under a number."""
        self.memo[len(self.memo) if index is None else index] = self.stack[-1]

    def recall(self, index: int) -> None:
        """Put a kept value on the stack again."""
        self.push(self.memo[index])


def _pairs(values: list[Any]) -> dict[Hashable, object]:
    return _rebuild_dict(zip(values[::2], values[1::2], strict=True))


# Operations that push the value which follows them.
_LITERALS = re.compile(
    "INT|BININT[12]?|LONG[14]?|(BIN)?FLOAT|STRING|(SHORT_)?BINSTRING"
    "|UNICODE|(SHORT_)?BINUNICODE|BINUNICODE8|(SHORT_)?BINBYTES|BINBYTES8|BYTEARRAY8"
)


def _instance(machine: PickleMachine, module_and_name: Any) -> None:
    arguments = machine.since_mark()
    machine.name(*module_and_name.split(" ", 1))
    machine.rebuild(machine.stack.pop(), arguments)


def _object(machine: PickleMachine, _: Any) -> None:
    what, *arguments = machine.since_mark()
    machine.rebuild(what, arguments)


def _called(machine: PickleMachine, _: Any) -> None:
    arguments, what = machine.stack.pop(), machine.stack.pop()
    machine.rebuild(what, arguments)


def _called_with_names(machine: PickleMachine, _: Any) -> None:
    _, arguments, what = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    machine.rebuild(what, arguments)


def _take(machine: PickleMachine, count: int) -> tuple[Any, ...]:
    if len(machine.stack) < count:
        raise ValueError("its pickle takes more values than it made")
    taken = tuple(machine.stack[-count:])
    del machine.stack[-count:]
    return taken


_ACTIONS: dict[str, Callable[[PickleMachine, Any], object]] = {
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
