"""Scores worked out by hand, the choice of frames, and what `leadline evaluate` prints."""

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from leadline.data.sample import Frame, Sample, fingerprint
from leadline.data.sources.catalog import open_source
from leadline.data.splits import SplitRule, make_split
from leadline.errors import InputError, PartialFailure
from leadline.evaluation import report
from leadline.evaluation.compare import compare
from leadline.evaluation.evaluate import Evaluation, evaluate
from leadline.evaluation.report import chosen_frames, evaluate_command
from leadline.inference.predictor import Predictor
from leadline.model_card import ModelCard
from leadline.options import EvaluateOptions

CARD = ModelCard(
    encoder="yolov8n", codec="linear", min_depth_m=0.1, max_depth_m=10.0, height=48, width=64, fit="letterbox"
)


class Walls:
    """Frames in memory: each a wall at some depth, or one that cannot be read (depth None)."""

    def __init__(self, *walls: tuple[str, str, float | None], size: tuple[int, int] = (6, 8), holes: int = 0) -> None:
        self.root = Path("walls")
        self.size, self.holes = size, holes
        self.frames = tuple(
            Frame(scene=scene, name=f"{index:02}", room=room, size_bytes=1)
            for index, (scene, room, _) in enumerate(walls)
        )
        self.depths_m = {frame.identity: depth_m for frame, (_, _, depth_m) in zip(self.frames, walls, strict=True)}

    @staticmethod
    def recognises(root: Path) -> bool:
        return False

    def read(self, frame: Frame) -> Sample:
        depth_m = self.depths_m[frame.identity]
        if depth_m is None:
            raise InputError(f"{frame.identity}: broken")
        truth = np.full(self.size, depth_m, np.float32)
        truth.flat[: self.holes] = 0
        # The picture carries its depth in decimetres, so that a predictor can be perfect.
        return Sample(frame=frame, image=np.full((12, 16, 3), round(depth_m * 10), np.uint8), depth_m=truth)


def perfect(image: np.ndarray) -> np.ndarray:
    return image[:, :, 0].astype(np.float32) / 10


def twice(image: np.ndarray) -> np.ndarray:
    return 2 * perfect(image)


def measured(source, predict=perfect, constant_m=2.0) -> Evaluation:
    return evaluate(predict, source, source.frames, constant_m=constant_m)


def test_a_prediction_is_scaled_by_what_the_sample_asks_for():
    source = Walls(*THREE)
    result = evaluate(
        twice, source, source.frames, constant_m=2.0, metres_per_said=lambda sample: 0.5 if sample.frame else 1.0
    )
    assert result.own()[0].rel == pytest.approx(0, abs=1e-6)


THREE = (("hall-1", "hall", 1.0), ("hall-2", "hall", 1.0), ("attic", "attic", 4.0))


def test_a_perfect_model_has_no_error():
    for model, _ in (
        (result := measured(Walls(*THREE))).over_frames(),
        result.over_rooms(),
        result.pooled(),
        *((model, constant) for _, model, constant in result.by_scene().values()),
    ):
        assert (model.rel, model.rms, model.log10, model.silog, model.rms_log) == (0, 0, 0, 0, 0)
        assert (model.delta1, model.delta2, model.delta3) == (1, 1, 1)


def test_a_constant_model_scores_what_the_constant_scores():
    result = measured(Walls(*THREE), lambda image: np.full(image.shape[:2], 2.0, np.float32), constant_m=2.0)
    for model, constant in (result.over_frames(), result.over_rooms(), result.pooled()):
        assert model == constant
        assert constant.rel > 0


def test_means_over_frames_rooms_and_pixels_by_hand():
    # Against 2 m: two frames of the hall are wrong by 100 %, the one of the attic (4 m) by 50 %.
    result = measured(Walls(*THREE), constant_m=2.0)
    assert result.over_frames()[1].rel == pytest.approx((1 + 1 + 0.5) / 3)
    assert result.over_rooms()[1].rel == pytest.approx((1 + 0.5) / 2)
    assert result.over_frames()[1].rms == pytest.approx((1 + 1 + 2) / 3)
    assert result.pooled()[1].rel == pytest.approx((1 + 1 + 0.5) / 3)
    assert result.pooled()[1].rms == pytest.approx(math.sqrt((1 + 1 + 4) / 3))
    assert result.pooled()[1].pixels == 3 * 48


