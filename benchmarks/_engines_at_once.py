"""Detector and embedder in two threads, as in the pipeline: who disturbs whom."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks._engines_contestants import MODES, OpenvinoNetwork, contestant, random_images
from engines.backends.choose import Mode
from pipeline.arrays import U8

WINDOW_S = 0.6
LOADS = ((1, 4), (4, 16))
"""frames and faces of a batch: a camera's usual, and as many as there are at once by default"""


@dataclass(frozen=True, slots=True)
class AtOnceRow:
    """Both networks at work for a while, in one way of opening them."""

    bench: str
    ratio: float
    """frames and faces a second against the first way's, the mean of both, the median over the rounds"""
    against: str
    engine: str
    frames: int
    """640x384, of a batch"""
    faces: int
    """of a batch"""
    frames_per_s: float
    faces_per_s: float
    frame_ms: float
    """until a batch of frames is there, median"""
    face_ms: float
    rounds: int


@dataclass(slots=True)
class _Way:
    """Both networks opened alike, and what was counted."""

    name: str
    detect: Callable[[U8], object]
    embed: Callable[[U8], object]
    frames_per_s: list[float] = field(default_factory=list)
    faces_per_s: list[float] = field(default_factory=list)
    frame_ms: list[float] = field(default_factory=list)
    face_ms: list[float] = field(default_factory=list)


def at_once(detector: OpenvinoNetwork, embedder: OpenvinoNetwork, rounds: int) -> Iterator[AtOnceRow]:
    """Rows of one stream, latency and throughput, each for a while in turn."""
    with ExitStack() as opened, ThreadPoolExecutor(2) as pool:
        for frames, faces in LOADS:
            pixels = random_images(frames, 384, 640), random_images(faces, 160, 160)
            ways = [_way(mode, detector, embedder, opened) for mode in (None, *MODES)]
            for way in ways:
                way.detect(pixels[0])
                way.embed(pixels[1])
            for turn in range(rounds):
                for way in ways if turn % 2 == 0 else ways[::-1]:
                    _measure(way, *pixels, pool)
            label = f"{detector.precision} detector, {embedder.precision} embedder"
            for way in ways:
                yield _row(way, ways[0], label, frames, faces)


def _way(mode: Mode | None, detector: OpenvinoNetwork, embedder: OpenvinoNetwork, opened: ExitStack) -> _Way:
    """Both networks, opened for a mode or, where there is none, in one stream."""
    name = mode or "one stream"

    def run(network: OpenvinoNetwork) -> Callable[[U8], object]:
        engine = network.engine(streams=1) if mode is None else network.engine(mode=mode)
        return contestant(name, engine, opened).run

    return _Way(name, run(detector), run(embedder))


def _measure(way: _Way, frames: U8, faces: U8, pool: ThreadPoolExecutor) -> None:
    """Run both for a while."""
    until = time.perf_counter() + WINDOW_S
    looked = pool.submit(_seconds_of_runs, way.detect, frames, until)
    embedded = pool.submit(_seconds_of_runs, way.embed, faces, until)
    for done, batch, rate, ms in (
        (looked.result(), frames, way.frames_per_s, way.frame_ms),
        (embedded.result(), faces, way.faces_per_s, way.face_ms),
    ):
        rate.append(len(batch) / statistics.mean(done))
        ms.append(1e3 * statistics.median(done))


def _seconds_of_runs(run: Callable[[U8], object], batch: U8, until: float) -> list[float]:
    seconds = []
    while (began := time.perf_counter()) < until:
        run(batch)
        seconds.append(time.perf_counter() - began)
    return seconds


def _row(way: _Way, first: _Way, label: str, frames: int, faces: int) -> AtOnceRow:
    ratios = [
        (mine_frames / their_frames + mine_faces / their_faces) / 2
        for mine_frames, their_frames, mine_faces, their_faces in zip(
            way.frames_per_s, first.frames_per_s, way.faces_per_s, first.faces_per_s, strict=True
        )
    ]
    return AtOnceRow(
        "engines at once",
        round(statistics.median(ratios), 2),
        first.name,
        f"{label}, {way.name}",
        frames,
        faces,
        round(statistics.median(way.frames_per_s), 1),
        round(statistics.median(way.faces_per_s), 1),
        round(statistics.median(way.frame_ms), 1),
        round(statistics.median(way.face_ms), 1),
        len(ratios),
    )
