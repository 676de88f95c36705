"""The dropped photographs on one sheet, so that a glance tells whether they deserved it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from leadline.atomic import atomic_write
from leadline.depth.images import read_image
from leadline.errors import InputError

MOST_SHOWN = 60


def draw_dropped(path: Path, dropped: Sequence[tuple[Path, str]]) -> None:
    """Draw up to MOST_SHOWN of them, evenly spread, each with its reason below.

    Args:
        path: of the sheet, a JPEG; removed when nothing was dropped.
        dropped: pictures and why they were dropped. One that has gone since is left out.

    Raises:
        OutputError: no space or no permission.
    """
    if not dropped:
        path.unlink(missing_ok=True)
        return
    shown = dropped[:: -(-len(dropped) // MOST_SHOWN)]
    rows = -(-len(shown) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _TILE_PX, rows * (_TILE_PX + _TEXT_PX)), "white")
    draw = ImageDraw.Draw(sheet)
    for place, (picture, why) in enumerate(shown):
        left, top = place % _COLUMNS * _TILE_PX, place // _COLUMNS * (_TILE_PX + _TEXT_PX)
        try:
            image = Image.fromarray(read_image(picture))
        except InputError:
            continue
        sheet.paste(ImageOps.contain(image, (_TILE_PX - 4, _TILE_PX - 4)), (left, top))
        draw.text((left, top + _TILE_PX), f"{picture.parent.name}/{picture.name}\n{_wrapped(why)}", fill="black")
    with atomic_write(path) as part:
        sheet.save(part, format="JPEG")


def _wrapped(text: str) -> str:
    """On two lines: the sheet's font has no other way."""
    words, half = text.split(), len(text) // 2
    first = next((count for count in range(len(words)) if len(" ".join(words[:count])) >= half), len(words))
    return f"{' '.join(words[:first])}\n{' '.join(words[first:])}"


_COLUMNS, _TILE_PX, _TEXT_PX = 6, 200, 52
