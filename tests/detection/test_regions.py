"""Which part of a frame is looked at next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engines.errors import BackendError
from pipeline.arrays import U8
from pipeline.detection.input_size import InputSize
from pipeline.detection.letterbox import place
from pipeline.detection.look import Look, Patch
from pipeline.detection.regions import BUSY_S, Gaze, GazeRules, cut_off
from pipeline.detection.stage import DetectionStage
from pipeline.pixels import HostPixels
from pipeline.types import Detected, Faces, StreamEnd
from tests.detection.scenes import Box, KnowingDetector, background, frame, with_face

RULES = GazeRules(full_look_s=1.0, min_score=0.5)
SIZE = InputSize(min_face_px=40.0)
STILL = background(1280, 720)
FACE: Box = (600.0, 300.0, 660.0, 370.0)
Scene = Callable[[int], tuple[U8, Sequence[Box]]]
"""the number of a look -> picture and the faces in it"""


def watch(
    scene: Scene, looks: int, rate_hz: float = 10.0, rules: GazeRules = RULES, score: float = 0.9
) -> tuple[KnowingDetector, list[Detected]]:
    """The scene through a stage that looks at every frame."""
    detector = KnowingDetector(score)
    stage = DetectionStage(detector, None, SIZE, rules)
    out: list[Detected] = []
    pictures = []
    for number in range(looks):
        image, boxes = scene(number)
        pictures.append(image)  # kept: the detector knows them by identity
        detector.tell(image, boxes)
        out += stage.process([frame(image, number, number / rate_hz)])
    return detector, out


def found(out: Sequence[Detected]) -> list[int]:
    return [len(item.faces) for item in out]


def test_a_still_empty_picture_is_looked_at_once_a_second() -> None:
    detector, out = watch(lambda _: (STILL, ()), 31)

    assert len(detector.looks) == 4  # at 0 s and, so that no wait exceeds a second, 1, 2 and 3 s
    assert all(detector.whole)
    assert all(item.looked for item in out)


def test_a_face_is_followed_in_a_small_part_of_the_picture() -> None:
    standing = with_face(STILL, FACE)
    detector, out = watch(lambda _: (standing, [FACE]), 10)

    assert found(out) == [1] * 10
    assert detector.whole == [True] + [False] * 9
    assert all(look.area_px < 0.2 * detector.looks[0].area_px for look in detector.looks[1:])


def test_whoever_comes_in_is_found_at_once() -> None:
    def scene(number: int) -> tuple[U8, Sequence[Box]]:
        if number < 3:
            return STILL, ()
        x = 20.0 * number
        box = (x, 200.0, x + 60.0, 270.0)
        return with_face(STILL, box), [box]

    detector, out = watch(scene, 9)

    assert found(out) == [0] * 3 + [1] * 6
    assert detector.whole == [True] + [False] * 6  # and nothing looked at while nobody was there


@pytest.mark.parametrize("appears", range(1, 25, 3))
def test_a_face_in_a_still_corner_is_found_within_the_stated_time(appears: int) -> None:
    """Not a pixel changes, as if the detector had only now come to see it."""
    pictures = [STILL.copy() for _ in range(40)]
    _, out = watch(lambda n: (pictures[n], [(4.0, 4.0, 60.0, 70.0)] if n >= appears else ()), 40)
    seen = found(out)

    assert 1 in seen[appears : appears + 11]
    assert seen[seen.index(1) :] == [1] * (40 - seen.index(1))


def test_a_face_that_fades_in_is_found_when_it_has_changed_the_picture() -> None:
    """Two grey levels a look: no two looks differ much, but each with the last time that place was looked at."""
    pictures = [with_face(STILL, FACE, number / 40) for number in range(41)]
    rules = GazeRules(full_look_s=60.0, min_score=0.5)
    detector, out = watch(lambda n: (pictures[n], [FACE] if n >= 20 else ()), 41, rules=rules)

    assert sum(detector.whole) == 1
    assert 1 in found(out)[20:26]


def test_flickering_light_does_not_cost_whole_frames() -> None:
    dark, bright = (with_face(STILL // 2 + level, FACE) for level in (40, 60))
    detector, out = watch(lambda n: (bright if n % 2 else dark, [FACE]), 10)

    assert found(out) == [1] * 10
    assert sum(detector.whole) == 1


def test_a_cut_is_a_whole_frame() -> None:
    other = np.ascontiguousarray(255 - STILL)
    detector, out = watch(lambda n: (STILL, ()) if n < 4 else (other, [(10.0, 10.0, 70.0, 80.0)]), 6)

    assert found(out) == [0, 0, 0, 0, 1, 1]
    assert detector.whole == [True, True, False]


def test_a_camera_that_shakes_is_looked_at_whole_and_misses_nothing() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (90, 160, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    pictures = [np.roll(picture, int(shift), axis=1).copy() for shift in rng.integers(-40, 40, 20)]
    detector, out = watch(lambda n: (pictures[n], [FACE]), 20)

    assert found(out) == [1] * 20
    assert sum(detector.whole) >= 17  # now and then it stands where it stood before


def test_where_faces_fill_the_picture_regions_are_given_up_for_a_while() -> None:
    crowd = [(x, y, x + 150.0, y + 160.0) for x in range(0, 1200, 200) for y in (20.0, 250.0, 480.0)]
    detector, out = watch(lambda _: (STILL, crowd), 25)

    assert found(out) == [len(crowd)] * 25
    assert all(detector.whole)


def test_where_much_moves_faces_are_followed_and_whole_frames_come_often() -> None:
    rng = np.random.default_rng(1)

    def leaves(_: int) -> tuple[U8, Sequence[Box]]:
        moved = with_face(STILL, FACE)
        for x, y in rng.integers(0, (1200, 660), (60, 2)):
            moved[y : y + 60, x : x + 40] = rng.integers(0, 255)
        return with_face(moved, FACE), [FACE]

    detector, out = watch(leaves, 13)

    assert found(out) == [1] * 13
    assert all(detector.whole[::3])  # every BUSY_S
    assert pytest.approx(0.3) == BUSY_S
    assert not any(whole for number, whole in enumerate(detector.whole) if number % 3)


def test_a_face_cut_off_by_a_patch_does_not_count_and_the_next_look_is_whole() -> None:
    """An arm moves in front of a large face nobody has seen yet: the patch holds the middle of it alone."""
    large: Box = (400.0, 100.0, 900.0, 700.0)
    waving = [with_face(STILL, (600.0, 380.0, 680.0, 420.0), n / 9) for n in range(9)]
    detector, out = watch(lambda n: (waving[n], [large] if n > 1 else ()), 5)

    assert detector.whole[:4] == [True, False, False, True]
    assert found(out)[3:] == [1, 1]
    assert all(np.allclose(box, large) for item in out for box in item.faces.boxes)


def test_a_weak_box_that_is_cut_off_costs_no_whole_frame() -> None:
    """It would start no track: what a patch's border makes of a wall is not worth a look at everything."""
    large: Box = (400.0, 100.0, 900.0, 700.0)
    waving = [with_face(STILL, (600.0, 380.0, 680.0, 420.0), n / 9) for n in range(9)]
    detector, out = watch(lambda n: (waving[n], [large] if n > 1 else ()), 5, score=0.4)

    assert sum(detector.whole) == 1
    assert found(out) == [0] * 5


