"""The house: which room may import which, what works without torch, and what the public may rely on."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import leadline

ROOT = Path(leadline.__file__).parent

FLOORS = {
    6: "cli __main__",
    5: "studies reproduction",
    4: "training report",
    3: "calibration doctor evaluation export labelling benchmark synthesis",
    2: "data inference",
    1: "box depth scale networks losses metrics model_card options recipes run_folder",
    0: "errors atomic downloads parallel __init__",
}
"""A room imports only from floors below it and from itself. `__init__` counts where others take its `__version__`."""

STAIRS = {
    ("export", "evaluation"): "what 8 bits cost is measured as models are",
    ("__main__", "cli"): "`python -m leadline` is the command line",
    ("downloads", "atomic"): "one process at a time fetches, as one at a time prepares",
    ("atomic", "errors"): "a failed writing is one of the failures that a person can act on",
    ("downloads", "errors"): "so is a failed download",
    ("scale", "depth"): "points change the scale of a depth map",
    ("recipes", "options"): "a recipe is options in a file",
    ("model_card", "depth"): "a card says how pictures are framed",
    ("networks", "model_card"): "a model file is a network and its card",
    ("networks", "options"): "`leadline info` shows networks",
}
"""The only steps between rooms of one floor, with the reason; none of them closes a circle."""

WITHOUT_TORCH = [
    "leadline",
    "leadline.cli",
    "leadline.options",
    "leadline.errors",
    "leadline.metrics",
    "leadline.model_card",
    "leadline.recipes",
    "leadline.depth.depth_map",
    "leadline.inference.predict",
    "leadline.inference.info",
    "leadline.evaluation.evaluate",
    "leadline.evaluation.report",
    "leadline.data.sources.catalog",
    "leadline.data.splits",
    "leadline.data.store",
    "leadline.data.frames",
    "leadline.data.download_sets",
    "leadline.calibration.calibrate",
    "leadline.doctor.check",
    "leadline.labelling.label",
    "leadline.benchmark.models",
    "leadline.synthesis.synthesize",
    "leadline.report.report",
]

FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}


@cache
def modules() -> dict[str, Path]:
    names = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in ROOT.rglob("*.py")}
    return {name.removesuffix(".__init__") if name.count(".") > 1 else name: path for name, path in names.items()}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(path: Path) -> Iterator[str]:
    """Modules of leadline that a file imports, anywhere in it: `from leadline import x` is x, or `leadline` itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "leadline")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if (node.module or "").split(".")[0] == "leadline":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield inner if inner in modules() else node.module


@cache
def steps() -> frozenset[tuple[str, str]]:
    """(room, room that it imports), without the public face, which shows every floor and imports none at once."""
    found = {
        (room_of(name), room_of(other))
        for name, path in modules().items()
        if name != "leadline.__init__"
        for other in imports(path)
    }
    return frozenset((room, other) for room, other in found if room != other)


def test_every_room_has_a_floor():
    assert {room_of(name) for name in modules()} == set(FLOOR_OF)


def test_a_room_imports_only_from_floors_below_it():
    wrong = {
        f"{room} (floor {FLOOR_OF[room]}) imports {other} (floor {FLOOR_OF[other]})"
        for room, other in steps() - STAIRS.keys()
        if FLOOR_OF[room] <= FLOOR_OF[other]
    }
    assert wrong == set()


def test_every_stair_is_still_needed():
    assert STAIRS.keys() - steps() == set()
    assert all(FLOOR_OF[room] == FLOOR_OF[other] for room, other in STAIRS)


def test_rooms_and_files_import_in_no_circle():
    rooms: dict[str, set[str]] = {}
    for room, other in steps():
        rooms.setdefault(room, set()).add(other)
    TopologicalSorter(rooms).prepare()  # raises CycleError
    files = {name: set(imports(path)) - {name} for name, path in modules().items() if name != "leadline.__init__"}
    TopologicalSorter(files).prepare()


def test_architecture_draws_the_same_floors():
    text = (ROOT.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = {
        int(floor): set(rooms.split()) for floor, rooms in re.findall(r"^([0-9])  ([a-z_ ]+)$", text, re.MULTILINE)
    }
    assert drawn == {floor: set(rooms.split()) - {"__init__", "__main__"} for floor, rooms in FLOORS.items()}


def test_what_predicts_and_measures_imports_no_torch():
    # leadline first: the public face imports no room at all.
    code = (
        "import importlib, sys\n"
        "import leadline\n"
        "print([name for name in sys.modules if name.startswith('leadline.')])\n"
        f"for name in {WITHOUT_TORCH}:\n"
        "    importlib.import_module(name)\n"
        "    print([other for other in ('torch', 'timm', 'safetensors', 'jaxtyping') if other in sys.modules], name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["[]", *(f"[] {name}" for name in WITHOUT_TORCH)]


def test_public_names_are_these():
    expected = ["DepthMap", "DepthNet", "Predictor", "__version__", "evaluate", "load", "stream", "train"]
    assert leadline.__all__ == expected
    assert dir(leadline) == expected


@pytest.mark.parametrize("name", leadline.__all__)
def test_every_public_name_is_there(name):
    assert getattr(leadline, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'leadline' has no attribute 'predict'"):
        leadline.predict  # noqa: B018


def test_every_room_says_what_it_is():
    silent = [name for name, path in modules().items() if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []
