"""The bound of a running program's pictures: the oldest go, in small steps, and what cannot go harms nobody."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.events.pictures import snapshot_room
from pipeline.events.pictures.snapshot_room import SnapshotRoom
from pipeline.gallery.keeping import picture_room


def fill(data: Path, count: int, size: int = 1000) -> list[Path]:
    """Files of several days and cameras, the first the oldest."""
    made = []
    for number in range(count):
        path = data / "snapshots" / f"2026-05-{1 + number % 3:02}" / f"door{number % 2}" / f"k-{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
        os.utime(path, (number, number))
        made.append(path)
    return made


def settle(room: SnapshotRoom) -> int:
    """Step until there is nothing to do; how many steps it took."""
    steps = 0
    room.step()
    while room.is_busy:
        room.step()
        steps += 1
    return steps


def test_the_oldest_of_all_days_and_cameras_go_first(tmp_path: Path) -> None:
    made = fill(tmp_path, 300)
    room = SnapshotRoom(tmp_path, 100_000)
    assert room.bytes is None
    settle(room)
    assert room.bytes == 98_000
    assert [path.exists() for path in made] == [False] * 202 + [True] * 98
    assert room.removed == 202


def test_it_looks_again_only_when_the_bound_is_passed(tmp_path: Path) -> None:
    room = SnapshotRoom(tmp_path, 10_000)
    settle(room)
    made = fill(tmp_path, 11)
    for _ in made[:10]:
        room.add(1000)
        room.step()
        assert not room.is_busy
    room.add(1000)
    settle(room)
    assert (room.bytes, room.removed) == (9000, 2)


def test_what_other_programs_write_is_found_by_the_next_look(tmp_path: Path) -> None:
    room = SnapshotRoom(tmp_path, 10_000)
    settle(room)
    fill(tmp_path, 50)
    room.add(10_001)
    settle(room)
    assert room.bytes is not None
    assert room.bytes <= 10_000


def test_more_than_one_look_remembers_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_room, "OLDEST", 10)
    made = fill(tmp_path, 100)
    room = SnapshotRoom(tmp_path, 20_000)
    settle(room)
    while room.bytes is not None and room.bytes > 20_000:
        settle(room)
    assert [path.exists() for path in made[-19:]] == [True] * 19
    assert sum(path.exists() for path in made) in (19, 20)


def test_a_look_at_many_files_is_done_in_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_room, "IN_ONE_STEP", 10)
    fill(tmp_path, 100)
    assert settle(SnapshotRoom(tmp_path, 1_000_000)) == 10


def test_what_cannot_be_deleted_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = fill(tmp_path, 20)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted", str(path))

    room = SnapshotRoom(tmp_path, 5000)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        settle(room)
        room.step()
        assert not room.is_busy
    assert all(path.exists() for path in made)
    monkeypatch.setattr(snapshot_room, "AGAIN_S", 0.0)
    monkeypatch.setattr(room, "_not_before_s", 0.0)
    settle(room)
    assert sum(path.exists() for path in made) == 4
