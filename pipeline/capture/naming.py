"""What cameras are called: as given, else after their source."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import PurePath
from typing import NamedTuple
from urllib.parse import urlsplit

from pipeline.errors import SourceError

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""a name stands in event ids, Redis channels and file names, so it holds nothing that they give a meaning"""


class CameraSource(NamedTuple):
    """A source and the name of its camera."""

    camera: str
    source: str
    """a path or an address"""


def name_cameras(
    arguments: Sequence[str], exists: Callable[[str], bool] = os.path.exists
) -> list[CameraSource]:
    """Sources of a command line, each `NAME=SOURCE` or a source, with names that are all different.

    A source without a name is called after its file's stem, or its host and path without credentials; where
    that is taken, `-2`, `-3` and so on is added. A file that exists is a source whatever its name holds.

    >>> name_cameras(["door=a.mp4", "b/lobby.mp4", "c/lobby.mp4"], lambda path: False)[2].camera
    'lobby-2'

    Args:
        arguments: as typed.
        exists: whether there is a file of this name.

    Raises:
        SourceError: a given name holds other characters than letters, digits, `.`, `_` and `-`, or is given
            twice; or a source is missing.
    """
    split = [_split(argument, exists) for argument in arguments]
    taken: set[str] = set()
    for given in (name for name, _ in split if name is not None):
        if given in taken:
            raise SourceError(f"two cameras are called {given!r}; give each a name of its own")
        taken.add(given)
    named = []
    for name, source in split:
        # Given names were taken first, so that no other source can come before them to one.
        camera = name if name is not None else free_name(name_of_source(source), taken)
        taken.add(camera)
        named.append(CameraSource(camera, source))
    return named


def name_of_source(source: str) -> str:
    """A camera name made of a path's stem or an address's host and path; never of its user and password.

    >>> name_of_source("rtsp://ann:secret@10.0.0.5:554/lobby/main?profile=1")
    '10.0.0.5-lobby-main'
    """
    if "://" in source:
        scheme, _, rest = source.partition("://")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        if ":" in authority and "@" not in authority:
            # "ann:pa/ss@cam/1": what looks like the path may be the rest of a password.
            rest = rest[rest.rfind("@") + 1 :]
        try:
            address = urlsplit(f"{scheme}://{rest}")
        except ValueError:
            raise SourceError(
                "a camera's address is not valid; write rtsp://user:password@host/path"
            ) from None
        text = f"{address.hostname or ''}-{address.path}"
    else:
        text = PurePath(source).stem
    return re.sub(r"[^A-Za-z0-9._]+", "-", text).strip("-.")[:60].rstrip("-.") or "camera"


def free_name(name: str, taken: set[str]) -> str:
    """The name, or the first of name-2, name-3 ... that is free."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free


def check_name(name: str) -> str:
    """The name, if a camera may be called that; raises SourceError otherwise."""
    if not NAME.fullmatch(name) or not name.strip("."):
        raise SourceError(
            f"camera name {name!r}: use up to 64 letters, digits, '.', '_' and '-', as in 'front-door=SOURCE'"
        )
    return name


def _split(argument: str, exists: Callable[[str], bool]) -> tuple[str | None, str]:
    """Name, if one is given, and source."""
    name, equals, source = argument.partition("=")
    # In "rtsp://host/?id=1" and "takes/a=b.mp4" the sign belongs to the source.
    if not equals or "/" in name or exists(argument):
        name, source = "", argument
    if not source:
        raise SourceError(f"{argument!r}: a source is missing; write NAME=SOURCE or a source alone")
    if equals and source != argument:
        return check_name(name), source
    return None, source
