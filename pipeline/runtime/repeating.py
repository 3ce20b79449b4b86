"""Something done again and again beside a run, which nothing that goes wrong in it ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from pipeline.errors import FacestreamError

STOP_TIMEOUT_S = 5.0
"""how long the end of a run waits for what is being done"""

log = logging.getLogger(__name__)


class Repeating:
    """Calls an action every so often in a thread of its own, from `start` to `stop`.

    What it raises is logged once, until it works again or fails otherwise; the next time comes all the same.
    """

    def __init__(
        self, name: str, every_s: float, action: Callable[[], None], *, at_once: bool = False
    ) -> None:
        """`name` in a word or two, for the log; `at_once`: the first time right away, else after `every_s`."""
        self._name = name
        self._every_s = every_s
        self._action = action
        self._at_once = at_once
        self._stopping = threading.Event()
        self._trouble: str | None = None
        self._thread = threading.Thread(target=self._repeat, name=f"facestream-{name}", daemon=True)

    @property
    def trouble(self) -> str | None:
        """Why it failed the last time, one line; None where it did not."""
        return self._trouble

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> None:
        """End after what is being done, and wait for that, but not for ever. May be called again."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_TIMEOUT_S)
            if self._thread.is_alive():
                log.warning("%s takes long; no longer waiting for it", self._name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _repeat(self) -> None:
        if self._at_once:
            self._once()
        while not self._stopping.wait(self._every_s):
            self._once()

    def _once(self) -> None:
        try:
            self._action()
        except FacestreamError as error:
            self._say(str(error))
        except Exception as error:  # noqa: BLE001 - a thread for weeks must not die of a bug in one of its rounds
            self._say(f"{type(error).__name__}: {error}", error)
        else:
            if self._trouble is not None:
                log.info("%s: works again", self._name)
            self._trouble = None

    def _say(self, trouble: str, bug: Exception | None = None) -> None:
        if trouble != self._trouble:
            log.warning("%s: %s", self._name, trouble, exc_info=bug)
        self._trouble = trouble
