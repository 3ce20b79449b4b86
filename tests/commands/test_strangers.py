"""`strangers`: list, show, name, merge, ignore, unignore, as a person and a program meet them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pipeline.gallery.storage.database as database
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.gallery.made_sightings import sighting
from tests.gallery.people import template

YARD = RunOfCamera("yard [old]\x1b[31m", "77")
A, B = "s_00000000000a", "s_00000000000b"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A was seen twice, in the yard at last; B once, with a picture."""
    with Store(tmp_path) as store:
        seen = [sighting(1, A), replace(sighting(2, B, face_of=2), snapshot="snapshots/b.jpg")]
        Sightings(store.database).write([*seen, sighting(3, A, run=YARD)])
    (tmp_path / "snapshots").mkdir()
    (tmp_path / "snapshots" / "b.jpg").touch()
    return tmp_path


@pytest.fixture
def redis_data(data: Path) -> Iterator[Path]:
    """With a Redis of its own that goes on beyond each command."""
    with EmbeddedRedis(data) as broker:
        broker.open()
        yield data


def run(data: Path, *arguments: str) -> int:
    return main(["strangers", *arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def corrections(data: Path, capsys: pytest.CaptureFixture[str], count: int) -> list[dict[str, Any]]:
    capsys.readouterr()
    arguments = ["--since", "0", "--type", "correction", "--count", str(count), "--json"]
    assert main(["subscribe", *arguments, "--data", str(data)]) == 0
    return lines(capsys)


def test_everybody_is_listed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "list", "--json") == 0
    first, second = lines(capsys)
    assert first == {
        "id": A,
        "state": "open",
        "merged_into": None,
        "person_id": None,
        "sightings": 2,
        "cameras": ["door", YARD.camera],
        "first_seen_at": "2026-05-01T09:00:01.000Z",
        "last_seen_at": "2026-05-01T09:00:03.500Z",
        "quality": 0.7,
    }
    assert second["id"] == B
    assert run(data, "list") == 0
    printed = capsys.readouterr().out
    assert A in printed
    assert "\x1b[31m" not in printed


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--camera", "door"], [A, B]),
        (["--camera", YARD.camera], [A]),
        (["--min-sightings", "2"], [A]),
        (["--since", "2026-05-01T09:00:03Z"], [A]),
        (["--since", "1s"], []),
        (["--state", "ignored", "--state", "named"], []),
    ],
)
def test_some_are_listed(
    data: Path, capsys: pytest.CaptureFixture[str], options: list[str], found: list[str]
) -> None:
    assert run(data, "list", "--json", *options) == 0
    assert [one["id"] for one in lines(capsys)] == found


def test_nobody_is_listed_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "list") == 0
    assert capsys.readouterr().out == "no such stranger was seen\n"


