"""Where pictures go: below one folder whatever a camera is called, and no two sightings in one place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.events.pictures.snapshot_paths import MAX_NAME, safe, snapshot_path
from pipeline.gallery.keeping.snapshots import picture

AT = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)


@given(st.text(max_size=300), st.text(max_size=100).filter(lambda run: ":" not in run))
def test_every_path_is_one_that_sightings_may_name(camera: str, run: str) -> None:
    path = snapshot_path(f"{camera}:{run}:17", AT)
    assert picture(Path("/data"), path) is not None
    parts = path.split("/")
    assert parts[:2] == ["snapshots", "2026-05-01"]
    assert len(parts) == 4
    assert all(part.isascii() and part.isprintable() and not part.startswith(".") for part in parts)
    assert all(len(part) < 2 * MAX_NAME for part in parts)


@given(st.lists(st.text(max_size=100), min_size=2, max_size=20, unique=True))
def test_no_two_names_become_the_same(names: list[str]) -> None:
    assert len({safe(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("door", "door"),
        ("10.0.0.5", "10.0.0.5"),
        ("..", "-"),
        ("a/b", "a_b-"),
        ("", "e3b0c442"),
        ("-x", "x-"),
        ("Tür", "T_r-"),
    ],
)
def test_plain_names_stay_and_others_say_what_they_were(name: str, expected: str) -> None:
    assert safe(name).startswith(expected.strip("-"))
    assert (safe(name) == name) == (name == expected)


def test_the_day_is_that_of_utc() -> None:
    east = datetime(2026, 5, 2, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert snapshot_path("door:k:1", east) == snapshot_path("door:k:1", AT)
