"""The board of shots: what is offered waits for its own frame to be decided, and for nothing longer."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.events.pictures.shots import ShotBoard, best_shot
from pipeline.pixels import HostPixels
from pipeline.types import Frame
from tests.events.made_shots import info, noise, shot

BYTES = 96 * 64 * 3


def frame(index: int, camera: str = "door") -> Frame:
    return Frame(info(index, camera), HostPixels(noise(index)))


def offer(
    board: ShotBoard,
    index: int,
    qualities: dict[int, float],
    embedded: tuple[int, ...] = (),
    camera: str = "door",
    unseen: tuple[int, ...] = (),
) -> Frame:
    """A frame with these tracks and their quality; of the tracks in `embedded` an embedding is made."""
    tracks = np.array(list(qualities), np.int64)
    found = np.flatnonzero([track not in unseen for track in qualities])
    due = np.flatnonzero([track in embedded for track in qualities])
    offered = frame(index, camera)
    board.offer(offered, tracks, np.array(list(qualities.values()), np.float32), found, due)
    return offered


def rows(board: ShotBoard, index: int, camera: str = "door") -> list[int] | None:
    taken = board.take(camera, index)
    return None if taken is None else taken.rows.tolist()


def test_every_embedded_face_is_offered() -> None:
    board = ShotBoard()
    offered = offer(board, 3, {7: 0.5, 8: 0.4}, (7, 8))
    assert board.bytes == BYTES
    taken = board.take("door", 3)
    assert taken is not None
    assert taken.frame is offered
    assert taken.rows.tolist() == [0, 1]
    assert board.bytes == 0
    assert board.take("door", 3) is None


def test_a_face_that_is_never_embedded_is_offered_when_it_is_clearly_better() -> None:
    board = ShotBoard()
    for index, quality in enumerate((0.0, 0.01, 0.0114, 0.0116, 0.005)):
        offer(board, index, {7: quality})
    assert [rows(board, index) for index in (0,)] == [[0]]
    assert [rows(board, index) for index in range(1, 5)] == [[0], None, [0], None]


def test_once_embedded_a_face_is_offered_with_an_embedding_only() -> None:
    board = ShotBoard()
    offer(board, 0, {7: 0.2}, (7,))
    offer(board, 1, {7: 0.9})
    offer(board, 2, {7: 0.1}, (7,))
    assert [rows(board, 0), rows(board, 1), rows(board, 2)] == [[0], None, [0]]


def test_a_predicted_face_is_never_offered_and_a_lost_track_is_forgotten() -> None:
    board = ShotBoard()
    offer(board, 0, {7: 0.9, 8: 0.9}, unseen=(8,))
    assert rows(board, 0) == [0]
    offer(board, 1, {8: 0.9})
    offer(board, 2, {7: 0.1})
    assert [rows(board, 1), rows(board, 2)] == [[0], [0]]


def test_what_is_older_than_the_frame_that_is_asked_for_goes() -> None:
    board = ShotBoard()
    for index in range(5):
        offer(board, index, {7: 0.5}, (7,))
        offer(board, index, {7: 0.5}, (7,), camera="yard")
    assert rows(board, 3) == [0]
    assert board.bytes == 6 * BYTES
    assert rows(board, 2, "yard") == [0]
    board.finish("yard", 4)
    assert board.bytes == 2 * BYTES
    assert rows(board, 4, "yard") == [0]


def test_a_camera_that_ended_leaves_nothing_behind() -> None:
    board = ShotBoard()
    for number in range(50):
        offer(board, 0, {7: 0.5}, (7,), camera=f"door-{number}")
        board.finish(f"door-{number}", 1)
    assert board.bytes == 0
    assert board._best == {}


def test_beyond_its_bound_the_oldest_go_and_are_counted() -> None:
    board = ShotBoard(max_bytes=3 * BYTES)
    for index in range(5):
        offer(board, index, {7: 0.5}, (7,))
    assert (board.bytes, board.dropped) == (3 * BYTES, 2)
    assert [rows(board, index) for index in range(5)] == [None, None, [0], [0], [0]]


@pytest.mark.parametrize("bound", [None, 0])
def test_one_without_a_bound_and_one_without_room(bound: int | None) -> None:
    board = ShotBoard(bound)
    for index in range(100):
        offer(board, index, {7: 0.5}, (7,))
    assert board.dropped == (0 if bound is None else 100)


def test_the_best_shot_is_the_clearest_of_which_something_is_left() -> None:
    clear, late, blurred = shot(1, 0.5), shot(2, 0.5), shot(3, 0.1)
    assert best_shot([blurred, late, None, clear]) is clear
    clear.still.pixels = None
    assert best_shot([blurred, late, None, clear]) is late
    assert best_shot([]) is None
