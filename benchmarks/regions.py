"""What sizing the detector's input and looking at regions save, and what they miss.

Each recording goes through the detection stage three times, a frame at a time: with a longer side of 960 pixels
whatever faces are wanted (`fixed`), with an input sized for the smallest face wanted (`sized`), and with regions
between whole frames (`regions`). Times are of the processor, on one thread, of a look with all that prepares it; the
three take turns. Faces are held to those of frames that are not scaled down at all.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from config.load import load
from config.schema import Config
from engines.progress import ignore
from pipeline.assemble.recognition import open_recognition
from pipeline.capture.file import FileSource
from pipeline.commands.context import models_folder
from pipeline.detection.input_size import WHOLE_PX, InputSize
from pipeline.detection.look import FrameDetector, Look, frame_detector
from pipeline.detection.regions import GazeRules
from pipeline.detection.stage import DetectionStage
from pipeline.errors import BadInputError
from pipeline.geometry import iou_matrix, shorter_sides
from pipeline.types import Detected, Faces, Frame

FULL_PX = 4096
"""longer side of an input that no recording here reaches"""
SAME_IOU = 0.5


class Counting:
    """A detector that counts what it is asked for."""

    def __init__(self, detector: FrameDetector) -> None:
        self.name = detector.name
        self.looks: list[Look] = []
        self._detector = detector

    def look(self, looks: Sequence[Look]) -> list[Faces]:
        """As the detector's own."""
        self.looks += looks
        return self._detector.look(looks)


@dataclass(frozen=True, slots=True)
class Contestant:
    """A way to look."""

    name: str
    size: InputSize
    regions: GazeRules | None


@dataclass(frozen=True, slots=True)
class Watched:
    """A recording as one contestant saw it."""

    items: list[Detected]
    """of the frames that were due"""
    looks: list[Look]
    """that the detector was asked for"""
    cpu_s: float

    @property
    def area_px(self) -> int:
        """Pixels of network input in all."""
        return sum(look.area_px for look in self.looks)


def contestants(config: Config) -> tuple[Contestant, ...]:
    """The three, the plainest first."""
    keys = config.detection
    sized = InputSize(keys.min_face_px)
    return (
        Contestant("fixed", InputSize(keys.min_face_px, WHOLE_PX), None),
        Contestant("sized", sized, None),
        Contestant("regions", sized, GazeRules(keys.full_look_s, keys.min_score)),
    )


def main(argv: Sequence[str]) -> int:
    """Print a JSON line a recording and contestant; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench regions", description=__doc__)
    parser.add_argument("videos", nargs="*", type=Path, help="default: all of FACESTREAM_TEST_DATA")
    parser.add_argument("--runs", type=int, default=5, help="of each contestant; medians are printed")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args(argv)
    config = load(None, os.environ, ["engine.threads=1", *args.set])
    cv2.setNumThreads(1)
    with ExitStack() as close:
        recognition = close.enter_context(open_recognition(config, models_folder(), ignore))
        detector = frame_detector(recognition.networks.detector)
        for video in args.videos or default_videos():
            measure(detector, config, video, args.runs)
    return 0


def default_videos() -> list[Path]:
    """Every recording where the environment says they are. Raises BadInputError."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if not folder:
        raise BadInputError("name a video, or set FACESTREAM_TEST_DATA to the folder of test data")
    return sorted((Path(folder) / "video").iterdir())


def measure(detector: FrameDetector, config: Config, video: Path, runs: int) -> None:
    """Watch one recording and print its rows."""
    frames = read_frames(video)
    entries = contestants(config)
    watched = [watch(detector, config, entry, frames) for entry in entries]  # kernels compile, too
    times = [[watch(detector, config, entry, frames).cpu_s for entry in entries] for _ in range(runs)]
    truth = [
        detector.look([Look(item.frame.pixels, InputSize(1.0, FULL_PX).placement(*size_of(item.frame)))])[0]
        for item in watched[0].items
    ]
    for number, (entry, one) in enumerate(zip(entries, watched, strict=True)):
        against = max(0, number - 1)
        row = {
            "bench": "regions",
            "video": video.name,
            "frame": list(size_of(frames[0])),
            "contestant": entry.name,
            "against": entries[against].name,
            "ratio": round(statistics.median(each[number] / each[against] for each in times), 3),
            "cpu_ms_a_look": round(
                1e3 * statistics.median(each[number] for each in times) / len(one.items), 2
            ),
            "area_ratio": round(one.area_px / watched[against].area_px, 3),
            "looks": len(one.items),
            "whole": sum(not look.patches for look in one.looks),
            "nothing_to_see": len(one.items) - len(one.looks),
            **accuracy(one, truth, config),
        }
        sys.stdout.write(json.dumps(row) + "\n")
        sys.stdout.flush()


def read_frames(video: Path) -> list[Frame]:
    """All frames of a recording, converted."""
    source = FileSource(video, video.stem)
    source.open()
    frames = [frame for frame in source.frames() if isinstance(frame, Frame)]
    source.close()
    for frame in frames:
        frame.pixels.to_host()
    return frames


def size_of(frame: Frame) -> tuple[int, int]:
    """Width and height in pixels."""
    return frame.info.width, frame.info.height


def watch(detector: FrameDetector, config: Config, entry: Contestant, frames: Sequence[Frame]) -> Watched:
    """The frames through a detection stage, one at a time."""
    counting = Counting(detector)
    stage = DetectionStage(counting, config.detection.rate_hz, entry.size, entry.regions)
    began = time.process_time()
    items = [item for frame in frames for item in stage.process([frame])]
    spent = time.process_time() - began
    return Watched([item for item in items if item.looked], counting.looks, spent)


def accuracy(one: Watched, truth: Sequence[Faces], config: Config) -> dict[str, object]:
    """How many faces of the full resolution were found, how well, and for how long one was missed at most."""
    keys = config.detection
    overlaps, errors, faces, missed_s, missing_since = [], [], 0, 0.0, None
    for item, true in zip(one.items, truth, strict=True):
        wanted = true.take((true.scores >= keys.min_score) & (shorter_sides(true.boxes) >= keys.min_face_px))
        faces += len(wanted)
        found = iou_matrix(wanted.boxes, item.faces.boxes)
        best = found.argmax(axis=1) if len(item.faces) else np.zeros(len(wanted), np.int64)
        hit = found.max(axis=1, initial=0.0) >= SAME_IOU
        overlaps += found.max(axis=1, initial=0.0)[hit].tolist()
        away = np.linalg.norm(wanted.landmarks[hit] - item.faces.landmarks[best[hit]], axis=2).mean(axis=1)
        errors += (away / shorter_sides(wanted.boxes[hit])).tolist()
        now_s = item.frame.info.pts_s
        if missing_since is not None:
            missed_s = max(missed_s, now_s - missing_since)
        if hit.all():
            missing_since = None
        elif missing_since is None:
            missing_since = now_s
    return {
        "faces": faces,
        "recall": round(len(overlaps) / faces, 4) if faces else None,
        "iou": round(float(np.mean(overlaps)), 3) if overlaps else None,
        "landmark_error": round(float(np.mean(errors)), 3) if errors else None,
        "longest_miss_s": round(missed_s, 2),
    }
