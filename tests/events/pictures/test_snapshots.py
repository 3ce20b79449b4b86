"""The writer of pictures: what it promises comes, and what it cannot keep harms nobody."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.arrays import U8
from pipeline.events.pictures import snapshots
from pipeline.events.pictures.shots import Kept, Shot
from pipeline.events.pictures.snapshots import SnapshotRules, SnapshotWriter
from pipeline.gallery.keeping.erased_pictures import tell_erased
from pipeline.gallery.keeping.snapshots import delete_pictures, face_of
from tests.events.made_shots import HeldPixels, about, shot

RULES = SnapshotRules(frame_px=48, jpeg_quality=85, max_bytes=None, exact=False)
PATH = "snapshots/2026-05-01/door/k3f9-1.jpg"


def until(condition: Callable[[], bool]) -> None:
    """Wait for this."""
    end_s = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end_s, "waited for too long"
        time.sleep(0.001)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SnapshotWriter]:
    with SnapshotWriter(tmp_path, RULES) as opened:
        yield opened


def put(writer: SnapshotWriter, one: Shot, path: str = PATH) -> Kept:
    kept = writer.put(path, one, about(one))
    assert kept is not None
    return kept


def hold(writer: SnapshotWriter) -> tuple[Shot, HeldPixels]:
    """Let the writer's thread stand still until the pixels are let go."""
    pixels = HeldPixels(99)
    one = shot(99, pixels=pixels)
    writer.develop(one.still, [one])
    assert pixels.asked.wait(10.0)
    return one, pixels


def files(data: Path) -> list[str]:
    return sorted(str(path.relative_to(data)) for path in data.rglob("*") if path.is_file())


def test_what_was_promised_is_there_when_the_writer_is_closed(writer: SnapshotWriter, tmp_path: Path) -> None:
    for number in range(1, 30):
        put(writer, shot(number), f"snapshots/2026-05-01/door/k3f9-{number}.jpg")
    writer.close()
    assert len(files(tmp_path)) == 58
    state = writer.state()
    assert (state.written, state.dropped, state.queued, state.problem) == (29, {}, 0, None)


def test_a_better_shot_takes_the_place_of_an_earlier_one(writer: SnapshotWriter, tmp_path: Path) -> None:
    put(writer, shot(1))
    until(lambda: writer.state().written == 1)
    before = (tmp_path / PATH).read_bytes()
    put(writer, shot(2))
    until(lambda: writer.state().written == 2)
    assert (tmp_path / PATH).read_bytes() != before
    assert files(tmp_path) == [str(face_of(Path(PATH))), PATH]


def test_of_shots_that_wait_for_one_place_the_last_is_written(writer: SnapshotWriter, tmp_path: Path) -> None:
    _, pixels = hold(writer)
    for index in range(5):
        put(writer, shot(index))
    pixels.free.set()
    writer.close()
    assert writer.state().written == 1


def test_developed_shots_let_go_of_their_pixels(writer: SnapshotWriter) -> None:
    one = shot()
    writer.develop(one.still, [one])
    until(lambda: one.still.pixels is None)
    assert not one.still.is_void
    assert one.face is not None


def test_shots_of_one_frame_that_were_put_before_are_developed_too(
    writer: SnapshotWriter, tmp_path: Path
) -> None:
    _, pixels = hold(writer)
    one = shot()
    other = Shot(one.still, one.box + 20, 0.4)
    put(writer, one)
    writer.develop(one.still, [one, other])
    pixels.free.set()
    until(lambda: one.still.pixels is None)
    assert None not in (one.face, other.face)
    put(writer, other, "snapshots/2026-05-01/door/k3f9-2.jpg")
    writer.close()
    assert writer.state().written == 2


def test_a_shot_that_nobody_keeps_any_more_is_not_developed(writer: SnapshotWriter) -> None:
    _, pixels = hold(writer)
    unwanted = HeldPixels()
    one = shot(1, pixels=unwanted)
    writer.develop(one.still, [one])
    del one
    pixels.free.set()
    writer.close()
    assert not unwanted.asked.is_set()


