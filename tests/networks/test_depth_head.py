"""Codecs: the one place where metres are made."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.errors import UsageError
from leadline.networks.depth_head import CODECS, DepthHead, Linear, Log, Reciprocal, make_codec

names = st.sampled_from(sorted(CODECS))
ranges_m = st.tuples(st.floats(0.05, 2.0), st.floats(2.5, 200.0))
quick = settings(deadline=None, max_examples=100)


def maps(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


@quick
@given(names, ranges_m, st.floats(0.0, 1.0))
def test_decoding_what_was_encoded_gives_the_metres_back(name, range_m, share):
    near_m, far_m = range_m
    codec = make_codec(name, min_depth_m=near_m, max_depth_m=far_m)
    depth_m = maps(near_m + share * (far_m - near_m))
    torch.testing.assert_close(codec.decode(codec.encode(depth_m)), depth_m, rtol=2e-5, atol=1e-5)


@quick
@given(names, ranges_m, st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_any_finite_output_decodes_to_metres_in_range(name, range_m, output):
    near_m, far_m = range_m
    depth_m = make_codec(name, min_depth_m=near_m, max_depth_m=far_m).decode(maps(output)).item()
    assert near_m * (1 - 1e-5) <= depth_m <= far_m * (1 + 1e-5)  # not so for NaN


@quick
@given(names, ranges_m, st.lists(st.floats(0.0, 1.0), min_size=2, max_size=2, unique=True))
def test_codes_keep_or_reverse_the_order_of_depths(name, range_m, shares):
    near_m, far_m = range_m
    codec = make_codec(name, min_depth_m=near_m, max_depth_m=far_m)
    lower, upper = (
        codec.encode(maps(*(near_m + share * (far_m - near_m) for share in sorted(shares)))).flatten().tolist()
    )
    assert upper <= lower if name == "reciprocal" else upper >= lower


@pytest.mark.parametrize(
    ("codec", "expected"),
    [
        (Linear, (0.01, 0.25, 1.0)),
        (Reciprocal, (100.0, 4.0, 1.0)),
        (Log, (0.0, math.log(25) / math.log(100), 1.0)),
    ],
)
def test_codes_of_known_depths(codec, expected):
    codes = codec(min_depth_m=0.1, max_depth_m=10.0).encode(maps(0.1, 2.5, 10.0)).flatten().tolist()
    assert codes == pytest.approx(expected, abs=1e-6, rel=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("linear", 1.0), ("log", 1.0), ("reciprocal", 100.0)])
def test_data_ranges_for_ssim(name, expected):
    assert make_codec(name, min_depth_m=0.1, max_depth_m=10.0).data_range == pytest.approx(expected)


@pytest.mark.parametrize("name", ["reciprocal", "log"])
@pytest.mark.parametrize("depth_m", [0.0, -1.0, 1e-30, 1e30])
def test_codes_of_depths_out_of_range_are_finite(name, depth_m):
    assert torch.isfinite(make_codec(name, min_depth_m=0.1, max_depth_m=10.0).encode(maps(depth_m))).all()


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_decodes_without_overflow(name, dtype):
    codec = make_codec(name, min_depth_m=0.1, max_depth_m=80.0)
    depth_m = codec.decode(torch.tensor([-60000.0, 0.0, 1.0, 60000.0], dtype=dtype).reshape(1, 1, 2, 2))
    assert torch.isfinite(depth_m).all()


@pytest.mark.parametrize("name", sorted(CODECS))
def test_gradients_flow_within_the_range(name):
    codec = make_codec(name, min_depth_m=0.1, max_depth_m=10.0)
    code = codec.encode(maps(2.0)).requires_grad_()
    codec.decode(code).sum().backward()
    assert torch.isfinite(code.grad).all()
    assert code.grad.abs().item() > 0


@pytest.mark.parametrize("name", sorted(CODECS))
@pytest.mark.parametrize("depth_m", [0.2, 2.5, 9.0])
def test_an_untaught_head_says_exactly_the_depth_it_starts_at(name, depth_m):
    head = DepthHead(4, make_codec(name, min_depth_m=0.1, max_depth_m=10.0))
    head.start_at(depth_m)
    said = head.codec.decode(head(torch.randn(1, 4, 6, 5)))
    torch.testing.assert_close(said, torch.full((1, 1, 6, 5), depth_m), rtol=1e-5, atol=1e-5)
    assert head.conv.bias.requires_grad
    head(torch.randn(1, 4, 6, 5)).sum().backward()
    assert (head.conv.weight.grad != 0).all()  # it learns from the first step on


def test_an_unknown_codec_names_the_known_ones():
    with pytest.raises(UsageError, match=r"no depth codec is called 'metres'; .*linear, log, reciprocal"):
        make_codec("metres", min_depth_m=0.1, max_depth_m=10.0)
