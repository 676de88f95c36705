"""Every protocol against a re-derivation in plain NumPy, from what is known about the repositories; and edge cases.

`pytest tests/evaluation/test_protocols.py -k re_derivation -s` prints the largest differences.
"""

import math
from dataclasses import FrozenInstanceError, astuple, fields
from pathlib import Path

import numpy as np
import pytest

from leadline.data.sample import Frame, Sample
from leadline.errors import InputError, UsageError
from leadline.evaluation.evaluate import compared_frame, evaluate
from leadline.evaluation.protocol import CentreCrop, Window
from leadline.evaluation.protocols import PLAIN, PROTOCOLS, find_protocol
from leadline.metrics import Metrics

NAMES = ("rel", "rms", "log10", "delta1", "delta2", "delta3", "silog", "rms_log", "scale_invariant")


def errors(p: np.ndarray, t: np.ndarray, *, swapped: bool = False) -> dict[str, float]:
    """The measures of a set of pixels, by their definitions, in float64."""
    p, t = p.astype(np.float64), t.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        worst, g = np.maximum(p / t, t / p), np.log(p) - np.log(t)
        return {
            "rel": np.mean(np.abs(p - t) / (p if swapped else t)),
            "rms": math.sqrt(np.mean((p - t) ** 2)),
            "log10": np.mean(np.abs(np.log10(p) - np.log10(t))),
            "delta1": np.mean(worst < 1.25),
            "delta2": np.mean(worst < 1.25**2),
            "delta3": np.mean(worst < 1.25**3),
            "silog": 100 * math.sqrt(np.mean(g**2) - np.mean(g) ** 2),
            "rms_log": math.sqrt(np.mean(g**2)),
            "scale_invariant": np.mean(g**2) - np.mean(g) ** 2,
        }


def mean(images: list[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([image[name] for image in images])) for name in NAMES}


def at_truth(predict, frame):
    """Prediction, mirrored prediction turned back, filled and raw truth; all of one size here."""
    image, filled, raw = frame
    return predict(image), predict(image[:, ::-1])[:, ::-1], filled, raw


def plain(predict, frames):
    return mean([errors(p[t > 0], t[t > 0]) for p, _, t, _ in (at_truth(predict, frame) for frame in frames)])


def densedepth(predict, frames, *, head=False):
    pixels = []
    for p, m, t, _ in (at_truth(predict, frame) for frame in frames):
        both = ((np.clip(p, 0.1, 10.0) + np.clip(m, 0.1, 10.0)) / 2)[20:460, 24:616]  # predict() of its utils.py clips
        t = t[20:460, 24:616]
        pixels.append((both[t > 0], t[t > 0]))
    if head:
        return errors(*(np.concatenate(side) for side in zip(*pixels, strict=True)), swapped=True)
    return mean([errors(*pair) for pair in pixels])


def eigen(predict, frames, *, flip=False):
    images = []
    for p, m, _, t in (at_truth(predict, frame) for frame in frames):
        p = (np.clip(p, 1e-3, 10) + np.clip(m, 1e-3, 10)) / 2 if flip else p.copy()  # predict_tta of AdaBins
        p[p < 1e-3] = 1e-3
        p[p > 10] = 10
        p[np.isinf(p)] = 10
        p[np.isnan(p)] = 1e-3
        counts = np.zeros(t.shape, bool)
        counts[45:471, 41:601] = True
        counts &= (t > 1e-3) & (t < 10)
        images.append(errors(p[counts], t[counts]))
    return mean(images)


def nearest(array, height, width):
    rows = [int((i + 0.5) * array.shape[0] / height) for i in range(height)]
    columns = [int((j + 0.5) * array.shape[1] / width) for j in range(width)]
    return array[rows][:, columns]


def fastdepth(predict, frames, *, fixed=False):
    images = []
    for p, _, t, _ in (at_truth(predict, frame) for frame in frames):
        p, t = (nearest(nearest(x, 250, 333)[11:239, 14:318], 224, 224) for x in (p, t))
        counts = (t > 0) if fixed else ((t > 0).astype(int) + (p > 0).astype(int)) > 0
        images.append(errors(p[counts], t[counts]))
    return mean(images)


