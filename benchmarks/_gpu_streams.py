"""Rows of the whole GPU path: what crosses the bus, what it holds, and how many 720p25 cameras one GPU keeps up with.

Cameras are frames of one recording, decoded beforehand and shown at 25 a second each, their starts spread over a
period; every frame is looked at, and every face that is found is embedded. Latency is from the moment that a frame
was due to the moment that its vectors are there.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks._gpu_here import CENTERFACE, FACENET, Here
from benchmarks._gpu_rows import Row, Table
from engines.backends.choose import Precision
from pipeline.alignment.crop import CropRule
from pipeline.alignment.on_device import DeviceCut, FrameFaces
from pipeline.arrays import U8
from pipeline.detection.letterbox import place
from pipeline.detection.look import Look
from pipeline.detection.on_device import DeviceDetector
from pipeline.device.shared import SharedGpu
from pipeline.embedding.on_device import DeviceEmbedder
from pipeline.errors import BadInputError
from pipeline.pixels import HostPixels

SIDES = (1280, 720)
RATE_HZ = 25
P99_S = 0.150
MOST_CAMERAS = 512
MOST_A_BATCH = 32
INPUT_PX = 640
"""detection's input for faces of 40 px in 720p"""


@dataclass(slots=True)
class Spent:
    """Seconds in each part of a run."""

    detect_s: float = 0.0
    """with frames' way over the bus"""
    cut_s: float = 0.0
    embed_s: float = 0.0
    frames: int = 0
    faces: int = 0
    latencies_s: list[float] = field(default_factory=list)

    @property
    def limit(self) -> str:
        """What most time went to."""
        parts = {"detection and upload": self.detect_s, "cutting": self.cut_s, "embedding": self.embed_s}
        return max(parts, key=lambda name: parts[name])


@dataclass(frozen=True, slots=True)
class Path720p:
    """The GPU path, open."""

    gpu: SharedGpu
    detector: DeviceDetector
    cut: DeviceCut
    embedder: DeviceEmbedder

    def run(self, images: Sequence[U8], spent: Spent) -> None:
        """A batch of frames from pixels to vectors."""
        frames = [HostPixels(image.copy()) for image in images]  # as new frames, which nobody has seen
        placed = place(*SIDES, INPUT_PX, 32)
        began = time.perf_counter()
        found = self.detector.look([Look(frame, placed) for frame in frames])
        detected = time.perf_counter()
        crops = self.cut.together(
            [FrameFaces(frame, faces) for frame, faces in zip(frames, found, strict=True)]
        )
        cut = time.perf_counter()
        self.embedder.embed_pixels(crops)
        spent.detect_s += detected - began
        spent.cut_s += cut - detected
        spent.embed_s += time.perf_counter() - cut
        spent.frames += len(frames)
        spent.faces += sum(map(len, found))


def stream_rows(table: Table, here: Here, video: Path | None) -> None:
    """The bus, memory, the host's processor, and cameras held."""
    table.measure("streams", "720p25 cameras held, p99 below 150 ms", "cameras", lambda: _rows(here, video))


@contextmanager
def _open(here: Here) -> Iterator[Path720p]:
    with ExitStack() as opened:
        gpu = opened.enter_context(here.shared())
        precision: Precision = "fp32" if here.rehearsal else "fp16"
        seeing = opened.enter_context(here.network(CENTERFACE, precision, gpu))
        knowing = opened.enter_context(here.network(FACENET, precision, gpu))
        detector = DeviceDetector(seeing, gpu, low_score=0.5, max_iou=0.3, max_batch=MOST_A_BATCH)
        cut = DeviceCut(CropRule(160, 0.0, 0.14), gpu)
        embedder = DeviceEmbedder(knowing, gpu, FACENET, max_batch=64)
        for part in (embedder, cut, detector):
            opened.callback(part.close)
        yield Path720p(gpu, detector, cut, embedder)