def test_pooled_pixels_weigh_frames_by_what_was_measured():
    one, other = Walls(("a", "a", 1.0), size=(6, 8), holes=36), Walls(("b", "b", 4.0), size=(6, 8))
    both = Evaluation(constant_m=2.0, scores=measured(one).scores + measured(other).scores)
    assert both.pooled()[1].pixels == 12 + 48
    assert both.pooled()[1].rel == pytest.approx((12 * 1 + 48 * 0.5) / 60)
    assert both.over_frames()[1].rel == pytest.approx(0.75)


def test_scenes_are_listed_with_their_frames():
    scenes = measured(Walls(*THREE, ("attic", "attic", 1.0)), twice).by_scene()
    assert {scene: count for scene, (count, _, _) in scenes.items()} == {"attic": 2, "hall-1": 1, "hall-2": 1}
    assert list(scenes) == sorted(scenes)
    assert all(model.rel == pytest.approx(1) for _, model, _ in scenes.values())
    assert scenes["attic"][2].rel == pytest.approx((0.5 + 1) / 2)


@pytest.mark.parametrize("size", [(6, 8), (12, 16), (24, 32), (9, 12), (3, 4), (13, 17)])
def test_truth_may_have_another_resolution_than_the_picture(size):
    result = measured(Walls(*THREE, size=size), twice)
    assert result.over_frames()[0].rel == pytest.approx(1)
    assert result.pooled()[0].pixels == 3 * size[0] * size[1]


def test_truth_is_compared_with_the_prediction_below_its_pixels_centre():
    class Halves(Walls):
        def read(self, frame: Frame) -> Sample:
            sample = super().read(frame)
            sample.depth_m[:, 4:] = 3.0
            return sample

    def halves(image: np.ndarray) -> np.ndarray:
        depth_m = np.ones(image.shape[:2], np.float32)
        depth_m[:, 8:] = 3.0
        return depth_m

    assert measured(Halves(("a", "a", 1.0)), halves).pooled()[0].rms == 0


def test_holes_are_never_read():
    def wild(image: np.ndarray) -> np.ndarray:
        depth_m = perfect(image)
        depth_m[0] = np.nan
        return depth_m

    assert measured(Walls(*THREE, size=(12, 16), holes=16), wild).pooled()[0].rel == 0


def test_unreadable_frames_are_counted_with_their_reason_and_in_no_figure():
    source = Walls(*THREE, ("attic", "attic", None))
    advanced = []
    result = evaluate(perfect, source, source.frames, constant_m=2.0, advance=lambda: advanced.append(1))
    assert result.skipped == {"attic/03": "attic/03: broken"}
    assert len(result.scores) == 3
    assert len(advanced) == 4
    assert result.over_frames() == measured(Walls(*THREE)).over_frames()


def test_when_no_frame_can_be_read_the_first_reason_is_told():
    with pytest.raises(InputError, match="none of 2 frames could be used: a/00: broken"):
        measured(Walls(("a", "a", None), ("b", "b", None)))


def test_when_there_is_no_frame_that_is_said():
    with pytest.raises(InputError, match="none of 0 frames"):
        measured(Walls())


# --- Which frames ---


def trained_on(source, **rule) -> ModelCard:
    """The card of a model that was trained on these frames."""
    rule = {"by": "room", "share": 0.25, "seed": 3, "scenes": None, "limit": None} | rule
    return ModelCard(**(vars(CARD) | {"data": {"fingerprint": fingerprint(source.frames), "split": rule}}))


@pytest.fixture
def source(write_scenes, tmp_path):
    return open_source(write_scenes(tmp_path / "frames"))


def identities(frames) -> set[str]:
    return {frame.identity for frame in frames}


def test_val_and_train_are_those_of_the_models_own_training(source):
    card = trained_on(source)
    split = make_split(source.frames, SplitRule(by="room", share=0.25, seed=3))
    val, train = chosen_frames(source, "val", card), chosen_frames(source, "train", card)
    assert identities(val) == set(split.validation)
    assert identities(train) == set(split.train)
    assert not {frame.room for frame in val} & {frame.room for frame in train}


def test_a_list_of_scenes_survives_the_cards_json(source):
    card = trained_on(source, scenes=["scene-1"])
    assert {frame.scene for frame in chosen_frames(source, "val", card)} == {"scene-1"}


def test_all_asks_for_no_training(source):
    assert chosen_frames(source, "all", CARD) == list(source.frames)


@pytest.mark.parametrize("subset", ["val", "train"])
def test_other_frames_than_the_models_are_refused(source, write_scenes, tmp_path, subset):
    other = open_source(write_scenes(tmp_path / "other", rooms=3))
    for card in (trained_on(other), CARD):
        with pytest.raises(InputError, match=r"not the frames that this model was trained on.*--split all"):
            chosen_frames(source, subset, card)


