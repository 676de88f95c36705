"""The rooms of `leadline data synth` with the light of Blender's Cycles in the place of the ray caster's.

    pip install bpy    # Blender as a module; each version is for one version of Python: 5.0.1 for 3.11
    python benchmarks/blender_rooms.py --out ROOMS --frames 160 --seed 1 --size 120x160 [--textures PHOTOS]

The same seed gives the same rooms, cameras, poses and depth as `leadline data synth`, and the same dice for the sensor,
so that two sets differ in nothing but light. Cycles has the triangles with their smoothed normals, the lights, and for
what the camera sees the ray caster's colours, patterns and pictures, projected from the camera at four times the size.

Not carried over: patterns in mirrors and in bounced light, where surfaces have the blurred colours of their triangles'
corners; the light that comes from everywhere, in whose place real bounces are, so that what no light reaches in four of
them, such as a room behind a doorway, is dark.
"""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from numpy.typing import NDArray

from leadline.depth.camera import Camera
from leadline.inference.predict import find_images
from leadline.options import read_size
from leadline.synthesis.cameras import Pose, rays
from leadline.synthesis.hits import Hits
from leadline.synthesis.lights import Light
from leadline.synthesis.materials import Dice
from leadline.synthesis.render import Rendered, render
from leadline.synthesis.stage import Stage
from leadline.synthesis.synthesize import FRAMES_A_SCENE, Work, make_scene

try:
    import bpy
    from mathutils import Matrix
except ImportError as error:
    raise SystemExit(f"Blender is missing: {error}; pip install bpy (5.0.1 is for Python 3.11)") from error

SAMPLES, BOUNCES = 16, 4
FINER = 4
"""Points of the projected colours along a pixel."""


@dataclass(frozen=True)
class Options:
    """As those of `leadline data synth`."""

    out: Path
    """Folder of the scenes; frames that are in it already are passed over."""
    frames: int
    """How many to have in it."""
    seed: int = 0
    """Of the set."""
    size: str = "120x160"
    """Of the pictures, HEIGHTxWIDTH."""
    textures: Path | None = None
    """Photographs for pictures, screens, wallpaper and fabrics."""
    fov_deg: tuple[float, float] = (36.0, 95.0)
    """Smallest and largest angle of view across the longer side, in degrees."""


def main(options: Options) -> None:
    """Make the frames that are missing, and say what they cost."""
    photographs = tuple(find_images([str(options.textures)])) if options.textures else ()
    began_s, made = time.process_time(), 0
    for number, first in enumerate(range(0, options.frames, FRAMES_A_SCENE)):
        frames = min(FRAMES_A_SCENE, options.frames - first)
        work = Work(options.out / f"room-{number:05}", number, frames, options.seed, read_size(options.size),
                    options.fov_deg, "camera", photographs)  # fmt: skip
        made += make_scene(work, with_cycles)
    spent_s = time.process_time() - began_s
    print(f"{made} frames made, {spent_s / max(made, 1):.2f} core seconds each (the ray caster's pass among them)")


