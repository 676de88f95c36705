"""Before the first step: which recipe, which folder, which hardware."""

import contextlib
import datetime
import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch
from lightning_fabric import Fabric

from leadline.atomic import atomic_write, check_writable, sweep
from leadline.data.splits import Split, write_split
from leadline.errors import ModelFileError, UsageError, did_you_mean
from leadline.losses import TERMS
from leadline.networks.encoders.catalog import find_encoder
from leadline.networks.pretrained import find_weights
from leadline.options import MoreSource, Recipe, RunOptions, TrainOptions, read_duration
from leadline.recipes import as_plain, read_recipe, write_recipe
from leadline.run_folder import RECIPE_FILE, SPLIT_FILE, STATE_FILE, VERSIONS_FILE


@dataclass(frozen=True)
class Plan:
    """A training about to start: its recipe, its folder, and whether it goes on from an earlier state."""

    recipe: Recipe
    folder: Path
    resumes: bool
    budget_s: float | None


def make_plan(options: TrainOptions) -> Plan:
    """Find the recipe and the folder of a run.

    Raises:
        UsageError: options that contradict one another, or a folder that holds another run.
        RecipeError: the resumed run's recipe is damaged.
        OutputError: a folder that cannot be written to.
    """
    budget_s = None if options.time_budget is None else read_duration(options.time_budget)
    given = Recipe(data=options.data, model=options.model, optim=options.optim, run=options.run)
    if options.resume is not None:
        return Plan(_resumed(options.resume, given, options.out), options.resume, resumes=True, budget_s=budget_s)
    now = datetime.datetime.now(tz=datetime.timezone.utc).strftime("%Y-%m-%d-%H%M%S")
    folder = options.out or Path("runs") / f"{now}-{given.model.encoder.replace(':', '-')}"
    if (folder / STATE_FILE).exists() or (folder / RECIPE_FILE).exists():
        raise UsageError(f"{folder}: holds a run already; go on with it by --resume {folder}, or choose another --out")
    check_writable(folder / RECIPE_FILE)
    return Plan(given, folder, resumes=False, budget_s=budget_s)


def check_names(recipe: Recipe) -> None:
    """Refuse names that nothing answers to, before any frame is prepared.

    Raises:
        UsageError: unknown encoder or loss term; says the nearest name.
    """
    find_encoder(recipe.model.encoder)
    for term in recipe.optim.loss:
        if term not in TERMS:
            raise UsageError(f"optim.loss: no term is called {term!r}; {did_you_mean(term, TERMS)}")


def check_weights(plan: Plan) -> None:
    """Refuse weights that are not there, before any frame is prepared; a run that goes on has its own.

    Raises:
        ModelFileError: neither a file nor a known name.
    """
    model = plan.recipe.model
    if plan.resumes and (plan.folder / STATE_FILE).is_file():
        return
    if model.start is not None:
        if not model.start.is_file():
            raise ModelFileError(f"model.start: {model.start}: no such file")
    elif model.weights not in ("none", "default"):
        find_weights(model.weights)


def start_fabric(run: RunOptions) -> Fabric:
    """Lightning Fabric for the devices, processes and arithmetic of a run.

    Raises:
        UsageError: hardware that is not there.
    """
    processes = run.devices * run.nodes
    device = _device(run)
    try:
        fabric = Fabric(
            accelerator=device,
            devices=run.devices,
            num_nodes=run.nodes,
            strategy="ddp" if processes > 1 else "auto",
            precision=_fabric_precision(run, device),
        )
    except Exception as error:  # Fabric names missing hardware in exceptions of its own
        raise UsageError(f"run.device {run.device} with {run.devices} devices: {error}") from error
    if device == "cuda":
        torch.set_float32_matmul_precision("high")
        # Fixed sizes: cuDNN may choose its kernels once. It chooses among deterministic ones.
        torch.backends.cudnn.deterministic = True
    fabric.launch()
    # The weights of the decoder; all other randomness is a function of seed, epoch and frame.
    torch.manual_seed(run.seed)
    return fabric


def begin_folder(plan: Plan, split: Split) -> None:
    """Make the run's folder, write split, versions and recipe into it, and sweep up what a killed save left.

    Raises:
        OutputError: no space or no permission.
    """
    sweep(plan.folder)
    with atomic_write(plan.folder / VERSIONS_FILE) as part:
        part.write_text(json.dumps(versions(), indent=1), encoding="utf-8")
    if not plan.resumes:
        write_split(plan.folder / SPLIT_FILE, split)
        # Last, because with it there is a run to go on with.
        write_recipe(plan.folder / RECIPE_FILE, plan.recipe)


def versions() -> dict[str, str]:
    """What ran: versions of the packages that matter, Python and the machine."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in ("leadline", "torch", "lightning-fabric", "timm", "numpy", "pillow", "safetensors"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found


def bfloat16_is_fast(device: str) -> bool:
    """Whether the hardware computes in bfloat16; without, a CPU emulates it ten times slower than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _resumed(folder: Path, given: Recipe, out: Path | None) -> Recipe:
    if not (folder / RECIPE_FILE).is_file():
        raise UsageError(f"{folder}: holds no run to go on with (no {RECIPE_FILE})")
    if out is not None and out != folder:
        raise UsageError(f"--resume goes on in the run's own folder {folder}; leave --out away")
    recipe = read_recipe(str(folder / RECIPE_FILE))
    # Data sets may have moved; the fingerprints say whether they are the same.
    more = _moved(recipe.data.more, given.data.more)
    recipe = replace(recipe, data=replace(recipe.data, root=given.data.root or recipe.data.root, more=more))
    own, asked = as_plain(recipe), as_plain(given)
    changed = [f"{part}.{key}" for part in own for key in own[part] if own[part][key] != asked[part][key]]
    if given != Recipe() and changed:
        raise UsageError(
            f"a resumed run keeps its recipe, or it could not end with the same weights; this would change "
            f"{', '.join(changed)}. Start a new run with --out instead."
        )
    return recipe


def _moved(own: Sequence[MoreSource], given: Sequence[MoreSource]) -> tuple[MoreSource, ...]:
    """The run's further sources where they are now."""
    if len(own) != len(given):
        return tuple(own)
    return tuple(replace(each, root=now.root) for each, now in zip(own, given, strict=True))


def _device(run: RunOptions) -> str:
    if run.device != "auto":
        if run.device == "cuda" and not torch.cuda.is_available():
            raise UsageError("run.device cuda: this machine has no CUDA device that torch can use; try auto or cpu")
        return run.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _fabric_precision(run: RunOptions, device: str) -> str:
    if run.precision == "auto":
        return "bf16-mixed" if bfloat16_is_fast(device) else "32-true"
    if run.precision == "float16" and device == "cpu":
        raise UsageError("run.precision float16 needs a GPU; on a CPU use float32 or bfloat16")
    return {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}[run.precision]
