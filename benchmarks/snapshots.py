"""What pictures of sightings cost: where frames pass, in memory, on the disk, and in a folder that is full.

It gives the figures of docs/snapshots.md. The frames are a real recording's, scaled to 1080p, or noise where there is
none. Each row names the plain way that it is compared with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.capture.file import FileSource
from pipeline.events.pictures.pictures import Pictures
from pipeline.events.pictures.shots import Kept, Shot, ShotBoard, Still
from pipeline.events.pictures.snapshot_files import develop, write_pictures
from pipeline.events.pictures.snapshot_room import SnapshotRoom
from pipeline.events.pictures.snapshots import SnapshotRules, SnapshotWriter
from pipeline.gallery.keeping.picture_about import About
from pipeline.gallery.keeping.picture_room import every_file
from pipeline.pixels import HostPixels
from pipeline.types import Faces, Frame, FrameInfo, GalleryState, Matched

WIDTH, HEIGHT, FRAME_PX, QUALITY = 1920, 1080, 1280, 85
CAMERAS, PEOPLE = 16, 5
"""PEOPLE in front of each"""
VIDEO = "video/opera_1080p.mp4"
BEGUN = datetime(2026, 5, 1, 9, tzinfo=UTC)
BOX = np.array([900, 400, 1000, 520], np.float32)


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench snapshots", description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="pictures of each row")
    parser.add_argument("--files", type=int, default=80_000, help="in the full folder")
    args = parser.parse_args(argv)
    image = _image()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        measures: tuple[Callable[[], dict[str, object]], ...] = (
            lambda: _passing(data, image, args.count),
            lambda: _memory(image),
            lambda: _developing(image, args.count),
            lambda: _writing(data / "writing", image, args.count),
            lambda: _bounded(data / "full", args.files),
        )
        for measure in measures:
            sys.stdout.write(json.dumps(measure()) + "\n")
            sys.stdout.flush()
    return 0


def _passing(data: Path, image: U8, count: int) -> dict[str, object]:
    """Milliseconds a frame with a face worth a picture, in the threads that frames pass, against doing it there."""
    pixels = HostPixels(image)
    frames = [Frame(_info(number % CAMERAS, number), pixels) for number in range(count)]
    one, due = np.zeros(1, np.int64), np.ones(1, np.float32)
    with SnapshotWriter(data, SnapshotRules(FRAME_PX, QUALITY, None, exact=False)) as writer:
        board = ShotBoard()
        pictures = Pictures(board, writer)
        times: list[float] = []
        for number, frame in enumerate(frames):
            began_s = time.perf_counter()
            board.offer(frame, one + number, due, one, one)
            shots = pictures.shots_of(_matched(frame.info, number))
            for shot in shots.values():
                shot.is_taken = True
            pictures.develop(shots)
            for shot in shots.values():
                writer.put(_path(number), shot, _about(shot, number))
            times.append(time.perf_counter() - began_s)
            time.sleep(0.02)  # a frame in 20 ms: what the writer's thread does then is its own
    plain = [_timed(partial(_at_once, data, image, number)) for number in range(count)]
    return _row("frames pass", times, "made and written where they pass", plain)


def _memory(image: U8) -> dict[str, object]:
    """Megabytes of the best shots of CAMERAS x PEOPLE people, against their frames."""
    shots = [_shot(image, number) for number in range(8)]
    for shot in shots:
        develop(shot.still, [shot], FRAME_PX, QUALITY)
    each = statistics.mean(len(shot.still.jpeg or b"") + len(shot.face or b"") for shot in shots)
    held, frames = (CAMERAS * PEOPLE * size / 2**20 for size in (each, image.nbytes))
    return {
        "bench": f"memory of {CAMERAS} cameras with {PEOPLE} people each",
        "mb": round(held, 1),
        "against": "their frames as they are",
        "against_mb": round(frames, 1),
        "ratio": round(held / frames, 3),
    }


def _developing(image: U8, count: int) -> dict[str, object]:
    """Milliseconds a frame and a face, in the writer's thread, against a frame that is not scaled down."""

    def made(frame_px: int) -> Callable[[], None]:
        shot = _shot(image, 0)
        return lambda: develop(shot.still, [shot], frame_px, QUALITY)

    ours = [_timed(made(FRAME_PX)) for _ in range(count)]
    return _row("developed", ours, "the whole 1080p frame", [_timed(made(WIDTH)) for _ in range(count)])


