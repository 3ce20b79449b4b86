"""A monitor's HTTP server: starlette on uvicorn in a thread of its own, on a loopback address."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import uvicorn

from pipeline.errors import OutsideError
from pipeline.web.announcement import Announcement, announced, only_monitor
from pipeline.web.connections import MAX_HEADER_BYTES, BoundedConnection
from pipeline.web.guard import Guard
from pipeline.web.listen import BACKLOG, Address, bound, listening, parse_listen
from pipeline.web.monitored import Monitored
from pipeline.web.routes import Routes

log = logging.getLogger(__name__)

GRACE_S = 0.4
"""what is being answered when the server closes may end within this; then its connection is cut"""
START_S = 10.0
CLOSE_S = 5.0
KEEP_ALIVE_S = 5
"""an idle connection stays for the next request"""


class HttpServer:
    """Tells by HTTP what a monitor says, from `open` to `close`.

    While it is open, its address and token stand in the data folder, and no other monitor runs there.
    """

    def __init__(self, monitored: Monitored, listen: str, data: Path) -> None:
        """`listen` is http.listen. Raises BadInputError where that is not a loopback address and port."""
        self._monitored = monitored
        self._wanted = parse_listen(listen)
        self._data = data
        self._held = ExitStack()
        self._address: Address | None = None

    @property
    def address(self) -> str:
        """http://host:port, once it is open."""
        assert self._address is not None, "the server is not open"
        return self._address.url

    def open(self) -> None:
        """Listen, and say where.

        Raises OutsideError where another monitor runs on this data folder, or the address cannot be listened on.
        """
        with ExitStack() as held:
            held.enter_context(only_monitor(self._data))
            made = held.enter_context(listening(self._wanted))
            self._address = bound(made)
            token = secrets.token_urlsafe(32)
            app = Guard(Routes(self._monitored).app(), token, self._address.host)
            running = _Running(app, made)
            held.callback(running.close)
            running.open()
            now = datetime.now(UTC)
            held.enter_context(announced(self._data, Announcement(self.address, token, os.getpid(), now)))
            self._held = held.pop_all()
        log.info("status, metrics and health: %s", self.address)

    def close(self) -> None:
        """Stop listening and answering, and withdraw the address; within a second."""
        self._held.close()

    def __enter__(self) -> HttpServer:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Running(uvicorn.Server):
    """uvicorn in a thread: it tells when it has started, and ends on time."""

    def __init__(self, app: Guard, listener: socket.socket) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedConnection,
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                log_level="error",  # what clients do wrong is their matter
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            )
        )
        self._listener = listener
        self._up = threading.Event()
        # A daemon, so that a monitor which cannot be asked any more can still be ended.
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def open(self) -> None:
        self._thread.start()
        if not self._up.wait(START_S) or not self.started:
            raise OutsideError("the HTTP server has not started; run again with --debug")

    def close(self) -> None:
        self.should_exit = True
        if self._thread.ident is None:
            return
        self._thread.join(CLOSE_S)
        if self._thread.is_alive():
            log.warning("the HTTP server does not end: the monitor still owes it an answer")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cut = asyncio.get_running_loop().call_later(GRACE_S, self._cut)
        await super().shutdown(sockets)
        cut.cancel()

    def _cut(self) -> None:
        for each in list(self.server_state.connections):
            each.transport.abort()

    def _run(self) -> None:
        try:
            asyncio.run(self.serve(sockets=[self._listener]))
        finally:
            self._up.set()
            if not self.should_exit:
                log.error(
                    "the HTTP server has ended; the monitor goes on without, restart it to have status again"
                )
