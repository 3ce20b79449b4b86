"""What is wrong with a path before anything reads it."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import SourceError


def check_readable(path: Path, what: str) -> None:
    """Raise SourceError unless `path` is a file with something in it that we may read; `what` it should be."""
    try:
        if path.is_dir():
            raise SourceError(f"{path}: is a folder; name a {what} in it")
        if not path.exists():
            raise SourceError(f"{path}: no such file; check the path")
        if not path.is_file():
            raise SourceError(f"{path}: is not a regular file; give a {what}")
        if not os.access(path, os.R_OK):
            raise SourceError(f"{path}: may not be read; change its permissions")
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: is empty; copy the {what} again")
    except (OSError, ValueError) as error:
        # A folder on the way may not be entered, the name is too long, or it holds a zero byte.
        raise SourceError(f"{path}: cannot be looked at ({error}); check the path") from error
