"""A recording is known by what it holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.capture.fingerprint import BLOCK_BYTES, BLOCKS, recording_id


@pytest.mark.parametrize("size", [1, 1000, BLOCK_BYTES * BLOCKS, BLOCK_BYTES * BLOCKS + 1, 5_000_000])
def test_the_same_bytes_have_the_same_id_under_any_name(size: int, tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(size)
    one, other = tmp_path / "a.mp4", tmp_path / "b.mkv"
    one.write_bytes(data)
    other.write_bytes(data)
    assert recording_id(one) == recording_id(other)
    assert len(recording_id(one)) == 12


@pytest.mark.parametrize("size", [1000, 5_000_000])
def test_head_tail_and_length_enter(size: int, tmp_path: Path) -> None:
    data = bytearray(np.random.default_rng(0).bytes(size))
    path = tmp_path / "a.mp4"
    ids = set()
    for changed in (
        bytes(data),
        bytes([data[0] ^ 1]) + data[1:],
        data[:-1] + bytes([data[-1] ^ 1]),
        data + b"\0",
    ):
        path.write_bytes(changed)
        ids.add(recording_id(path))
    assert len(ids) == 4


def test_every_byte_of_a_small_file_enters(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    ids = set()
    for place in range(0, 1000, 50):
        data = bytearray(1000)
        data[place] = 1
        path.write_bytes(data)
        ids.add(recording_id(path))
    assert len(ids) == 20
