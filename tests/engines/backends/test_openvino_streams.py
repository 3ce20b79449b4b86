"""Streams, threads and parts: the rule is what was measured, and no row is lost or done twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends.choose import Mode
from engines.backends.openvino_streams import (
    MAX_STREAMS,
    MEASURED,
    Layout,
    Layouts,
    Measured,
    is_better_together,
    layouts,
    parts_of,
)

NOISE = 0.1
"""by how much one row of the table may be off: processors shared with others are not told apart nearer than that"""
cores = st.integers(1, 128)
modes = st.sampled_from(["latency", "throughput"])


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row.network}-{row.pixels}-{row.rows}")
def test_the_rule_takes_what_was_measured_to_be_better(row: Measured) -> None:
    latency = layouts("latency", row.cores)
    throughput = layouts("throughput", row.cores)

    assert throughput.together is None
    assert row.work_ratio > 1 - NOISE
    if is_better_together(row.rows, latency.beside):
        assert row.latency_ratio < 1 + NOISE
    else:
        assert row.latency_ratio > 1 - NOISE


def test_the_table_has_both_networks_and_a_batch_of_one() -> None:
    assert {row.network for row in MEASURED} == {"facenet-20180408", "centerface"}
    assert {row.network for row in MEASURED if row.rows == 1} == {row.network for row in MEASURED}


@given(modes, cores, st.integers(0, 200))
def test_no_layout_takes_more_than_it_may(mode: Mode, cores: int, threads: int) -> None:
    limit = min(threads, cores) if threads else cores

    chosen = layouts(mode, cores, threads)

    for layout in (chosen.beside, chosen.together or chosen.beside):
        assert 1 <= layout.streams <= layout.threads == limit
    assert chosen.beside.streams <= MAX_STREAMS


@given(modes, cores, st.integers(1, 200))
def test_streams_asked_for_are_taken_where_there_are_cores(mode: Mode, cores: int, streams: int) -> None:
    assert layouts(mode, cores, streams=streams) == Layouts(Layout(min(streams, cores), cores), None)


def test_one_thread_is_one_network() -> None:
    assert layouts("latency", 8, threads=1) == Layouts(Layout(1, 1), None)


def test_a_single_frame_has_all_threads_in_latency_mode() -> None:
    together = layouts("latency", 2).together

    assert together == Layout(streams=1, threads=2)
    assert is_better_together(1, Layout(2, 2))
    assert not is_better_together(2, Layout(2, 2))


@given(st.integers(1, 300), st.integers(1, 4_000_000), st.integers(1, 16))
def test_parts_are_all_rows_in_order(rows: int, pixels: int, streams: int) -> None:
    parts = parts_of(rows, pixels, Layout(streams, streams))

    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(rows))
    sizes = [part.stop - part.start for part in parts]
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1


@given(st.integers(1, 300), st.integers(1, 4_000_000), st.integers(2, 16))
def test_every_stream_has_a_part_and_none_has_one_more(rows: int, pixels: int, streams: int) -> None:
    parts = parts_of(rows, pixels, Layout(streams, streams))

    assert len(parts) == rows or len(parts) % streams == 0
    assert len(parts) >= min(rows, streams)


@pytest.mark.parametrize(
    ("rows", "pixels", "count"),
    [(16, 160 * 160, 2), (17, 160 * 160, 4), (1, 160 * 160, 1), (4, 640 * 384, 4), (8, 256 * 256, 4)],
)
def test_large_images_run_one_by_one_and_crops_in_eights(rows: int, pixels: int, count: int) -> None:
    assert len(parts_of(rows, pixels, Layout(2, 2))) == count


def test_one_stream_takes_the_batch_as_it_is() -> None:
    assert parts_of(16, 960 * 544, Layout(1, 2)) == [slice(0, 16)]
