"""Do the heavy calls release the interpreter's lock? How far another Python thread gets while they run.

A thread that only counts runs beside each call; the ratio is its counts a second beside the call over those when
it is alone. Near 0: the call holds the lock throughout, and threads would stand still. Two controls tell what
this machine can show: summing a range, one C call that holds the lock, and SHA-256, which is documented to
release it. (Speed-up with two threads would be the plainer measure, but two processors are often one core.)
Decision 1 (docs/decisions) rests on this.
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
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.capture.file import FileSource
from pipeline.capture.recorder import Recorder
from pipeline.commands.context import models_folder
from pipeline.gallery.indexes.hnsw import HnswIndex

Work = Callable[[], object]
COUNT_ALONE_S = 0.2


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a call; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench threads", description=__doc__)
    parser.add_argument("--models", type=Path, default=models_folder())
    parser.add_argument("--runs", type=int, default=5, help="of each contestant; medians are printed")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "noise.mp4"
        film(video)
        for name, make in (
            ("control that holds the lock: sum of a range", long_sum),
            ("control that releases it: SHA-256", checksum),
            ("PyAV decode, 1 decoder thread", lambda: decode(video)),
            ("OpenVINO CenterFace 640x384, 1 engine thread", lambda: detect(args.models)),
            ("OpenCV resize 1280x720 to 640x360", resize),
            ("hnswlib search, 20,000 templates", search),
        ):
            measure(name, make(), args.runs)
    return 0


def measure(name: str, work: Work, runs: int) -> None:
    """Alternate counting alone with counting beside the call, and print the row."""
    work()
    alone, beside = [], []
    for _ in range(runs):
        alone.append(counts_a_second(lambda: time.sleep(COUNT_ALONE_S)))
        beside.append(counts_a_second(work))
    row = {
        "bench": "threads",
        "call": name,
        "against": "the same Python thread alone",
        "ratio": round(statistics.median(b / a for a, b in zip(alone, beside, strict=True)), 2),
        "runs": runs,
    }
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def counts_a_second(work: Work) -> float:
    """How fast a thread counts while `work` runs in this one."""
    counted = 0
    done = threading.Event()

    def count() -> None:
        nonlocal counted
        while not done.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    began, before = time.perf_counter(), counted
    work()
    rate = (counted - before) / (time.perf_counter() - began)
    done.set()
    thread.join()
    return rate


def film(path: Path) -> None:
    """Three seconds of 720p that costs something to decode."""
    picture = np.random.default_rng(0).integers(0, 256, (720, 1280, 3), dtype=np.uint8)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 3), np.uint8)
    with Recorder(path, 1280, 720, Fraction(25)) as recorder:
        for shift in range(75):
            recorder.write(np.roll(picture, shift * 3, axis=1))


def long_sum() -> Work:
    """Sums ten million numbers in one C call."""
    return lambda: sum(range(10_000_000))


def checksum() -> Work:
    """The hash of 300 MB."""
    content = bytes(300_000_000)
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
    """Runs the detector on an engine with one thread."""
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
