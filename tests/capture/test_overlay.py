"""Boxes and labels are drawn where the faces are, on every frame, for any size and any script."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.arrays import U8, Bools
from pipeline.capture.overlay import HOLD_S, KNOWN, UNKNOWN, Drawn, annotate, draw_faces, face_label
from pipeline.errors import BrokenRecordingError
from pipeline.pixels import HostPixels
from pipeline.types import Frame, FrameInfo

GREY = 90


def face(**changes: object) -> Drawn:
    values: dict[str, object] = {
        "frame_index": 0,
        "box_px": (200.0, 120.0, 280.0, 220.0),
        "label": "Ann  0.58  #1",
        "known": True,
        "observed": True,
    }
    return Drawn(**(values | changes))  # type: ignore[arg-type]


def grey(width: int = 640, height: int = 360) -> U8:
    return np.full((height, width, 3), GREY, np.uint8)


def count(picture: U8, colour: tuple[int, int, int]) -> int:
    """Pixels of exactly this colour."""
    return int((picture == colour).all(axis=2).sum())


def is_near(pixels: U8, colour: tuple[int, int, int]) -> Bools:
    """Where pixels (..., 3) have this colour, but for a line's soft edge."""
    return np.asarray((np.abs(pixels.astype(int) - colour) < 30).all(axis=-1))


def changed(picture: U8) -> tuple[int, int, int, int]:
    """x0 y0 x1 y1 around all pixels that are not grey any more."""
    rows, columns = np.nonzero((picture != GREY).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def clip(frames: list[U8], rate: float = 25.0) -> Iterator[Frame]:
    for index, pixels in enumerate(frames):
        height, width = pixels.shape[:2]
        info = FrameInfo(
            "door", index, 3.0 + index / rate, datetime(1970, 1, 1, tzinfo=UTC), width, height, 0
        )
        yield Frame(info, HostPixels(pixels))


def read(path: Path) -> list[U8]:
    with av.open(str(path)) as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def test_the_box_is_drawn_on_its_edges_and_not_inside() -> None:
    picture = draw_faces(grey(), [face()])
    for x, y in ((200, 170), (279, 170), (240, 219)):
        assert is_near(picture[y, x], KNOWN).all()
    assert (picture[130:210, 210:270] == GREY).all()


def test_the_label_sits_on_the_box() -> None:
    x0, y0, x1, y1 = changed(draw_faces(grey(), [face()]))
    assert 190 <= x0 <= 200
    assert 85 <= y0 < 110
    assert 280 < x1 < 420
    assert 220 <= y1 <= 226


def test_the_given_pixels_stay_as_they_were() -> None:
    pixels = grey()
    draw_faces(pixels, [face()])
    assert (pixels == GREY).all()


def test_no_face_changes_nothing() -> None:
    assert (draw_faces(grey(), []) == GREY).all()


def test_unknown_has_another_colour() -> None:
    picture = draw_faces(grey(), [face(known=False)])
    assert count(picture, UNKNOWN) > 500
    assert count(picture, KNOWN) == 0


def test_a_predicted_box_has_gaps() -> None:
    solid, dashed = draw_faces(grey(), [face()]), draw_faces(grey(), [face(observed=False)])
    left = slice(130, 215), 200
    assert is_near(solid[left], KNOWN).all()
    assert is_near(dashed[left], KNOWN).any()
    assert (dashed[left] == GREY).all(axis=1).any()


def test_a_label_goes_below_where_there_is_no_room_above() -> None:
    picture = draw_faces(grey(), [face(box_px=(200.0, 3.0, 280.0, 103.0))])
    assert changed(picture)[3] > 115


def test_labels_stay_inside_the_frame() -> None:
    picture = draw_faces(grey(), [face(box_px=(600.0, 120.0, 639.0, 160.0))])
    label = picture[90:118]
    assert count(label, KNOWN) > 500
    assert (label[:, 639] == KNOWN).all(axis=1).any()


def test_labels_of_faces_side_by_side_do_not_cover_each_other() -> None:
    near = face(label="Barack Obama  0.57  #1", box_px=(200.0, 100.0, 300.0, 230.0))
    far = face(label="Joe Biden  0.61  #2", box_px=(290.0, 105.0, 370.0, 205.0), known=False)
    alone, both = draw_faces(grey(), [near]), draw_faces(grey(), [near, far])
    assert count(both[60:100, 198:400], KNOWN) == count(alone[60:100, 198:400], KNOWN)


def test_a_label_covers_no_other_face_where_it_can_stand_elsewhere() -> None:
    front = face(label="Barack Obama  0.57  #1", box_px=(200.0, 150.0, 290.0, 270.0))
    behind = face(label="Joe Biden  0.61  #2", box_px=(240.0, 150.0, 320.0, 240.0), known=False)
    picture = draw_faces(grey(), [behind, front])
    assert count(picture[154:266, 204:286], UNKNOWN) < 500
    assert count(picture, UNKNOWN) > 1000


def test_a_label_reaches_to_the_left_where_faces_stand_on_the_right() -> None:
    behind = face(label="unknown  #6", box_px=(300.0, 160.0, 335.0, 205.0), known=False)
    front = [face(label="A", box_px=(340.0, y, 420.0, y + 90.0)) for y in (90.0, 190.0)]
    picture = draw_faces(grey(), [*front, behind])
    assert count(picture[:, 340:420], UNKNOWN) == 0
    assert count(picture[:, :300], UNKNOWN) > 300


def test_letters_grow_with_the_frame() -> None:
    small = changed(draw_faces(grey(), [face()]))
    large = changed(draw_faces(grey(1280, 720), [face(box_px=(400.0, 240.0, 560.0, 440.0))]))
    assert (large[2] - large[0]) / (small[2] - small[0]) == pytest.approx(2.0, abs=0.2)


def test_names_in_other_scripts_are_letters_and_not_question_marks() -> None:
    def drawn(label: str) -> U8:
        return draw_faces(grey(), [face(label=label)])

    for name, marks in (("Zoë", "Zo?"), ("李", "?"), ("Ωλ", "??"), ("Яна", "???")):
        assert (drawn(name) != drawn(marks)).any(), name
    assert (drawn("李") != drawn("明")).any()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (8, 5), (64, 36), (333, 777)])
