"""Photos of every kind come out upright, in colour and with eight bits, or with one clear line."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from cv2.utils import logging
from numpy.typing import NDArray

from pipeline.arrays import U8
from pipeline.capture.photo import photos_under, read_photo
from pipeline.errors import SourceError
from tests.capture.films import QUARTERS, Film, corners, quarters
from tests.capture.jpeg_writer import flat_jpeg

ENCODINGS: dict[str, tuple[int, ...]] = {
    "jpg": (cv2.IMWRITE_JPEG_QUALITY, 98),
    "png": (),
    "webp": (cv2.IMWRITE_WEBP_QUALITY, 101),
    "bmp": (),
    "tiff": (),
    "gif": (),
    "avif": (),
}


def encoded(suffix: str, picture: NDArray[Any], options: Sequence[int] = ()) -> bytes:
    """A picture (H, W, 3 or 4) RGB(A), or (H, W) grey, in this format."""
    if picture.ndim == 3:
        picture = picture[..., [2, 1, 0, 3][: picture.shape[2]]]
    done, data = cv2.imencode(f".{suffix}", picture, [*ENCODINGS[suffix], *options])
    assert done
    return data.tobytes()


def orientation_block(value: int) -> bytes:
    """EXIF that says nothing but the orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + bytes(4)


