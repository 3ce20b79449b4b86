"""`why`: one sighting explained, and the funnel of each camera, as a person and a program meet them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import pipeline.gallery.storage.database as database
from pipeline.events.why.explanation import Explanation, encode, explain, nearest_ids
from pipeline.events.why.shortfall import Near
from pipeline.gallery.sightings.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from pipeline.web.announcement import Announcement, announced, only_monitor
from pipeline.web.stated import StatedMonitor
from run_pipeline import main
from tests.events.why.test_shortfall import SEEN, look
from tests.gallery.made_sightings import sighting
from tests.gallery.people import template
from tests.web.serving import serving
from tests.web.statuses import whole_status

YARD = RunOfCamera("yard [old]\x1b[31m", "77")
SINCE = "1h"
"""before the sightings that are made up were kept"""


def with_why(one: Sighting, why: Explanation) -> Sighting:
    return replace(one, explanation=encode(why), nearest=nearest_ids(why))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """At the door Ann was named, somebody came near to her and somebody was blurred; in the yard, before reasons."""
    with Store(tmp_path) as store:
        ann = store.enroll("Ann [boss]", [template(9)]).person
        near = (Near(ann.id, 1.25), Near(None, 1.5))
        named = explain(replace(SEEN, nearest=(Near(ann.id, 0.6),)), named=True)
        far = explain(replace(SEEN, nearest=near), named=False)
        blurred = explain(replace(SEEN, best=look(sharpness=0.05), shots=0, nearest=()), named=False)
        Sightings(store.database).write(
            [
                with_why(sighting(1, person=ann.id, stands=False), named),
                with_why(sighting(2, face_of=2), far),
                with_why(sighting(3, face_of=3, over=False), blurred),
                sighting(4, run=YARD, face_of=4),
            ]
        )
    return tmp_path


def run(data: Path, *arguments: str) -> int:
    return main(["why", *arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_sighting_is_explained_in_words(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "door:k3f9:2") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    said = out.splitlines()
    assert said[0].startswith("door:k3f9:2  unknown (s_")
    assert any(line.startswith("near enough?") and "NO   Ann [boss]" in line for line in said)
    assert any("somebody who is gone at 1.500" in line for line in said)
    assert any("derived from matching.max_fpir, now 0.01" in line for line in said)
    assert "so: near nobody" in said
    assert said[-1].startswith("if you know who it is: python run_pipeline.py strangers name s_")


def test_a_named_one_too(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "door:k3f9:1") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "so: named"
    assert "at 0.600, needs below 1.000" in "\n".join(said)


def test_the_threshold_that_the_configuration_gives_is_told_of(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(data, "door:k3f9:2", "--set", "matching.max_distance=1.0") == 0
    assert "(gallery version 3): matching.max_distance gives it" in capsys.readouterr().out
    assert run(data, "door:k3f9:2", "--set", "matching.max_distance=0.9") == 0
    assert "the configuration was another" in capsys.readouterr().out


def test_a_program_gets_the_numbers(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "door:k3f9:2", "--json") == 0
    (told,) = lines(capsys)
    assert (told["sighting_id"], told["camera"], told["over"], told["identity"]) == (
        "door:k3f9:2",
        "door",
        True,
        None,
    )
    assert (told["reason"], told["measured"], told["limit"]) == ("too_far", 1.25, 1.0)
    assert [near["distance"] for near in told["nearest"]] == [1.25, 1.5]
    assert told["nearest"][0]["name"] == "Ann [boss]"
    assert told["lines"][-2].startswith("to change")


def test_a_sighting_from_before_there_were_reasons(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, f"{YARD.camera}:77:4") == 0
    out = capsys.readouterr().out
    assert "why: not known" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("sighting_id", "said"),
    [
        (
            "door:k3f9:9",
            "no sighting is called 'door:k3f9:9'; there are: door:k3f9:3, door:k3f9:2, door:k3f9:1",
        ),
        ("door:other:2", "no sighting is called 'door:other:2'; there are: door:k3f9:3, "),
        ("gate:k3f9:1", "none is kept of a camera 'gate'; sightings are kept of: door, yard"),
        ("\x1b[2J:x:1", "none is kept of a camera"),
        ("rubbish", "none is kept of a camera 'rubbish'"),
        ("door", "no sighting is called 'door'; there are: door:k3f9:3, "),
    ],
)
def test_an_id_that_is_not_there_is_one_line_with_those_that_may_be_meant(
    data: Path, capsys: pytest.CaptureFixture[str], sighting_id: str, said: str
) -> None:
    assert run(data, sighting_id) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n")) == ("", 1)
    assert said in told.err
    assert "\x1b" not in told.err


def test_nothing_is_kept_at_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "door:k3f9:9") == 2
    assert capsys.readouterr().err.rstrip().endswith("no sightings are kept")
    assert run(tmp_path) == 0
    assert "no sightings in this time" in capsys.readouterr().err
    assert run(tmp_path, "--json") == 0
    assert lines(capsys) == []


def test_the_funnel_of_each_camera(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--since", SINCE) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
    (head,) = ([cell.strip() for cell in line.split("┃")[1:-1]] for line in out.splitlines() if "┃" in line)
    assert head == ["camera", "faces", "named", "too blurred", "near nobody", "not known"]
    assert rows[0] == ["door", "3", "1", "1", "1", "–"]
    assert rows[1][1:] == ["1", "–", "–", "–", "1"]


def test_the_funnel_for_programs(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--since", SINCE, "--camera", "door", "--json") == 0
    (door,) = lines(capsys)
    assert (door["camera"], door["faces"], door["named"], door["unexplained"]) == ("door", 3, 1, 0)
    assert door["unnamed"] == {"blurred": 1, "too_far": 1}
    assert sum(door["sizes_px"]["faces"]) == 3
    assert door["hint"] is None


def test_a_hint_stands_below_the_table(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blurred = explain(replace(SEEN, best=look(sharpness=0.05), shots=0, nearest=()), named=False)
    with Store(data) as store:
        many = [with_why(sighting(number, face_of=number), blurred) for number in range(30, 60)]
        Sightings(store.database).write(many)
    assert run(data, "--since", SINCE) == 0
    assert "door: 94 % too blurred: more light or a shorter exposure" in capsys.readouterr().out


def test_a_day_is_counted_where_nothing_else_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--json") == 0
    assert [one["camera"] for one in lines(capsys)] == ["door", YARD.camera]
    assert run(data, "--since", "2100-01-01") == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no sightings in this time; --since 7d looks further back" in told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "--since yesterday"),
        (["--camera", "gate"], "--camera gate: nothing is kept of it; there are: door, yard"),
        (["--camera", ""], "is empty"),
        ([""], "is empty"),
    ],
)
def test_bad_usage(data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert run(data, *arguments) == 2
    assert said in capsys.readouterr().err


@contextmanager
def locked(data: Path) -> Iterator[None]:
    with Store(data) as store, store.database.writing():
        yield


def test_a_database_that_another_program_writes_to_is_read_all_the_same(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    with locked(data):
        assert run(data, "door:k3f9:2", "--json") == 0
    assert lines(capsys)[0]["reason"] == "too_far"


def test_a_gallery_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "gallery.db").write_bytes(b"rubbish" * 4000)
    assert run(tmp_path, "door:k3f9:2") == 3
    assert capsys.readouterr().err.count("\n") == 1


def test_a_sighting_that_goes_on_is_told_of_by_the_monitor_that_sees_it(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now = {"reason": "turned_away", "lines": ["as it is now\x1b[2J"]}
    monitor = StatedMonitor(whole_status(), {"door:k3f9:3": now, "door:k3f9:2": now})
    with serving(monitor, data):
        assert run(data, "door:k3f9:3", "--json") == 0
        assert lines(capsys) == [now]
        assert run(data, "door:k3f9:3") == 0
        assert capsys.readouterr().out == "as it is now\\x1b[2J\n"
        assert run(data, "door:k3f9:2", "--json") == 0
        assert lines(capsys)[0]["reason"] == "too_far"
    assert run(data, "door:k3f9:3", "--json") == 0
    assert lines(capsys)[0]["reason"] == "blurred"


def test_a_monitor_that_cannot_be_asked_leaves_what_was_kept(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = Announcement("http://127.0.0.1:9", "token", 1, datetime(2026, 5, 1, tzinfo=UTC))
    with only_monitor(data), announced(data, gone):
        assert run(data, "door:k3f9:3", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["reason"] == "blurred"
    assert "has ended; this is what was kept" in told.err
