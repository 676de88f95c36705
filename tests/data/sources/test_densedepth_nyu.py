"""DenseDepth's archive of NYU Depth v2, packed and unpacked."""

import multiprocessing
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from leadline.data.sources.densedepth_nyu import DenseDepthNyu
from leadline.data.sources.nyu_labeled import NYU_CAMERA
from leadline.errors import InputError

TRAIN = "data/nyu2_train/living_room_0038_out"
COLOR, DEPTH = f"{TRAIN}/37.jpg", f"{TRAIN}/37.png"


def write_folder(root: Path, *, depth8: np.ndarray | None = None, size: tuple[int, int] = (64, 48)) -> Path:
    """Two training frames and one for testing, in exactly the archive's layout."""
    width, height = size
    depth8 = np.full((height, width), 51, np.uint8) if depth8 is None else depth8
    for scene, number in (("living_room_0038_out", 37), ("basement_0001a_out", 1)):
        folder = root / "data" / "nyu2_train" / scene
        folder.mkdir(parents=True)
        Image.new("RGB", size, (200, 100, number)).save(folder / f"{number}.jpg")
        Image.fromarray(depth8).save(folder / f"{number}.png")
    test = root / "data" / "nyu2_test"
    test.mkdir()
    Image.new("RGB", size, (0, 100, 50)).save(test / "00000_colors.png")
    Image.fromarray(np.full((height, width), 2345, np.uint16)).save(test / "00000_depth.png")
    basement = "data/nyu2_train/basement_0001a_out/1"
    (root / "data" / "nyu2_train.csv").write_text(f"{COLOR},{DEPTH}\n{basement}.jpg,{basement}.png\n")
    (root / "data" / "nyu2_test.csv").write_text("data/nyu2_test/00000_colors.png,data/nyu2_test/00000_depth.png\n")
    return root


def packed(folder: Path, path: Path, *, compression: int = zipfile.ZIP_STORED, prefix: str = "") -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return path


def sample_of(source: DenseDepthNyu, identity: str):
    return source.read(next(frame for frame in source.frames if frame.identity == identity))


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "unpacked")


def test_scenes_rooms_and_subsets_come_from_the_tables(folder):
    frames = [(frame.scene, frame.name, frame.room, frame.subset) for frame in DenseDepthNyu(folder).frames]
    assert frames == [
        ("living_room_0038_out", "37", "living_room_0038", "train"),
        ("basement_0001a_out", "1", "basement_0001", "train"),
        ("nyu2_test", "00000", "nyu2_test", "test"),
    ]


def test_archive_and_folder_hold_the_same(folder, tmp_path):
    unpacked = DenseDepthNyu(folder)
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = DenseDepthNyu(packed(folder, tmp_path / "nyu_data.zip", compression=compression))
        assert archive.frames == unpacked.frames
        for frame in archive.frames:
            np.testing.assert_array_equal(archive.read(frame).image, unpacked.read(frame).image)
            np.testing.assert_array_equal(archive.read(frame).depth_m, unpacked.read(frame).depth_m)


def test_training_depth_is_255ths_of_ten_metres_and_its_end_is_kept(tmp_path):
    depth8 = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    depth8[0, :2] = 255, 0
    sample = sample_of(DenseDepthNyu(write_folder(tmp_path, depth8=depth8)), "living_room_0038_out/37")
    np.testing.assert_allclose(sample.depth_m, depth8 / 255 * 10, rtol=1e-6)
    assert sample.depth_m[0, 0] == pytest.approx(10.0)
    assert not sample.valid[0, 1]


@settings(deadline=None, max_examples=20)
@given(arrays(np.float32, (48, 64), elements=st.floats(0.125, 10, width=32)))
def test_training_depth_is_right_to_half_a_step(tmp_path_factory, depth_m):
    depth8 = np.round(depth_m / 10 * 255).astype(np.uint8)
    source = DenseDepthNyu(write_folder(tmp_path_factory.mktemp("nyu"), depth8=depth8))
    read_m = source.read(source.frames[0]).depth_m
    np.testing.assert_allclose(read_m, depth_m, atol=10 / 255 / 2 + 1e-5)


def test_testing_depth_is_millimetres(folder):
    assert sample_of(DenseDepthNyu(folder), "nyu2_test/00000").depth_m.max() == pytest.approx(2.345)


def test_pictures_of_full_size_have_the_data_sets_camera(folder, tmp_path):
    full = DenseDepthNyu(write_folder(tmp_path / "full", size=(640, 480)))
    assert full.read(full.frames[0]).camera == NYU_CAMERA
    small = DenseDepthNyu(folder)
    assert small.read(small.frames[0]).camera is None


def test_the_option_overrides_the_unit(folder):
    source = DenseDepthNyu(folder, depth_unit_m=0.1)
    assert source.read(source.frames[0]).depth_m.max() == pytest.approx(5.1)


@pytest.mark.parametrize("prefix", ["", "nyu_data/"])
def test_the_archive_may_have_a_folder_around_everything(folder, tmp_path, prefix):
    source = DenseDepthNyu(packed(folder, tmp_path / "archive.zip", prefix=prefix))
    assert len(source.frames) == 3
    assert source.read(source.frames[0]).valid.all()


