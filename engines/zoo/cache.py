"""Where model files are kept, and whether they are what their descriptions say.

    <models>/<name>/<file>            the files
    <models>/<name>/verified.json     size and time of each when its hash was last found right

A second start trusts that record instead of reading 94 MB again; a file of another size or time is hashed anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO

from engines.zoo.description import ModelDescription, ModelFile
from engines.zoo.lock import scratch_file

log = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
RECORD = "verified.json"

OnBytes = Callable[[int], None]


class FileState(Enum):
    """What is known of a file."""

    MISSING = "missing"
    UNCHECKED = "fetched"
    """there, but not hashed since it was last written"""
    VERIFIED = "verified"
    DAMAGED = "damaged"
    """there, with another hash"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file when its hash was found right."""

    sha256: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ModelCache:
    """The folder of model files."""

    root: Path

    def folder(self, model: ModelDescription) -> Path:
        """The folder of one model's files."""
        return self.root / model.name

    def path(self, model: ModelDescription, file: ModelFile) -> Path:
        """Where this file is kept."""
        return self.folder(model) / file.file_name

    def paths(self, model: ModelDescription) -> tuple[Path, ...]:
        """Where the model's files are kept, in the description's order."""
        return tuple(self.path(model, file) for file in model.files)

    def recorded_state(self, model: ModelDescription, file: ModelFile) -> FileState:
        """What is known without reading the file."""
        path = self.path(model, file)
        if not path.is_file():
            return FileState.MISSING
        known = self._records(model).get(file.file_name)
        return FileState.VERIFIED if known == _seen(path, file.sha256) else FileState.UNCHECKED

    def verified_state(
        self, model: ModelDescription, file: ModelFile, on_bytes: OnBytes = lambda _: None
    ) -> FileState:
        """What is known after reading the file where that is needed; what is found right is recorded."""
        state = self.recorded_state(model, file)
        if state is not FileState.UNCHECKED:
            return state
        path = self.path(model, file)
        if hash_file(path, on_bytes) != file.sha256:
            return FileState.DAMAGED
        self._record(model, file)
        return FileState.VERIFIED

    def install(
        self, model: ModelDescription, file: ModelFile, stream: IO[bytes], on_bytes: OnBytes = lambda _: None
    ) -> bool:
        """Copy a stream to the file's place if its hash is right; else leave what is there, and say False.

        Raises OSError where the folder cannot be written.
        """
        path = self.path(model, file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_file(path) as partial:
            digest = hashlib.sha256()
            with partial.open("wb") as out:
                while chunk := stream.read(CHUNK_BYTES):
                    digest.update(chunk)
                    out.write(chunk)
                    on_bytes(len(chunk))
            if digest.hexdigest() != file.sha256:
                return False
            os.replace(partial, path)
        self._record(model, file)
        return True

    def _records(self, model: ModelDescription) -> dict[str, Seen]:
        try:
            entries = json.loads((self.folder(model) / RECORD).read_text(encoding="utf-8"))
            return {name: Seen(**entry) for name, entry in entries.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}  # none yet, or not ours: the files are hashed again

    def _record(self, model: ModelDescription, file: ModelFile) -> None:
        records = self._records(model)
        records[file.file_name] = _seen(self.path(model, file), file.sha256)
        entries = {
            name: {"sha256": seen.sha256, "size_bytes": seen.size_bytes, "mtime_ns": seen.mtime_ns}
            for name, seen in sorted(records.items())
        }
        try:
            with scratch_file(self.folder(model) / RECORD) as partial:
                partial.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
                os.replace(partial, self.folder(model) / RECORD)
        except OSError as error:
            # A read-only folder of good files is fine; they are only hashed at every start.
            log.info("%s: %s could not be written: %s", model.name, RECORD, error.strerror)


def hash_file(path: Path, on_bytes: OnBytes = lambda _: None) -> str:
    """SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            on_bytes(len(chunk))
    return digest.hexdigest()


def _seen(path: Path, sha256: str) -> Seen:
    stat = path.stat()
    return Seen(sha256, stat.st_size, stat.st_mtime_ns)
