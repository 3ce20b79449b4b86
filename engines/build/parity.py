"""The gate: an engine and the fp32 reference look at the same pixels, and an engine that strays is not installed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engines.arrays import F32
from engines.backends.base import Engine
from engines.build.from_description import sha256_beside
from engines.build.parity_faces import FindFaces, compare_faces
from engines.build.parity_lfw import kept_vectors, lfw_parity
from engines.build.parity_limits import DEFAULT_LIMITS, ParityLimits, shortfall
from engines.build.parity_material import LfwMaterial, ParityMaterial, ReadMaterial, painted, seeded_inputs
from engines.build.parity_measures import FaceParity, VectorParity
from engines.build.parity_vectors import compare_vectors, vectors_of
from engines.centre import read_centre
from engines.errors import BuildError
from engines.manifest import Parity
from engines.progress import OnProgress
from engines.zoo.description import ModelDescription


@dataclass(frozen=True, slots=True)
class Gate:
    """What an engine must pass."""

    limits: ParityLimits = DEFAULT_LIMITS
    material: ReadMaterial = painted
    find: FindFaces | None = None
    """of detectors; None: their outputs are compared, and no faces"""
    max_distance: float | None = None
    """squared L2 below which two crops are one person; None: decisions are not compared"""
    lfw: Callable[[], LfwMaterial] | None = None
    """for embedders; None: not there, or not wanted"""


@dataclass(frozen=True, slots=True)
class References:
    """The same network at fp32."""

    plain: Engine
    """torch, or OpenVINO where torch lacks operators"""
    fast: Engine
    """OpenVINO at fp32: for LFW's thousands of photos"""


def held_to(
    gate: Gate,
    model: ModelDescription,
    engine: Engine,
    references: References,
    models: Path,
    on_progress: OnProgress,
) -> Parity:
    """Compare engines that are not open yet. Raises BackendError, BuildError where there is nothing to compare on."""
    material = gate.material(model, on_progress)
    with engine, references.plain:
        parity = _compared(gate, model, engine, references.plain, material)
    if gate.lfw is None or model.role != "embedding":
        return parity
    lfw = gate.lfw()
    made_from = f"{model.files[0].sha256} {model.input}"
    if model.head is not None:
        made_from += f" {sha256_beside(model, 'head')}"
    kept = kept_vectors(models, model.name, made_from, lfw)
    with engine, references.fast:
        measured = lfw_parity(engine, references.fast, lfw, _centre(model), kept, on_progress)
    return replace(parity, lfw=measured)


def check(parity: Parity, model: str, precision: str, backend: str, limits: ParityLimits) -> None:
    """Raise BuildError where a limit is not kept; it says which, and what to do."""
    failed = shortfall(parity, limits, precision)
    if failed is None:
        return
    other = {"int8": "bf16", "bf16": "fp32", "fp16": "fp32"}.get(precision)
    if backend == "tensorrt" and precision == "int8":
        other = "fp16"
    way_out = "set another engine.backend" if other is None else f"use engine.precision={other}"
    raise BuildError(
        f"{model}: the {backend} {precision} engine is refused: {failed} (against {parity.reference}, on "
        f"{parity.samples} of {parity.material}); {way_out}, or set that limit"
    )


def _compared(
    gate: Gate, model: ModelDescription, engine: Engine, reference: Engine, material: ParityMaterial
) -> Parity:
    """Crops of an embedder, frames of a detector; of other networks the outputs for painted images."""
    images = seeded_inputs(model)
    (given,) = engine.inputs
    have, want = (each.infer({given.name: images}) for each in (engine, reference))
    max_abs = max(_relative(have[spec.name], want[spec.name]) for spec in engine.outputs)
    vectors: VectorParity | None = None
    faces: FaceParity | None = None
    samples = len(images)
    if model.role == "embedding":
        vectors = compare_vectors(
            vectors_of(engine, material.crops),
            vectors_of(reference, material.crops),
            _centre(model),
            gate.max_distance,
        )
        samples = len(material.crops)
    elif gate.find is not None and material.frames:
        faces = compare_faces(gate.find(engine, material.frames), gate.find(reference, material.frames))
        samples = len(material.frames)
        if not faces.faces:
            raise BuildError(f"{model.name}: its reference finds no face in {material.name}; check its file")
    return Parity(
        reference=f"{reference.info.backend} {reference.info.precision}",
        material=material.name,
        samples=samples,
        max_abs=max_abs,
        vectors=vectors,
        faces=faces,
        lfw=None,
    )


def _centre(model: ModelDescription) -> F32 | None:
    return None if model.centre is None else read_centre(model.centre, model.dimension or 0)


def _relative(have: F32, want: F32) -> float:
    return float(np.max(np.abs(have - want)) / max(float(np.max(np.abs(want))), 1e-9))
