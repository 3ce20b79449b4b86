"""A cut of what is looked for is found wherever it lies, and chance finds nothing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.gallery.keeping.traces as traces
from pipeline.gallery.keeping.traces import CUT, Traces, cuts_of, scan_of
from tests.gallery.people import face

VECTOR = face(1, dimension=512).tobytes()
OTHERS = np.stack([face(person, dimension=512) for person in range(2, 80)]).tobytes()


@settings(deadline=None, max_examples=60)
@given(start=st.integers(0, 2048 - 300), length=st.integers(300, 2048), before=st.integers(0, 5000))
def test_any_piece_of_a_vector_is_found_anywhere(start: int, length: int, before: int) -> None:
    sought = Traces(cuts_of(VECTOR))
    piece = VECTOR[start : start + length]
    assert sought.in_bytes(OTHERS[:before] + piece + OTHERS[before:])
    assert not sought.in_bytes(OTHERS)


@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=60), blobs=st.lists(st.binary(min_size=CUT, max_size=CUT), max_size=3))
def test_it_says_what_a_plain_search_says(data: bytes, blobs: list[bytes]) -> None:
    hidden = data + blobs[0] + data if blobs else data
    for text in (data, hidden):
        assert Traces(blobs).in_bytes(text) == any(blob in text for blob in blobs)


def test_cuts_across_the_pieces_of_a_file_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "PIECE", 64)
    sought = Traces(cuts_of(VECTOR, most=1))
    path = tmp_path / "file"
    for before in range(130):
        path.write_bytes(OTHERS[:before] + VECTOR[-CUT:] + OTHERS[:100])
        assert sought.in_file(path)
    path.write_bytes(OTHERS[:1000])
    assert not sought.in_file(path)


def test_heads_and_repetitions_are_nobodys() -> None:
    picture = b"head" * 500 + VECTOR
    assert all(cut not in picture[:1000] for cut in cuts_of(picture, header=1024))
    assert cuts_of(bytes(5000)) == ()
    assert cuts_of(b"ab" * 500) == ()
    assert cuts_of(b"short") == ()
    assert not Traces(()).in_bytes(VECTOR)


def test_cuts_have_one_length() -> None:
    with pytest.raises(ValueError, match="cuts must have 16 bytes"):
        Traces([b"short"])


def test_the_tables_of_a_small_jpeg_are_nobodys() -> None:
    """Of 24 pixels they are most of the file, and every other JPEG has them."""
    rng = np.random.default_rng(1)
    jpegs = [
        cv2.imencode(".jpg", rng.integers(0, 255, (side, side, 3), np.uint8))[1].tobytes()
        for side in (24, 24, 60, 200)
    ]
    for jpeg in jpegs:
        assert cuts_of(jpeg, header=traces.HEADER)
        for other in jpegs:
            assert Traces(cuts_of(jpeg, header=traces.HEADER)).in_bytes(other) == (other is jpeg)


@given(st.binary(max_size=200))
def test_anything_may_claim_to_be_a_jpeg(content: bytes) -> None:
    start = scan_of(b"\xff\xd8" + content)
    assert start is None or start >= 4
    cuts_of(b"\xff\xd8" + content, header=traces.HEADER)