def test_without_an_official_test_set_test_is_refused(source):
    with pytest.raises(InputError, match="has no official test set; use --split val or --split all"):
        chosen_frames(source, "test", trained_on(source))


def test_the_official_test_set_needs_no_training():
    source = Walls(*THREE)
    source.frames = (*source.frames, Frame(scene="t", name="0", room="t", size_bytes=1, subset="test"))
    assert [frame.scene for frame in chosen_frames(source, "test", CARD)] == ["t"]


# --- The verb ---


@pytest.fixture
def command(source, monkeypatch):
    """Runs the verb with a stand-in for the model, which says 2 m everywhere."""
    calls = []

    def network(tensor: np.ndarray) -> np.ndarray:
        calls.append(tensor.shape)
        return np.full((len(tensor), 1, 24, 32), 2.0, np.float32)

    def run(**changes) -> int:
        card = trained_on(source)
        card = ModelCard(**(vars(card) | {"training_median_m": changes.pop("training_median_m", 2.5)}))
        monkeypatch.setattr(report, "load", lambda path, **runtime: Predictor(network, card))
        evaluate_command(EvaluateOptions(model=Path("model.onnx"), data=source.root, **changes))
        return len(calls)

    return run


def test_the_json_can_be_read_and_holds_everything(command, capsys):
    command(split="all", json=True)
    result = json.loads(capsys.readouterr().out)
    assert (result["frames"], result["split"], result["skipped"], result["constant_m"]) == (12, "all", {}, 2.5)
    assert set(result["scenes"]) == {f"scene-{index}" for index in range(4)}
    for part in ("over_rooms", "over_frames", "pooled"):
        for column in ("model", "constant"):
            assert 0 < result[part][column]["rel"] < 2
    assert result["scenes"]["scene-0"]["frames"] == 3
    # Four rooms of three frames each: both means agree.
    assert result["over_rooms"]["model"]["rel"] == pytest.approx(result["over_frames"]["model"]["rel"])


def test_edges_and_obstacles_have_intervals_too(command, capsys):
    command(split="all", json=True)
    for found in json.loads(capsys.readouterr().out)["shape"].values():
        if found["mean"] is not None and found["interval_over_images"] is not None:
            low, high = found["interval_over_images"]
            assert low <= found["mean"] <= high
    command(split="all")
    said = capsys.readouterr().out
    assert "boundary F1" in said
    assert "frames drawn" in said


def test_the_scale_invariant_error_is_averaged_and_not_made_from_an_average(command, capsys, tmp_path):
    """The mean of squares: squaring the mean of silog would be less."""
    command(split="all", json=True, csv=tmp_path / "frames.csv")
    mean = json.loads(capsys.readouterr().out)["over_frames"]["model"]
    rows = list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines()))
    assert mean["scale_invariant"] == pytest.approx(np.mean([float(row["scale_invariant"]) for row in rows]))
    assert mean["scale_invariant"] >= (mean["silog"] / 100) ** 2


def test_the_table_shows_scenes_means_and_the_constant(command, capsys):
    command(split="all")
    text = capsys.readouterr().out
    for words in ("scene-0", "scene-3", "mean over rooms", "mean over frames", "all pixels pooled", "constant 2.50 m"):
        assert words in text
    for column in ("rel", "rms", "log10", "delta1", "delta2", "delta3", "silog", "rms_log", "scale_invariant"):
        assert column in text
    assert "…" not in text  # nothing was cut


def test_flip_average_asks_the_model_twice(command, capsys):
    assert command(split="val") == 3
    assert command(split="val", flip_average=True) == 3 + 6


def test_a_model_that_knows_no_median_is_measured_against_the_best_constant(command, capsys, source):
    command(split="all", json=True, training_median_m=None)
    medians = [np.median(sample.depth_m[sample.valid]) for sample in map(source.read, source.frames)]
    assert json.loads(capsys.readouterr().out)["constant_m"] == pytest.approx(float(np.median(medians)))


def test_unreadable_frames_end_in_a_partial_failure_after_the_figures(command, capsys, source):
    broken = source.root / "scene-2" / "rgb" / "0001.png"
    broken.write_bytes(bytes(broken.stat().st_size))  # of the same size, so that it still counts as the same data
    with pytest.raises(PartialFailure, match=r"1 of 12 frames could not be measured and are in no figure: .*0001\.png"):
        command(split="all", json=True)
    result = json.loads(capsys.readouterr().out)
    assert result["frames"] == 11
    assert list(result["skipped"]) == ["scene-2/0001"]
    assert result["scenes"]["scene-2"]["frames"] == 2


