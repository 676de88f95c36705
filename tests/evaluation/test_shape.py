"""Edges, flying pixels and near obstacles: worked out by hand, and against Depth Pro's formulas pixel by pixel."""

import numpy as np
import pytest

from leadline.evaluation.protocol import Compared
from leadline.evaluation.shape import boundary_f1, flying_rate, near_recall, shape_of


def step(near_m: float = 1.0, far_m: float = 3.0, *, at: int = 10) -> np.ndarray:
    depth_m = np.full((16, 20), near_m, np.float32)
    depth_m[:, at:] = far_m
    return depth_m


def everywhere(depth_m: np.ndarray) -> np.ndarray:
    return np.ones(depth_m.shape, bool)


def depth_pro_f1(predicted, truth, valid):
    """As in Depth Pro's paper: occlusion between neighbours in four directions, ten thresholds."""

    def occlusions(depth_m, threshold):
        maps = []
        for ahead, behind in (
            ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
            ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ):
            both = valid[ahead] & valid[behind]
            maps += [(depth_m[ahead] / depth_m[behind] > threshold) & both]
            maps += [(depth_m[behind] / depth_m[ahead] > threshold) & both]
        return maps

    thresholds, scores = np.linspace(1.05, 1.25, 10), []
    for threshold in thresholds:
        pairs = list(zip(occlusions(predicted, threshold), occlusions(truth, threshold), strict=True))
        precision = np.mean([(p & t).sum() / max(p.sum(), 1) for p, t in pairs])
        recall = np.mean([(p & t).sum() / max(t.sum(), 1) for p, t in pairs])
        scores.append(2 * precision * recall / (precision + recall) if precision + recall else 0.0)
    return float((np.array(scores) * thresholds).sum() / thresholds.sum())


@pytest.mark.parametrize("seed", range(5))
def test_the_f1_is_depth_pros(seed):
    generator = np.random.default_rng(seed)
    truth = np.exp(np.cumsum(generator.normal(0, 0.08, (24, 32)), axis=1)).astype(np.float32)
    predicted = (truth * np.exp(generator.normal(0, 0.05, truth.shape))).astype(np.float32)
    valid = generator.random(truth.shape) > 0.15
    assert boundary_f1(predicted, truth, valid) == pytest.approx(depth_pro_f1(predicted, truth, valid), abs=1e-9)


def test_a_right_edge_scores_more_than_one_beside_it_or_none():
    truth = step()
    right = boundary_f1(truth, truth, everywhere(truth))
    assert right == pytest.approx(0.25)  # one of the four directions has edges; the others count 0, as in Depth Pro
    assert boundary_f1(step(at=11), truth, everywhere(truth)) == 0
    assert boundary_f1(np.full_like(truth, 2), truth, everywhere(truth)) == 0


def test_the_global_scale_does_not_matter_to_edges():
    truth = step()
    assert boundary_f1(5 * truth, truth, everywhere(truth)) == boundary_f1(truth, truth, everywhere(truth))


def test_without_edges_there_is_nothing_to_measure():
    flat = np.full((9, 9), 2.0, np.float32)
    assert boundary_f1(step()[:9, 6:15], flat, everywhere(flat)) is None
    assert flying_rate(flat, flat, everywhere(flat)) is None
    assert near_recall(flat, flat, everywhere(flat)) is None


def test_edges_that_touch_a_hole_do_not_count():
    truth = step()
    valid = everywhere(truth)
    valid[:, 10] = False
    truth[:, 10] = 0
    assert boundary_f1(step(), np.where(valid, truth, np.float32(1)), valid) is None


def test_a_blurred_edge_flies_and_a_sharp_one_does_not():
    truth = step()
    assert flying_rate(truth, truth, everywhere(truth)) == 0
    blurred = truth.copy()
    blurred[:, 9:11] = 2.0
    # Four columns are within two pixels of the other surface; two of them fly.
    assert flying_rate(blurred, truth, everywhere(truth)) == pytest.approx(0.5)
    assert flying_rate(np.full_like(truth, 2.0), truth, everywhere(truth)) == 1


def test_holes_make_no_edges_for_flying_pixels():
    truth = step(2.0, 2.1)
    valid = everywhere(truth)
    truth[5:8, 5:8], valid[5:8, 5:8] = 0, False
    assert flying_rate(truth, truth, valid) is None


def test_near_obstacles_are_found_or_not():
    truth = step(1.0, 3.0)
    predicted = truth.copy()
    predicted[:4, :10] = 2.0
    assert near_recall(predicted, truth, everywhere(truth)) == pytest.approx(12 / 16)


def test_what_is_not_valid_is_never_read():
    truth, predicted = step(), step(at=9)
    valid = everywhere(truth)
    valid[::3, ::4] = False
    wild_truth, wild_predicted = np.where(valid, truth, np.nan), np.where(valid, predicted, np.nan)
    with np.errstate(invalid="ignore"):
        assert shape_of(Compared(wild_predicted, wild_truth, valid)) == shape_of(Compared(predicted, truth, valid))
