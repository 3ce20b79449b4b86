"""Frames a second of the whole pipeline, beside the plain loop that detects and embeds every frame.

    python run_pipeline.py bench pipeline                       both contestants in turn; two minutes
    python run_pipeline.py bench pipeline --steps --plot F.svg  where the time of a frame goes; one minute

Both use the same networks, crops and gallery in the same process; runs alternate, medians are printed. The
plain loop is what a script does: decode, detect, cut, embed and search, one after the other, on every frame.
What other packages do is measured by `bench peers`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks._face_frames import FaceFrames, count_faces
from benchmarks._machine import machine
from benchmarks._performance_plot import plot_steps
from benchmarks._pipeline_run import Bench, Replayed, open_bench, true_faces
from benchmarks._pipeline_steps import steps_of
from config.load import load
from pipeline.arrays import F32
from pipeline.capture.file import FileSource
from pipeline.commands.context import models_folder
from pipeline.errors import BadInputError

DEFAULT_VIDEOS = ("hamilton_640x360.mp4", "opera_1080p.mp4")


@dataclass(frozen=True, slots=True)
class PlainRun:
    """What the plain loop did."""

    fps: float
    boxes: tuple[F32, ...]
    """of all videos one after the other, a frame: (N, 4)"""


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench pipeline",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("videos", nargs="*", type=Path, help="default: two of FACESTREAM_TEST_DATA")
    parser.add_argument("--runs", type=int, default=5, help="of each contestant; medians are printed")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--steps", action="store_true", help="where the time of a frame goes, instead")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --steps: draw them as SVG or PNG")
    args = parser.parse_args(argv)
    config = load(None, os.environ, args.set)
    videos = args.videos or default_videos()
    _print({"bench": "pipeline machine"} | asdict(machine()))
    with open_bench(config, models_folder()) as bench:
        if args.steps:
            return steps(bench, videos, args.plot)
        truth = {video: true_faces(models_folder(), video) for video in videos}
        for group in [*([video] for video in videos), [videos[0]] * 3]:
            measure(bench, group, [truth[video] for video in group], args.runs)
    return 0


def default_videos() -> list[Path]:
    """Real videos, where the environment says they are. Raises BadInputError."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if not folder:
        raise BadInputError("name a video, or set FACESTREAM_TEST_DATA to the folder of test data")
    return [Path(folder) / "video" / name for name in DEFAULT_VIDEOS]


def steps(bench: Bench, videos: Sequence[Path], file: Path | None) -> int:
    """Print and draw where the time goes."""
    rows = [row for video in videos for row in steps_of(bench.config, models_folder(), bench.gallery, video)]
    for row in rows:
        _print(asdict(row))
    if file is not None:
        plot_steps(rows, file)
    return 0


def plain_loop(bench: Bench, videos: Sequence[Path]) -> PlainRun:
    """Run the plain loop over these videos, one after the other."""
    boxes: list[F32] = []
    seconds = 0.0
    networks = bench.recognition.networks
    for path in videos:
        source = FileSource(path, path.stem, threads=bench.config.runtime.decoder_threads)
        source.open()
        began_s = time.perf_counter()
        for frame in source.frames():
            image = frame.pixels.to_host()
            (faces,) = networks.detector.detect([image])
            if len(faces):
                bench.gallery.answer(networks.embedder.embed(networks.crop.crops(image, faces)), 2)
            boxes.append(faces.boxes[faces.scores >= bench.config.detection.min_score])
        seconds += time.perf_counter() - began_s
        source.close()
    return PlainRun(len(boxes) / seconds, tuple(boxes))


def measure(bench: Bench, videos: Sequence[Path], truth: Sequence[Sequence[F32]], runs: int) -> None:
    """Alternate the contestants on these videos and print their row."""
    bench.replay(videos)  # a warm-up: the first run of a new input shape compiles kernels
    ours: list[Replayed] = []
    plain: list[PlainRun] = []
    for _ in range(runs):
        ours.append(bench.replay(videos))
        plain.append(plain_loop(bench, videos))
    middle = sorted(ours, key=lambda run: run.summary.fps)[runs // 2]
    all_true = [true for video in truth for true in video]
    _print(
        {
            "bench": "pipeline",
            "ratio": round(
                statistics.median(s.summary.fps / p.fps for s, p in zip(ours, plain, strict=True)), 2
            ),
            "videos": [video.name for video in videos],
            "frames": middle.summary.frames,
            "fps": round(statistics.median(run.summary.fps for run in ours), 1),
            "against": "plain loop: detect and embed every frame",
            "against_fps": round(statistics.median(run.fps for run in plain), 1),
            "face_frames": _counted(all_true, [frame for video in middle.boxes for frame in video]),
            "against_face_frames": _counted(all_true, plain[-1].boxes),
            "runs": runs,
            "looks": middle.summary.frames_looked,
            "embeddings": middle.summary.embeddings,
            "engine": bench.engine(),
            "decoder_threads": bench.config.runtime.decoder_threads,
            "busy_s": {stage.stage: round(stage.busy_s, 3) for stage in middle.summary.stages},
        }
    )


def _counted(truth: Sequence[F32], boxes: Sequence[F32]) -> dict[str, object]:
    counted: FaceFrames = count_faces(truth, boxes)
    return asdict(counted)


def _print(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
