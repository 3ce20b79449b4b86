"""Many cameras on this machine, more than it can look at: latency, fairness and drops, with and without a controller.

Recordings are played as cameras, in real time and again and again. The controller (docs/latency.md) runs beside the
plain alternative: every camera at the rate that is asked for, a queue of frames for each that drops its oldest. Runs
alternate; the row that is printed is the one with the middle p99.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks._live_cameras import AddressedCamera, MeasuredCamera, PlayedCamera
from benchmarks._live_measure import Bench, Measured, run_live
from benchmarks._live_trouble import troubled_cameras
from config.load import load
from config.schema import Config
from engines.progress import ignore
from pipeline.assemble.gallery import load_gallery, open_store
from pipeline.assemble.pace import Pace, Queues, live_pace, queues_of, usual_rules
from pipeline.assemble.recognition import engine_choice, open_recognition
from pipeline.commands.context import models_folder
from pipeline.commands.thresholds import naming
from pipeline.detection.rules import RuleBook
from pipeline.detection.stage import LookSchedule
from pipeline.errors import BadInputError
from pipeline.events.event import Mode
from pipeline.events.publish import PublishingStage
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.measuring.timings import Timings
from pipeline.runtime.pace.admission import Admission
from pipeline.runtime.pace.load import LoadRules

VIDEOS = ("hamilton_640x360.mp4", "person_d10.mp4", "person_d14.mp4", "single_face.mp4")
"""640x360 and 512x512, a quarter to a third of a millisecond a frame to decode: what is measured is the looks. Sixteen
1080p streams take 1.5 of two cores to decode, and then that is the limit"""
UNLIMITED = LoadRules(max_latency_ms=1e9, utilisation=1e9, max_growth=1e9, least_relief=1.0)
"""a controller that lets every camera have what it asks for"""


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    parser = argparse.ArgumentParser(prog="run_pipeline.py bench live", description=__doc__)
    parser.add_argument("videos", nargs="*", type=Path, help="default: four of FACESTREAM_TEST_DATA")
    parser.add_argument("--cameras", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=25.0, help="of each run")
    parser.add_argument("--warm", type=float, default=8.0, help="seconds of a run that are not in the rates")
    parser.add_argument("--bound", type=float, default=None, help="runtime.max_latency_ms")
    parser.add_argument("--runs", type=int, default=1, help="of each contestant")
    parser.add_argument(
        "--troubled", action="store_true", help="beside cameras that make trouble, and without"
    )
    parser.add_argument(
        "--address", action="store_true", help="videos as monitor opens cameras: what is late is left out"
    )
    parser.add_argument("--alone", action="store_true", help="the controller without the alternative")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args(argv)
    bound = [] if args.bound is None else [f"runtime.max_latency_ms={args.bound}"]
    config = load(None, os.environ, [*args.set, *bound])
    videos = args.videos or default_videos()
    with (
        tempfile.TemporaryDirectory() as data,
        open_recognition(
            config, models_folder(), ignore, choice=engine_choice(config, live=True)
        ) as recognition,
    ):
        with open_store(config, Path(data)) as store:
            gallery = load_gallery(config, store, recognition)
        rule = naming(config, Path(data), gallery.own_pairs)
        bench = Bench(config, recognition, PinnedGallery(gallery, rule.max_distance))
        kinds = ("controlled",) if args.alone else ("controlled", "plain")
        if args.troubled:
            return measure_trouble(bench, videos, args, Path(data))
        run_live(
            bench, cameras_of(videos, 4, 2.0, False), *contestant(config, "controlled"), 1.0
        )  # compiles kernels
        rows: dict[str, list[Measured]] = {kind: [] for kind in kinds}
        for _ in range(args.runs):
            for kind in kinds:
                cameras = cameras_of(videos, args.cameras, args.seconds, args.address)
                rows[kind].append(run_live(bench, cameras, *contestant(config, kind), args.warm))
    middle = {kind: sorted(runs, key=_p99)[len(runs) // 2] for kind, runs in rows.items()}
    for kind in kinds:
        say(row(config, kind, args.cameras, middle))
    return 0


def measure_trouble(bench: Bench, videos: Sequence[Path], args: argparse.Namespace, folder: Path) -> int:
    """Looks a second of good cameras alone, and beside three that make trouble; print the row, return the exit code."""
    alone: list[Measured] = []
    beside: list[Measured] = []
    for _ in range(args.runs):
        for rates, others in ((alone, False), (beside, True)):
            cameras = cameras_of(videos, args.cameras, args.seconds, args.address)
            with ExitStack() as stack:
                troubled = stack.enter_context(troubled_cameras(videos[0], folder)) if others else []
                made = contestant(bench.config, "controlled")
                rates.append(run_live(bench, cameras, *made, args.warm, troubled))
    quiet, loud = (sorted(each, key=_looks_hz)[len(each) // 2] for each in (alone, beside))
    say(
        {
            "bench": "live, beside cameras that make trouble: garbage, flapping, 4K60",
            "cameras": args.cameras,
            "rate_hz": bench.config.detection.rate_hz,
            "looks_hz": round(_looks_hz(loud), 2),
            "against": "the same cameras alone",
            "against_hz": round(_looks_hz(quiet), 2),
            "ratio": round(statistics.median(map(_ratio_of_looks, beside, alone)), 3),
            "least_ratio_of_a_camera": min(
                loud.looks_hz[each] / quiet.looks_hz[each] for each in quiet.looks_hz
            ),
            "decided_ms": vars_of(loud.decided),
            "against_decided_ms": vars_of(quiet.decided),
            "cpu": loud.cpu,
            "against_cpu": quiet.cpu,
            "others_cpu": [loud.others_cpu, quiet.others_cpu],
            "exact": loud.counted.exact and quiet.counted.exact,
        }
    )
    return 0


def default_videos() -> list[Path]:
    """Real videos, where the environment says they are. Raises BadInputError."""
    folder = os.environ.get("FACESTREAM_TEST_DATA")
    if not folder:
        raise BadInputError("name a video, or set FACESTREAM_TEST_DATA to the folder of test data")
    return [Path(folder) / "video" / name for name in VIDEOS]


def cameras_of(videos: Sequence[Path], count: int, seconds: float, address: bool) -> list[MeasuredCamera]:
    """So many cameras; the videos in turn, begun one after the other within a second."""
    chosen = [videos[number % len(videos)] for number in range(count)]
    if address:
        return [AddressedCamera(video, f"c{number:02d}", seconds) for number, video in enumerate(chosen)]
    return [
        PlayedCamera(video, f"c{number:02d}", seconds, number / count) for number, video in enumerate(chosen)
    ]


def contestant(config: Config, kind: str) -> tuple[Queues, Pace]:
    """Queues and pace of a contestant."""
    pace = live_pace(config, None, PublishingStage.name)
    if kind == "controlled":
        return queues_of(config, Mode.LIVE), pace
    keys = config.runtime
    queues = Queues(Overflow.DROP_OLDEST, keys.frames_queued, keys.items_queued, 0.02)
    rate_hz = config.detection.rate_hz
    admission = Admission(UNLIMITED, LookSchedule, lambda _: rate_hz, rate_hz, config.detection.max_batch)
    return queues, Pace(RuleBook(usual_rules(config)), admission, Timings(PublishingStage.name))


def row(config: Config, kind: str, cameras: int, middle: Mapping[str, Measured]) -> dict[str, object]:
    """What is printed of a contestant."""
    measured = middle[kind]
    looks = measured.looks_hz.values()
    counted = measured.counted
    return {
        "bench": "live",
        "contestant": kind,
        "cameras": cameras,
        "bound_ms": config.runtime.max_latency_ms,
        "looks_hz": {"all": round(sum(looks), 1), "least": min(looks), "most": max(looks)},
        "decided_ms": vars_of(measured.decided),
        "told_ms": vars_of(measured.told),
        "with_start_ms": vars_of(measured.from_start),
        "ratio": _ratio(measured, middle),
        "against": "p99 of plain: every camera at detection.rate_hz, 16 frames queued, oldest dropped",
        "decoded": counted.decoded,
        "skipped": counted.skipped,
        "dropped": dict(counted.dropped),
        "lost": counted.lost,
        "looked": counted.looked,
        "exact": counted.exact,
        "high_water": dict(measured.high_water),
        "busy": dict(measured.busy),
        "cpu": measured.cpu,
        "others_cpu": measured.others_cpu,
        "late_s": measured.late_s,
    }


def vars_of(latencies: object) -> dict[str, float | None]:
    """A frozen row as a mapping, for JSON."""
    return {name: getattr(latencies, name) for name in ("p50", "p99", "most")}


def say(one: Mapping[str, object]) -> None:
    """Print a row."""
    sys.stdout.write(json.dumps(one) + "\n")
    sys.stdout.flush()


def _looks_hz(measured: Measured) -> float:
    return sum(measured.looks_hz.values())


def _ratio_of_looks(measured: Measured, against: Measured) -> float:
    return _looks_hz(measured) / _looks_hz(against)


def _p99(measured: Measured) -> float:
    return measured.decided.p99 or 0.0


def _ratio(measured: Measured, middle: Mapping[str, Measured]) -> float | None:
    plain = middle.get("plain")
    if plain is None or not plain.decided.p99 or not measured.decided.p99:
        return None
    return round(measured.decided.p99 / plain.decided.p99, 3)
