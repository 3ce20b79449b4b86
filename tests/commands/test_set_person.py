"""`people set`: consent and retention of a person."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.set_person import date_given
from pipeline.errors import BadInputError
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import enroll_people


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Store(tmp_path) as store:
        enroll_people(store, [("Ann Lee", 1)])
    return tmp_path


def run(data: Path, *arguments: str) -> int:
    return main(["people", "set", "Ann Lee", *arguments, "--data", str(data)])


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_each_is_set_and_taken_away_by_itself(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--consent", "signed [1]", "--json") == 0
    assert run(data, "--retain-until", "2027-05-01", "--json") == 0
    assert run(data, "--consent", "", "--json") == 0
    assert run(data, "--retain-until", "never", "--json") == 0
    until = "2027-05-01T00:00:00.000Z"
    assert [(line["consent"], line["retain_until"]) for line in lines(capsys)] == [
        ("signed [1]", None),
        ("signed [1]", until),
        (None, until),
        (None, None),
    ]


def test_a_date_that_is_past_is_said_at_once(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--retain-until", "2020-01-01", "--json") == 0
    printed = capsys.readouterr()
    assert "2020-01-01 is past: the next run, or expire, forgets them for good" in printed.err
    assert len(printed.out.splitlines()) == 1
    assert run(data, "--retain-until", "9999-01-01") == 0
    assert "is past" not in capsys.readouterr().err


def test_in_words(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(data, "--consent", "signed [1]", "--retain-until", "2027-05-01T12:00:00+02:00") == 0
    assert "consent: signed [1]; kept until: 2027-05-01" in capsys.readouterr().out
    assert main(["people", "show", "Ann Lee", "--data", str(data)]) == 0
    printed = capsys.readouterr().out
    assert "consent: signed [1]" in printed
    assert "kept until: 2027-05-01" in printed


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to note"),
        (["--retain-until", "tomorrow"], "--retain-until 'tomorrow': give a date"),
        (["--retain-until", ""], "give a date"),
        (["--consent", "a\x1bb"], "U+001B"),
    ],
)
def test_what_cannot_be_noted_is_one_line(
    data: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert run(data, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


def test_times_without_a_zone_are_utc() -> None:
    assert date_given("2027-05-01") == datetime(2027, 5, 1, tzinfo=UTC)
    assert date_given("2027-05-01T12:00:00+02:00") == datetime(
        2027, 5, 1, 12, tzinfo=timezone(timedelta(hours=2))
    )
    assert date_given("never") is None
    with pytest.raises(BadInputError):
        date_given("2027-13-01")