def _rows(here: Here, video: Path | None) -> Sequence[Row]:
    images = pictures(video, 2 if here.rehearsal else 50)
    with _open(here) as path:
        rows = _bus_rows(path, images, here)
        most = 1 if here.rehearsal else MOST_CAMERAS
        held, spent = 0, Spent()
        cameras = 1
        while cameras <= most:
            now = _held(path, images, cameras, seconds=0.2 if here.rehearsal else 5.0)
            if float(np.quantile(now.latencies_s, 0.99)) > P99_S:
                break
            held, spent, cameras = cameras, now, cameras * 2
        low, high = held, min(cameras, most)
        while high - low > max(1, low // 16):
            middle = (low + high) // 2
            now = _held(path, images, middle, seconds=5.0)
            if float(np.quantile(now.latencies_s, 0.99)) > P99_S:
                high = middle
            else:
                low, spent = middle, now
    faces = spent.faces / max(spent.frames, 1)
    note = f"limited by {spent.limit}; {faces:.1f} faces a frame; decoding is not in it"
    what = "720p25 cameras held, p99 below 150 ms"
    return [*rows, Row("streams", what, "cameras", float(low), reason=note)]


def _bus_rows(path: Path720p, images: Sequence[U8], here: Here) -> list[Row]:
    """Bytes a frame, memory, and the host's processor time, at batches of eight."""
    spent, batch = Spent(), images[:8]
    path.run(batch, spent)  # buffers grow, graphs are captured
    before, spent, busy = path.gpu.bus.crossed, Spent(), time.process_time()
    times = []
    for _ in range(here.runs):
        began = time.perf_counter()
        path.run(batch, spent)
        times.append((time.perf_counter() - began) / len(batch))
    busy = time.process_time() - busy
    after, frames = path.gpu.bus.crossed, spent.frames
    with path.gpu.driver.current():
        memory = path.gpu.driver.memory()
    what = f"at {spent.faces / frames:.1f} faces a frame"
    held = (memory.total_bytes - memory.free_bytes) / 2**20
    return [
        Row("bus", f"up, {what}", "bytes/frame", (after.up_bytes - before.up_bytes) / frames),
        Row(
            *("bus", f"down, {what}", "bytes/frame", (after.down_bytes - before.down_bytes) / frames),
            reason="candidates; vectors, 2 kB a face, come through the engine and are not counted",
        ),
        Row("memory", "device memory in use, all programs", "MiB", held),
        Row("memory", "of it frames and crops", "MiB", path.gpu.pool.held_bytes / 2**20),
        Row("host", "processor time, decoding not in it", "ms/frame", busy / frames * 1e3),
        Row("host", "time, batches of 8", "ms/frame", statistics.median(times) * 1e3),
    ]


def _held(path: Path720p, images: Sequence[U8], cameras: int, seconds: float) -> Spent:
    """Show `cameras` streams for so long; all frames that are due go in one batch, 32 at most, oldest first."""
    period, spent = 1.0 / RATE_HZ, Spent()
    due = [
        (frame + camera / cameras) * period
        for frame in range(round(seconds * RATE_HZ))
        for camera in range(cameras)
    ]
    began, at = time.perf_counter(), 0
    while at < len(due):
        now = time.perf_counter() - began
        if now > 2 * seconds:
            # It falls behind for good: what is left counts as late.
            spent.latencies_s += [now - each for each in due[at:] if each < now]
            break
        ready = at
        while ready < len(due) and due[ready] <= now and ready - at < MOST_A_BATCH:
            ready += 1
        if ready == at:
            time.sleep(max(0.0, due[at] - now))
            continue
        path.run([images[each % len(images)] for each in range(at, ready)], spent)
        done = time.perf_counter() - began
        spent.latencies_s += [done - each for each in due[at:ready]]
        at = ready
    return spent


def pictures(video: Path | None, count: int) -> list[U8]:
    """The first frames of a recording as RGB 1280x720. Raises BadInputError where none is named."""
    if video is None:
        raise BadInputError("no recording: name one, or set FACESTREAM_TEST_DATA to the folder of test data")
    import cv2

    from pipeline.capture.file import FileSource

    source = FileSource(video, "bench")
    source.open()
    found: list[U8] = []
    for frame in source.frames():
        shown = frame.pixels.to_host()
        found.append(np.asarray(cv2.resize(shown, SIDES, interpolation=cv2.INTER_AREA), np.uint8))
        if len(found) == count:
            break
    source.close()
    return found
