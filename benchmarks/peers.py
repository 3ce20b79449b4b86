"""Facestream beside what people use today: face_recognition (dlib), facenet-pytorch and facenet-opencv.

    python run_pipeline.py bench peers --python PEERS/bin/python --only engines     FaceNet, ms a face; a minute
    python run_pipeline.py bench peers --python PEERS/bin/python --only pipeline    two videos; ten minutes
    python run_pipeline.py bench peers --python PEERS/bin/python VIDEO              that video alone

Peers have an environment of their own, PEERS (requirements-peers.txt; docs/performance.md says how to make it), and run
in processes of it that wait, idle, until it is their turn. In each of five rounds a peer works through another fifth of
a video's frames, every fifth frame, and ours replays the whole video, so that a neighbour's noise falls on everybody.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks._face_frames import FaceFrames, count_faces
from benchmarks._machine import machine
from benchmarks._peers_engines import BATCHES, compare_engines, write_weights
from benchmarks._peers_process import PeerProcess
from benchmarks._peers_words import Open, Watch, Watched
from benchmarks._pipeline_run import PEOPLE, Bench, Replayed, open_bench, true_faces
from benchmarks.pipeline import default_videos
from config.load import load
from pipeline.arrays import F32
from pipeline.commands.context import models_folder
from pipeline.errors import BadInputError

PEERS = ("face_recognition", "facenet-pytorch", "facenet-opencv")


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """The pipeline beside one peer on one video."""

    bench: str
    ratio: float
    """times as many frames a second, the median over the rounds"""
    video: str
    frames: int
    fps: float
    """ours, the median over the rounds"""
    against: str
    against_fps: float
    """the median over the rounds"""
    cpu_ms: float
    """processor time of ours a frame, which neighbours change less"""
    against_cpu_ms: float
    cpu_ratio: float
    face_frames: FaceFrames
    """ours: boxes of tracks that count, found or predicted"""
    against_face_frames: FaceFrames
    embedded: int
    against_embedded: int
    looks: int
    """frames that our detector saw; a peer's sees all"""
    rounds: int
    fps_rounds: tuple[float, ...]
    against_fps_rounds: tuple[float, ...]
    engine: dict[str, object]
    """what ran our networks"""


def main(argv: Sequence[str]) -> int:
    """Print one JSON line a row; returns the exit code."""
    args = _parse(argv)
    config = load(None, os.environ, args.set)
    _print({"bench": "peers machine"} | asdict(machine()))
    with TemporaryDirectory() as name, ExitStack() as opened:
        folder = Path(name)
        weights = folder / "facenet.npz"
        write_weights(models_folder(), weights)
        peers = [
            opened.enter_context(PeerProcess(args.python, Open(peer, str(weights), PEOPLE)))
            for peer in args.peer or (tuple(BATCHES) if args.only == "engines" else PEERS)
        ]
        for process in peers:
            _print({"bench": "peers opened", "peer": process.peer} | asdict(process.open()))
        if args.only != "pipeline" and not args.videos:
            own = [process for process in peers if process.peer in BATCHES]
            for row in compare_engines(models_folder(), own, folder, args.rounds):
                _print(asdict(row))
        if args.only != "engines":
            bench = opened.enter_context(open_bench(config, models_folder()))
            for video in args.videos or default_videos():
                for each in compare_pipelines(bench, peers, video.resolve(), args.rounds):
                    _print(asdict(each))
    return 0


def compare_pipelines(
    bench: Bench, peers: Sequence[PeerProcess], video: Path, rounds: int
) -> Iterator[PipelineRow]:
    """Rows of one video, one a peer. Raises EngineError, OutsideError."""
    truth = true_faces(models_folder(), video)
    bench.replay([video])  # a warm-up: the first run of a new input shape compiles kernels
    ours: list[Replayed] = []
    theirs: list[list[Watched]] = [[] for _ in peers]
    for number in range(rounds):
        ours.append(bench.replay([video]))
        for process, watched in zip(peers, theirs, strict=True):
            watched.append(process.ask(Watch(str(video), number, rounds), Watched))
    for process, watched in zip(peers, theirs, strict=True):
        yield _row(bench, video, truth, ours, process.peer, watched)


def _row(
    bench: Bench,
    video: Path,
    truth: Sequence[F32],
    ours: Sequence[Replayed],
    peer: str,
    parts: Sequence[Watched],
) -> PipelineRow:
    boxes = in_order([part.boxes for part in parts])
    if len(boxes) != len(truth) or len(ours[-1].boxes[0]) != len(truth):
        raise BadInputError(
            f"{video.name}: {peer} decodes {len(boxes)} frames of it, Facestream {len(truth)}; take another video"
        )
    fps = [run.summary.fps for run in ours]
    against = [len(part.boxes) / part.seconds for part in parts]
    cpu_ms = 1e3 * statistics.median(run.cpu_s for run in ours) / len(truth)
    against_cpu_ms = 1e3 * sum(part.cpu_seconds for part in parts) / len(truth)
    return PipelineRow(
        "peers pipeline",
        round(statistics.median(mine / other for mine, other in zip(fps, against, strict=True)), 1),
        video.name,
        len(truth),
        round(statistics.median(fps), 1),
        peer,
        round(statistics.median(against), 2),
        round(cpu_ms, 2),
        round(against_cpu_ms, 1),
        round(against_cpu_ms / cpu_ms, 1),
        count_faces(truth, ours[-1].boxes[0]),
        count_faces(truth, boxes),
        ours[-1].summary.embeddings,
        sum(part.embedded for part in parts),
        ours[-1].summary.frames_looked,
        len(ours),
        tuple(round(each, 1) for each in fps),
        tuple(round(each, 2) for each in against),
        bench.engine(),
    )


def in_order(parts: Sequence[Sequence[Sequence[Sequence[float]]]]) -> list[F32]:
    """Boxes (N, 4) a frame, of rounds that each had every so-manieth frame: frame k is in round k modulo their number.

    >>> [len(boxes) for boxes in in_order([[[[0, 0, 1, 1]], []], [[]]])]
    [1, 0, 0]
    """
    frames = sum(len(part) for part in parts)
    each = [parts[number % len(parts)][number // len(parts)] for number in range(frames)]
    return [np.array(boxes, np.float32).reshape(-1, 4) for boxes in each]


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="run_pipeline.py bench peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("videos", nargs="*", type=Path, help="default: two of FACESTREAM_TEST_DATA")
    parser.add_argument(
        "--python", type=Path, required=True, help="of an environment with requirements-peers.txt"
    )
    parser.add_argument("--only", choices=("engines", "pipeline"), help="one of the two comparisons")
    parser.add_argument("--peer", action="append", choices=PEERS, help="only this one; repeatable")
    parser.add_argument("--rounds", type=int, default=5, help="of all contestants in turn")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    return args


def _print(row: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()
