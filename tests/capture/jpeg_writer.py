"""JPEGs in colour spaces that no library at hand writes: CMYK and YCCK, in flat blocks of 8x8 pixels."""

from __future__ import annotations

import struct

from pipeline.arrays import U8

_CATEGORIES = 12
"""DC differences have up to 11 bits; their Huffman codes here are the category itself in four bits"""


def flat_jpeg(blocks: U8, adobe_transform: int | None) -> bytes:
    """A baseline JPEG (ITU T.81) whose block (r, c) has the component values blocks[r, c] everywhere.

    `blocks` is (rows, columns, components). `adobe_transform` 0 marks CMYK, 2 YCCK, both in Adobe's way
    (inverted); None writes no mark.
    """
    rows, columns, components = blocks.shape
    parts = [b"\xff\xd8"]
    if adobe_transform is not None:
        parts.append(_segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe_transform)))
    parts.append(_segment(0xDB, b"\0" + bytes([1] * 64)))
    ids = range(1, components + 1)
    frame = struct.pack(">BHHB", 8, rows * 8, columns * 8, components)
    parts.append(_segment(0xC0, frame + b"".join(bytes([i, 0x11, 0]) for i in ids)))
    lengths = [0, 0, 0, _CATEGORIES] + [0] * 12
    parts.append(_segment(0xC4, b"\x00" + bytes(lengths) + bytes(range(_CATEGORIES))))
    # The only AC symbol is "end of block", one bit.
    parts.append(_segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\x00"))
    parts.append(_segment(0xDA, bytes([components]) + b"".join(bytes([i, 0]) for i in ids) + b"\x00\x3f\x00"))
    return b"".join([*parts, _scan(blocks), b"\xff\xd9"])


def _scan(blocks: U8) -> bytes:
    bits = []
    before = [0] * blocks.shape[2]
    for row in blocks.tolist():
        for block in row:
            for component, value in enumerate(block):
                # A flat block's DC coefficient is eight times its level.
                level = 8 * (value - 128)
                difference, before[component] = level - before[component], level
                size = abs(difference).bit_length()
                bits.append(f"{size:04b}")
                if size:
                    bits.append(f"{difference if difference > 0 else difference + (1 << size) - 1:0{size}b}")
                bits.append("0")
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    coded = int(text, 2).to_bytes(len(text) // 8, "big")
    return coded.replace(b"\xff", b"\xff\x00")


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
