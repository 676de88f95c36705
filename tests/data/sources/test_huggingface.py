"""Sets that the package `datasets` saved, written by it."""

import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from leadline.data.sources.huggingface import HuggingFace
from leadline.errors import InputError, UsageError

DEPTH_M = np.random.default_rng(0).uniform(0.5, 5, (6, 8)).astype(np.float32)
PICTURE = np.random.default_rng(1).integers(0, 255, (6, 8, 3)).astype(np.uint8)


def save(root, *, depth=DEPTH_M, column="depth_map", split=None):
    datasets = pytest.importorskip("datasets")
    columns = datasets.Features({"image": datasets.Image(), column: datasets.Image()})
    rows = {"image": [Image.fromarray(PICTURE)] * 2, column: [Image.fromarray(depth)] * 2}
    with warnings.catch_warnings():  # of the package that it pickles with
        warnings.simplefilter("ignore")
        table = datasets.Dataset.from_dict(rows, features=columns, split=split)
        (table if split else datasets.DatasetDict({"train": table, "validation": table})).save_to_disk(root)
    return root


def test_floats_are_metres_to_the_bit_and_colours_are_the_picture(tmp_path):
    source = HuggingFace(save(tmp_path))
    sample = source.read(source.frames[0])
    np.testing.assert_array_equal(sample.depth_m, DEPTH_M)
    np.testing.assert_array_equal(sample.image, PICTURE)


def test_splits_are_the_official_ones(tmp_path):
    frames = [(frame.identity, frame.room, frame.subset) for frame in HuggingFace(save(tmp_path)).frames]
    assert frames == [
        ("train/000000", "train", "train"),
        ("train/000001", "train", "train"),
        ("validation/000000", "validation", "test"),
        ("validation/000001", "validation", "test"),
    ]


def test_a_single_split_is_read_too(tmp_path):
    source = HuggingFace(save(tmp_path, split="train"))
    assert [frame.identity for frame in source.frames] == ["train/000000", "train/000001"]
    np.testing.assert_array_equal(source.read(source.frames[1]).depth_m, DEPTH_M)


def test_16_bits_are_millimetres(tmp_path):
    source = HuggingFace(save(tmp_path, depth=np.full((6, 8), 2345, np.uint16)))
    assert source.read(source.frames[0]).depth_m.max() == pytest.approx(2.345)


def test_8_bits_are_refused(tmp_path):
    source = HuggingFace(save(tmp_path, depth=np.full((6, 8), 200, np.uint8)))
    with pytest.raises(InputError, match="train/000000: an 8-bit or colour picture"):
        source.read(source.frames[0])


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(InputError, match="columns image and depth_map"):
        HuggingFace(save(tmp_path, column="depth"))


def test_what_is_no_set_is_refused(tmp_path):
    pytest.importorskip("datasets")
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train"]}')
    assert HuggingFace.recognises(tmp_path)
    with pytest.raises(InputError, match="not a depth set"):
        HuggingFace(tmp_path)


def test_without_the_package_the_cure_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    (tmp_path / "dataset_dict.json").write_text("{}")
    with pytest.raises(UsageError, match="pip install datasets"):
        HuggingFace(tmp_path)
