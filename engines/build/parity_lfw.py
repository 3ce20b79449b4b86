"""LFW's accuracy of an engine against the reference's, on the same crops of the same photos."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from engines.arrays import F32, U8
from engines.backends.base import Engine
from engines.build.parity_material import LfwMaterial
from engines.build.parity_measures import LfwParity
from engines.build.parity_vectors import centred, vectors_of
from engines.errors import BuildError
from engines.evaluation.lfw import view2
from engines.progress import OnProgress, Progress
from engines.zoo.lock import scratch_file

log = logging.getLogger(__name__)

FOLDER = "parity"
"""below the models; whatever lies there may be deleted"""
STEP = "comparing on LFW"


def lfw_parity(
    engine: Engine,
    reference: Engine,
    lfw: LfwMaterial,
    centre: F32 | None,
    kept: Path,
    on_progress: OnProgress,
) -> LfwParity:
    """Both open engines on View 2, vectors centred as the product's; the reference's are kept in the file `kept`.

    Raises BackendError, and BuildError where a photo could not be read.
    """
    theirs = _read(kept, len(lfw.names))
    ours: list[F32] = []
    anew: list[F32] = []
    for crops in _counted(lfw, on_progress):
        ours.append(vectors_of(engine, crops))
        if theirs is None:
            anew.append(vectors_of(reference, crops))
    have = np.concatenate(ours)
    if len(have) != len(lfw.names):
        raise BuildError(
            f"{len(lfw.names) - len(have)} photos of LFW could not be read; fetch them again, or use --no-lfw"
        )
    if theirs is None:
        theirs = np.concatenate(anew)
        _keep(kept, theirs)
    rows = lfw.pairs.rows_in(lfw.names, "LFW")

    def accuracy(vectors: F32) -> float:
        units = centred(vectors, centre).astype(np.float32)
        return view2(units[rows.first], units[rows.second], lfw.pairs).accuracy

    info = reference.info
    return LfwParity(len(lfw.pairs), accuracy(have), accuracy(theirs), f"{info.backend} {info.precision}")


def kept_vectors(models: Path, model: str, made_from: str, lfw: LfwMaterial) -> Path:
    """Where the reference's vectors of a network, made from `made_from`, are kept for these crops."""
    key = sha256(f"{made_from} {lfw.cut_by}".encode()).hexdigest()[:12]
    return models / FOLDER / f"lfw-{model}-{key}.npy"


def _counted(lfw: LfwMaterial, on_progress: OnProgress) -> Iterator[U8]:
    done = 0
    for crops in lfw.crops():
        yield crops
        done += len(crops)
        on_progress(Progress("LFW", STEP, done, len(lfw.names)))


def _read(path: Path, photos: int) -> F32 | None:
    """Kept vectors (N, D); None where there are none, or none that are whole."""
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return vectors if vectors.ndim == 2 and vectors.dtype == np.float32 and len(vectors) == photos else None


def _keep(path: Path, vectors: F32) -> None:
    """Write them, whole or not at all; a disk that is full costs the next build minutes, and no more."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_file(path) as scratch:
            with scratch.open("wb") as file:
                np.save(file, vectors, allow_pickle=False)
            scratch.replace(path)
    except OSError as error:
        log.warning(
            "%s cannot be written (%s): the next build runs the reference again", path, error.strerror
        )
