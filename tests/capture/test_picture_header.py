"""Sizes are read before anything is decoded."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from pipeline.capture.picture_header import exif_orientation, format_of, read_header, tiff_values

FORMATS = {
    "jpg": "JPEG",
    "png": "PNG",
    "webp": "WebP",
    "bmp": "BMP",
    "tiff": "TIFF",
    "gif": "GIF",
    "avif": "AVIF",
}


def encoded(suffix: str, width: int, height: int, channels: int = 3) -> bytes:
    picture = np.random.default_rng(0).integers(0, 255, (height, width, channels), dtype=np.uint8)
    done, data = cv2.imencode(f".{suffix}", picture)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("size", [(40, 24), (301, 17), (16, 500)])
def test_sizes(suffix: str, size: tuple[int, int]) -> None:
    data = encoded(suffix, *size)
    assert format_of(data) == FORMATS[suffix]
    header = read_header(data, FORMATS[suffix])
    assert (header.width, header.height) == size


@pytest.mark.parametrize("lossless", [False, True])
def test_sizes_of_webp_kinds(lossless: bool) -> None:
    picture = np.zeros((30, 50, 3), np.uint8)
    data = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, 101 if lossless else 80])[1].tobytes()
    assert data[12:16] == (b"VP8L" if lossless else b"VP8 ")
    header = read_header(data, "WebP")
    assert (header.width, header.height) == (50, 30)


@pytest.mark.parametrize(
    ("suffix", "channels", "alpha"), [("png", 3, False), ("png", 4, True), ("jpg", 3, False)]
)
def test_alpha(suffix: str, channels: int, alpha: bool) -> None:
    assert read_header(encoded(suffix, 9, 9, channels), FORMATS[suffix]).has_alpha is alpha


def test_old_and_upside_down_bitmaps() -> None:
    old = b"BM" + bytes(12) + struct.pack("<IHHHH", 12, 640, 480, 1, 24)
    top_first = b"BM" + bytes(12) + struct.pack("<Iii", 40, 640, -480)
    for data in (old, top_first):
        header = read_header(data, "BMP")
        assert (header.width, header.height) == (640, 480)


@pytest.mark.parametrize("suffix", FORMATS)
def test_headers_that_are_cut_off(suffix: str) -> None:
    data = encoded(suffix, 40, 24)
    for length in (6, 8) if suffix in ("gif", "tiff") else (12, 16, 20):
        with pytest.raises(ValueError):
            read_header(data[:length], FORMATS[suffix])


def test_a_header_without_pixels() -> None:
    with pytest.raises(ValueError, match="claims to be 0x5 pixels"):
        read_header(b"GIF89a" + struct.pack("<HH", 0, 5), "GIF")


def test_other_files_have_no_format() -> None:
    for data in (b"", b"hello world, how are you", bytes(64), b"%PDF-1.7", bytes(4) + b"ftypisom"):
        assert format_of(data) is None
    for brand in (b"heic", b"heix", b"mif1"):
        assert format_of(bytes(4) + b"ftyp" + brand) == "HEIC"


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_values_in_both_byte_orders(order: str) -> None:
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack(
        order + "HHII", 256, 4, 1, 70_000
    )
    block = mark + struct.pack(order + "IH", 8, 2) + entries
    assert tiff_values(block) == {0x0112: 6, 256: 70_000}
    assert exif_orientation(block) == 6


@pytest.mark.parametrize("block", [b"", b"II*\0", b"II*\0" + struct.pack("<I", 4_000_000), b"x" * 30])
def test_broken_exif_is_upright(block: bytes) -> None:
    assert exif_orientation(block) == 1