def with_exif(data: bytes, value: int) -> bytes:
    """A JPEG or PNG with an orientation."""
    block = orientation_block(value)
    if data[:2] == b"\xff\xd8":
        payload = b"Exif\0\0" + block
        return data[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + data[2:]
    chunk = b"eXIf" + block
    return (
        data[:33] + struct.pack(">I", len(block)) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[33:]
    )


@pytest.fixture
def photo(tmp_path: Path) -> Callable[[bytes], Path]:
    """Writes bytes to a file; its name says nothing."""

    def write(data: bytes) -> Path:
        path = tmp_path / "photo"
        path.write_bytes(data)
        return path

    return write


Write = Callable[[bytes], Path]


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as refused:
        read_photo(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_every_format(suffix: str, photo: Write) -> None:
    picture = read_photo(photo(encoded(suffix, quarters(40, 24))))
    assert picture.shape == (24, 40, 3)
    assert picture.dtype == np.uint8
    assert picture.flags["C_CONTIGUOUS"]
    assert corners(picture) == list(QUARTERS)


ORIENTED = {1: "0123", 2: "1032", 3: "3210", 4: "2301", 5: "0213", 6: "2031", 7: "3120", 8: "1302"}
"""quarters that are seen top left, top right, bottom left, bottom right (EXIF 2.32, Orientation)"""


@pytest.mark.parametrize("value", ORIENTED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "transparent png"])
def test_exif_orientation(suffix: str, value: int, photo: Write) -> None:
    stored = quarters(40, 24)
    if suffix == "transparent png":
        alpha = np.full((24, 40, 1), 255, np.uint8)
        alpha[10:14, 18:22] = 0
        stored = np.concatenate([stored, alpha], axis=2)
    picture = read_photo(photo(with_exif(encoded(suffix.split()[-1], stored), value)))
    assert picture.shape == ((24, 40, 3) if value < 5 else (40, 24, 3))
    assert corners(picture) == [QUARTERS[int(place)] for place in ORIENTED[value]]


@pytest.mark.parametrize("value", [0, 9, 4711])
def test_nonsense_in_exif_is_upright(value: int, photo: Write) -> None:
    assert corners(read_photo(photo(with_exif(encoded("jpg", quarters()), value)))) == list(QUARTERS)


INKS: U8 = np.array(
    [[(0, 255, 255, 0), (255, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 255), (0, 0, 0, 127)]], np.uint8
)
"""cyan, magenta, yellow and black ink of blocks that print red, cyan, white, black and grey"""
PRINTED = [(255, 0, 0), (0, 255, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128)]


def ycck(inks: U8) -> U8:
    """Adobe's YCCK of CMYK inks: the YCbCr (JFIF) of the three inks, and black inverted."""
    red, green, blue = (inks[..., part].astype(float) for part in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    parts = (luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128, 255.0 - inks[..., 3])
    return np.clip(np.rint(np.stack(parts, axis=2)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("stored", "transform"),
    [(255 - INKS, 0), (ycck(INKS), 2), (255 - INKS, None)],
    ids=["CMYK", "YCCK", "CMYK without Adobe's mark"],
)
def test_cmyk_colours(stored: U8, transform: int | None, photo: Write) -> None:
    picture = read_photo(photo(flat_jpeg(stored, transform)))
    assert picture.shape == (8, 40, 3)
    np.testing.assert_allclose(picture[4, 4::8].astype(int), PRINTED, atol=3)


def test_grey_jpeg_and_png(photo: Write) -> None:
    levels = np.array([[[0], [100], [255]]], np.uint8)
    picture = read_photo(photo(flat_jpeg(levels, None)))
    assert picture[4, 4::8].tolist() == [[0] * 3, [100] * 3, [255] * 3]
    assert read_photo(photo(encoded("png", np.full((3, 5), 77, np.uint8)))).tolist() == [[[77] * 3] * 5] * 3


def test_progressive_jpeg(photo: Write) -> None:
    data = encoded("jpg", quarters(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1))
    assert b"\xff\xc2" in data
    assert corners(read_photo(photo(data))) == list(QUARTERS)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_cut_to_eight(suffix: str, channels: int, photo: Write) -> None:
    wide = np.full((6, 9, channels), 0xC8FF, np.uint16)
    wide[..., 3:] = 0xFFFF
    data = encoded(suffix, wide if channels > 1 else wide[..., 0])
    np.testing.assert_allclose(read_photo(photo(data)), 0xC8, atol=1)


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_transparent_parts_are_white(suffix: str, photo: Write) -> None:
    rgba = np.full((8, 12, 4), 255, np.uint8)
    rgba[:] = (200, 100, 0, 255)
    rgba[:, :4, 3] = 0
    rgba[:, 4:8, 3] = 128
    picture = read_photo(photo(encoded(suffix, rgba)))
    np.testing.assert_allclose(picture[4, [1, 5, 10]], [[255] * 3, [227, 177, 127], [200, 100, 0]], atol=2)


def png(ihdr: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, payload in ((b"IHDR", ihdr), *chunks, (b"IEND", b"")):
        parts.append(struct.pack(">I", len(payload)) + kind + payload)
        parts.append(struct.pack(">I", zlib.crc32(kind + payload)))
    return b"".join(parts)


def test_palette_png_with_a_transparent_colour(photo: Write) -> None:
    rows = zlib.compress(b"\0" + bytes([0, 1, 2]))
    data = png(
        struct.pack(">IIBBBBB", 3, 1, 8, 3, 0, 0, 0),
        (b"PLTE", bytes([255, 0, 0, 0, 255, 0, 0, 0, 255])),
        (b"tRNS", bytes([255, 0])),
        (b"IDAT", rows),
    )
    assert read_photo(photo(data)).tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]


def test_interlaced_png(photo: Write) -> None:
    # A flat picture: in all seven passes every row is filter 0 and the same grey.
    passes = [(1, 1), (1, 1), (2, 1), (2, 2), (4, 2), (4, 4), (8, 4)]
    rows = b"".join((b"\0" + bytes([90]) * width) * height for width, height in passes)
    data = png(struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 1), (b"IDAT", zlib.compress(rows)))
    np.testing.assert_array_equal(read_photo(photo(data)), np.full((8, 8, 3), 90))


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    pictures = [quarters(), np.zeros((48, 64, 3), np.uint8)]
    path = Film("film.gif", "gif", "rgb8", codec_options={}).make(tmp_path, pictures)
    assert corners(read_photo(path)) == list(QUARTERS)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 3)])
