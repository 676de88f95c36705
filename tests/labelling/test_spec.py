import numpy as np
import pytest

from leadline.errors import RecipeError, UsageError
from leadline.labelling.spec import TeacherSpec, shipped_spec, spec_beside, spec_names

IMAGE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
MINIMAL = "name: tiny\nlicence: none\noutput: metres\nheight: 8\n"
GOOD = {"name": "tiny", "licence": "none", "height": 8, "width": 8, "output": "metres"}


def test_every_shipped_declaration_can_be_read():
    assert spec_names() == ["depth-anything-v2", "fastdepth", "midas-small"]
    assert [shipped_spec(name).kind for name in spec_names()] == ["relative", "metric", "relative"]


def test_levels_go_in_as_they_are_or_normalised():
    flat = np.full((8, 8, 3), (255, 0, 51), np.uint8)
    levels = TeacherSpec(**GOOD, input="uint8", layout="NHWC").prepared(flat)
    assert (levels.shape, levels.dtype, levels[0, 0, 0].tolist()) == ((1, 8, 8, 3), np.uint8, [255, 0, 51])
    shifted = TeacherSpec(**GOOD, input="int8", layout="NHWC").prepared(flat)
    assert (shifted.dtype, shifted[0, 0, 0].tolist()) == (np.int8, [127, -128, -77])
    normalised = TeacherSpec(**GOOD, channels="BGR", mean=(0.2, 0.0, 0.5), std=(1.0, 1.0, 0.5)).prepared(flat)
    assert (normalised.shape, normalised.dtype) == ((1, 3, 8, 8), np.float32)
    np.testing.assert_allclose(normalised[0, :, 0, 0], [0, 0, 1], atol=1e-6)


def test_levels_come_out_as_metres():
    spec = TeacherSpec(**GOOD, output_scale=0.5, output_zero=2.0)
    levels = np.array([[[2], [4]], [[6], [1]]], np.uint8)[None]
    np.testing.assert_array_equal(spec.understood(levels, height=60, width=90), [[np.nan, 1], [2, np.nan]])


def test_inverse_depth_comes_out_as_metres():
    spec = TeacherSpec(**{**GOOD, "output": "inverse_depth"})
    np.testing.assert_array_equal(
        spec.understood(np.array([[0.5, 0.0], [1, 4]], np.float32), height=60, width=90), [[2, np.nan], [1, 0.25]]
    )
    assert spec.kind == "metric"


def test_a_crop_labels_the_middle_only():
    spec = TeacherSpec(**GOOD, fit="crop")
    middle = spec.prepared(IMAGE)
    cut_out = spec.prepared(np.ascontiguousarray(IMAGE[:, 15:75]))
    # Away from the cut they are the same; beside it the filter sees what is beyond.
    np.testing.assert_array_equal(middle[..., 1:-1], cut_out[..., 1:-1])
    depth = spec.understood(np.full((8, 8), 3, np.float32), height=60, width=90)
    assert depth.shape == (60, 90)
    assert np.isnan(depth[:, :15]).all()
    assert (depth[:, 15:75] == 3).all()
    assert np.isnan(depth[:, 75:]).all()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("widht: 8", r"tiny.yaml, line 5: unknown field 'widht'; did you mean 'width'\?"),
        ("width: wide", r"tiny.yaml, line 5: width must be a whole number, got 'wide'"),
        ("width: 0", r"tiny.yaml, line 5: width must be 1 to 8192 pixels, got 0"),
        ("mean: [1, 2]", r"tiny.yaml, line 5: mean must be a list of 3 numbers, got \[1, 2\]"),
        ("std: [1, 1, 0]\nwidth: 8", "tiny.yaml, line 5: std must be positive"),
        ("fit: squeeze", r"tiny.yaml, line 5: fit must be one of stretch, crop, got 'squeeze'"),
        ("height: 9", "tiny.yaml, line 5: 'height' is given twice"),
    ],
)
def test_a_wrong_field_is_named_with_its_line(tmp_path, line, says):
    (tmp_path / "tiny.yaml").write_text(f"{MINIMAL}{line}\n")
    with pytest.raises(RecipeError, match=says):
        spec_beside(tmp_path / "tiny.onnx")


def test_a_missing_field_is_named(tmp_path):
    (tmp_path / "tiny.yaml").write_text(MINIMAL)
    with pytest.raises(RecipeError, match=r"tiny.yaml: width must be given"):
        spec_beside(tmp_path / "tiny.onnx")


def test_a_file_without_a_declaration_is_told_how_to_get_one(tmp_path):
    with pytest.raises(UsageError, match=r"Declare it in .*tiny.yaml, or name a declaration .* fastdepth:tiny.onnx"):
        spec_beside(tmp_path / "tiny.onnx")