def with_cycles(stage: Stage, camera: Camera, pose: Pose, dice: Dice) -> Rendered:
    """As the ray caster renders, but for the light."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    mesh = _mesh(stage)
    mesh.materials.append(_material(_seen_colours(stage, camera, pose)))
    _place(mesh, np.eye(3), np.zeros(3))
    for light in stage.scene.lights:
        _place_light(light)
    eye = bpy.data.cameras.new("camera")
    _set(eye, sensor_fit="HORIZONTAL", sensor_width=camera.width, lens=camera.fx_px, clip_start=0.01)
    # Blender's cameras look backwards along z, with y up.
    bpy.context.scene.camera = _place(eye, pose.axes * [[1], [-1], [-1]], pose.position)
    return replace(render(stage, camera, pose, dice), light=_light(camera))


def _mesh(stage: Stage) -> Any:
    """All triangles, with what the material asks for: smoothed normals, colours at corners, numbers of parts."""
    corners = np.concatenate([part.world for part in stage.scene.parts]).reshape(-1, 3).astype(np.float32)
    normals = np.concatenate([part.normals @ part.rotation.T for part in stage.scene.parts]).reshape(-1, 3)
    mesh = bpy.data.meshes.new("room")
    mesh.from_pydata(corners, [], np.arange(len(corners)).reshape(-1, 3))
    mesh.normals_split_custom_set(normals.tolist())
    triangle = np.repeat(np.arange(len(corners) // 3), 3)
    hits = Hits(stage.part_of[triangle], np.zeros(0), corners, normals, triangle)
    # To pixels of ten metres every motif is a blur.
    colours = stage.surfaces.colours(hits, np.full(len(corners), 10, np.float32))
    mesh.attributes.new("blurred", "FLOAT_COLOR", "CORNER").data.foreach_set("color", _with_alpha(colours).ravel())
    gloss, mirror, glow = stage.surfaces.gloss, stage.surfaces.mirror, stage.surfaces.glow
    # As wide as the ray caster's highlights; mirrors are sharp.
    roughness = (2 / (17 + 150 * gloss**2)) ** 0.25 * (1 - mirror)
    for name, of_parts in {"gloss": gloss, "mirror": mirror, "glow": glow, "roughness": roughness}.items():
        mesh.attributes.new(name, "FLOAT", "FACE").data.foreach_set("value", of_parts[stage.part_of].astype(np.float32))
    return mesh


def _seen_colours(stage: Stage, camera: Camera, pose: Pose) -> NDArray:
    """(FINER * height, FINER * width, 3) linear reflectance of what the camera sees."""
    height, width = FINER * camera.height, FINER * camera.width
    columns, rows = (grid.ravel() for grid in np.meshgrid(np.arange(width), np.arange(height)))
    towards = rays(camera, pose, columns=(columns + 0.5) / FINER - 0.5, rows=(rows + 0.5) / FINER - 0.5)
    hits = stage.look(np.repeat(pose.position[None].astype(np.float32), len(towards), axis=0), towards)
    return stage.surfaces.colours(hits, hits.distance / (FINER * camera.fx_px)).reshape(height, width, 3)


def _material(seen: NDArray) -> Any:
    """What all is made of: dull, with reflections by Fresnel; what glows shows it, and lets the light of lamps out."""
    material = bpy.data.materials.new("all")
    # Or each triangle would be a light to choose from.
    material.cycles.emission_sampling = "NONE"
    material.node_tree.nodes.clear()

    def node(kind: str, *inputs: Any, output: int | str = 0, **settings: Any) -> Any:
        """An output of a new node, whose first inputs are linked or set."""
        made = material.node_tree.nodes.new(f"ShaderNode{kind}")
        _set(made, **settings)
        for socket, value in zip(made.inputs, inputs, strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                material.node_tree.links.new(value, socket)
            else:
                socket.default_value = value
        return made.outputs[output] if made.outputs else None

    def of_part(name: str) -> Any:
        return node("Attribute", output="Fac", attribute_name=name)

    image = bpy.data.images.new("seen", seen.shape[1], seen.shape[0], float_buffer=True, is_data=True)
    image.pixels.foreach_set(_with_alpha(seen[::-1].reshape(-1, 3)).ravel())
    window = node("TexCoord", output="Window")
    projected = node("TexImage", window, image=image, interpolation="Closest", extension="EXTEND")
    blurred = node("Attribute", attribute_name="blurred")
    colour = node("MixRGB", node("LightPath", output="Is Camera Ray"), blurred, projected)
    fresnel = node("Math", of_part("gloss"), node("Fresnel", 1.5), operation="MULTIPLY")
    shine = node("Math", of_part("mirror"), fresnel, operation="MAXIMUM")
    mirrored = node("BsdfGlossy", (1, 1, 1, 1), of_part("roughness"))
    surface = node("MixShader", shine, node("BsdfDiffuse", colour), mirrored)
    # The room is lit by lights, which are less noisy: the surfaces of lamps must not light it once more.
    is_shown = node("Math", 1, node("LightPath", output="Is Diffuse Ray"), operation="SUBTRACT")
    glow = node("Emission", colour, node("Math", of_part("glow"), is_shown, operation="MULTIPLY"))
    glows = node("Math", of_part("glow"), 0, operation="GREATER_THAN")
    lets_out = node("Math", node("LightPath", output="Is Shadow Ray"), glows, operation="MULTIPLY")
    shining = node("AddShader", surface, glow)
    node("OutputMaterial", node("MixShader", lets_out, shining, node("BsdfTransparent")))
    return material


def _place_light(light: Light) -> None:
    """A light of the same irradiance; the ray caster leaves out the pi that Cycles divides by."""
    kind = "SUN" if light.is_far else "POINT" if light.facing is None else "AREA"
    half = np.linalg.norm(light.half_sides, axis=1)
    sizes: dict[str, dict[str, Any]] = {
        "SUN": {"energy": math.pi, "angle": 2 * half[0] / np.linalg.norm(light.centre)},
        "POINT": {"energy": 4 * math.pi**2, "shadow_soft_size": half[0]},
        "AREA": {"energy": math.pi**2, "shape": "RECTANGLE", "size": 2 * half[0], "size_y": 2 * half[1]},
    }
    lamp = bpy.data.lights.new("lamp", kind)
    _set(lamp, color=light.colour, **sizes[kind])
    # Only rays that are sent towards lights find one: what the camera and mirrors show of a lamp is its glow.
    lamp.cycles.use_multiple_importance_sampling = False
    backwards = light.centre / np.linalg.norm(light.centre) if light.facing is None else -light.facing
    across = light.half_sides[0] / half[0]
    _place(lamp, np.stack([across, np.cross(backwards, across), backwards]), light.centre).visible_camera = False


def _place(thing: Any, axes: NDArray, origin: NDArray) -> Any:
    """An object of the scene, with (3, 3) rows x, y and z in the world."""
    placed = bpy.data.objects.new(thing.name, thing)
    placed.matrix_world = Matrix([*np.column_stack([axes.T, origin]).tolist(), [0, 0, 0, 1]])
    bpy.context.scene.collection.objects.link(placed)
    return placed


def _light(camera: Camera) -> NDArray:
    """(height, width, 3) float32 linear, by one thread."""
    scene = bpy.context.scene
    _set(scene.cycles, samples=SAMPLES, max_bounces=BOUNCES, use_adaptive_sampling=False, use_light_tree=False)
    _set(
        scene.cycles,
        use_denoising=True,
        denoiser="OPENIMAGEDENOISE",
        denoising_prefilter="NONE",
        pixel_filter_type="BOX",
    )
    _set(scene.render, engine="CYCLES", threads_mode="FIXED", threads=1)
    _set(scene.render, resolution_x=camera.width, resolution_y=camera.height, resolution_percentage=100)
    _set(scene.render.image_settings, file_format="OPEN_EXR", color_depth="32")
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "light.exr")
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
    return pixels.reshape(camera.height, camera.width, -1)[::-1, :, :3]


def _set(owner: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(owner, name, value)


def _with_alpha(colours: NDArray) -> NDArray:
    """(n, 4) float32 of (n, 3)."""
    return np.concatenate([colours, np.ones((len(colours), 1))], axis=1).astype(np.float32)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
