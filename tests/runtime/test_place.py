"""Where anything that flows between stages belongs."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from pipeline.events.stage import Outcome
from pipeline.runtime.place import Place, place_of
from pipeline.types import Detected, Faces, StreamEnd, Tracked
from tests.runtime.streams import frame


def test_every_type_on_a_frames_way_has_its_camera_and_frame() -> None:
    item = frame("door", 7)
    nobody = np.zeros(0, np.int64)
    detected = Detected(item, Faces.none(), looked=True)
    tracked = Tracked(item, Faces.none(), nobody, nobody.astype(np.bool_), nobody.astype(np.bool_))
    outcome = Outcome(item.info, nobody, np.zeros((0, 4), np.float32), nobody.astype(np.bool_), (), ())
    assert {place_of(each) for each in (item, detected, tracked, outcome)} == {Place("door", 7)}
    assert place_of(StreamEnd("door", 8)) == Place("door", None)
    assert place_of(datetime(2024, 5, 1, tzinfo=UTC)) == Place("?", None)
