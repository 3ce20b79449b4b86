"""The files that commands write: refused before the work and not after it, and never in a recording's place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from pipeline.commands.output import Tally
    from pipeline.runtime.measuring.metrics import MetricsSummary


def check_file(option: str, path: Path) -> None:
    """Raise BadInputError or OutsideError where the file that an option names cannot be written."""
    if path.is_dir():
        raise BadInputError(f"{option} {path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise BadInputError(f"{option} {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise OutsideError(f"{option} {path}: {path.parent} may not be written; name another folder")


def annotated_files(
    annotate_to: Path | None, cameras: Sequence[str], recordings: Iterable[Path]
) -> dict[str, Path]:
    """Where each camera's annotated video goes: OUT.mp4, or OUT-CAMERA.mp4 where there are several.

    Raises BadInputError for a name that no video can have or that is a recording's, OutsideError where it cannot
    be written.
    """
    from pipeline.capture.recorder import check_path

    if annotate_to is None:
        return {}
    outputs = {camera: annotate_to.with_stem(f"{annotate_to.stem}-{camera}") for camera in cameras}
    if len(cameras) == 1:
        outputs = {cameras[0]: annotate_to}
    for path in outputs.values():
        check_path(path)
        _check_free("--annotate", path, recordings)
        check_file("--annotate", path)
    return outputs


def check_summary(path: Path, others: Iterable[Path]) -> None:
    """Raise BadInputError or OutsideError where the summary cannot be written, or is one of the other files."""
    _check_free("--summary", path, others)
    check_file("--summary", path)


def write_summary(path: Path, metrics: MetricsSummary, tally: Tally) -> None:
    """The counts of a replay as one JSON object. Raises OutsideError where the file cannot be written."""
    summary = {
        "frames": metrics.frames,
        "seconds": round(metrics.seconds, 4),
        "fps": round(metrics.fps, 2),
        "looks": metrics.frames_looked,
        "faces": metrics.faces,
        "embeddings": metrics.embeddings,
        "events": tally.events,
        "sightings": tally.sightings,
        "identities": tally.identities,
        "drops": {f"{drop.queue}:{drop.camera}": drop.count for drop in metrics.drops},
        "latency_ms": {"p50": _rounded(metrics.latency_p50_ms), "p99": _rounded(metrics.latency_p99_ms)},
        "stages": {
            stage.stage: {"batches": stage.batches, "items": stage.items, "busy_s": round(stage.busy_s, 4)}
            for stage in metrics.stages
        },
    }
    try:
        _write_whole(path, json.dumps(summary, indent=2) + "\n")
    except OSError as error:
        raise OutsideError(
            f"--summary {path}: cannot be written ({error.strerror}); name another file"
        ) from error


def _check_free(option: str, path: Path, taken: Iterable[Path]) -> None:
    """Raise BadInputError where the file is one of those taken."""
    for other in taken:
        if path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other)):
            raise BadInputError(f"{option} {path}: would replace {other}; name another file")


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; what had the name before stays where it cannot be written."""
    if path.is_symlink() or (path.exists() and not path.is_file()):  # /dev/stdout is to stay one
        path.write_text(text, encoding="utf-8")
        return
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