def test_any_size_of_frame_can_be_drawn_on(width: int, height: int) -> None:
    picture = draw_faces(grey(width, height), [face(box_px=(-5.0, -5.0, width + 9.0, height + 9.0))])
    assert picture.shape == (height, width, 3)
    assert (picture != GREY).any()


def test_label_text() -> None:
    assert face_label("Zoë", 0.5781, 3) == "Zoë  0.58  #3"
    assert face_label("Zoë", None, 3) == "Zoë  #3"
    assert face_label(None, 0.98, 4) == "unknown  #4"


def test_every_frame_is_written_and_faces_only_on_theirs(tmp_path: Path) -> None:
    done: list[int] = []
    drawn = [face(frame_index=3), face(frame_index=1)]
    path = tmp_path / "out.mp4"
    assert annotate(clip([grey()] * 5), drawn, path, 25, done.append) == 5
    brightest = [float(pixels.max()) for pixels in read(path)]
    assert [value > 150 for value in brightest] == [False, True, False, True, False]
    assert done == [1, 2, 3, 4, 5]


def test_boxes_do_not_flicker_between_looks_but_are_dashed_when_a_face_is_lost(tmp_path: Path) -> None:
    drawn = [face(frame_index=index, observed=index == 0) for index in range(20)]
    path = tmp_path / "out.mp4"
    annotate(clip([grey()] * 20), drawn, path, 25)
    gaps = [int((pixels[130:215, 200, 2] < 130).sum()) for pixels in read(path)]
    held = int(HOLD_S * 25) + 1
    assert max(gaps[:held]) < 5
    assert min(gaps[held:]) > 15


def test_odd_sizes_and_sizes_that_change(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    annotate(clip([grey(121, 67), grey(61, 33), grey(121, 67)]), [face(frame_index=1)], path, 25)
    assert [pixels.shape for pixels in read(path)] == [(68, 122, 3)] * 3


def test_the_video_begins_at_zero_and_keeps_the_distances(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    annotate(clip([grey()] * 3, rate=8.0), [], path, 8)
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times == pytest.approx([0.0, 0.125, 0.25])


def test_a_source_that_breaks_leaves_no_video(tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield from clip([grey()])
        raise EOFError

    with pytest.raises(EOFError):
        annotate(broken(), [], tmp_path / "out.mp4", 25)
    assert list(tmp_path.iterdir()) == []


def test_a_recording_that_breaks_is_annotated_up_to_there(tmp_path: Path) -> None:
    def broken() -> Iterator[Frame]:
        yield from clip([grey()] * 2)
        raise BrokenRecordingError("frame 2 cannot be read")

    with pytest.raises(BrokenRecordingError):
        annotate(broken(), [], tmp_path / "out.mp4", 25)
    assert len(read(tmp_path / "out.mp4")) == 2


def test_no_frames_give_no_video(tmp_path: Path) -> None:
    assert annotate(clip([]), [], tmp_path / "out.mp4", 25) == 0
    assert list(tmp_path.iterdir()) == []