def test_a_place_is_looked_at_for_a_moment_after_its_face_was_lost() -> None:
    standing = with_face(STILL, FACE)
    detector, out = watch(lambda n: (standing, [] if 2 <= n < 5 else [FACE]), 8)

    assert found(out) == [1, 1, 0, 0, 0, 1, 1, 1]
    assert sum(detector.whole) == 1


def test_a_face_that_walks_leaves_no_trail_of_places() -> None:
    boxes = [(600.0 + 24 * n, 300.0, 660.0 + 24 * n, 370.0) for n in range(6)]
    pictures = [with_face(STILL, box) for box in boxes]
    detector, _ = watch(lambda n: (pictures[n], [boxes[n]]), 6)

    assert detector.looks[-1].area_px <= detector.looks[1].area_px


def test_the_edges_of_the_frame_cut_nothing() -> None:
    look = Look(
        HostPixels(background()), place(640, 360, 640, 32), (Patch(0, 0, 128, 128, 0, 0),), (128, 128)
    )
    boxes = np.array(
        [(0, 0, 40, 50), (60, 60, 100, 110), (80, 40, 128, 90), (40, 90, 80, 127), (300, 200, 340, 250)],
        np.float32,
    )

    assert cut_off(boxes, look).tolist() == [False, False, True, True, True]
    corner = replace(look, patches=(Patch(512, 256, 128, 128, 0, 0),))
    boxes = np.array([(600, 310, 640, 360), (514, 300, 554, 350)], np.float32)
    assert cut_off(boxes, corner).tolist() == [False, True]


def test_a_gaze_needs_a_time() -> None:
    with pytest.raises(ValueError, match="full_look_s must be positive, got 0"):
        GazeRules(0.0, 0.5)


def test_a_new_input_size_begins_with_a_whole_frame() -> None:
    gaze, whole = Gaze(RULES), []
    for number, smallest_px in enumerate((40.0, 40.0, 80.0, 80.0)):
        shown = frame(with_face(STILL, FACE) if number % 2 else STILL, number, number / 10)
        look = gaze.look(shown, SIZE.placement(1280, 720, smallest_px))
        assert look is not None
        gaze.found(look, Faces.none(), number / 10)
        whole.append(not look.patches)

    assert whole == [True, False, True, False]


