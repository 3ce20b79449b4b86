"""What a picture's first bytes say: its format, its size and whether it can be seen through.

Read before decoding, because a file of a few kilobytes can claim a picture of gigabytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

FORMATS = "JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF"


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """Claims of a picture about itself."""

    format: str
    width: int
    """pixels as stored, before any turn"""
    height: int
    """pixels as stored, before any turn"""
    has_alpha: bool
    """may be transparent in places"""


def format_of(data: bytes) -> str | None:
    """Which of `FORMATS` these bytes begin, or HEIC, which we know but cannot read; None for anything else."""
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:2] == b"BM":
        return "BMP"
    if data[:4] in (b"II*\0", b"MM\0*"):
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if data[4:8] == b"ftyp":
        brands = {b"avif": "AVIF", b"avis": "AVIF"} | dict.fromkeys(
            (b"heic", b"heix", b"mif1", b"msf1"), "HEIC"
        )
        return brands.get(data[8:12])
    return None


def read_header(data: bytes, picture_format: str) -> PictureHeader:
    """Size and transparency of a picture in one of `FORMATS`.

    Raises:
        ValueError: the file is cut off, or claims nonsense.
    """
    readers = {
        "JPEG": _jpeg,
        "PNG": _png,
        "WebP": _webp,
        "BMP": _bmp,
        "TIFF": _tiff,
        "GIF": _gif,
        "AVIF": _avif,
    }
    try:
        width, height, has_alpha = readers[picture_format](data)
    except (struct.error, IndexError) as error:
        raise ValueError("is cut off within its header") from error
    if width < 1 or height < 1:
        raise ValueError(f"claims to be {width}x{height} pixels")
    return PictureHeader(picture_format, width, height, has_alpha)


def tiff_values(data: bytes) -> dict[int, int]:
    """First values of the short and long tags of a TIFF's first directory; EXIF is such a TIFF.

    TIFF 6.0, section 2: byte order, 42, offset of the directory; entries of tag, type, count, value.
    """
    order = "<" if data[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, start)
    values = {}
    for entry in range(count):
        tag, kind = struct.unpack_from(order + "HH", data, start + 2 + 12 * entry)
        if kind in (3, 4):
            (values[tag],) = struct.unpack_from(
                order + ("H" if kind == 3 else "I"), data, start + 10 + 12 * entry
            )
    return values


def exif_orientation(exif: bytes) -> int:
    """Orientation 1 to 8 of an EXIF block (tag 0x0112); 1, upright, where it says nothing or nonsense."""
    try:
        value = tiff_values(exif).get(0x0112, 1)
    except (struct.error, IndexError):
        return 1
    return value if 1 <= value <= 8 else 1


_Size = tuple[int, int, bool]


def _jpeg(data: bytes) -> _Size:
    at = 2
    while True:
        marker = data[at + 1]
        if data[at] != 0xFF or marker == 0xFF:
            # Padding between segments.
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height, False
        else:
            (length,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + length


def _png(data: bytes) -> _Size:
    width, height, _, colour = struct.unpack_from(">IIBB", data, 16)
    if b"IEND" not in data:
        # libpng would say so too, but on standard error.
        raise ValueError("is cut off")
    pixels = data.find(b"IDAT")
    return width, height, colour in (4, 6) or data.find(b"tRNS", 0, max(pixels, 0)) > 0


def _webp(data: bytes) -> _Size:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height, bool(data[20] & 0x10)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF, False


def _bmp(data: bytes) -> _Size:
    (header_bytes,) = struct.unpack_from("<I", data, 14)
    if header_bytes == 12:
        return (*struct.unpack_from("<HH", data, 18), False)
    width, height = struct.unpack_from("<ii", data, 18)
    # A negative height means that the first row is the top one. The fourth byte of a pixel is seldom alpha.
    return width, abs(height), False


def _tiff(data: bytes) -> _Size:
    values = tiff_values(data)
    # 262: 2 is RGB; 277: a fourth sample of it is alpha, whether ExtraSamples says so or not. CMYK has four too.
    return values.get(256, 0), values.get(257, 0), values.get(262) == 2 and values.get(277, 1) >= 4


def _gif(data: bytes) -> _Size:
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height, True


def _avif(data: bytes) -> _Size:
    # Sizes stand in `ispe` boxes, one for the picture and one for each tile, alpha plane and thumbnail.
    sizes: list[tuple[int, int]] = []
    at = data.find(b"ispe")
    while at >= 0 and len(sizes) < 1000:
        sizes.append(struct.unpack_from(">II", data, at + 8))
        at = data.find(b"ispe", at + 12)
    width, height = max(sizes, key=lambda size: size[0] * size[1], default=(0, 0))
    return width, height, b"auxl" in data[: 1 << 16]
