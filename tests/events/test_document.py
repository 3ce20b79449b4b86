"""Rounding, times, and that docs/events.md, the schema and the model name the same keys."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pipeline.events
from pipeline.clock import utc_text
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.events.delivery.redis_sink import RedisSink
from pipeline.events.document import EventDocument, rounded, utc_time
from pipeline.events.event import Mode
from tests.events.strategies import an_event

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
SCHEMA = json.loads(Path(pipeline.events.__path__[0], "event.schema.json").read_text("utf-8"))


def test_page_schema_and_model_name_the_same_keys_in_one_order() -> None:
    table = PAGE.split("## One event")[1].split("## Guarantees")[0]
    keys = re.findall(r"^\| `([a-z_]+)` \|", table, flags=re.MULTILINE)
    assert keys == SCHEMA["required"]
    assert keys == [field.alias or name for name, field in EventDocument.model_fields.items()]


@pytest.mark.redis
def test_the_page_s_example_prints_each_new_sighting_once(tmp_path: Path) -> None:
    example = PAGE.split("```python\n")[-1].split("```")[0]
    live = [replace(e, mode=Mode.LIVE) for e in (an_event(), an_event(seq=2), an_event("yard", who=None))]
    with EmbeddedRedis(tmp_path) as broker:
        sink = RedisSink(EmbeddedRedis(tmp_path), "facestream:events", "facestream:replay", 100)
        sink.open()
        sink.publish([*live, live[0]])
        sink.publish([replace(an_event("last", who=None), mode=Mode.LIVE)])
        program = f"address = {broker.open()!r}\n{example}"
        listener = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True)
        assert listener.stdout is not None
        assert [listener.stdout.readline() for _ in range(3)] == [
            "door Ann\n",
            "yard unknown\n",
            "last unknown\n",
        ]
        listener.kill()
        listener.communicate(timeout=30)
        sink.close()


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.00005, 0.0001), (-0.00001, 0.0), (0.58, 0.58), (3.999999, 4.0), (27.0666666, 27.0667)],
)
def test_rounding(value: float, expected: float) -> None:
    assert rounded(value) == expected
    assert not str(rounded(value)).startswith("-0")


def test_times_go_to_text_and_back() -> None:
    moment = datetime(2024, 5, 1, 12, 0, 0, 66_999, tzinfo=UTC)
    assert utc_text(moment) == "2024-05-01T12:00:00.066Z"
    assert utc_time(utc_text(moment)) == moment.replace(microsecond=66_000)
    with pytest.raises(ValueError, match="times must have a zone"):
        utc_text(moment.replace(tzinfo=None))


def test_similarity_is_what_a_subscriber_computes() -> None:
    document = EventDocument.of(replace(an_event(), distance=0.58005))
    assert document.distance is not None
    assert document.similarity == pytest.approx(1.0 - document.distance / 2.0, abs=0.5e-4)
