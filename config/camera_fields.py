"""What a camera's keys take that no plain type says: ids, addresses, polygons, names. Each check says what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, TypeGuard

from pydantic import BeforeValidator

from config.secrets import Secret
from config.text_file import shown

ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""an id stands in event ids, Redis channels and file names, so it holds nothing that they give a meaning"""
MAX_ADDRESS = 4096
MAX_POLYGONS = 32
MAX_POINTS = 200
MAX_WATCHLISTS = 32
MIN_AREA = 1e-6
"""of the frame; a polygon below it is a line and covers nothing. One pixel of a 1000 x 1000 frame"""
POLYGONS = "a list of polygons, each a list of points [x, y] from 0 to 1, as [[[0, 0], [1, 0], [1, 1]]]"

Point = tuple[float, float]
"""x to the right, y down, both fractions of the frame as it is looked at: after `rotate`"""
Polygon = tuple[Point, ...]
"""at least three points; the last is joined to the first"""


def check_id(value: object) -> str:
    """A camera's id. Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, got {shown(value)}; write it in quotes")
    if not ID.fullmatch(value) or not value.strip("."):
        raise ValueError(f"expected up to 64 letters, digits, '.', '_' and '-', got {shown(value)!r}")
    return value


def check_address(value: object) -> str:
    """An address; what is wrong with it is said without it. Raises ValueError."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("expected an address, as rtsp://user:password@host/path")
    if len(value) > MAX_ADDRESS or not value.isprintable() or value != value.strip():
        raise ValueError(
            f"expected an address of up to {MAX_ADDRESS} printable characters without spaces around it; "
            "what was given is a secret and not shown"
        )
    return value


def check_polygons(value: object) -> tuple[Polygon, ...]:
    """Polygons; nothing is none. Raises ValueError."""
    if value is None:
        return ()
    if not _is_list(value):
        raise ValueError(f"expected {POLYGONS}, got {shown(value)}")
    if len(value) > MAX_POLYGONS:
        raise ValueError(f"{len(value)} polygons; at most {MAX_POLYGONS}")
    return tuple(_polygon(each, f"polygon {number}") for number, each in enumerate(value, 1))


def check_names(value: object) -> tuple[str, ...]:
    """Names of watchlists; nothing is none. Raises ValueError."""
    if value is None:
        return ()
    if not _is_list(value):
        raise ValueError(f"expected a list of names, as [vip, staff], got {shown(value)}")
    if len(value) > MAX_WATCHLISTS:
        raise ValueError(f"{len(value)} names; at most {MAX_WATCHLISTS}")
    for each in value:
        if not isinstance(each, str) or not each.strip():
            raise ValueError(f"expected names of watchlists, got {shown(each)}; write it in quotes")
    if len(set(value)) != len(value):
        raise ValueError("a name is given twice; keep one")
    return tuple(value)


CameraId = Annotated[str, BeforeValidator(check_id)]
Address = Annotated[Secret, BeforeValidator(check_address)]
Polygons = Annotated[tuple[Polygon, ...], BeforeValidator(check_polygons)]
Names = Annotated[tuple[str, ...], BeforeValidator(check_names)]


def _polygon(value: object, place: str) -> Polygon:
    if not _is_list(value) or any(isinstance(each, int | float) for each in value):
        raise ValueError(f"{place}: expected {POLYGONS}, got {shown(value)}")
    if not 3 <= len(value) <= MAX_POINTS:
        raise ValueError(f"{place}: has {len(value)} points; give from 3 to {MAX_POINTS}")
    points = tuple(_point(each, f"{place}: point {number}") for number, each in enumerate(value, 1))
    doubled = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise((*points, points[0])))
    if abs(doubled) / 2.0 < MIN_AREA:
        raise ValueError(f"{place}: covers nothing; its points lie on a line")
    return points


def _point(value: object, place: str) -> Point:
    if _is_list(value) and len(value) == 2 and _is_fraction(value[0]) and _is_fraction(value[1]):
        return float(value[0]), float(value[1])
    raise ValueError(f"{place}: expected [x, y], each from 0 to 1, got {shown(value)}")


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value <= 1.0
