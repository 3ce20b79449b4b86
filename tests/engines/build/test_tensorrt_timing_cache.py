"""A timing cache comes back as it was written, or not at all."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.build.tensorrt_timing_cache import read_timing_cache, write_timing_cache

OWNER = "tensorrt 11.4.0.106 NVIDIA H200 9.0"


@given(cache=st.binary(max_size=200))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, cache: bytes) -> None:
    path = tmp_path_factory.mktemp("models") / "tensorrt" / "timing.cache"
    write_timing_cache(path, OWNER, cache)

    assert read_timing_cache(path, OWNER) == cache
    assert [entry.name for entry in path.parent.iterdir()] == ["timing.cache"]


def test_none_yet(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read_timing_cache(tmp_path / "timing.cache", OWNER) == b""
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is not one"),
        (b"\x7fELF\n\n\n\n", "it is not one"),
        (b"facestream timing cache 1\nno more", "it is not one"),
        (b"facestream timing cache 1\n" + OWNER.encode() + b"\n0000\ncache", "it is damaged"),
    ],
)
def test_a_corrupt_one_is_dropped(
    data: bytes, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "timing.cache"
    path.write_bytes(data)

    assert read_timing_cache(path, OWNER) == b""
    assert caplog.messages == [f"the timing cache {path} is not used and will be written anew: {why}"]


@given(st.data())
def test_no_flipped_bit_is_taken(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("models") / "timing.cache"
    write_timing_cache(path, OWNER, b"times of kernels")
    written = bytearray(path.read_bytes())
    written[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(written)

    assert read_timing_cache(path, OWNER) == b""


def test_anothers_is_dropped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "timing.cache"
    write_timing_cache(path, "tensorrt 11.3 NVIDIA A10 8.6", b"times")

    assert read_timing_cache(path, OWNER) == b""
    assert "it is of tensorrt 11.3 NVIDIA A10 8.6" in caplog.text


def test_a_folder_in_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "timing.cache"
    (path / "sub").mkdir(parents=True)

    with caplog.at_level(logging.WARNING):
        assert read_timing_cache(path, OWNER) == b""
        write_timing_cache(path, OWNER, b"times")

    assert "is not kept" in caplog.text
    assert [entry.name for entry in tmp_path.iterdir()] == ["timing.cache"]
