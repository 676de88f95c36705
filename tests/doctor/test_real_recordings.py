"""The verdicts on real recordings, which are known to be registered or not."""

import os
from pathlib import Path

import pytest

from leadline.data.sources.catalog import open_source
from leadline.data.splits import SplitRule, read_scene_list
from leadline.doctor.examine import examine, findings_of, spread
from leadline.doctor.registration import registration

SHARED = os.environ.get("LEADLINE_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="LEADLINE_SHARED is not set: no real frames here")


def study_of(folder: str, *, scene: str | None = None, count: int | None = None):
    root = Path(SHARED or "") / folder
    source = open_source(root)
    frames = [frame for frame in source.frames if scene in (None, frame.scene)]
    scenes = read_scene_list(root / "validation.txt") if folder == "rgbd" else None
    return examine(source, spread(frames, count), rule=SplitRule(scenes=scenes), workers=2)


@pytest.mark.parametrize("scene", ["corridor", "desk-holes"])
def test_unregistered_recordings_are_an_error(scene):
    errors = [finding for finding in findings_of(study_of("rgbd-faulty", scene=scene)) if finding.severity == "error"]
    assert [(finding.check, finding.scenes) for finding in errors] == [("registration", (scene,))]


def test_the_black_frame_of_the_corridor_and_the_holes_of_the_desk_are_found():
    warnings = {f.title: f for f in findings_of(study_of("rgbd-faulty")) if f.severity == "warning"}
    assert warnings["1 of 50 pictures are nearly black"].examples[0].frame.identity == "corridor/0000"
    assert warnings["1 of 2 scenes lack more than 30% of their depth"].scenes == ("desk-holes",)


@pytest.mark.parametrize("scene", ["icl-living", "replica-room"])
def test_rendered_scenes_are_registered_to_the_pixel(scene):
    study = study_of("rgbd", scene=scene, count=5)
    fit = registration(study.frames)
    assert fit is not None
    assert (fit.x, fit.y) == (0, 0)
    assert fit.peak == fit.in_place > 15
    assert [finding.title for finding in findings_of(study) if finding.severity != "note"] == []


def test_good_recordings_of_many_sensors_have_no_error():
    errors = [finding for finding in findings_of(study_of("rgbd", count=85)) if finding.severity == "error"]
    assert errors == []


def test_the_movement_of_a_camera_that_was_turned_quickly_is_seen():
    smeared = [f for f in findings_of(study_of("rgbd", scene="tum-fr1-rpy")) if "smeared" in f.title]
    assert [finding.severity for finding in smeared] == ["warning"]


@pytest.mark.parametrize(("scene", "is_noisy"), [("skoltech-lab", True), ("icl-living", False)])
def test_noisy_stereo_is_told_from_rendered_depth(scene, is_noisy):
    study = study_of("rgbd", scene=scene, count=5)
    assert ("noise" in {finding.check for finding in findings_of(study)}) == is_noisy
