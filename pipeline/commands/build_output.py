"""What `build` and `models` tell of engines: JSON records and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.context import Context

if TYPE_CHECKING:
    from engines.build.built import Built
    from engines.manifest import Parity


@dataclass(frozen=True, slots=True)
class BuiltEngine:
    """One engine that `build` was asked for."""

    built: Built
    reason: str
    """why this backend and precision"""
    anew: bool
    """False: it was there already, up to date and compared"""


def engine_record(built: Built) -> dict[str, object]:
    """An engine for JSON: its file, what it was made with, and how far it is from the reference."""
    manifest, recipe = built.manifest, built.manifest.recipe
    facts = manifest.tensorrt
    return {
        "path": str(built.network),
        "sha256": next((file.sha256 for file in manifest.files if file.name == built.network.name), None),
        "bytes": built.size_bytes,
        "seconds": manifest.seconds,
        "backend": recipe.backend,
        "precision": recipe.precision,
        "versions": recipe.versions,
        "profiles": [] if facts is None else [asdict(profile) for profile in facts.profiles],
        "gpu": None if facts is None or facts.gpu is None else asdict(facts.gpu),
        "compute_capabilities": [] if facts is None else list(facts.compute_capabilities),
        "parity": parity_record(manifest.parity),
        "unchecked": manifest.unchecked or None,
        "network_parity": parity_record(manifest.network_parity),
    }


def parity_record(parity: Parity | None) -> dict[str, object] | None:
    """A comparison for JSON, with what follows from its counts."""
    if parity is None:
        return None
    record = asdict(parity)
    record["max_squared_l2"] = parity.max_squared_l2
    if parity.vectors is not None:
        record["vectors"]["changed_share"] = parity.vectors.changed_share
    if parity.faces is not None:
        record["faces"]["recall"] = parity.faces.recall
    if parity.lfw is not None:
        record["lfw"]["loss"] = round(parity.lfw.loss, 6)
    return record


def print_engines(context: Context, engines: Sequence[BuiltEngine]) -> None:
    """A row an engine, and what nothing here could check."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("MODEL", "ENGINE", "MB", "S", "AGAINST", "COMPARED", "PATH"):
        table.add_column(heading, justify="right" if heading in ("MB", "S") else "left", overflow="fold")
    for each in engines:
        manifest, recipe = each.built.manifest, each.built.manifest.recipe
        parity = manifest.parity or manifest.network_parity
        table.add_row(
            recipe.model,
            f"{recipe.backend} {recipe.precision}",
            f"{each.built.size_bytes / 1e6:.1f}",
            f"{manifest.seconds:.1f}" if each.anew else "there",
            "" if parity is None else f"{parity.reference}, {parity.samples} of {parity.material}",
            "; ".join(parity_words(parity)),
            str(_near(each.built.network)),
        )
    context.print(table)
    for each in engines:
        if each.built.manifest.unchecked:
            context.print(
                f"{each.built.manifest.recipe.model}: COMPILED, NOT CHECKED HERE: {each.built.manifest.unchecked}. "
                "The figures above are of its network, run by OpenVINO."
            )


def parity_words(parity: Parity | None) -> list[str]:
    """A comparison for people, a few words a figure."""
    if parity is None:
        return []
    words = []
    if (vectors := parity.vectors) is not None:
        words.append(f"cosine {vectors.worst_cosine:.4f} worst, {vectors.mean_cosine:.4f} mean")
        words.append(
            f"{vectors.changed_decisions} of {vectors.pairs} decisions changed"
            if vectors.pairs
            else "decisions not compared: no distance is known for it"
        )
    if (faces := parity.faces) is not None:
        words.append(f"{faces.found} of {faces.faces} faces found, {faces.spurious} more")
        words.append(
            f"landmarks {faces.landmark_error:.2%} of the face off, {faces.landmark_error_px:.2f} px"
        )
    if not words:
        words.append(f"outputs {parity.max_abs:.2g} off")
    if (lfw := parity.lfw) is not None:
        words.append(f"LFW {lfw.accuracy:.4f}, reference {lfw.reference_accuracy:.4f}")
    return words


def _near(path: Path) -> Path:
    """Relative to where the command runs, if it is below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