def test_too_many_that_wait_are_not_promised(writer: SnapshotWriter, tmp_path: Path) -> None:
    _, pixels = hold(writer)
    promised = 0
    for number in range(snapshots.MAX_WAITING + 10):
        one = shot(number)
        kept = writer.put(f"snapshots/2026-05-01/door/k3f9-{number}.jpg", one, about(one))
        promised += kept is not None
    assert writer.state().dropped == {"queue": 10}
    pixels.free.set()
    writer.close()
    assert len(files(tmp_path)) == 2 * promised == 2 * snapshots.MAX_WAITING


def test_frames_that_wait_are_bounded_by_their_bytes(writer: SnapshotWriter) -> None:
    _, pixels = hold(writer)
    assert writer.has_room(1000)
    assert not writer.has_room(snapshots.MAX_RAW_BYTES)
    assert writer.state().dropped == {"memory": 1}
    pixels.free.set()
    until(lambda: writer.has_room(snapshots.MAX_RAW_BYTES))


@pytest.mark.parametrize("exact", [False, True])
def test_a_disk_that_refuses_is_told_of_once_and_tried_again(
    tmp_path: Path, exact: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "RETRY_S", 0.0)
    blocked = tmp_path / "snapshots"
    blocked.write_text("in the way")
    rules = SnapshotRules(48, 85, None, exact)
    with caplog.at_level(logging.WARNING), SnapshotWriter(tmp_path, rules) as writer:
        first = put(writer, shot(1))
        until(lambda: writer.state().problem is not None)
        second = put(writer, shot(2), "snapshots/2026-05-01/door/k3f9-2.jpg")
        until(lambda: writer.state().dropped == {"disk": 2})
        assert [first.is_missed, first.is_absent, second.is_absent] == [not exact] * 3
        blocked.unlink()
        put(writer, shot(3))
        until(lambda: writer.state().written == 1)
        assert writer.state().problem is None
    assert [record.message.split(":")[0] for record in caplog.records] == [
        "pictures are not kept, everything else goes on",
        "pictures are kept again",
    ]
    assert str(tmp_path) in caplog.records[0].message


def test_while_the_disk_refuses_nothing_is_promised(writer: SnapshotWriter, tmp_path: Path) -> None:
    (tmp_path / "snapshots").write_text("in the way")
    put(writer, shot(1))
    until(lambda: writer.state().problem is not None)
    one = shot(2)
    assert writer.put(PATH, one, about(one)) is None
    assert writer.state().dropped == {"disk": 2}


def test_a_place_that_cannot_even_be_looked_at_ends_nothing(writer: SnapshotWriter, tmp_path: Path) -> None:
    kept = put(writer, shot(1), f"snapshots/2026-05-01/{'x' * 300}/k3f9-1.jpg")
    until(lambda: kept.is_absent)
    there = tmp_path / PATH
    there.parent.mkdir(parents=True)
    there.touch()
    writer.erase(PATH)
    until(lambda: not there.exists())


def test_a_folder_that_is_removed_under_it_is_made_again(writer: SnapshotWriter, tmp_path: Path) -> None:
    for index in range(3):
        put(writer, shot(index))
        until(lambda index=index: writer.state().written == index + 1)  # type: ignore[misc]
        shutil.rmtree(tmp_path / "snapshots")
    put(writer, shot(9))
    writer.close()
    assert (tmp_path / PATH).exists()


def test_a_picture_that_cannot_be_made_is_counted_and_the_next_one_is(
    writer: SnapshotWriter, tmp_path: Path
) -> None:
    class BrokenPixels(HeldPixels):
        def to_host(self) -> U8:
            raise RuntimeError("the device is gone")

    broken = shot(1, pixels=BrokenPixels())
    writer.develop(broken.still, [broken])
    kept = put(writer, broken)
    until(lambda: kept.is_absent)
    assert broken.still.is_void
    assert writer.state().problem == f"{tmp_path}: {PATH}: nothing was left to make a picture of"
    put(writer, shot(2))
    writer.close()
    assert (tmp_path / PATH).exists()
    assert writer.state().dropped["pixels"] == 2


