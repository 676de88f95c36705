"""The same view in training and in validation, and depth of another picture."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image
from rooms import facts, found, only, room, rooms, serious, with_image

from leadline.data.splits import Split, SplitRule, make_split
from leadline.doctor.checks import CHECKS
from leadline.doctor.findings import Study


def renamed(samples, name):
    return [replace(s, frame=replace(s.frame, scene=name, room=name)) for s in samples]


def split(train, validation):
    return Split(*(tuple(s.frame.identity for s in part) for part in (train, validation)), SplitRule())


def jpeg(image):
    file = io.BytesIO()
    small = Image.fromarray(image).resize((240, 180))
    Image.fromarray((np.asarray(small) * 1.1).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file).resize((320, 240)))


def test_different_rooms_on_both_sides_do_not_leak():
    train, validation = rooms(4), [room(8), room(9)]
    assert serious("leakage", [*train, *validation], split=split(train, validation)) == []


def test_the_same_picture_under_another_room_on_the_other_side_is_an_error():
    train = rooms(4)
    validation = [*renamed(train[:2], "copy"), room(9)]
    findings = serious("leakage", [*train, *validation], split=split(train, validation))
    leak = only([finding for finding in findings if finding.severity == "error"])
    assert leak.title.startswith("2 of 3 validation frames are also in training")
    assert leak.scenes == ("copy",)
    assert [(e.frame.scene, e.partner.scene) for e in leak.examples] == [("copy", "room-0")] * 2


def test_a_recompressed_copy_is_a_warning():
    train = rooms(4)
    copy = [replace(s, depth_m=s.depth_m[::2, ::2].copy()) for s in with_image(train[:1], jpeg)]
    validation = renamed(copy, "copy")
    finding = only(serious("leakage", [*train, *validation], split=split(train, validation)))
    assert finding.severity == "warning"
    assert "look alike" in finding.evidence


def test_a_split_by_frame_is_said_to_share_rooms():
    samples = rooms(4)
    by_frame = make_split([s.frame for s in samples], SplitRule(by="frame", share=0.25))
    finding = only(serious("leakage", samples, split=by_frame))
    assert finding.title == "3 of 3 validation frames are of rooms that also teach"
    assert "--data.split-by room" in finding.cure


def test_overfitting_on_purpose_is_no_leak():
    samples = rooms(2)
    same = make_split([s.frame for s in samples], SplitRule(by="same"))
    assert serious("leakage", samples, split=same) == []


def test_a_split_that_is_impossible_is_a_note():
    finding = only(found("leakage", rooms(1), split_problem="the split leaves 0 frames"))
    assert finding.severity == "note"


def test_one_depth_map_under_several_pictures_is_an_error():
    samples = [room(1, frame) for frame in range(3)]
    stale = [replace(sample, depth_m=samples[0].depth_m) for sample in samples]
    finding = only(serious("leakage", stale))
    assert (finding.severity, finding.title) == ("error", "3 frames have the depth map of another picture")


def test_exact_copies_within_a_scene_are_a_warning():
    sample = room(1)
    copy = replace(sample, frame=replace(sample.frame, name="copy"))
    assert only(serious("leakage", [sample, room(2), copy])).title == "1 of 3 frames are exact copies of another"


def test_only_frames_that_were_looked_at_are_compared():
    samples = rooms(3)
    wide = split([*samples[:6], room(40)], [*samples[6:], room(41)])
    assert CHECKS["leakage"].find(Study(facts(samples), split=wide)) == []
