"""Who hangs, and who was only frozen with the machine."""

from __future__ import annotations

from pipeline.runtime.place import Place
from pipeline.runtime.watchdog import Stuck, Watchdog

ONE = Stuck("detect", Place("a", 3), 61.0, since_s=100.0)
NEXT = Stuck("detect", Place("a", 4), 61.0, since_s=161.0)
OTHER = Stuck("publish", None, 70.0, since_s=100.0)


def test_who_is_at_the_same_batch_in_two_looks_hangs() -> None:
    watchdog = Watchdog()
    assert watchdog.look([ONE]) == []
    assert watchdog.look([NEXT, OTHER]) == []
    assert watchdog.look([]) == []
    assert watchdog.look([OTHER]) == []
    assert watchdog.look([OTHER, ONE]) == [OTHER]
