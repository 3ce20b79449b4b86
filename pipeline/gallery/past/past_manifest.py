"""What a kept index of past sightings says of itself."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.gallery.disk import sync
from pipeline.gallery.memory.snapshot_files import MANIFEST_FILE, MAX_MANIFEST, DoubtfulSnapshotError

FORMAT = 1
"""of manifest and files; another is not read"""

PIECE_ROWS = 65_536
"""that have one checksum"""


@dataclass(frozen=True, slots=True)
class PastManifest:
    """What a folder is of. Raises ValueError for what cannot be true of one."""

    gallery_id: str
    model_id: str
    """of the vectors; of several, all of them (comparable.name_of)"""
    dimension: int
    """of the vectors"""
    width: int
    """of the projections"""
    rows: int
    cameras: tuple[str, ...]
    axes_crc: int
    crcs: tuple[tuple[int, int], ...]
    """of each PIECE_ROWS of rows.bin and of projected.bin"""

    def __post_init__(self) -> None:
        for name in ("dimension", "width", "rows", "axes_crc"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name} is {value!r}")
        if len(self.crcs) != -(-self.rows // PIECE_ROWS):
            raise ValueError(f"{len(self.crcs)} checksums are not those of {self.rows} rows")


def write_past_manifest(folder: Path, manifest: PastManifest) -> None:
    """Put a manifest in the place of the one before, whole or not at all. Raises OSError."""
    part = folder / f"{MANIFEST_FILE}.part"
    text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1) + "\n"
    with os.fdopen(
        os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / MANIFEST_FILE)
    sync(folder)


def read_past_manifest(folder: Path) -> PastManifest:
    """Raises DoubtfulSnapshotError."""
    try:
        with (folder / MANIFEST_FILE).open("rb") as file:
            raw = file.read(MAX_MANIFEST + 1)
        document = json.loads(raw)
        form = document["format"]
    except OSError as error:
        raise DoubtfulSnapshotError(f"its manifest cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DoubtfulSnapshotError("its manifest is no manifest") from error
    if form != FORMAT:
        raise DoubtfulSnapshotError(f"it is of format {form}, and this Facestream reads {FORMAT}")
    try:
        return _manifest(document)
    except (ValueError, TypeError, KeyError) as error:
        raise DoubtfulSnapshotError(f"its manifest is damaged ({error})") from error


def _manifest(document: Mapping[str, Any]) -> PastManifest:
    """Raises ValueError, TypeError, KeyError."""
    return PastManifest(
        gallery_id=str(document["gallery_id"]),
        model_id=str(document["model_id"]),
        dimension=document["dimension"],
        width=document["width"],
        rows=document["rows"],
        cameras=tuple(str(each) for each in document["cameras"]),
        axes_crc=document["axes_crc"],
        crcs=tuple((int(rows), int(projected)) for rows, projected in document["crcs"]),
    )