def test_whoever_is_forgotten_while_their_picture_waits_stays_gone(
    writer: SnapshotWriter, tmp_path: Path
) -> None:
    _, pixels = hold(writer)
    kept, other = put(writer, shot(1)), put(writer, shot(2), "snapshots/2026-05-01/door/k3f9-2.jpg")
    tell_erased(tmp_path, [PATH])
    delete_pictures([tmp_path / PATH])
    pixels.free.set()
    writer.close()
    assert (kept.is_erased, other.is_erased) == (True, False)
    assert not (tmp_path / PATH).exists()
    assert (tmp_path / other.path).exists()
    assert writer.state().dropped == {"erased": 1}


def test_an_erasure_between_the_pictures_last_name_and_its_deletion_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever erases has looked before the file had its name: the writer deletes it itself."""
    replace = os.replace

    def erased_meanwhile(old: Path, new: Path) -> None:
        if str(new).endswith("k3f9-1.jpg"):
            tell_erased(tmp_path, [PATH])
            delete_pictures([tmp_path / PATH])
        replace(old, new)

    monkeypatch.setattr(os, "replace", erased_meanwhile)
    with SnapshotWriter(tmp_path, RULES) as writer:
        kept = put(writer, shot(1))
    assert kept.is_erased
    assert files(tmp_path) == ["erased_pictures"]


def test_whoever_is_forgotten_while_their_sighting_goes_on_is_promised_no_more(
    writer: SnapshotWriter, tmp_path: Path
) -> None:
    kept = put(writer, shot(1))
    until(lambda: writer.state().written == 1)
    tell_erased(tmp_path, [PATH])
    until(lambda: kept.is_erased)


def test_a_picture_that_is_erased_goes_and_comes_back_if_it_is_put_again(
    writer: SnapshotWriter, tmp_path: Path
) -> None:
    put(writer, shot(1))
    writer.erase(PATH)
    until(lambda: writer.state().written == 1 and not (tmp_path / PATH).exists())
    put(writer, shot(2))
    writer.close()
    assert files(tmp_path) == [str(face_of(Path(PATH))), PATH]


def test_pictures_stay_within_their_bound_while_it_runs(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path, SnapshotRules(48, 85, 100_000, False)) as writer:
        for number in range(200):
            put(writer, shot(number), f"snapshots/2026-05-0{1 + number // 100}/door/k3f9-{number}.jpg")
            if number % 20 == 0:
                until(lambda: writer.state().queued == 0)
        until(lambda: (writer.state().bytes or 0) <= 100_000 and writer.state().written == 200)
        until(lambda: sum((tmp_path / name).stat().st_size for name in files(tmp_path)) <= 100_000)
        state = writer.state()
    kept = {int(Path(name).stem.split("-")[1]) for name in files(tmp_path)}
    assert max(kept) == 199
    assert kept == set(range(min(kept), 200))
    assert state.removed == 400 - len(files(tmp_path))
    assert not (tmp_path / "snapshots" / "2026-05-01").exists()


def test_what_lay_there_before_counts(tmp_path: Path) -> None:
    old = tmp_path / "snapshots" / "2020-01-01" / "yard"
    old.mkdir(parents=True)
    for number in range(3):
        (old / f"{number}.jpg").write_bytes(bytes(1000))
        os.utime(old / f"{number}.jpg", (number, number))
    part = old / ".9.jpg.part"
    part.write_bytes(b"cut")
    os.utime(part, (0, 0))
    with SnapshotWriter(tmp_path, SnapshotRules(48, 85, 2500, False)) as writer:
        until(lambda: writer.state().bytes == 2000)
        until(lambda: not part.exists())
    assert [path.name for path in sorted(old.iterdir())] == ["1.jpg", "2.jpg"]


def test_closing_twice_or_unopened_harms_nobody(tmp_path: Path) -> None:
    writer = SnapshotWriter(tmp_path, RULES)
    writer.close()
    with writer:
        writer.close()
    assert writer.state().problem is None
