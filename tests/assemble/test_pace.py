"""How a run's queues are made, and what a live run's pace is made of."""

from __future__ import annotations

import time
from dataclasses import replace

from config.schema import Config
from pipeline.assemble.pace import live_pace, queues_of, usual_rules
from pipeline.detection.rules import CameraRules, RuleBook
from pipeline.events.event import Mode
from pipeline.runtime.buffer import Overflow
from pipeline.types import Frame
from tests.runtime.streams import frame

CONFIG = Config.model_validate(
    {
        "runtime": {"max_latency_ms": 200.0, "frames_queued": 7, "items_queued": 9},
        "detection": {"rate_hz": 5.0},
    }
)


def aged(index: int, ms: float) -> Frame:
    """A frame that was decoded so long ago."""
    one = frame("door", index)
    return Frame(replace(one.info, captured_ns=time.monotonic_ns() - round(ms * 1e6)), one.pixels)


def test_recordings_wait_and_lose_nothing() -> None:
    queues = queues_of(CONFIG, Mode.REPLAY)
    assert (queues.overflow, queues.frames, queues.items) == (Overflow.BLOCK, 7, 9)
    assert queues.fill_s == 0.0
    fan_in = queues.fan_in(None)
    fan_in.add("door")
    fan_in.put(aged(0, 60_000.0))
    assert len(fan_in.take(4)) == 1


def test_of_a_live_camera_the_newest_frame_alone_waits_and_not_for_long() -> None:
    queues = queues_of(CONFIG, Mode.LIVE)
    assert (queues.overflow, queues.frames) == (Overflow.DROP_OLDEST, 1)
    assert queues.items < CONFIG.runtime.items_queued
    fan_in = queues.fan_in(live_pace(CONFIG, None, "publish"))
    fan_in.add("door")
    for index in range(3):
        fan_in.put(aged(index, 1.0))
    (newest,) = fan_in.take(4)
    assert isinstance(newest, Frame)
    assert newest.info.index == 2
    fan_in.put(aged(3, 150.0))
    assert fan_in.take(4, timeout_s=0.0) == []
    assert fan_in.dropped() == {"door": 3}
    fan_in.put(aged(4, 150.0))
    fan_in.put(aged(5, 1.0))
    assert len(fan_in.take(4)) == 1


def test_the_rules_of_the_configuration_go_for_cameras_without_their_own() -> None:
    assert usual_rules(CONFIG) == CameraRules(5.0, CONFIG.detection.min_face_px)
    assert live_pace(CONFIG, None, "publish").rules.of("door") == usual_rules(CONFIG)
    book = RuleBook(usual_rules(CONFIG))
    book.put("door", CameraRules(1.0, 20.0))
    pace = live_pace(CONFIG, book, "publish")
    pace.admission(frame("door", 0).info)
    (load,) = pace.admission.load().cameras
    assert load.looks_wanted_hz == 1.0


def test_an_event_is_told_where_its_frame_s_time_went() -> None:
    pace = live_pace(CONFIG, None, "publish")
    timings = pace.timings_ms(aged(0, 30.0).info)
    assert timings.total >= 30.0
    assert timings.queue == timings.total
