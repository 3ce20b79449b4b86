"""Photos named on a command line, for `enroll` and `identify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.commands.context import Context
from pipeline.errors import BadInputError

NAMED = 3
"""skipped files that a message names"""


def given_photos(context: Context, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Files as given, missing ones too, and the photos in folders; each once.

    A file that cannot be read shall not stop the others, so that it is left to whoever reads it. Raises
    BadInputError where there is nothing to read, SourceError for a folder that may not be read.
    """
    from pipeline.capture.photo import photos_under

    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        under = photos_under([path])
        found += under.photos
        if under.skipped:
            names = ", ".join(str(one.path.relative_to(path)) for one in under.skipped[:NAMED])
            more = "" if len(under.skipped) <= NAMED else f" and {len(under.skipped) - NAMED} more"
            context.say(f"{path}: skipped what are no photos: {names}{more}")
    if not found:
        raise BadInputError(f"{paths[0]}: no photo in this folder; give photos or a folder that has some")
    return tuple(dict.fromkeys(found))