def test_the_root_may_be_the_data_folder_or_hold_the_archive(folder, tmp_path):
    expected = DenseDepthNyu(folder).frames
    assert DenseDepthNyu(folder / "data").frames == expected
    packed(folder, tmp_path / "nyu_data.zip")
    assert DenseDepthNyu.recognises(tmp_path)
    assert DenseDepthNyu(tmp_path).frames == expected


def test_the_tables_may_stand_above_the_data_folder(folder):
    expected = DenseDepthNyu(folder).frames
    for name in ("nyu2_train.csv", "nyu2_test.csv"):
        (folder / "data" / name).rename(folder / name)
    assert DenseDepthNyu(folder).frames == expected


def test_one_table_is_enough(folder):
    (folder / "data" / "nyu2_test.csv").unlink()
    assert {frame.subset for frame in DenseDepthNyu(folder).frames} == {"train"}


def test_a_row_that_stands_twice_is_one_frame_and_blank_lines_are_none(folder):
    table = folder / "data" / "nyu2_train.csv"
    table.write_text(table.read_text().replace("\n", "\r\n") + f"\r\n{COLOR},{DEPTH}\r\n\r\n")
    assert len(DenseDepthNyu(folder).frames) == 3


@pytest.mark.parametrize("is_packed", [False, True])
def test_rows_that_name_missing_files_are_refused(folder, tmp_path, is_packed):
    (folder / DEPTH).unlink()
    root = packed(folder, tmp_path / "nyu_data.zip") if is_packed else folder
    with pytest.raises(InputError, match=rf"1 missing files: {DEPTH}"):
        DenseDepthNyu(root)


@pytest.mark.parametrize("row", ["only-one-column", "a,b,c"])
def test_a_row_of_another_form_is_named_with_its_line(folder, row):
    table = folder / "data" / "nyu2_train.csv"
    table.write_text(table.read_text() + row + "\n")
    with pytest.raises(InputError, match=r"nyu2_train\.csv, line 3"):
        DenseDepthNyu(folder)


def test_a_table_that_is_no_text_is_named(folder):
    (folder / "data" / "nyu2_train.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"nyu2_train\.csv: not text"):
        DenseDepthNyu(folder)


def test_empty_tables_are_refused(folder):
    for name in ("nyu2_train.csv", "nyu2_test.csv"):
        (folder / "data" / name).write_text("")
    with pytest.raises(InputError, match="name no frames"):
        DenseDepthNyu(folder)


def test_another_archive_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        archive.writestr("beach.jpg", b"")
    with pytest.raises(InputError, match="neither"):
        DenseDepthNyu(tmp_path / "holiday.zip")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then the download stopped"])
def test_a_truncated_archive_is_refused(tmp_path, content):
    (tmp_path / "nyu_data.zip").write_bytes(content)
    with pytest.raises(InputError, match="truncated"):
        DenseDepthNyu(tmp_path / "nyu_data.zip")


def test_an_archive_that_is_missing_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        DenseDepthNyu(tmp_path / "nyu_data.zip")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_inside_the_archive_is_found(folder, tmp_path, compression):
    path = packed(folder, tmp_path / "nyu_data.zip", compression=compression)
    source = DenseDepthNyu(path)
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(DEPTH)
    content = bytearray(path.read_bytes())
    middle = entry.header_offset + 30 + len(DEPTH) + entry.compress_size // 2
    content[middle : middle + 8] = b"\x5a" * 8
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{DEPTH}: damaged"):
        sample_of(source, "living_room_0038_out/37")


@pytest.mark.parametrize("file", [COLOR, DEPTH])
def test_truncated_pictures_are_named(folder, file):
    (folder / file).write_bytes((folder / file).read_bytes()[:60])
    source = DenseDepthNyu(folder)
    with pytest.raises(InputError, match=f"{Path(file).name}: damaged or truncated"):
        sample_of(source, "living_room_0038_out/37")


def test_coloured_depth_is_refused(folder):
    Image.new("RGB", (64, 48)).save(folder / DEPTH)
    with pytest.raises(InputError, match="grey PNG of 8 or 16 bits"):
        sample_of(DenseDepthNyu(folder), "living_room_0038_out/37")


def test_depth_without_a_measurement_is_refused(tmp_path):
    source = DenseDepthNyu(write_folder(tmp_path, depth8=np.zeros((48, 64), np.uint8)))
    with pytest.raises(InputError, match="no measurement"):
        source.read(source.frames[0])


def test_another_process_can_read_it(folder, tmp_path):
    source = pickle.loads(pickle.dumps(DenseDepthNyu(packed(folder, tmp_path / "nyu_data.zip"))))
    source.read(source.frames[0])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        samples = pool.map(source.read, source.frames)
    assert [float(sample.depth_m.max()) for sample in samples] == pytest.approx([2.0, 2.0, 2.345])


def test_other_places_are_not_recognised(tmp_path):
    assert not DenseDepthNyu.recognises(tmp_path)
    assert not DenseDepthNyu.recognises(tmp_path / "gone.zip")
