"""Photos that an import refused, kept so that the next one need not look at them again.

A file of JSON Lines below the data folder, named after everything that decides: another model, limit or option has
another file. It holds hashes of photos and reasons, no names and nothing biometric, and may be deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

FOLDER = "imports"
"""below the data folder"""
VERSION = 1
"""raised when what refuses a photo changes in the code"""


@dataclass(frozen=True, slots=True)
class Reject:
    """A photo that was refused."""

    image: str
    """SHA-256 of its bytes"""
    reason: str
    among: str | None
    """EnrolledImages.fingerprint of the person whom it does not look like; None: refused by itself"""


class KeptRejects:
    """The rejects of one recipe. Threads may ask while one adds."""

    def __init__(self, path: Path | None, rejects: Sequence[Reject]) -> None:
        self._path = path
        self._rejects = {one.image: one for one in rejects}

    @classmethod
    def open(cls, data: Path, recipe: str) -> Self:
        """What was kept for this recipe; an empty one, of which nothing is known, keeps nothing.

        What another program, or a kill in the middle of a line, left in the file is passed over.
        """
        if not recipe:
            return cls(None, ())
        path = data / FOLDER / f"{hashlib.sha256(f'{VERSION} {recipe}'.encode()).hexdigest()[:24]}.jsonl"
        try:
            lines = path.read_bytes().splitlines()
        except OSError:
            lines = []
        return cls(path, [one for one in map(_parse, lines) if one is not None])

    def __len__(self) -> int:
        return len(self._rejects)

    def find(self, image_sha256: str, among: str) -> Reject | None:
        """Why this photo was refused, by itself or among these images of the person."""
        found = self._rejects.get(image_sha256)
        return found if found is not None and found.among in (None, among) else None

    def add(self, new: Sequence[Reject]) -> None:
        """Keep these too, through a crash from here on. Raises OSError where the file cannot be written."""
        fresh = [one for one in new if self._rejects.get(one.image) != one]
        self._rejects.update((one.image, one) for one in fresh)
        if self._path is None or not fresh:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            # The line feed first ends what a killed program may have left of a line.
            file.write(b"".join(b"\n" + json.dumps(asdict(one)).encode() for one in fresh) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _parse(line: bytes) -> Reject | None:
    try:
        match json.loads(line):
            case {"image": str(image), "reason": str(reason), "among": str() | None as among}:
                return Reject(image, reason, among)
            case _:
                return None
    except (ValueError, RecursionError):
        return None
