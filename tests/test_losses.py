"""Losses against float64 oracles in NumPy, holes that must not be noticed, and sums that must add."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from leadline.errors import UsageError
from leadline.losses import (
    DENSEDEPTH,
    PAPER,
    TERMS,
    Masked,
    gradient_l1,
    half_dissimilarity,
    l1,
    ssi,
    ssim,
    ssim_map,
    training_loss,
)
from leadline.networks.depth_head import CODECS, Linear

CODE = Linear(min_depth_m=0.1, max_depth_m=10.0)
EVERY_TERM = dict.fromkeys(TERMS, 1.0)
seeds = st.integers(0, 2**31)


def room(seed=0, batch=2, height=24, width=20, dtype=torch.float32):
    """Smooth encoded depth with a step, a noisy prediction of it, and a mask with one compact hole for each image."""
    random = torch.Generator().manual_seed(seed)
    coarse = 0.05 + 0.95 * torch.rand(batch, 1, 3, 4, generator=random, dtype=dtype)
    truth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    truth[..., : width // 2] *= 0.5
    predicted = truth + 0.05 * torch.randn(truth.shape, generator=random, dtype=dtype)
    predicted = predicted.abs() + 0.01  # within the code's range, where a logarithm is one
    valid = torch.ones_like(truth, dtype=torch.bool)
    for image in valid:
        row, column = (int(torch.randint(size, (), generator=random)) for size in (height, width))
        image[:, row : row + 3, column : column + 3] = False
    return predicted, truth, valid


def spoil(encoded, valid, anything):
    return torch.where(valid, encoded, anything)


def loss_and_gradient(predicted, truth, valid, **options):
    predicted = predicted.detach().clone().requires_grad_()
    loss = training_loss(
        predicted=predicted, truth=truth, valid=valid, **({"weights": EVERY_TERM, "code": CODE} | options)
    )
    (gradient,) = torch.autograd.grad(loss.value, predicted)
    return loss, gradient


def oracle_l1(p, t, v):
    return np.abs(p - t)[v].mean()


def oracle_gradient_l1(p, t, v):
    total = 0.0
    for axis in (2, 3):
        both = np.take(v, range(1, v.shape[axis]), axis) & np.take(v, range(v.shape[axis] - 1), axis)
        total += np.abs(np.diff(p, axis=axis) - np.diff(t, axis=axis))[both].mean()
    return total


def oracle_ssim(p, t, v, data_range=1.0):
    x = np.arange(11) - 5
    w = np.exp(-(x[:, None] ** 2 + x[None] ** 2) / (2 * 1.5**2))
    w /= w.sum()
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for b, i, j in np.ndindex(p.shape[0], p.shape[2] - 10, p.shape[3] - 10):
        a, z, whole = (image[b, 0, i : i + 11, j : j + 11] for image in (p, t, v))
        ma, mz = (w * a).sum(), (w * z).sum()
        va, vz, c = (w * (a - ma) ** 2).sum(), (w * (z - mz) ** 2).sum(), (w * (a - ma) * (z - mz)).sum()
        if whole.all():
            found.append((2 * ma * mz + c1) / (ma**2 + mz**2 + c1) * (2 * c + c2) / (va + vz + c2))
    return np.mean(found)


def log_error(p, t):
    return np.log(10 * p) - np.log(10 * t)


def oracle_silog(p, t, v):
    total = 0.0
    for predicted, truth, valid in zip(p, t, v, strict=True):
        g = log_error(predicted, truth)[valid]
        total += len(g) * ((g**2).mean() - 0.5 * g.mean() ** 2)
    return total / v.sum()


def oracle_multiscale_gradient(p, t, v):
    g, nothing = log_error(p, t), np.zeros_like(p)
    steps = [np.s_[..., ::step, ::step] for step in (1, 2, 4, 8)]
    return sum(oracle_gradient_l1(g[part], nothing[part], v[part]) for part in steps)


def oracle_ssi(p, t, v):
    total = 0.0
    for predicted, truth, valid in zip(p, t, v, strict=True):
        inverse, said = 1 / (10 * predicted[valid]), 10 * truth[valid]
        inverse, said = (x - np.sort(x)[(len(x) - 1) // 2] for x in (inverse, said))
        total += np.abs(inverse / np.abs(inverse).mean() - said / np.abs(said).mean()).sum()
    return total / v.sum()


ORACLES = {
    "ssi": oracle_ssi,
    "log_l1": lambda p, t, v: np.abs(log_error(p, t))[v].mean(),
    "silog": oracle_silog,
    "multiscale_gradient": oracle_multiscale_gradient,
    "l1": oracle_l1,
    "gradient": oracle_gradient_l1,
    "ssim": lambda p, t, v: 1 - oracle_ssim(p, t, v),
    "half_ssim": lambda p, t, v: min(max((1 - oracle_ssim(p, t, v)) / 2, 0), 1),
}


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_each_term_is_its_oracle(name, dtype, tolerance):
    predicted, truth, valid = room(seed=1, dtype=dtype)
    expected = ORACLES[name](predicted.double().numpy(), truth.double().numpy(), valid.numpy())
    found = TERMS[name](predicted=predicted, truth=truth, valid=valid, code=CODE).mean()
    assert float(found) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("scene", ["noisy room", "flat wall far from the mean", "half a range too far"])
def test_ssim_in_float32_is_scikit_image_in_float64(scene):
    predicted, truth, valid = room(seed=2, batch=1, height=60, width=80)
    valid = torch.ones_like(valid)
    if scene == "flat wall far from the mean":
        truth = torch.full_like(truth, 0.9)
        truth[..., :20] = 0.05
        predicted = truth + 0.03 * torch.randn(truth.shape, generator=torch.Generator().manual_seed(3))
    elif scene == "half a range too far":
        predicted = predicted + 0.5
    similarity, whole = ssim_map(predicted=predicted, truth=truth, valid=valid, data_range=1.0)
    _, expected = structural_similarity(
        predicted[0, 0].double().numpy(),
        truth[0, 0].double().numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        full=True,
    )
    assert whole.all()
    np.testing.assert_allclose(similarity[0, 0].numpy(), expected[5:-5, 5:-5], atol=1e-5, rtol=0)


def test_ssim_scales_with_its_data_range():
    predicted, truth, valid = room(seed=4, dtype=torch.float64)
    unit = ssim(predicted=predicted, truth=truth, valid=valid, data_range=1.0).mean()
    metres = ssim(predicted=10 * predicted, truth=10 * truth, valid=valid, data_range=10.0).mean()
    torch.testing.assert_close(metres, unit)


def test_ssim_of_the_truth_is_exactly_one_and_at_rest():
    _, truth, valid = room(seed=5)
    loss, gradient = loss_and_gradient(predicted=truth, truth=truth, valid=valid, weights={"ssim": 1.0})
    assert loss.value == 0
    assert not gradient.any()


def test_ssim_of_opposites_is_negative_and_its_half_stays_below_one():
    truth = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.5
    everywhere = torch.ones_like(truth, dtype=torch.bool)
    pair = {"predicted": -truth, "truth": truth, "valid": everywhere}
    similarity, _ = ssim_map(**pair, data_range=0.01)
    assert similarity.abs().max() <= 1 + 1e-6
    assert 0 <= half_dissimilarity(**pair, code=CODE).mean() <= 1


@pytest.mark.parametrize(("height", "width"), [(10, 64), (64, 10), (1, 1)])
def test_images_smaller_than_the_window_are_refused(height, width):
    truth = torch.ones(1, 1, height, width)
    with pytest.raises(ValueError, match=f"11 x 11 pixels; got {height} x {width}"):
        ssim(predicted=truth, truth=truth, valid=truth > 0, data_range=1.0)


@pytest.mark.parametrize("data_range", [0.0, -1.0])
def test_a_data_range_that_is_not_positive_is_refused(data_range):
    truth = torch.ones(1, 1, 16, 16)
    with pytest.raises(ValueError, match="data_range must be > 0"):
        ssim(predicted=truth, truth=truth, valid=truth > 0, data_range=data_range)


def test_without_holes_the_gradient_loss_is_plain_finite_differences():
    predicted, truth, valid = room(seed=6)
    error = predicted - truth
    plain = (error[..., 1:] - error[..., :-1]).abs().mean() + (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    found = gradient_l1(predicted=predicted, truth=truth, valid=torch.ones_like(valid)).mean()
    torch.testing.assert_close(found, plain, atol=1e-6, rtol=0)


def test_differences_that_touch_a_hole_are_left_out():
    truth = torch.zeros(1, 1, 3, 3)
    predicted = torch.tensor([[1.0, 2, 4], [8, 16, 32], [64, 128, 256]]).reshape(1, 1, 3, 3)
    valid = torch.ones_like(truth, dtype=torch.bool)
    valid[0, 0, 1, 1] = False  # of six differences each way, two have the centre
    found = gradient_l1(predicted=predicted, truth=truth, valid=valid)
    assert found.total.tolist() == [[1 + 2 + 64 + 128, 7 + 56 + 28 + 224]]
    assert found.count.tolist() == [[4, 4]]


def test_windows_that_touch_a_hole_are_left_out():
    predicted, truth, valid = room(seed=7, batch=1, height=12, width=30)
    valid[:] = True
    valid[0, 0, 0, 14] = False  # row 0: seen by the windows of row 0 that start at columns 4 to 14
    similarity, whole = ssim_map(predicted=predicted, truth=truth, valid=valid, data_range=1.0)
    expected = torch.ones(2, 20, dtype=torch.bool)
    expected[0, 4:15] = False
    assert torch.equal(whole[0, 0], expected)
    found = ssim(predicted=predicted, truth=truth, valid=valid, data_range=1.0)
    assert found.count.item() == 40 - 11
    torch.testing.assert_close(found.mean(), similarity[whole].mean())


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_right_beside_holes(name):
    predicted, truth, valid = room(seed=8, batch=1, height=12, width=11, dtype=torch.float64)
    valid[:] = True
    valid[0, 0, 0, :2] = False
    value = partial(training_loss, truth=truth, valid=valid, weights={name: 1.0}, code=CODE)
    assert torch.autograd.gradcheck(lambda p: value(predicted=p).value, predicted.requires_grad_())


@pytest.mark.parametrize("anything", [math.nan, math.inf, -math.inf, 0.0, 1e9])
def test_invalid_pixels_are_never_read(anything):
    predicted, truth, valid = room(seed=9)
    clean, clean_gradient = loss_and_gradient(predicted=predicted, truth=truth, valid=valid)
    spoilt, spoilt_gradient = loss_and_gradient(
        predicted=spoil(predicted, valid, anything), truth=spoil(truth, valid, anything), valid=valid
    )
    assert torch.equal(spoilt.value, clean.value)
    assert torch.equal(spoilt_gradient, clean_gradient)
    assert not clean_gradient[~valid].any()


@pytest.mark.parametrize("anything", [math.nan, 0.0, 1e9])
def test_a_batch_of_nothing_but_holes_is_zero_and_pulls_nowhere(anything):
    predicted, truth, valid = room(seed=10)
    nowhere = torch.zeros_like(valid)
    loss, gradient = loss_and_gradient(
        predicted=spoil(predicted, nowhere, anything), truth=spoil(truth, nowhere, anything), valid=nowhere
    )
    assert loss.value == 0
    assert not gradient.any()
    assert all(term == 0 for term in loss.terms.values())


@pytest.mark.parametrize("name", TERMS)
def test_sums_of_half_batches_are_those_of_the_whole(name):
    predicted, truth, valid = room(seed=11, batch=4, dtype=torch.float64)
    whole = TERMS[name](predicted=predicted, truth=truth, valid=valid, code=CODE)
    first, second = (
        TERMS[name](predicted=predicted[part], truth=truth[part], valid=valid[part], code=CODE)
        for part in (slice(0, 1), slice(1, 4))
    )
    assert torch.equal(torch.cat([first.count, second.count]), whole.count)
    torch.testing.assert_close(torch.cat([first.total, second.total]), whole.total)


def test_workers_averaged_gradients_are_the_single_process_gradient():
    predicted, truth, valid = room(seed=12, batch=4, dtype=torch.float64)
    valid[0, :, :18] = False  # a worker with few pixels beside one with many
    weight = torch.tensor([1.0, 0.5, 0.13, 1.0])
    alone, gradient_alone = loss_and_gradient(predicted=predicted, truth=truth, valid=valid, frame_weight=weight)

    shares = [slice(0, 1), slice(1, 4)]
    sent = []  # first every worker's counts are collected, then every worker gets their sum
    for part in shares:
        loss_and_gradient(
            predicted=predicted[part],
            truth=truth[part],
            valid=valid[part],
            frame_weight=weight[part],
            total=lambda own: sent.append(own) or own,
        )
    together = [
        loss_and_gradient(
            predicted=predicted[part],
            truth=truth[part],
            valid=valid[part],
            frame_weight=weight[part],
            total=lambda own: sum(sent),
        )
        for part in shares
    ]

    assert len(sent) == len(shares)  # one all-reduce for each worker
    torch.testing.assert_close(sum(loss.value for loss, _ in together) / 2, alone.value)
    torch.testing.assert_close(torch.cat([gradient for _, gradient in together]) / 2, gradient_alone)
    for name, term in alone.terms.items():
        torch.testing.assert_close(sum(loss.terms[name] for loss, _ in together) / 2, term)


def test_autocast_changes_nothing_but_the_rounding_of_the_inputs():
    predicted, truth, valid = room(seed=13)
    plain, _ = loss_and_gradient(predicted=predicted.bfloat16().float(), truth=truth, valid=valid)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        halved, gradient = loss_and_gradient(predicted=predicted.bfloat16(), truth=truth, valid=valid)
    assert halved.value.dtype == torch.float32
    assert gradient.dtype == torch.bfloat16
    torch.testing.assert_close(halved.value, plain.value, atol=1e-6, rtol=0)


def test_bfloat16_on_both_sides_is_close():
    predicted, truth, valid = room(seed=14)
    exact = training_loss(predicted=predicted, truth=truth, valid=valid, weights=PAPER, code=CODE)
    halved = training_loss(
        predicted=predicted.bfloat16(), truth=truth.bfloat16(), valid=valid, weights=PAPER, code=CODE
    )
    torch.testing.assert_close(halved.value, exact.value, atol=0, rtol=0.02)


@pytest.mark.parametrize("codec", CODECS)
def test_the_logarithm_of_every_code_is_that_of_its_metres_and_leads_back_from_outside(codec):
    code = CODECS[codec](min_depth_m=0.1, max_depth_m=10.0)
    depth_m = torch.linspace(0.1, 10, 50, dtype=torch.float64).reshape(1, 1, 5, 10)
    torch.testing.assert_close(code.log_depth(code.encode(depth_m)), depth_m.log())
    ends = code.encode(torch.tensor([[[[0.1, 10.0]]]], dtype=torch.float64)).flatten()
    outside = torch.stack([2 * ends[0] - ends[1], 2 * ends[1] - ends[0]]).requires_grad_()
    found = code.log_depth(outside.reshape(1, 1, 1, 2)).flatten()
    assert found[0] < math.log(0.1)
    assert found[1] > math.log(10.0)
    (slope,) = torch.autograd.grad(found.sum(), outside)
    assert bool((slope * (ends[1] - ends[0]) > 0).all())


def test_a_frame_of_half_the_weight_counts_like_half_of_its_pixels():
    predicted, truth, valid = room(seed=19, batch=2, dtype=torch.float64)
    weight = torch.tensor([1.0, 0.25])
    loss = training_loss(
        predicted=predicted, truth=truth, valid=valid, weights=EVERY_TERM, code=CODE, frame_weight=weight
    )
    for name in ("l1", "log_l1", "silog", "ssim"):  # of one part
        sums = TERMS[name](predicted=predicted, truth=truth, valid=valid, code=CODE)
        expected = (weight @ sums.total.float()) / (weight @ sums.count.float())
        torch.testing.assert_close(loss.terms[name].float(), expected[0])
    ignored, gradient = loss_and_gradient(predicted, truth, valid, frame_weight=torch.tensor([1.0, 0.0]))
    alone, _ = loss_and_gradient(predicted[:1], truth[:1], valid[:1])
    torch.testing.assert_close(ignored.value, alone.value)
    assert not gradient[1].any()


def test_relative_frames_are_for_ssi_alone_and_it_for_them():
    predicted, truth, valid = room(seed=21, batch=3, dtype=torch.float64)
    relative = torch.tensor([False, True, False])
    loss, gradient = loss_and_gradient(predicted, truth, valid, relative=relative)
    metric, _ = loss_and_gradient(predicted[~relative], truth[~relative], valid[~relative])
    expected = ssi(predicted=predicted[relative], truth=truth[relative], valid=valid[relative], code=CODE).mean()
    torch.testing.assert_close(loss.terms, metric.terms | {"ssi": expected})
    assert bool(gradient[1].any())


@pytest.mark.parametrize("scale_and_shift", [(1.0, 0.0), (0.2, 0.3), (3.0, 0.01)])
def test_ssi_forgives_any_scale_and_shift_of_inverse_depth(scale_and_shift):
    scale, shift = scale_and_shift
    _, truth, valid = room(seed=22, dtype=torch.float64)
    said = scale / (10 * truth) + shift
    found = ssi(predicted=truth, truth=said / 10, valid=valid, code=CODE).mean()
    assert float(found) == pytest.approx(0, abs=1e-9)


def test_weights_of_one_change_no_bit():
    predicted, truth, valid = room(seed=20, batch=3)
    plain, _ = loss_and_gradient(predicted, truth, valid)
    weighted, _ = loss_and_gradient(predicted, truth, valid, frame_weight=torch.ones(3))
    assert torch.equal(plain.value, weighted.value)


@pytest.mark.parametrize("weights", [PAPER, DENSEDEPTH])
def test_the_loss_is_the_weighted_sum_of_its_terms(weights):
    predicted, truth, valid = room(seed=15)
    loss = training_loss(predicted=predicted, truth=truth, valid=valid, weights=weights, code=CODE)
    assert list(loss.terms) == list(weights)
    for name, weight in weights.items():
        expected = weight * TERMS[name](predicted=predicted, truth=truth, valid=valid, code=CODE).mean()
        torch.testing.assert_close(loss.terms[name], expected)
    torch.testing.assert_close(loss.value, sum(loss.terms.values()))


def test_densedepths_structural_term_is_half_the_papers():
    predicted, truth, valid = room(seed=16)
    loss = training_loss(predicted=predicted, truth=truth, valid=valid, weights=EVERY_TERM, code=CODE)
    torch.testing.assert_close(2 * loss.terms["half_ssim"], loss.terms["ssim"])


def test_the_term_that_became_nan_is_named():
    predicted, truth, valid = room(seed=17)
    predicted[valid.nonzero(as_tuple=True)] = 1e30  # a variance of 1e60 does not fit float32, an error of 1e30 does
    loss = training_loss(predicted=predicted, truth=truth, valid=valid, weights=PAPER, code=CODE)
    assert [name for name, term in loss.terms.items() if not term.isfinite()] == ["ssim"]


def test_nan_at_a_valid_pixel_is_not_hidden():
    predicted, truth, valid = room(seed=18)
    predicted[tuple(valid.nonzero()[0])] = math.nan
    loss = training_loss(predicted=predicted, truth=truth, valid=valid, weights=PAPER, code=CODE)
    assert loss.value.isnan()


def test_a_term_of_weight_zero_is_not_computed():
    small = torch.ones(1, 1, 4, 4)  # too small for SSIM
    loss = training_loss(predicted=small, truth=small, valid=small > 0, weights={"l1": 1.0, "ssim": 0.0}, code=CODE)
    assert list(loss.terms) == ["l1"]


def test_an_unknown_term_names_its_neighbour():
    _, truth, valid = room()
    with pytest.raises(UsageError, match="'gradiant'; did you mean 'gradient'"):
        training_loss(predicted=truth, truth=truth, valid=valid, weights={"gradiant": 1.0}, code=CODE)


@pytest.mark.parametrize("weights", [{}, {"l1": 0.0}])
def test_no_term_at_all_is_refused(weights):
    _, truth, valid = room()
    with pytest.raises(UsageError, match="no loss term has a weight"):
        training_loss(predicted=truth, truth=truth, valid=valid, weights=weights, code=CODE)


def test_a_part_that_counts_nothing_adds_nothing():
    assert Masked(torch.tensor([[0.0, 4.0]]), torch.tensor([[0, 2]])).mean() == 2


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_every_term_is_unchanged_by_exchanging_prediction_and_truth(seed):
    predicted, truth, valid = room(seed=seed, batch=1, height=14, width=15, dtype=torch.float64)
    # But for ssi, whose truth is of another kind, and which no metric frame is for.
    there = training_loss(predicted=predicted, truth=truth, valid=valid, weights=EVERY_TERM, code=CODE)
    back = training_loss(predicted=truth, truth=predicted, valid=valid, weights=EVERY_TERM, code=CODE)
    torch.testing.assert_close(back.terms, there.terms)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, axes=st.sampled_from([(-1,), (-2,), (-2, -1)]))
def test_every_term_is_unchanged_by_mirroring(seed, axes):
    # One pixel more than a multiple of 8: every second, fourth and eighth pixel is then the same from either side.
    found = room(seed=seed, batch=1, height=25, width=17, dtype=torch.float64)
    images = dict(zip(("predicted", "truth", "valid"), found, strict=True))
    mirrored = {name: image.flip(axes) for name, image in images.items()}
    options = {"weights": EVERY_TERM, "code": CODE}
    torch.testing.assert_close(training_loss(**mirrored, **options).terms, training_loss(**images, **options).terms)


@settings(deadline=None, max_examples=20)
@given(seed=seeds, offset=st.floats(-0.5, 0.5))
def test_a_constant_offset_is_seen_by_l1_and_not_by_the_gradient(seed, offset):
    _, truth, valid = room(seed=seed, batch=1, dtype=torch.float64)
    shifted = {"predicted": truth + offset, "truth": truth, "valid": valid}
    assert float(l1(**shifted).mean()) == pytest.approx(abs(offset))
    assert float(gradient_l1(**shifted).mean()) == pytest.approx(0, abs=1e-12)
