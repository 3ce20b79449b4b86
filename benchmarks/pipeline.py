"""Frames a second of the whole pipeline, beside the plain loop that detects and embeds every frame.

Both use the same networks, crops and gallery in the same process; runs alternate, medians are printed. The
plain loop is what a script does: decode, detect, cut, embed and search, one after the other, on every frame.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from config.load import load
from config.schema import Config
from engines.progress import ignore
from pipeline.assemble.gallery import load_gallery, open_store
from pipeline.assemble.recognition import Recognition, open_recognition
from pipeline.assemble.run import RunPlan, build_run
from pipeline.capture.file import FileSource
from pipeline.commands.context import models_folder
from pipeline.commands.thresholds import naming
from pipeline.errors import BadInputError
from pipeline.events.event import Mode
from pipeline.events.memory_sink import MemorySink
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.matching.stage import Search
from pipeline.runtime.measuring.metrics import MetricsSummary

DEFAULT_VIDEOS = ("hamilton_640x360.mp4", "opera_1080p.mp4")


@dataclass(frozen=True, slots=True)
class Bench:
    """What both contestants work with."""

    config: Config
    recognition: Recognition
    gallery: Search

    def pipeline(self, videos: Sequence[Path]) -> MetricsSummary:
        """Replay these videos at once."""
        sources = [
            FileSource(path, f"{number}-{path.stem}", threads=self.config.runtime.decoder_threads)
            for number, path in enumerate(videos)
        ]
        runs = {source.camera: source.open().recording_id for source in sources}
        plan = RunPlan(Mode.REPLAY, runs, True, [MemorySink()])
        run = build_run(self.config, self.recognition, self.gallery, plan)
        with run.supervisor as supervisor:
            supervisor.start(sources)
            supervisor.wait()
        return run.metrics.summary()

    def plain_loop(self, videos: Sequence[Path]) -> float:
        """Frames a second of the plain loop over these videos, one after the other."""
        frames = 0
        seconds = 0.0
        networks = self.recognition.networks
        for path in videos:
            source = FileSource(path, path.stem, threads=self.config.runtime.decoder_threads)
            source.open()
            began = time.perf_counter()
            for frame in source.frames():
                image = frame.pixels.to_host()
                (faces,) = networks.detector.detect([image])
                if len(faces):
                    self.gallery.answer(networks.embedder.embed(networks.crop.crops(image, faces)), 2)
                frames += 1
            seconds += time.perf_counter() - began
            source.close()
        return frames / seconds


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench pipeline", description=__doc__)
    parser.add_argument("videos", nargs="*", type=Path, help="default: two of FACESTREAM_TEST_DATA")
    parser.add_argument("--runs", type=int, default=5, help="of each contestant; medians are printed")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args(argv)
    config = load(None, os.environ, args.set)
    videos = args.videos or default_videos()
    with (
        tempfile.TemporaryDirectory() as data,
        open_recognition(config, models_folder(), ignore) as recognition,
    ):
        with open_store(config, Path(data)) as store:
            gallery = load_gallery(config, store, recognition)
        rule = naming(config, Path(data), gallery.own_pairs)
        bench = Bench(config, recognition, PinnedGallery(gallery, rule.max_distance))
        for group in [*([video] for video in videos), [videos[0]] * 3]:
            measure(bench, group, args.runs)
    return 0


def default_videos() -> list[Path]:
    """Real videos, where the environment says they are. Raises BadInputError."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if not folder:
        raise BadInputError("name a video, or set FACESTREAM_TEST_DATA to the folder of test data")
    return [Path(folder) / "video" / name for name in DEFAULT_VIDEOS]


def measure(bench: Bench, videos: Sequence[Path], runs: int) -> None:
    """Alternate the contestants on these videos and print their row."""
    bench.pipeline(videos)  # a warm-up: the first run of a new input shape compiles kernels
    pipeline: list[MetricsSummary] = []
    plain: list[float] = []
    for _ in range(runs):
        pipeline.append(bench.pipeline(videos))
        plain.append(bench.plain_loop(videos))
    middle = sorted(pipeline, key=lambda summary: summary.fps)[runs // 2]
    row = {
        "bench": "pipeline",
        "videos": [video.name for video in videos],
        "frames": middle.frames,
        "fps": round(statistics.median(s.fps for s in pipeline), 1),
        "against": "plain loop: detect and embed every frame",
        "against_fps": round(statistics.median(plain), 1),
        "ratio": round(statistics.median(s.fps / p for s, p in zip(pipeline, plain, strict=True)), 2),
        "runs": runs,
        "looks": middle.frames_looked,
        "embeddings": middle.embeddings,
        "busy_s": {stage.stage: round(stage.busy_s, 3) for stage in middle.stages},
    }
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
