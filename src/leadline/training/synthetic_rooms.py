"""Frames for a training that has none: rooms out of nothing, made once and kept in the cache folder."""

from dataclasses import replace

from rich.console import Console

from leadline.atomic import only_one
from leadline.downloads import cache_folder
from leadline.options import SynthOptions
from leadline.training.plan import Plan


def with_rooms(plan: Plan, console: Console) -> Plan:
    """The plan with a data.root: its own, or rooms that are made now where the recipe asks for `synthetic_frames`.

    The options.yaml of the run names the folder, so that it goes on with the same frames. What is made is exact: the
    data check, which judges by what real rooms look like, could only raise false alarms, and is left out.

    Raises:
        ModuleNotFoundError: embreex, of the extra `synth`, is not installed.
        OutputError: no room in the cache folder.
    """
    data = plan.recipe.data
    if data.root is not None or data.synthetic_frames is None:
        return plan
    from leadline.synthesis.synthesize import synthesize

    rooms = cache_folder() / "rooms"
    folder = rooms / f"{data.synthetic_frames}-{data.height}x{data.width}"
    # Of several processes the first makes them; the others find them ready.
    with only_one(rooms / f".{folder.name}.lock"):
        if not console.is_terminal:
            console.print(f"making {data.synthetic_frames} frames once, in {folder}", soft_wrap=True, highlight=False)
        size = f"{data.height}x{data.width}"
        synthesize(SynthOptions(out=folder, frames=data.synthetic_frames, size=size), console=console)
    return replace(plan, recipe=replace(plan.recipe, data=replace(data, root=folder, check=False)))
