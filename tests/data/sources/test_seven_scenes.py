"""7-Scenes, as its README describes the files."""

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.seven_scenes import SevenScenes
from leadline.errors import InputError

MILLIMETRES = np.random.default_rng(0).integers(300, 9000, (6, 8)).astype(np.uint16)
MILLIMETRES[0, :2] = 0, 65_535


def write_sequence(folder, *, count=1):
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (8, 6), (1, 2, 3)).save(folder / f"frame-{number:06}.color.png")
        Image.fromarray(MILLIMETRES).save(folder / f"frame-{number:06}.depth.png")
        (folder / f"frame-{number:06}.pose.txt").write_text("1 0 0 0\n")


@pytest.fixture
def root(tmp_path):
    for sequence in ("chess/seq-01", "chess/seq-02", "chess/seq-13", "fire/seq-01"):
        write_sequence(tmp_path / "7scenes" / sequence)
    (tmp_path / "7scenes/chess/TrainSplit.txt").write_text("sequence1\r\nsequence13\r\n")
    (tmp_path / "7scenes/chess/TestSplit.txt").write_text("sequence2\r\n")
    return tmp_path / "7scenes"


def test_depth_is_millimetres_without_what_was_not_measured(root):
    sample = SevenScenes(root).read(SevenScenes(root).frames[0])
    expected = MILLIMETRES.astype(np.float32) * np.float32(0.001)
    expected[0, :2] = 0
    np.testing.assert_array_equal(sample.depth_m, expected)
    assert sample.image[0, 0].tolist() == [1, 2, 3]
    assert sample.camera is None


def test_sequences_share_their_room_and_have_the_official_split(root):
    frames = [(frame.identity, frame.room, frame.subset) for frame in SevenScenes(root).frames]
    assert frames == [
        ("chess/seq-01/frame-000000", "chess", "train"),
        ("chess/seq-02/frame-000000", "chess", "test"),
        ("chess/seq-13/frame-000000", "chess", "train"),
        ("fire/seq-01/frame-000000", "fire", None),
    ]


@pytest.mark.parametrize(("inner", "count"), [("chess", 3), ("chess/seq-02", 1)])
def test_the_root_may_be_a_scene_or_a_sequence(root, inner, count):
    assert SevenScenes.recognises(root / inner)
    frames = SevenScenes(root / inner).frames
    assert len(frames) == count
    assert {frame.room for frame in frames} == {"chess"}
    assert "test" in {frame.subset for frame in frames}


def test_a_picture_without_its_depth_is_refused(root):
    (root / "chess/seq-01/frame-000000.depth.png").unlink()
    with pytest.raises(InputError, match=r"frame-000000\.color\.png \(no depth\)"):
        SevenScenes(root)
