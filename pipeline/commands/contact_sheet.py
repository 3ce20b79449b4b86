"""The contact sheet of `cluster`: one HTML page, whole in one file, that needs no network and runs no script."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.report import visible
from pipeline.commands.written_files import check_file
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from pipeline.arrays import F32, U8

MARK = '<meta name="generator" content="facestream cluster">'
"""in the first bytes of every sheet: only files that hold it are replaced"""
MARK_WITHIN = 512
"""bytes"""
ENDINGS = frozenset({".html", ".htm"})
THUMBNAIL_PX = 128
"""longer side; 4 kB each, so that a sheet of 10,000 faces has 55 MB"""
JPEG_QUALITY = 82
SURROUNDINGS = 0.35
"""of the box's longer side, kept on each side of it: hair and chin tell people apart for who looks"""

HEAD = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{MARK}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Faces grouped by person</title>
<style>
:root {{ color-scheme: light dark; --quiet: color-mix(in srgb, CanvasText 65%, Canvas); }}
body {{ margin: 0 auto; padding: 1rem; max-width: 90rem; font: 1rem/1.4 system-ui, sans-serif; }}
h1 {{ font-size: 1.4rem; margin: 0; }}
h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .5rem; }}
p, small, figcaption {{ color: var(--quiet); }}
h2 small {{ font-weight: normal; }}
section {{ content-visibility: auto; contain-intrinsic-size: auto 12rem; }}
.faces {{ display: grid; gap: .6rem; grid-template-columns: repeat(auto-fill, minmax(5.5rem, 1fr)); }}
figure {{ margin: 0; min-width: 0; max-width: 9rem; }}
img {{ display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .3rem; }}
figcaption {{ font-size: .75rem; line-height: 1.25; max-height: 3.75em; overflow: hidden; overflow-wrap: anywhere; }}
</style>
</head>
<body>
"""


@dataclass(frozen=True, slots=True)
class SheetFace:
    """A face on the page."""

    caption: str
    """below it: what tells its photo from the others"""
    photo: str
    """the file as it was given, with whatever its name holds"""
    quality: float
    """in [0, 1]"""
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class SheetSection:
    """Faces under one heading."""

    title: str
    note: str
    """behind the title, in small"""
    faces: Sequence[SheetFace]


def check_sheet(path: Path) -> None:
    """Raise BadInputError or OutsideError, before the work and not after it, where no sheet can be written.

    A file that is no earlier sheet is never replaced: a slip of the hand must not cost a photo.
    """
    if path.suffix.lower() not in ENDINGS:
        raise BadInputError(f"--sheet {path}: the sheet is a web page; name a file that ends in .html")
    check_file("--sheet", path)
    if (path.exists() or path.is_symlink()) and not _is_sheet(path):
        raise BadInputError(
            f"--sheet {path}: is there already and no contact sheet; name another file, or delete it"
        )


def write_sheet(path: Path, title: str, notes: Sequence[str], sections: Sequence[SheetSection]) -> None:
    """Write the page, whole or not at all. Raises OutsideError."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.writelines(page(title, notes, sections))
        os.replace(part, path)
    except OSError as error:
        raise OutsideError(
            f"--sheet {path}: cannot be written ({error.strerror}); make room, or name another file"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def page(title: str, notes: Sequence[str], sections: Sequence[SheetSection]) -> Iterator[str]:
    """The page's text in pieces. Every text is escaped: a file's name may hold anything."""
    yield f"{HEAD}<h1>{shown(title)}</h1>\n"
    for note in notes:
        yield f"<p>{shown(note)}</p>\n"
    for section in sections:
        yield f'<section>\n<h2>{shown(section.title)} <small>{shown(section.note)}</small></h2>\n<div class="faces">\n'
        for face in section.faces:
            yield figure(face)
        yield "</div>\n</section>\n"
    yield "</body>\n</html>\n"


def figure(face: SheetFace) -> str:
    """One face with its caption; the file and the quality show where the pointer rests."""
    about = shown(f"{face.photo}, quality {face.quality:.2f}")
    picture = b64encode(face.jpeg).decode("ascii")
    return (
        f'<figure title="{about}"><img alt="{about}" src="data:image/jpeg;base64,{picture}">'
        f"<figcaption>{shown(face.caption)}</figcaption></figure>\n"
    )


def shown(text: str) -> str:
    """`text` as HTML that means only what it says; what cannot be printed, line ends and bytes that are no text too,
    as it is written in Python."""
    return escape(visible(text), quote=True)


def thumbnail(image: U8, box: F32) -> bytes:
    """A JPEG of one face, box (4,) in pixels, and what is around it, out of an RGB image (H, W, 3)."""
    import cv2
    import numpy as np

    height, width = image.shape[:2]
    centre, reach = (box[:2] + box[2:]) / 2, (0.5 + SURROUNDINGS) * float(np.max(box[2:] - box[:2]))
    left, top = np.clip(np.floor(centre - reach), 0, (width - 1, height - 1)).astype(np.int64).tolist()
    right, bottom = (
        np.clip(np.ceil(centre + reach), (left + 1, top + 1), (width, height)).astype(np.int64).tolist()
    )
    region = np.ascontiguousarray(image[top:bottom, left:right, ::-1])
    longer = max(region.shape[:2])
    if longer > THUMBNAIL_PX:
        scale = THUMBNAIL_PX / longer
        size = (max(1, round(region.shape[1] * scale)), max(1, round(region.shape[0] * scale)))
        region = np.asarray(cv2.resize(region, size, interpolation=cv2.INTER_AREA), np.uint8)
    written, jpeg = cv2.imencode(".jpg", region, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert written
    return jpeg.tobytes()


def _is_sheet(path: Path) -> bool:
    """Whether `write_sheet` wrote this file."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return MARK.encode() in file.read(MARK_WITHIN)
    except OSError:
        return False
