"""A photo set whose photos are spoiled as they are read, so that detection sees nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from pipeline.errors import SourceError

if TYPE_CHECKING:
    from engines.evaluation.degrade import Defect
    from engines.evaluation.face_set import FaceSet
    from pipeline.arrays import U8
    from pipeline.capture.photo_set import PhotoSet


def spoiled_set(photo_set: PhotoSet, defect: Defect, level: float, clean: FaceSet) -> PhotoSet:
    """The photos of `clean`, each spoiled about the face that was found there when it was clean.

    Where none was found, about the photo's middle. Noise is seeded by the photo's name, so that a second reading
    gives the same pixels. The fingerprint names defect and level, so that what is described is kept apart.
    """
    from hashlib import sha256

    import numpy as np

    from engines.evaluation.degrade import REVISION
    from pipeline.capture.photo_set import PhotoSet
    from pipeline.commands.evaluations.faces import middle_box

    row_of = {name: row for row, name in enumerate(clean.names)}
    kept = photo_set.only(lambda entry: entry.name in row_of)

    def read(rows: Sequence[int]) -> Iterator[U8 | SourceError]:
        wanted = {kept.entries[place].name for place in rows}
        for entry, image in kept.only(lambda entry: entry.name in wanted).photos():
            if isinstance(image, SourceError):
                yield image
                continue
            row = row_of[entry.name]
            box = clean.boxes[row] if clean.found[row] else middle_box(image)
            yield defect.spoil(image, box, level, np.random.default_rng(crc32(_bytes(entry.name))))

    mark = sha256(f"{kept.fingerprint} {defect.name} {level} {REVISION}".encode()).hexdigest()
    title = kept.source.with_name(f"{kept.source.name}, {defect.name} {level:g}")
    return PhotoSet(title, kept.entries, mark, tuple(range(len(kept.entries))), read)


def _bytes(name: str) -> bytes:
    """A file's name as it is on disk, where it may be no text."""
    return name.encode("utf-8", "surrogateescape")
