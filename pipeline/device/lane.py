"""One worker's own way to a GPU: a stream, a table, and an event to tell others how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engines.backends.cuda.driver import Driver, Event, Stream
from engines.backends.cuda.kernels.launch import Tables
from engines.errors import BackendError


class Lane:
    """Used by one thread at a time, inside the driver's context; made when first used."""

    def __init__(self, driver: Driver) -> None:
        self.tables = Tables(driver)
        self._driver = driver
        self._stream: Stream | None = None
        self._event: Event | None = None

    @property
    def stream(self) -> Stream:
        """The worker's stream."""
        if self._stream is None:
            self._stream = self._driver.new_stream()
        return self._stream

    def mark(self) -> Event:
        """Reached when all that the stream was given so far is done. There is one: the next mark moves it."""
        if self._event is None:
            self._event = self._driver.new_event()
        self._driver.record(self._event, self.stream)
        return self._event

    def synchronise(self) -> None:
        """Wait until everything that the stream was given is done."""
        self._driver.synchronise(self.stream)

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Inside, a BackendError goes on when the stream's work is done, where the GPU still answers: until then it
        may write to memory that the error lets go of."""
        try:
            yield
        except BackendError:
            self._settle()
            raise

    def close(self) -> None:
        """Give everything back; a second call does nothing."""
        self._settle()
        stream, event = self._stream, self._event
        self._stream = self._event = None
        self.tables.close()
        if event is not None:
            self._driver.free_event(event)
        if stream is not None:
            self._driver.free_stream(stream)

    def _settle(self) -> None:
        if self._stream is not None:
            with suppress(BackendError):
                self._driver.synchronise(self._stream)
