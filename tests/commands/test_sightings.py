"""The table that grows by a row whenever a sighting closes."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from config.schema import Config
from pipeline.commands.context import Context
from pipeline.commands.sightings import (
    Sighting,
    SightingTable,
    clock,
    sighting_of,
    table_head,
    table_row,
)
from pipeline.events.event import EventCandidate, EventType, FrameRef, Identity, IdentityEvent, Mode

START = datetime(2026, 5, 1, 9, tzinfo=UTC)
ANN = Identity("p_000000000001", "Ann")


def event(
    kind: EventType, name: Identity | None = ANN, from_s: float = 1.0, to_s: float = 4.2
) -> IdentityEvent:
    return IdentityEvent(
        type=kind,
        mode=Mode.REPLAY,
        sighting_id="lobby:abc:7",
        seq=2,
        camera="lobby",
        identity=name,
        previous_identity=None,
        stranger_id=None,
        distance=0.5712,
        threshold=0.9,
        margin=1.02,
        candidates=(EventCandidate("p_000000000001", "Ann", 0.5712),),
        frames_fused=3,
        quality=0.8,
        box=(0.1, 0.1, 0.2, 0.3),
        frame=FrameRef(100, to_s, 1280, 720),
        first_seen_at=START + timedelta(seconds=from_s),
        seen_at=START + timedelta(seconds=to_s),
        published_at=START + timedelta(seconds=to_s),
        timings_ms=None,
        detector="centerface",
        embedder="facenet-20180408",
        gallery_version=1,
        snapshot=None,
    )


def seen(name: str | None, from_s: float, to_s: float) -> Sighting:
    return Sighting(1, "lobby", name, from_s, to_s, 0.5, 1.0, "Ann")


def text_of(table: Table) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def context(json: bool = False) -> Context:
    return Context(Config(), Path("data"), Path("models"), json, Console(file=io.StringIO(), stderr=True))


class TestTable:
    """Rows."""

    def test_only_what_closes_is_a_row(self, capsys: pytest.CaptureFixture[str]) -> None:
        table = SightingTable(context(), {"lobby": START})
        table.open()
        table.publish([event(EventType.NEW), event(EventType.UPDATE)])
        assert table.sightings == []
        assert "Ann" not in capsys.readouterr().out
        table.publish([event(EventType.END), event(EventType.END, None)])
        printed = capsys.readouterr().out
        assert "Ann" in printed
        assert "unknown" in printed
        assert [sighting.name for sighting in table.sightings] == ["Ann", None]

    def test_json_leaves_standard_output_alone(self, capsys: pytest.CaptureFixture[str]) -> None:
        table = SightingTable(context(json=True), {"lobby": START})
        table.open()
        table.publish([event(EventType.END)])
        assert capsys.readouterr().out == ""
        assert len(table.sightings) == 1

    def test_times_are_those_of_the_recording(self) -> None:
        sighting = sighting_of(event(EventType.END), START)
        assert (sighting.from_s, sighting.to_s, sighting.seconds) == (1.0, 4.2, 3.2)
        assert (sighting.name, sighting.nearest, sighting.distance, sighting.margin) == (
            "Ann",
            "Ann",
            0.5712,
            1.02,
        )

    def test_a_row_says_who_when_how_long_and_how_sure(self) -> None:
        row = text_of(table_row(sighting_of(event(EventType.END), START)))
        assert row.split() == ["7", "Ann", "0:01.0", "–", "0:04.2", "3.2", "s", "0.57", "1.02"]

    def test_columns_stand_under_their_titles(self) -> None:
        head = text_of(table_head()).splitlines()[0]
        row = text_of(table_row(sighting_of(event(EventType.END), START)))
        assert head.index("who") == row.index("Ann")
        assert head.index("when") == row.index("0:01.0")

    def test_a_long_name_is_cut_and_a_bracket_is_no_markup(self) -> None:
        long = table_row(seen("[bold]" + "x" * 50, 0.0, 1.0))
        lines = text_of(long).splitlines()
        assert len(lines) == 1
        assert "[bold]x" in lines[0]
        assert "…" in lines[0]

    def test_without_a_distance(self) -> None:
        assert "–" in text_of(table_row(Sighting(1, "lobby", None, 0.0, 1.0, None, None, None)))

    @pytest.mark.parametrize(("seconds", "shown"), [(0.0, "0:00.0"), (59.96, "1:00.0"), (3601.5, "60:01.5")])
    def test_clock(self, seconds: float, shown: str) -> None:
        assert clock(seconds) == shown