def test_an_interrupted_evaluation_says_what_it_counted(command, capsys, monkeypatch, source, tmp_path):
    read, done = type(source).read, []

    def until_the_fifth(self, frame):
        done.append(frame)
        if len(done) > 4:
            raise KeyboardInterrupt
        return read(self, frame)

    monkeypatch.setattr(type(source), "read", until_the_fifth)
    with pytest.raises(PartialFailure, match="interrupted: 8 of 12 frames were not reached and are in no figure"):
        command(split="all", json=True, csv=tmp_path / "frames.csv")
    result = json.loads(capsys.readouterr().out)
    assert (result["frames"], len(result["not_reached"])) == (4, 8)
    rows = list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines()))
    left = [f"{row['scene']}/{row['name']}" for row in rows if row["not_measured"] == "not reached"]
    assert left == result["not_reached"]


def test_an_evaluation_that_is_interrupted_at_once_says_so(command, monkeypatch, source):
    def at_once(self, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(source), "read", at_once)
    with pytest.raises(InputError, match="none of 12 frames could be used: interrupted before"):
        command(split="all")


def test_the_protocol_is_named_with_its_version_wherever_its_number_is(command, capsys):
    command(split="all", protocol="eigen")
    text = capsys.readouterr().out
    assert "mean over frames: eigen v1" in text
    assert "protocol eigen v1: raw truth where 0.001 < t < 10 m; rows 45:471, columns 41:601 of 480x640" in text
    command(split="all", protocol="median-aligned", json=True)
    assert json.loads(capsys.readouterr().out)["protocol"] == {"name": "median-aligned", "version": 1}


def test_intervals_edges_and_ranges_are_told(command, capsys):
    command(split="all")
    text = capsys.readouterr().out
    for words in ("95 % confidence intervals", "drawn anew", "boundary F1", "fly", "nearer than 1.5 m", "2 to 3"):
        assert words in text
    command(split="all", json=True)
    result = json.loads(capsys.readouterr().out)
    low, high = result["over_rooms"]["interval"]["rel"]
    assert low < result["over_rooms"]["model"]["rel"] < high
    assert (
        sum(part["metrics"]["pixels"] for part in result["ranges"] if part["metrics"])
        == (result["pooled"]["model"]["pixels"])
    )


def test_the_csv_has_a_line_for_each_frame(command, capsys, tmp_path, source):
    broken = source.root / "scene-2" / "rgb" / "0001.png"
    broken.write_bytes(bytes(broken.stat().st_size))
    with pytest.raises(PartialFailure):
        command(split="all", json=True, csv=tmp_path / "frames.csv")
    rows = list(csv.DictReader((tmp_path / "frames.csv").read_text().splitlines()))
    assert len(rows) == 12
    assert {row["scene"] for row in rows} == {f"scene-{index}" for index in range(4)}
    rels = [float(row["rel"]) for row in rows if row["rel"]]
    assert np.mean(rels) == pytest.approx(json.loads(capsys.readouterr().out)["over_frames"]["model"]["rel"])
    assert [row["name"] for row in rows if row["not_measured"]] == ["0001"]


def test_worst_and_best_frames_are_drawn(command, capsys, tmp_path):
    command(split="all", pictures=tmp_path / "pictures")
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert len(names) == 10
    worst, best = (float(name.split("rel")[1][:5]) for name in (names[5], names[0]))
    assert names[0].startswith("best-1-")
    assert names[5].startswith("worst-1-")
    assert worst > best


def test_two_models_are_compared_on_the_same_frames(command, capsys):
    command(split="all", compare=Path("other.onnx"), json=True)
    compared = json.loads(capsys.readouterr().out)["compare"]
    assert compared["model"] == "other.onnx"
    assert compared["differences"]["rel"]["difference"] == 0  # the stand-in for both is the same
    assert compared["differences"]["rel"]["p_value"] == 1
    command(split="all", compare=Path("other.onnx"))
    assert "difference" in capsys.readouterr().out


def test_a_better_model_is_better_by_its_difference_in_every_room():
    walls = Walls(*((f"s{room}", f"room-{room}", 1.0 + room / 2) for room in range(8)))
    differences = compare(measured(walls, twice), measured(walls, perfect))
    assert differences["rel"].difference == pytest.approx(-1)
    assert differences["rel"].p_value == pytest.approx(2 / 2**8)
    assert differences["delta1"].difference == 1


def test_models_without_a_common_frame_cannot_be_compared():
    first, second = measured(Walls(("a", "a", 1.0))), measured(Walls(("b", "b", 1.0)))
    with pytest.raises(InputError, match="no frame in common"):
        compare(first, second)
