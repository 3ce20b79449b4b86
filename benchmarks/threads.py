"""Do the heavy calls release the interpreter's lock? Two threads against one, for the same work.

A ratio near the number of idle cores says that threads are as good as processes for this call; near 1 says that
the lock is held. Two controls tell what this machine can show at the moment: a loop in plain Python, which holds
the lock, and SHA-256, which is documented to release it. Decision 1 (docs/decisions) rests on this.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from engines.backends.choose import choose
from engines.prepare import prepare
from engines.progress import ignore
from engines.zoo.catalogue import read_catalogue
from pipeline.assemble import CATALOGUE_FILE
from pipeline.capture.file import FileSource
from pipeline.capture.recorder import Recorder
from pipeline.gallery.hnsw import HnswIndex

Work = Callable[[], object]
THREADS = 2


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a call; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench threads", description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--runs", type=int, default=5, help="of each contestant; medians are printed")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "noise.mp4"
        film(video)
        for name, make in (
            ("control that holds the lock: a Python loop", python_loop),
            ("control that releases it: SHA-256", checksum),
            ("PyAV decode, 1 decoder thread", lambda: decode(video)),
            ("OpenVINO CenterFace 640x384, 1 engine thread", lambda: detect(args.models)),
            ("OpenCV resize 1280x720 to 640x360", resize),
            ("hnswlib search, 20,000 templates", search),
        ):
            measure(name, [make() for _ in range(THREADS)], args.runs)
    return 0


def measure(name: str, works: Sequence[Work], runs: int) -> None:
    """Alternate one thread doing everything with one thread for each part, and print the row."""
    for work in works:
        work()
    alone, together = [], []
    for _ in range(runs):
        began = time.perf_counter()
        for work in works:
            work()
        alone.append(time.perf_counter() - began)
        threads = [threading.Thread(target=work) for work in works]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        together.append(time.perf_counter() - began)
    row = {
        "bench": "threads",
        "call": name,
        "against": "the same calls in one thread",
        "ratio": round(statistics.median(a / t for a, t in zip(alone, together, strict=True)), 2),
        "one_thread_ms": round(1000 * statistics.median(alone), 1),
        "two_threads_ms": round(1000 * statistics.median(together), 1),
        "runs": runs,
    }
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def film(path: Path) -> None:
    """Three seconds of 720p that costs something to decode."""
    picture = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)
    with Recorder(path, 1280, 720, Fraction(25)) as recorder:
        for shift in range(75):
            recorder.write(np.roll(picture, shift * 3, axis=1))


def python_loop() -> Work:
    """Sums numbers one by one."""
    return lambda: sum(number * number for number in range(2_000_000))


def checksum() -> Work:
    """The hash of 100 MB."""
    content = bytes(100_000_000)
    return lambda: hashlib.sha256(content).digest()


def decode(video: Path) -> Work:
    """Decodes a video."""

    def work() -> None:
        source = FileSource(video, "bench", threads=1)
        source.open()
        for _ in source.frames():
            pass
        source.close()

    return work


def detect(models: Path) -> Work:
    """Runs the detector, each caller on an engine of its own."""
    prepared = prepare("centerface", read_catalogue(CATALOGUE_FILE), models, choose(threads=1), ignore)
    prepared.engine.open()
    name = prepared.engine.inputs[0].name
    planes = np.random.default_rng(0).random((1, 3, 384, 640), dtype=np.float32) * 255
    return lambda: [prepared.engine.infer({name: planes}) for _ in range(20)]


def resize() -> Work:
    """Scales a frame down, without OpenCV's own threads."""
    cv2.setNumThreads(1)
    frame = np.zeros((720, 1280, 3), np.uint8)
    return lambda: [cv2.resize(frame, (640, 360)) for _ in range(500)]


def search() -> Work:
    """Searches a gallery."""
    vectors = np.random.default_rng(0).normal(size=(20_000, 128)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = HnswIndex(128)
    index.add(np.arange(len(vectors), dtype=np.int64), vectors)
    return lambda: [index.search(vectors[k : k + 1], 5) for k in range(300)]
