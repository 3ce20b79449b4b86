"""How many sightings got names, and why others did not: counted, and made into a hint."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.events.lifecycle import Closed
from pipeline.events.stage import Outcome
from pipeline.events.why.explanation import Explanation, explain
from pipeline.events.why.funnel import CameraFunnel, FunnelCounts, FunnelOfKept, ReasonCount
from pipeline.events.why.hints import ADVICE, IN_WORDS, MIN_FACES, MIN_SIGHTINGS, hint
from pipeline.events.why.shortfall import Near, Reason
from pipeline.geometry import EDGES_PX, FaceSizes
from pipeline.types import Candidate, FrameInfo
from tests.events.why.test_shortfall import SEEN, look

ANN = Candidate("p_1", "Ann", 0.6)
NAMED = explain(SEEN, named=True)
FAR = explain(replace(SEEN, nearest=(Near("p_1", 1.4),)), named=False)
BLURRED = explain(replace(SEEN, best=look(sharpness=0.05), shots=0, nearest=()), named=False)
GONE = explain(replace(SEEN, shots=1, published=False, seen_s=0.1), named=False)


def outcome(*closed: Closed, camera: str = "door") -> Outcome:
    info = FrameInfo(camera, 0, 0.0, datetime(2026, 5, 1, tzinfo=UTC), 640, 360, 0)
    nobody = np.zeros(0, np.int64)
    return Outcome(info, nobody, np.zeros((0, 4), np.float32), nobody.astype(np.bool_), (), closed)


def over(why: Explanation, number: int | None = 1) -> Closed:
    return Closed((1,), number, ANN if why.shortfall is None else None, why)


def test_sightings_are_counted_when_they_are_over() -> None:
    counts = FunnelCounts()
    counts(outcome())
    assert counts.funnels() == {}
    counts(outcome(over(NAMED), over(FAR), over(BLURRED)))
    counts(outcome(over(FAR), over(GONE, None)))
    counts(outcome(over(NAMED), camera="yard"))
    door, yard = counts.funnels().values()
    assert (door.camera, door.named, door.faces) == ("door", 1, 4)
    assert door.unnamed == (ReasonCount(Reason.TOO_FAR, 2), ReasonCount(Reason.BLURRED, 1))
    assert door.passing == (ReasonCount(Reason.ENDED_EARLY, 1),)
    assert door.sizes.total == 4
    assert (yard.camera, yard.named, yard.faces) == ("yard", 1, 1)


def test_cameras_that_left_are_let_go_of() -> None:
    counts = FunnelCounts()
    for camera in ("a", "b", "c"):
        counts(outcome(over(FAR), camera=camera))
    counts.keep(["b", "z"])
    assert list(counts.funnels()) == ["b"]


def test_reasons_that_are_as_frequent_stand_in_the_order_of_the_gates() -> None:
    counts = FunnelCounts()
    counts(outcome(over(FAR), over(BLURRED)))
    assert [each.reason for each in counts.funnels()["door"].unnamed] == [Reason.BLURRED, Reason.TOO_FAR]


def test_what_was_kept_is_counted_alike_and_what_has_no_explanation_apart() -> None:
    counted = FunnelOfKept()
    for why in (NAMED, FAR, BLURRED):
        counted.add("door", why, named=why.shortfall is None)
    counted.add("door", None, named=False)
    counted.add("door", None, named=True)
    (door,) = counted.funnels()
    assert (door.named, door.unexplained, door.faces) == (2, 1, 5)


def test_every_reason_has_words_and_advice() -> None:
    assert set(ADVICE) == set(IN_WORDS) == set(Reason)
    for text in (*ADVICE.values(), *IN_WORDS.values()):
        assert text == text.strip()
        assert "\n" not in text


def funnel(named: int, **unnamed: int) -> CameraFunnel:
    counts = sorted(((Reason(name), count) for name, count in unnamed.items()), key=lambda one: -one[1])
    return CameraFunnel("door", named, tuple(ReasonCount(*one) for one in counts))


def test_a_hint_needs_enough_sightings_and_a_reason_that_stands_out() -> None:
    assert hint(funnel(0, blurred=MIN_SIGHTINGS - 1)) is None
    assert hint(funnel(0, blurred=MIN_SIGHTINGS)) == f"100 % too blurred: {ADVICE[Reason.BLURRED]}"
    assert hint(funnel(76, blurred=24)) is None
    assert hint(funnel(70, blurred=25, turned_away=5)) == f"25 % too blurred: {ADVICE[Reason.BLURRED]}"


def test_strangers_are_no_fault_of_a_camera_that_names_people() -> None:
    assert hint(funnel(10, too_far=90)) is None
    said = hint(funnel(10, too_far=60, turned_away=30))
    assert said is not None
    assert said.startswith("30 % turned away")
    assert hint(funnel(0, too_far=90)) == f"100 % near nobody: {ADVICE[Reason.TOO_FAR]}"


def test_small_faces_come_first_where_the_detector_tells_of_them() -> None:
    sizes = FaceSizes.of([22.0] * 100 + [30.0] * 60 + [90.0] * 40)
    assert sizes.total == MIN_FACES
    said = hint(funnel(0, blurred=30), sizes, min_face_px=40.0)
    assert said is not None
    assert said.startswith("80 % of the faces are below 40 px, most of all 20 to 32 px, and are not followed")
    assert "move the camera closer" in said
    few = FaceSizes.of([22.0] * (MIN_FACES - 1))
    assert hint(funnel(0), few, 40.0) is None
    large = FaceSizes.of([22.0] * 99 + [60.0] * 101)
    assert hint(funnel(0), large, 40.0) is None


def test_too_small_says_how_small() -> None:
    small = replace(funnel(0, too_small=30), sizes=FaceSizes.of([41.0, 42.0, 44.0, 47.0]))
    said = hint(small)
    assert said is not None
    assert said.startswith("100 % too small (most faces are 40 to 48 px): move the camera closer")


def test_sizes_are_counted_between_edges() -> None:
    sizes = FaceSizes.of([15.9, 16.0, 127.9, 128.0, 500.0])
    assert (sizes.counts[0], sizes.counts[1], sizes.counts[-2], sizes.counts[-1]) == (1, 1, 1, 2)
    assert sizes.below(16.0) == 1
    assert sizes.below(128.0) == 3
    assert sizes.below(10.0) == 0


@pytest.mark.parametrize(
    ("sides", "middle"),
    [([18.0] * 4, (16.0, 20.0)), ([10.0] * 3, (0.0, 16.0)), ([300.0], (128.0, None))],
)
def test_the_middle_half(sides: list[float], middle: tuple[float, float | None]) -> None:
    assert FaceSizes.of(sides).middle_half == middle
    assert list(EDGES_PX) == sorted(EDGES_PX)