@settings(max_examples=30)
@given(st.data(), st.floats(0.3, 2.0), st.sampled_from([5.0, 10.0, 12.5]))
def test_however_it_moves_no_wait_for_a_whole_frame_exceeds_the_stated_time(
    data: st.DataObject, full_look_s: float, rate_hz: float
) -> None:
    still = background()
    moving = with_face(still, (100.0, 100.0, 160.0, 160.0))
    gaze, whole_at = Gaze(GazeRules(full_look_s, 0.5)), []
    for number in range(30):
        at_s = number / rate_hz
        image = moving if data.draw(st.booleans()) else still
        look = gaze.look(frame(image, number, at_s), SIZE.placement(640, 360))
        gaze.found(look, Faces.none(), at_s)
        if look is not None and not look.patches:
            whole_at.append(at_s)

    assert whole_at[0] == 0.0
    longest_s = max(full_look_s, 1.0 / rate_hz) + 0.002
    assert all(after - before <= longest_s for before, after in pairwise(whole_at))


@example([0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3])  # the longest of them counts, not the last
@given(
    st.lists(
        st.one_of(st.integers(30, 900), st.sampled_from([100, 200])).map(lambda ms: ms / 1000), max_size=40
    )
)
def test_a_wait_is_longer_than_stated_only_by_what_a_look_is_later_than_those_before_it(
    intervals: list[float],
) -> None:
    gaze, at_s, whole_at_s, apart_s = Gaze(RULES), 0.0, 0.0, 0.0
    image = background(320, 180)
    for number, interval in enumerate([0.0, *intervals]):
        at_s += interval
        look = gaze.look(frame(image, number, at_s), SIZE.placement(320, 180))
        gaze.found(look, Faces.none(), at_s)
        waited_s, late_s = at_s - whole_at_s, max(0.0, interval - apart_s)
        assert waited_s <= 1.0 + late_s + 0.002
        apart_s = max(apart_s, interval)
        if look is not None:
            whole_at_s, apart_s = at_s, 0.0


def test_how_frames_are_batched_changes_nothing() -> None:
    walking = [with_face(STILL, (40.0 * n, 200.0, 40.0 * n + 60, 270.0)) for n in range(12)]
    answers = []
    for batch in (1, 3, 12):
        detector = KnowingDetector()
        stage = DetectionStage(detector, 10.0, SIZE, RULES)
        for number, image in enumerate(walking):
            detector.tell(image, [(40.0 * number, 200.0, 40.0 * number + 60, 270.0)])
        frames = [frame(image, n, n / 10, camera) for n, image in enumerate(walking) for camera in ("a", "b")]
        out = [item for at in range(0, 24, batch) for item in stage.process(frames[at : at + batch])]
        answers.append([(item.frame.info.camera, item.faces.boxes.tolist()) for item in out])

    assert answers[0] == answers[1] == answers[2]
    assert [len(boxes) for _, boxes in answers[0]] == [1] * 24


def test_cameras_share_runs_though_each_has_its_own_regions() -> None:
    detector = KnowingDetector()
    stage = DetectionStage(detector, 10.0, SIZE, RULES)

    stage.process([frame(STILL, n, n / 10, camera) for n in range(2) for camera in ("a", "b", "c")])

    assert detector.runs == 1  # the second frames show nothing new
    assert len(detector.looks) == 3


def test_a_camera_that_ended_or_failed_is_looked_at_whole_again() -> None:
    detector = KnowingDetector()
    stage = DetectionStage(detector, None, SIZE, RULES)
    stage.process([frame(STILL, 0, 0.0)])
    stage.lost("a")
    stage.process([frame(STILL, 1, 0.1)])
    stage.end(StreamEnd("a", 1))
    stage.process([frame(STILL, 0, 0.2)])

    assert detector.whole == [True] * 3


def test_where_the_detector_fails_the_frame_is_looked_at_whole_when_it_is_tried_again() -> None:
    """The failed look has shown nothing: what changed has not been looked at, and a whole frame is still due."""
    detector = KnowingDetector()
    stage = DetectionStage(detector, None, SIZE, RULES)
    came = with_face(STILL, FACE)
    detector.tell(came, [FACE])
    stage.process([frame(STILL, 0, 0.0, camera) for camera in ("a", "b")])
    arrival = [frame(came, 1, 0.1, camera) for camera in ("a", "b")]
    detector.fails = 1
    with pytest.raises(BackendError):
        stage.process(arrival)
    out = [item for each in arrival for item in stage.process([each])]  # as a worker tries a batch again

    assert found(out) == [1, 1]
    assert detector.whole[-2:] == [True, True]