def aligned(predict, frames, *, way):
    images = []
    for p, _, t, _ in (at_truth(predict, frame) for frame in frames):
        p, t = p[t > 0].astype(np.float64), t[t > 0].astype(np.float64)
        if way == "median":
            p = p * np.median(t) / np.median(p)
        else:
            there = {"depth": lambda x: x, "log": np.log, "disparity": lambda x: 1 / x}[way]
            back = {"depth": lambda x: x, "log": np.exp, "disparity": lambda x: 1 / np.maximum(x, 1e-9)}[way]
            system = np.stack([there(p), np.ones_like(p)], axis=1)
            solution, *_ = np.linalg.lstsq(system, there(t), rcond=None)
            p = back(system @ solution)
        images.append(errors(np.clip(p, 1e-3, 100), t))
    return mean(images)


def kitti(predict, frames):
    images = []
    for p, _, _, t in (at_truth(predict, frame) for frame in frames):
        height, width = t.shape
        top, bottom, left, right = np.array(
            [0.40810811 * height, 0.99189189 * height, 0.03594771 * width, 0.96405229 * width]
        ).astype(np.int32)
        counts = np.zeros(t.shape, bool)
        counts[top:bottom, left:right] = True
        counts &= (t > 1e-3) & (t < 80)
        images.append(errors(np.clip(np.where(np.isnan(p), 1e-3, p), 1e-3, 80)[counts], t[counts]))
    return mean(images)


RE_DERIVED = {
    "plain": plain,
    "densedepth-paper": densedepth,
    "densedepth-head": lambda predict, frames: densedepth(predict, frames, head=True),
    "eigen": eigen,
    "eigen-flip": lambda predict, frames: eigen(predict, frames, flip=True),
    "fastdepth": fastdepth,
    "fastdepth-fixed": lambda predict, frames: fastdepth(predict, frames, fixed=True),
    "median-aligned": lambda predict, frames: aligned(predict, frames, way="median"),
    "lstsq-aligned-depth": lambda predict, frames: aligned(predict, frames, way="depth"),
    "lstsq-aligned-log": lambda predict, frames: aligned(predict, frames, way="log"),
    "lstsq-aligned-disparity": lambda predict, frames: aligned(predict, frames, way="disparity"),
    "kitti-eigen": kitti,
}


def random_frames(seed: int, *, holes: float, count: int = 3, height: int = 480, width: int = 640):
    """Pictures that carry their prediction, filled and raw truth."""
    generator = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        filled = generator.uniform(0.3, 9.5, (height, width)).astype(np.float32)
        raw = np.where(generator.random(filled.shape) < 0.3, 0, filled).astype(np.float32)
        raw[:7] = 12.0  # beyond 10 m
        filled[generator.random(filled.shape) < holes] = 0
        frames.append((generator.integers(1, 255, (height, width, 3)).astype(np.uint8), filled, raw))
    return frames


def predict(image: np.ndarray) -> np.ndarray:
    """Metres from 0.05 to 11, not symmetric."""
    place = np.linspace(0, 1, image.shape[1], dtype=np.float32)
    return (0.05 + image[:, :, 0] / 255 * 10 + place).astype(np.float32)


class Frames:
    """A source of frames in memory."""

    def __init__(self, frames) -> None:
        self.root = Path("frames")
        self.frames = [Frame(scene=f"s{i}", name="0", room=f"s{i}", size_bytes=1) for i in range(len(frames))]
        self.samples = {
            frame.identity: Sample(frame=frame, image=image, depth_m=filled, raw_depth_m=raw)
            for frame, (image, filled, raw) in zip(self.frames, frames, strict=True)
        }

    @staticmethod
    def recognises(root):
        return False

    def read(self, frame):
        return self.samples[frame.identity]


def ours(name: str, frames, predict=predict) -> Metrics:
    source = Frames(frames)
    return evaluate(predict, source, source.frames, constant_m=2.0, protocol=PROTOCOLS[name]).own()[0]


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (241, 333)])
@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_is_its_re_derivation(name, size):
    if size != (480, 640) and name.startswith(("densedepth", "eigen", "fastdepth")):
        pytest.skip("the repositories know 480x640 only")
    frames = random_frames(1, holes=0.0 if name == "fastdepth" else 0.2, height=size[0], width=size[1])
    found, expected = ours(name, frames), RE_DERIVED[name](predict, frames)
    worst = max(abs(getattr(found, metric) - expected[metric]) / max(1, abs(expected[metric])) for metric in NAMES)
    print(f"{name} v{PROTOCOLS[name].version} at {size[0]}x{size[1]}: largest difference {worst:.1e}")
    assert worst < 1e-5


