"""Answers as JSON, and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OutsideError
from pipeline.web.documents import applied_from_json, applied_to_json, status_from_json, status_to_json
from pipeline.web.monitored import CamerasApplied, LatencyStatus
from tests.web.statuses import troubled_status, whole_status


@pytest.mark.parametrize("status", [whole_status(), troubled_status()])
def test_there_and_back(status: Any) -> None:
    assert status_from_json(status_to_json(status)) == status


@given(st.text(), st.tuples(st.text()))
def test_any_texts(problem: str, ids: tuple[str, ...]) -> None:
    applied = CamerasApplied(added=ids, problem=problem)
    if any("\ud800" <= character <= "\udfff" for character in problem + "".join(ids)):
        return
    assert applied_from_json(applied_to_json(applied)) == applied


def test_times_and_numbers_as_events_have_them() -> None:
    status = replace(whole_status(), latency=LatencyStatus(float("nan"), None, 1000.0))
    told = json.loads(status_to_json(status))
    assert told["started_at"] == "2026-05-01T05:30:00.000Z"
    assert told["latency"] == {"p50_ms": None, "p99_ms": None, "bound_ms": 1000.0}
    assert told["cameras"][0]["state"] == "streaming"


def test_a_newer_monitor_may_say_more() -> None:
    told = json.loads(status_to_json(whole_status())) | {"weather": "fine"}
    told["cameras"][0]["colour"] = "blue"
    assert status_from_json(json.dumps(told).encode()) == whole_status()


@pytest.mark.parametrize(
    ("text", "place"), [(b"", "no JSON"), (b"[]", "no JSON"), (b'{"version": 7}', "version")]
)
def test_something_else_is_one_line(text: bytes, place: str) -> None:
    with pytest.raises(OutsideError, match=rf"not understood \({place}\); is it of another version\?"):
        status_from_json(text)
