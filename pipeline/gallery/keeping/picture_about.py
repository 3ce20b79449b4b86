"""What a picture says of itself: a line of JSON in a JPEG's comment, without a name.

Readers of pictures show it (`exiftool -Comment`, Pillow's `image.info["comment"]`). Names are not in it: they change,
and forgetting somebody must not depend on finding every picture that names them.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ENOUGH = 4096
"""bytes of a file that hold its comment, where it has one"""

MAX_TEXT = 100
"""characters of a name; the end of a longer one is kept, which tells sightings apart"""

_START, _APP0, _COMMENT, _SCAN = b"\xff\xd8", b"\xff\xe0", b"\xff\xfe", b"\xff\xda"
"""markers, ITU-T T.81 table B.1"""


@dataclass(frozen=True, slots=True)
class About:
    """What is told of one picture."""

    camera: str
    sighting_id: str
    taken_at: datetime
    """UTC, of the frame"""
    frame_index: int
    pts_s: float
    quality: float
    """of the face, in [0, 1]"""
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 of the face, as fractions of this picture"""

    def text(self) -> str:
        """The line."""
        told = {
            "camera": self.camera[-MAX_TEXT:],
            "sighting_id": self.sighting_id[-MAX_TEXT:],
            "taken_at": self.taken_at.astimezone(UTC).isoformat(timespec="milliseconds"),
            "frame_index": self.frame_index,
            "pts_s": round(self.pts_s, 4),
            "quality": round(self.quality, 4),
            "box": [round(side, 4) for side in self.box],
        }
        return json.dumps(told, ensure_ascii=False)


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture with a comment, behind its JFIF header where it has one. Raises ValueError for no JPEG."""
    if not jpeg.startswith(_START):
        raise ValueError("a picture to be commented must be a JPEG")
    at = 2
    if jpeg[2:4] == _APP0:
        at += 2 + struct.unpack(">H", jpeg[4:6])[0]
    body = text.encode("utf-8", "replace")
    return jpeg[:at] + _COMMENT + struct.pack(">H", len(body) + 2) + body + jpeg[at:]


def comment_of(head: bytes) -> str | None:
    """The comment in the first bytes of a JPEG; None where it has none, or is no JPEG."""
    at = 2 if head.startswith(_START) else len(head)
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker, size = head[at : at + 2], struct.unpack(">H", head[at + 2 : at + 4])[0]
        if marker == _COMMENT:
            return head[at + 4 : at + 2 + size].decode("utf-8", "replace")
        if marker == _SCAN:
            return None
        at += 2 + size
    return None


def taken_at(head: bytes) -> datetime | None:
    """When a picture was taken, by its first bytes; None where it does not say so."""
    try:
        told = json.loads(comment_of(head) or "")
        return datetime.fromisoformat(told["taken_at"]).astimezone(UTC)
    except (ValueError, KeyError, TypeError):
        return None


def head_of(path: Path) -> bytes:
    """The first bytes of a file, as `taken_at` wants them; none of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(ENOUGH)
    except OSError:
        return b""
