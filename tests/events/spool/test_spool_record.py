"""Records of a spool: every byte is covered, and the next one is found behind damage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.delivery.adding import Numbered
from pipeline.events.delivery.stream_entry import StreamEntry, entry_of
from pipeline.events.spool.spool_record import MARK, RecordHead, SpoolRecord, head_at, next_mark, unpack
from tests.events.strategies import an_event

fields = st.binary(max_size=40)
records = st.builds(
    SpoolRecord,
    st.builds(
        Numbered,
        st.integers(1, 2**53),
        st.integers(1, 2**53),
        st.builds(
            StreamEntry, fields, fields, fields, fields, fields, st.lists(fields, max_size=4).map(tuple)
        ),
    ),
    st.integers(0, 2**48),
)
RECORD = SpoolRecord(Numbered(7, 3, entry_of(an_event())), 1_700_000_000_000)


@given(records, st.binary(max_size=20), st.binary(max_size=20))
def test_what_is_packed_is_unpacked_wherever_it_lies(
    record: SpoolRecord, before: bytes, behind: bytes
) -> None:
    packed = record.pack()
    data = before + packed + behind
    assert unpack(data, len(before)) == record
    assert head_at(data, len(before)) == RecordHead(
        record.number, record.numbered.ordinal, record.at_ms, len(before) + len(packed)
    )


@given(st.data())
def test_a_changed_bit_is_noticed_wherever_it_is(data: st.DataObject) -> None:
    packed = bytearray(RECORD.pack())
    packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert unpack(bytes(packed), 0) is None


@given(st.integers(0, len(RECORD.pack()) - 1))
def test_a_torn_record_is_none(length: int) -> None:
    assert unpack(RECORD.pack()[:length], 0) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_without_an_error(data: bytes) -> None:
    assert unpack(MARK + data, 0) is None


def test_the_next_one_is_found_by_its_mark() -> None:
    data = b"rubbish" + RECORD.pack()
    assert next_mark(data, 1) == 7
    assert next_mark(data, 8) == len(data)
    assert MARK not in RECORD.numbered.entry.event