def test_a_terminal_of_80_columns_shows_every_figure(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.commands.context.PIPE_COLUMNS", 80)
    assert run(data, "list") == 0
    rows = capsys.readouterr().out.splitlines()
    assert max(map(len, rows)) <= 80
    assert any(A in row and "0.70" in row for row in rows)


def test_one_is_shown_with_where_they_were_seen(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "show", "s_00000000000b", "--json") == 0
    (shown,) = lines(capsys)
    (latest,) = shown["latest"]
    assert (latest["sighting_id"], latest["snapshot"]) == ("door:k3f9:2", "snapshots/b.jpg")
    assert (shown["sightings"], shown["person"]) == (1, None)
    assert run(data, "show", B) == 0
    assert "snapshots/b.jpg" in capsys.readouterr().out
    (data / "snapshots" / "b.jpg").unlink()
    assert run(data, "show", B) == 0
    assert "snapshots/b.jpg" not in capsys.readouterr().out
    assert run(data, "show", A, "--count", "1") == 0
    assert "and 1 earlier ones; see --count" in capsys.readouterr().out


@pytest.mark.redis
def test_naming_corrects_the_past(redis_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(redis_data, "name", A, "Ann", "--json") == 0
    (named,) = lines(capsys)
    assert (named["id"], named["person"]["name"], named["new"]) == (A, "Ann", True)
    assert (named["templates"], named["sightings"], named["distance"]) == (2, 2, None)
    told = corrections(redis_data, capsys, 2)
    assert [event["identity"] for event in told] == [named["person"]] * 2
    assert run(redis_data, "show", A, "--json") == 0
    (shown,) = lines(capsys)
    assert (shown["state"], shown["person"], shown["sightings"]) == ("named", named["person"], 0)
    assert run(redis_data, "show", A) == 0
    assert f"{A}: Ann ({named['person']['id']})" in capsys.readouterr().out


@pytest.mark.redis
def test_merging_corrects_the_past(redis_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(redis_data, "merge", B, A, "--json") == 0
    assert lines(capsys) == [{"id": A, "gone": B, "sightings": 1}]
    (told,) = corrections(redis_data, capsys, 1)
    assert (told["identity"], told["stranger_id"], told["seq"]) == (None, A, 3)
    assert run(redis_data, "show", B, "--json") == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["id"] == A
    assert f"{B} goes on as {A}" in printed.err


@pytest.mark.redis
def test_without_redis_nothing_is_lost(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = ["--set", "redis.url=redis://127.0.0.1:1/0"]
    assert run(data, "name", A, "Ann", *away) == 3
    printed = capsys.readouterr()
    assert f"{A} is Ann" in printed.out
    (line,) = printed.err.splitlines()
    assert "done, but not told yet" in line
    with EmbeddedRedis(data) as broker:
        broker.open()
        assert run(data, "unignore", B) == 0
        assert "corrections published: 2" in capsys.readouterr().err
        assert len(corrections(data, capsys, 2)) == 2


def test_ignoring_and_not(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "ignore", A) == 0
    assert capsys.readouterr().out == f"{A} is ignored: no event tells of them\n"
    assert run(data, "ignore", A, "--json") == 0
    assert lines(capsys)[0]["state"] == "ignored"
    assert run(data, "list", "--state", "open", "--json") == 0
    assert [one["id"] for one in lines(capsys)] == [B]
    assert run(data, "unignore", A) == 0
    assert capsys.readouterr().out == f"{A} is not ignored any more\n"
    assert run(data, "unignore", A, "--json") == 0
    assert lines(capsys)[0]["state"] == "open"


def test_forgetting_leaves_nothing_and_proves_it(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "forget", A, "--yes", "--json") == 0
    (told,) = lines(capsys)
    assert (told["id"], told["proved"], told["erased"]["sightings"]) == (A, True, 2)
    assert run(data, "list", "--json") == 0
    assert [one["id"] for one in lines(capsys)] == [B]


def test_a_name_that_somebody_else_has_needs_force(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(data) as store:
        store.enroll("Ann", [template(7)])
    assert run(data, "name", A, "Ann") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "somebody is called Ann already" in line
    assert line.endswith("give another name, or --force if it is them")


def test_what_has_to_go_for_a_name_stays_in_no_index(data: Path) -> None:
    with Store(data) as store:
        store.enroll("Ann", [template(7)])
    doubtful = data / "index" / "model-hnsw" / "000000000001-abcdef"
    doubtful.mkdir(parents=True)
    assert run(data, "name", A, "Ann", "--force", "--set", "enrolment.max_templates=1") == 0
    assert not doubtful.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["show", "s_ffffffffffff"],
        ["show", "s_0000000000"],
        ["show", "'; DROP TABLE strangers; --"],
        ["show", "s_\x1b[31m"],
        ["show", ""],
        ["show", A, "--count", "0"],
        ["name", A, "two\nlines"],
        ["name", A, ""],
        ["name", A, "p_0123456789ab"],
        ["merge", A, A],
        ["merge", A, "s_ffffffffffff"],
        ["ignore", "nobody"],
        ["list", "--since", "tomorrow"],
        ["list", "--state", "sad"],
        ["list", "--min-sightings", "-1"],
    ],
)
def test_bad_input_is_one_line(data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(data, *arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.isprintable()


def test_a_database_that_another_program_holds(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(data / "gallery.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert run(data, "ignore", A) == 3
        assert "another program is writing" in capsys.readouterr().err
        other.execute("ROLLBACK")
    assert run(data, "list", "--state", "ignored", "--json") == 0
    assert lines(capsys) == []
