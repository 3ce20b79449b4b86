"""What each kernel computes, in numpy alone: the truth that the kernels are held to.

Resizing has OpenCV's bits (`cv2.resize` of OpenCV 5, INTER_AREA and INTER_LINEAR): the same weights, the same
order of sums, the same rounding. Colours have FFmpeg's bits. So a kernel that equals these gives what the CPU path
gives, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, F64, I64, U8
from engines.backends.cuda.surface import Colour

THIN = 1e-3
"""of a source pixel: OpenCV ignores what an area covers less of"""
NUMBERS = 15
"""of a candidate: score; two of scale and offset, ten of points"""

TO_RGB = {
    Colour.BT601_LIMITED: (16, 9539, 13075, -3209, -6660, 16525),
    Colour.BT601_FULL: (0, 8192, 11485, -2819, -5850, 14516),
    Colour.BT709_LIMITED: (16, 9539, 14686, -1747, -4366, 17305),
    Colour.BT709_FULL: (0, 8192, 12901, -1534, -3835, 15201),
}
"""offset of Y; in 8192ths factors of Y, of Cr in red, of Cb and Cr in green, of Cb in blue (Rec. ITU-R BT.601-7
and BT.709-6, section 3)"""


def letterbox(image: U8, scaled: tuple[int, int], sides: tuple[int, int]) -> U8:
    """A picture (H, W, 3) scaled down to `scaled` (height, width), at the top left of black `sides` (h, w, 3)."""
    placed = np.zeros((*sides, 3), np.uint8)
    placed[: scaled[0], : scaled[1]] = area_mean(image, *scaled)
    return placed


def crop(image: U8, place: tuple[int, int, int, int], side: int) -> U8:
    """The region x0 y0 x1 y1 of a picture (H, W, 3) stretched to (side, side, 3)."""
    x0, y0, x1, y1 = place
    region = image[y0:y1, x0:x1]
    shrinks = min(region.shape[:2]) > 2 * side
    return area_mean(region, side, side) if shrinks else bilinear(region, side, side)


def places(boxes: F32, width: int, height: int) -> I64:
    """Boxes (N, 4) as whole pixels inside a picture, one at least; what lies outside gets the nearest pixels."""
    x0, y0, x1, y1 = np.rint(boxes).astype(np.int64).T
    left, top = np.clip(x0, 0, width - 1), np.clip(y0, 0, height - 1)
    right = np.minimum(np.maximum(x1, left + 1), width)
    return np.stack([left, top, right, np.minimum(np.maximum(y1, top + 1), height)], axis=1)


def area_mean(image: U8, height: int, width: int) -> U8:
    """(H, W, C) scaled down to (height, width, C): the mean of the area that a pixel covers."""
    down, across = image.shape[0] // height, image.shape[1] // width
    if image.shape[:2] == (down * height, across * width):
        blocks = image.astype(np.int64).reshape(height, down, width, across, -1).sum(axis=(1, 3))
        if (down, across) == (2, 2):
            return np.asarray((blocks + 2) >> 2, np.uint8)
        return _rounded(blocks.astype(np.float32) * (np.float32(1.0) / np.float32(down * across)))
    rows, row_weights = _covers(image.shape[0], height)
    columns, column_weights = _covers(image.shape[1], width)
    lines = np.zeros((image.shape[0], width, image.shape[2]), np.float32)
    for at, weights in zip(columns, column_weights, strict=True):
        lines += image[:, at].astype(np.float32) * weights[None, :, None]
    means = np.zeros((height, width, image.shape[2]), np.float32)
    for at, weights in zip(rows, row_weights, strict=True):
        means += lines[at] * weights[:, None, None]
    return _rounded(means)


def _covers(source: int, target: int) -> tuple[I64, F32]:
    """Which source pixels (K, target) each target pixel covers, in order, and with which weights (K, target)."""
    scale = 1.0 / (target / source)
    low = np.arange(target) * scale
    high = low + scale
    span = np.minimum(scale, source - low)
    end = np.minimum(np.floor(high).astype(np.int64), source - 1)
    begin = np.minimum(np.ceil(low).astype(np.int64), end)
    head = np.where(begin - low > THIN, (begin - low) / span, 0.0)
    tail = np.where(high - end > THIN, np.minimum(np.minimum(high - end, 1.0), span) / span, 0.0)
    at = begin[None] - 1 + np.arange(int(np.max(end - begin)) + 2)[:, None]
    body: F64 = np.where((at >= begin) & (at < end), 1.0 / span, 0.0)
    weights = np.where(at == begin - 1, head, np.where(at == end, tail, body))
    return np.clip(at, 0, source - 1), weights.astype(np.float32)


def bilinear(image: U8, height: int, width: int) -> U8:
    """(H, W, C) as (height, width, C), from four neighbours, with weights of 11 fraction bits."""
    if image.shape[:2] == (2 * height, 2 * width):
        return area_mean(image, height, width)
    left, right, left_weight, right_weight = _between(image.shape[1], width, stops=True)
    above, below, above_weight, below_weight = _between(image.shape[0], height, stops=False)
    wide = image.astype(np.int64)
    lines = wide[:, left] * left_weight[None, :, None] + wide[:, right] * right_weight[None, :, None]
    upper = (above_weight[:, None, None] * (lines[above] >> 4)) >> 16
    lower = (below_weight[:, None, None] * (lines[below] >> 4)) >> 16
    return np.asarray(np.clip((upper + lower + 2) >> 2, 0, 255), np.uint8)


def _between(source: int, target: int, stops: bool) -> tuple[I64, I64, I64, I64]:
    """The two neighbours of each target pixel along an axis, and their weights, all (target,).

    `stops`: at the edge the neighbour has no weight, as OpenCV has it along rows; else it is the edge pixel again.
    """
    place = ((np.arange(target) + 0.5) * (1.0 / (target / source)) - 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int64)
    part = (place - low.astype(np.float32)).astype(np.float32)
    if stops:
        part[(low < 0) | (low >= source - 1)] = 0.0
    weights = [np.rint(each * np.float32(2048)).astype(np.int64) for each in (np.float32(1.0) - part, part)]
    return np.clip(low, 0, source - 1), np.clip(low + 1, 0, source - 1), weights[0], weights[1]


def nv12_to_rgb(luma: U8, chroma: U8, colour: Colour) -> U8:
    """Planes (H, W) and (ceil(H / 2), 2 ceil(W / 2)) as RGB (H, W, 3); a pair colours its four pixels alike.

    FFmpeg's conversion of decoded yuv420p has these bits on x86 (libswscale, unscaled): each product is cut off by
    itself, which makes pictures a level darker than rounding the sum would.
    """
    height, width = luma.shape
    black, light, red, green_cb, green_cr, blue = TO_RGB[colour]
    pairs = chroma.reshape(chroma.shape[0], -1, 2).astype(np.int64) - 128
    pairs = pairs.repeat(2, axis=0).repeat(2, axis=1)[:height, :width]
    cb, cr = pairs[..., 0], pairs[..., 1]
    y = (light * (luma.astype(np.int64) - black)) >> 13
    green = ((green_cb * cb) >> 13) + ((green_cr * cr) >> 13)
    rgb = np.stack([y + ((red * cr) >> 13), y + green, y + ((blue * cb) >> 13)], axis=-1)
    return np.asarray(np.clip(rgb, 0, 255), np.uint8)


def grey(image: U8) -> U8:
    """Rec. ITU-R BT.601 luma (H, W, 1) of RGB (H, W, 3), in 15 fraction bits as OpenCV has it."""
    weighted = image.astype(np.int64) @ np.array([9798, 19235, 3735])
    return np.asarray((weighted + 16384) >> 15, np.uint8)[..., None]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Cells of one picture's heat map whose score is high enough, in the map's order."""

    cells: I64
    """(N,) row of the map times its width, and column; ascending"""
    numbers: F32
    """(N, 15) score, scale, offset, points"""


def candidates(maps: F32, low_score: float) -> Candidates:
    """Of maps (15, h, w): heat, two of scale and offset, ten of points."""
    flat = maps.reshape(NUMBERS, -1)
    cells = np.flatnonzero(flat[0] > np.float32(low_score))
    return Candidates(cells.astype(np.int64), np.ascontiguousarray(flat[:, cells].T))


def _rounded(values: F32) -> U8:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)
