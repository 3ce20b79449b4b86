"""Connections that cannot be held open: few at a time, and each only so long for a request and its answer.

uvicorn itself waits for ever for a request's headers and for a client that does not read. Each connection is an open
file of the monitor, which needs those for its cameras.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 32
"""a scraper, a few people who look; one more, and the one that has been idle for longest goes"""
MAX_HEADER_BYTES = 16_384
REQUEST_S = 20.0
"""from a connection, or the answer before, to the end of a request's answer; none of ours takes a second"""


class BoundedConnection(H11Protocol):
    """A connection with a deadline."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._since_s = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, in the place of an idle one where there are too many."""
        super().connection_made(transport)
        self._arm()
        # Those that go already are among them until the loop comes round.
        held = [each for each in self.connections if isinstance(each, BoundedConnection) and each.is_open]
        if len(held) > MAX_CONNECTIONS:
            # This one is idle too, and the newest: it goes where all others are being answered.
            min((each for each in held if each.is_idle), key=lambda each: each._since_s).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the connection."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._arm()
        super().on_response_complete()

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed from here."""
        return not self.transport.is_closing()

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _arm(self) -> None:
        self._since_s = self.loop.time()
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(REQUEST_S, self.transport.abort)
