"""A program with a camera that hangs in a library and a stage that hangs too: for what signals do to it."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from pipeline.errors import FacestreamError
from pipeline.runtime.buffer import Overflow
from pipeline.runtime.fan_in import FanIn
from pipeline.runtime.line import Step
from pipeline.runtime.restarts import RestartRules
from pipeline.runtime.signals import ended_by_signals
from pipeline.runtime.supervisor import Supervisor
from pipeline.stage import StageBase
from pipeline.types import Frame, StreamEnd
from tests.runtime.streams import frame

FOREVER_S = 600.0


def say(words: object) -> None:
    """A line to whoever started this."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class Deaf:
    """Gives one frame; nothing that is asked of it afterwards comes back."""

    camera = "deaf"

    def frames(self) -> Iterator[Frame | StreamEnd]:
        yield frame(self.camera, 0)
        time.sleep(FOREVER_S)

    def close(self) -> None:
        time.sleep(FOREVER_S)


class First(StageBase[Frame, Frame]):
    """Passes its frame on, hangs at it or fails at it."""

    name = "first"

    def __init__(self, how: str) -> None:
        self._how = how

    def process(self, batch: Sequence[Frame]) -> Sequence[Frame]:
        say("at work")
        if self._how == "hangs":
            time.sleep(FOREVER_S)
        if self._how == "fails":
            raise RuntimeError("no device")
        return batch


class Last(StageBase[Frame, None]):
    """Says what it is told."""

    name = "last"

    def process(self, batch: Sequence[Frame]) -> Sequence[None]:
        return ()

    def end(self, end: StreamEnd) -> Sequence[None]:
        say(f"end {end.camera}")
        return ()

    def close(self) -> None:
        say("closed")


def main(how: str) -> int:
    """Run until a signal or a failure; the exit code."""
    fan_in: FanIn[Frame] = FanIn(1, Overflow.DROP_OLDEST, "frames")
    hung_after_s = 0.5 if how == "hangs" else FOREVER_S
    rules = RestartRules(2, 600.0, backoff_s=FOREVER_S, max_backoff_s=FOREVER_S, hung_after_s=hung_after_s)
    if how == "hangs for long":
        how, rules = "hangs", RestartRules(2, 600.0)
    steps = [Step(First(how), 1), Step(Last(), 1)]
    run = Supervisor(fan_in, steps, drain_timeout_s=10.0, ends_with_sources=False, restarts=rules)
    with run, ended_by_signals(run):
        run.start([Deaf()])
        try:
            say("complete" if run.wait().complete else "stopped")
        except FacestreamError as error:
            say(error)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