def test_each_protocol_has_its_re_derivation_and_cannot_be_changed():
    assert RE_DERIVED.keys() == PROTOCOLS.keys()
    for name, protocol in PROTOCOLS.items():
        assert protocol.name == name
        assert protocol.version >= 1
        assert protocol.describe().startswith(f"{name} v{protocol.version}: ")
        with pytest.raises(FrozenInstanceError):
            protocol.version = 2


def test_protocols_differ_from_one_another():
    frames = random_frames(2, holes=0.0)
    rels = {name: round(ours(name, frames).rel, 6) for name in PROTOCOLS}
    assert len(set(rels.values())) >= len(rels) - 2  # without holes fastdepth and fastdepth-fixed agree


def test_an_unknown_protocol_is_answered_with_its_neighbour():
    with pytest.raises(UsageError, match="did you mean 'eigen'"):
        find_protocol("eigne")


# --- Edge cases ---


def test_zeros_that_pass_fastdepths_mask_make_rel_infinite_and_the_fixed_one_does_not():
    frames = random_frames(3, holes=0.1)
    assert ours("fastdepth", frames).rel == math.inf
    assert math.isfinite(ours("fastdepth", frames).rms)
    assert math.isfinite(ours("fastdepth-fixed", frames).rel)


@pytest.mark.parametrize("name", sorted(PROTOCOLS.keys() - {"fastdepth"}))
def test_a_frame_of_holes_is_left_out_and_said(name):
    frames = random_frames(4, holes=0.0, count=2)
    image, filled, _ = frames[1]
    empty = np.zeros_like(filled)
    empty[0, 0] = 3.0  # a sample has at least one measurement; none of the crops sees this one
    frames[1] = (image, empty, np.zeros_like(filled))
    source = Frames(frames)
    if PROTOCOLS[name].window is None:
        source.samples["s1/0"].depth_m[:] = 0
    result = evaluate(predict, source, source.frames, constant_m=2.0, protocol=PROTOCOLS[name])
    assert result.skipped == {"s1/0": f"s1/0: no pixel counts by protocol {name}"}
    assert result.own()[0] == ours(name, frames[:1])


@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_one_pixel_is_enough(name):
    image, filled, raw = random_frames(5, holes=0.0, count=1)[0]
    row, column = (nearest(np.arange(480)[:, None], 250, 1)[100, 0], nearest(np.arange(640)[None], 1, 333)[0, 100])
    for depth in (filled, raw):
        depth[:] = 0
        depth[row - 3 : row + 4, column - 3 : column + 4] = 4.0
    found = ours(name, [(image, filled, raw)])
    assert found.pixels > 0
    if name.startswith("lstsq"):
        assert found.rms < 3  # a fit cannot do worse than the mean


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", sorted(PROTOCOLS))
def test_predictions_that_are_no_depth_are_mended_or_refused_but_never_left_out(name, wrong):
    frames = random_frames(6, holes=0.0, count=1)

    def broken(image):
        depth_m = predict(image)
        depth_m[200:240, 300:340] = wrong
        return depth_m

    protocol = PROTOCOLS[name]
    mends = protocol.clip_m is not None and protocol.align is None and (protocol.mends_nan or not math.isnan(wrong))
    if protocol.align is not None:
        return  # what a fit makes of it is not defined by anyone; see the next test
    if not mends:
        with pytest.raises(InputError, match=r"s0/0: .*does not say what they count"):
            ours(name, frames, broken)
        return
    before, after = ours(name, frames), ours(name, frames, broken)
    assert after.pixels == before.pixels
    assert math.isfinite(after.rel)
    assert after.rms > before.rms
    if protocol.mends_nan:
        expected = RE_DERIVED[name](broken, frames)
        assert after.rel == pytest.approx(expected["rel"], rel=1e-5)


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("name", [name for name in PROTOCOLS if PROTOCOLS[name].align])
def test_alignment_refuses_predictions_that_are_no_depth(name, wrong):
    def broken(image):
        depth_m = predict(image)
        depth_m[200, 300] = wrong
        return depth_m

    with pytest.raises(InputError, match="does not say what they count"):
        ours(name, random_frames(7, holes=0.0, count=1), broken)