def test_small_and_wide(size: tuple[int, int], photo: Write) -> None:
    width, height = size
    picture = np.full((height, width, 3), 60, np.uint8)
    np.testing.assert_array_equal(read_photo(photo(encoded("png", picture))), picture)


@pytest.mark.parametrize("suffix", ENCODINGS)
@pytest.mark.parametrize("kept", [0.03, 0.5, 0.95])
def test_a_photo_that_was_cut_off(
    suffix: str, kept: float, photo: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    data = encoded(suffix, noise)
    assert "copy it again" in refusal(photo(data[: int(len(data) * kept)]))
    assert capfd.readouterr().err == ""


def test_bytes_after_the_end_do_no_harm(photo: Write) -> None:
    assert corners(read_photo(photo(encoded("jpg", quarters()) + b"\0" * 999))) == list(QUARTERS)


def test_a_picture_that_would_not_fit_into_memory(photo: Write) -> None:
    bomb = png(struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0), (b"IDAT", zlib.compress(bytes(99))))
    assert "100000x100000 pixels, more than 200 million" in refusal(photo(bomb))


def test_bad_files_get_one_clear_line(tmp_path: Path, photo: Write) -> None:
    assert refusal(tmp_path / "missing.jpg").startswith("no such file")
    assert refusal(tmp_path).startswith("is a folder")
    assert refusal(Path(os.devnull)).startswith("is not a regular file")
    assert refusal(photo(b"")).startswith("is empty")
    assert refusal(photo(b"hello")).startswith("is not a photo that we read; give JPEG")
    assert refusal(photo(bytes(4) + b"ftypheic" + bytes(99))).startswith("is HEIC")
    assert refusal(photo(encoded("jpg", quarters())[:3])).startswith("is a JPEG that is cut off")
    assert refusal(photo(np.float32(encoded("png", quarters())[0]).tobytes())).startswith("is not a photo")
    video = Film("film.mp4").make(tmp_path)
    assert refusal(video).startswith("is not a photo")


def test_photos_of_files_and_folders(tmp_path: Path) -> None:
    jpeg = encoded("jpg", quarters())
    for name in ("b/2.jpg", "b/1", "b/c/3.png", "a.jpg", "b/.hidden.jpg", "b/.git/4.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(jpeg)
    (tmp_path / "b" / "notes.txt").write_text("hello")
    (tmp_path / "b" / "empty.jpg").touch()
    (tmp_path / "b" / "x.heic").write_bytes(bytes(4) + b"ftypheic")
    found = photos_under([tmp_path / "b", tmp_path / "a.jpg", tmp_path / "b" / "notes.txt", tmp_path / "b"])
    names = [str(path.relative_to(tmp_path)) for path in found.photos]
    assert names == ["b/1", "b/2.jpg", "b/c/3.png", "a.jpg", "b/notes.txt"]
    skipped = {path.path.name: path.reason for path in found.skipped}
    assert skipped == {
        "empty.jpg": "empty",
        "notes.txt": "not a photo",
        "x.heic": "HEIC, which we do not read",
    }


def test_a_missing_path_among_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        photos_under([tmp_path / "missing"])


@pytest.mark.data
def test_real_photos(videos: Path) -> None:
    found = photos_under([videos.parent / "people"])
    assert len(found.photos) >= 6
    for path in found.photos:
        height, width, channels = read_photo(path).shape
        assert min(height, width) > 50
        assert channels == 3


def test_a_pipe_in_a_folder_is_passed_over_and_not_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (skipped,) = photos_under([tmp_path]).skipped
    assert skipped.reason == "not a file"


def test_photos_are_read_on_several_threads_and_opencv_speaks_again_afterwards(tmp_path: Path) -> None:
    level = logging.getLogLevel()
    path = tmp_path / "photo.png"
    path.write_bytes(encoded("png", quarters()))
    with ThreadPoolExecutor(4) as threads:
        pictures = list(threads.map(read_photo, [path] * 32))
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
    assert logging.getLogLevel() == level