def _writing(data: Path, image: U8, count: int) -> dict[str, object]:
    """Milliseconds a picture, a frame and a face, on this disk; against each brought to the disk at once."""
    data.mkdir()
    shot = _shot(image, 0)
    develop(shot.still, [shot], FRAME_PX, QUALITY)

    def write(number: int, sync: bool) -> None:
        kept = Kept(_path(number), "door:k3f9:1", shot)
        write_pictures(data, kept, _about(shot, number))
        if sync:
            descriptor = os.open(data / kept.path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    ours = [_timed(partial(write, number, False)) for number in range(count)]
    synced = [_timed(partial(write, count + number, True)) for number in range(count)]
    return _row("written", ours, "with fsync", synced)


def _bounded(data: Path, files: int) -> dict[str, object]:
    """Milliseconds a picture for keeping a full folder within its bound, against a walk each time."""
    size = 100
    for number in range(files):
        path = data / "snapshots" / f"2026-05-{1 + number * 30 // files:02}" / f"door{number % CAMERAS}"
        path.mkdir(parents=True, exist_ok=True)
        (path / f"k3f9-{number}.jpg").write_bytes(bytes(size))
    room = SnapshotRoom(data, files * size)
    while room.bytes is None:
        room.step()
    steps, pictures = [], files // 25
    for number in range(pictures):
        (path / f"new-{number}.jpg").write_bytes(bytes(2 * size))
        room.add(2 * size)
        steps.append(_timed(room.step))
        while room.is_busy:
            steps.append(_timed(room.step))
    walk = _timed(lambda: sum(file.bytes for file in every_file(data)))
    return {
        "bench": f"kept within a bound, {files} files",
        "ms": round(1000 * sum(steps) / pictures, 3),
        "longest_step_ms": round(1000 * max(steps), 1),
        "against": "a walk for each picture",
        "against_ms": round(1000 * walk, 1),
        "ratio": round(sum(steps) / pictures / walk, 5),
    }


def _at_once(data: Path, image: U8, number: int) -> None:
    shot = _shot(image, number)
    develop(shot.still, [shot], FRAME_PX, QUALITY)
    write_pictures(data, Kept(_path(number), "door:k3f9:1", shot), _about(shot, number))


def _shot(image: U8, number: int) -> Shot:
    return Shot(Still(_info(0, number), HostPixels(image)), BOX, 0.5)


def _info(camera: int, index: int) -> FrameInfo:
    return FrameInfo(f"door{camera}", index, index / 25, BEGUN, WIDTH, HEIGHT, 0)


def _path(number: int) -> str:
    return f"snapshots/2026-05-01/door/k3f9-{number}.jpg"


def _about(shot: Shot, number: int) -> About:
    info = shot.still.info
    return About(
        info.camera, f"door:k3f9:{number}", info.at, info.index, info.pts_s, 0.5, (0.4, 0.3, 0.5, 0.5)
    )


def _matched(info: FrameInfo, track: int) -> Matched:
    """What the frame's face came to, without a match."""
    faces = Faces(BOX[None], np.zeros((1, 5, 2), np.float32), np.ones(1, np.float32))
    tracks, quality = np.full(1, track, np.int64), np.full(1, 0.5, np.float32)
    return Matched(info, faces, tracks, np.ones(1, np.bool_), quality, (), GalleryState(0, 1.0))


def _image() -> U8:
    """A frame of a recording of FACESTREAM_TEST_DATA, or noise that is smooth as a picture is."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if folder is None:
        small = np.random.default_rng(1).integers(0, 255, (HEIGHT // 20, WIDTH // 20, 3), np.uint8)
        return np.asarray(cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)
    source = FileSource(Path(folder) / VIDEO, "door")
    source.open()
    image = next(source.frames()).pixels.to_host()
    source.close()
    return np.asarray(cv2.resize(image, (WIDTH, HEIGHT)), np.uint8)


def _timed(work: Callable[[], object]) -> float:
    """Seconds."""
    began_s = time.perf_counter()
    work()
    return time.perf_counter() - began_s


def _row(bench: str, ours: Sequence[float], against: str, others: Sequence[float]) -> dict[str, object]:
    middle, other = (statistics.median(times) for times in (ours, others))
    return {
        "bench": bench,
        "ms": round(1000 * middle, 3),
        "p99_ms": round(1000 * float(np.quantile(ours, 0.99)), 3),
        "a_second": round(1 / middle),
        "against": against,
        "against_ms": round(1000 * other, 3),
        "ratio": round(middle / other, 4),
    }