@pytest.mark.parametrize("name", [name for name in PROTOCOLS if PROTOCOLS[name].align])
def test_alignment_forgives_what_it_is_for(name):
    frames = random_frames(8, holes=0.2, count=1)
    truth = frames[0][1]
    filled = np.where(truth > 0, truth, 1.0)
    distort = {
        "median-aligned": lambda t: 3 * t,
        "lstsq-aligned-depth": lambda t: 0.5 * t + 2,
        "lstsq-aligned-log": lambda t: 0.2 * t**1.7,
        "lstsq-aligned-disparity": lambda t: 1 / (0.4 / t + 0.3),
    }[name]
    assert ours(name, frames, lambda _image: distort(filled).astype(np.float32)).rel < 1e-5
    flat = ours(name, frames, lambda image: np.full(image.shape[:2], 7.0, np.float32))
    assert math.isfinite(flat.rel)


def test_the_mirrored_prediction_is_turned_back_before_the_asymmetric_crop():
    """A model that says the column: after the turn both agree, before it they would not."""
    frames = random_frames(9, holes=0.0, count=1)
    seen = []

    def column(image):
        is_mirrored = bool(seen)
        seen.append(image)
        place = np.arange(640, dtype=np.float32) / 100 + 1
        return np.tile(place[::-1] if is_mirrored else place, (480, 1))

    protocol = PROTOCOLS["eigen-flip"]
    source = Frames(frames)
    found = compared_frame(column, source.read(source.frames[0]), protocol)
    np.testing.assert_allclose(found.predicted[0], np.arange(41, 601) / 100 + 1, rtol=1e-6)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[1], frames[0][0][:, ::-1])


def test_each_prediction_is_clipped_before_the_mirror_mean():
    """14 m in the picture and 4 m in its mirror image are 7 m (10 and 4), not 9 m."""
    source = Frames(random_frames(12, holes=0.0, count=1))
    for name in ("densedepth-paper", "densedepth-head", "eigen-flip"):
        said = iter([14.0, 4.0])
        found = compared_frame(
            lambda image: np.full(image.shape[:2], next(said), np.float32),  # noqa: B023 (called at once)
            source.read(source.frames[0]),
            PROTOCOLS[name],
        )
        np.testing.assert_array_equal(found.predicted, np.float32(7.0))


def test_raw_truth_is_used_where_it_is_asked_for_and_there():
    frames = random_frames(10, holes=0.0, count=1)
    source = Frames(frames)
    sample = source.read(source.frames[0])
    raw = compared_frame(predict, sample, PROTOCOLS["eigen"])
    np.testing.assert_array_equal(raw.truth, frames[0][2][45:471, 41:601])
    filled = compared_frame(predict, sample, PROTOCOLS["densedepth-paper"])
    np.testing.assert_array_equal(filled.truth, frames[0][1][20:460, 24:616])


@pytest.mark.parametrize(("size", "shape"), [((480, 640), (426, 560)), ((240, 320), (213, 280)), ((48, 64), (43, 56))])
def test_a_window_is_scaled_with_the_picture(size, shape):
    assert Window(rows=(45, 471), columns=(41, 601)).cut(np.zeros(size, np.float32)).shape == shape


@pytest.mark.parametrize("size", [(480, 640), (100, 100), (37, 91), (640, 480)])
def test_a_centre_crop_has_its_size_for_any_picture(size):
    crop = CentreCrop(height=250, crop=(228, 304), size=(224, 224))
    cut = crop.cut(np.arange(size[0] * size[1], dtype=np.float32).reshape(size))
    assert cut.shape == (224, 224)
    middle = cut[112, 112]
    assert abs(middle // size[1] - size[0] / 2) <= 2 * size[0] / 224 + 1
    assert abs(middle % size[1] - size[1] / 2) <= 2 * size[1] / 224 + 1


def test_the_default_is_plain_and_counts_rooms():
    assert PROTOCOLS["plain"] is PLAIN
    assert PLAIN.average == "rooms"
    assert [field.name for field in fields(Metrics)] == [*NAMES, "pixels"]
    assert len(astuple(ours("plain", random_frames(11, holes=0.2, count=1)))) == 10
