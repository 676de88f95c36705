from pathlib import Path

import numpy as np
import pytest

from leadline.labelling.photographs import name_photographs, why_no_photograph

NOISE = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)


def test_a_photograph_is_one():
    assert why_no_photograph(NOISE) is None


def test_a_text_scan_is_told_apart():
    page = np.full((400, 300, 3), 250, np.uint8)
    page[20:380:12, 20:280] = 10
    assert "drawing or a scan" in why_no_photograph(page)


def test_a_tiny_picture_is_told_apart():
    assert why_no_photograph(NOISE[:40]) == "200x40 pixels: too small"


def test_two_folders_of_one_name_become_two_scenes():
    names = [p.scene for p in name_photographs([Path("/x/a/kitchen/1.jpg"), Path("/x/b/kitchen/1.jpg")])]
    assert names == ["a-kitchen", "b-kitchen"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_folder_becomes_one_scene_of_its_name(count):
    photographs = name_photographs([Path(f"/x/kitchen/{number}.jpg") for number in range(count)])
    assert {photo.scene for photo in photographs} == {"kitchen"}
    assert [photo.name for photo in photographs] == [str(number) for number in range(count)]
