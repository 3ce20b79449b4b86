"""The addresses that a monitor answers at, and what it answers."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from pipeline.errors import FacestreamError
from pipeline.web.documents import applied_to_json, cameras_to_json, status_to_json
from pipeline.web.monitored import Monitored

log = logging.getLogger(__name__)
T = TypeVar("T")

ANSWER_S = 10.0
"""until a monitor that says nothing is given up; why() may wait for the database"""
MAX_ASKING = 8
"""threads that ask the monitor at once; one that hangs does not come back"""
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's exposition format"""
PAGE = Path(__file__).with_name("status.html")
COMMON_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class BusyError(Exception):
    """The monitor has not answered in time."""


class Routes:
    """Answers requests with what the monitor says."""

    def __init__(self, monitored: Monitored) -> None:
        self._monitored = monitored
        self._slots = threading.BoundedSemaphore(MAX_ASKING)
        page = PAGE.read_bytes()
        self._page = partial(Response, page, media_type="text/html", headers=_page_headers(page.decode()))

    def app(self) -> Starlette:
        """All routes; who may ask is the guard's matter."""
        return Starlette(
            routes=[
                Route("/", self._show),
                Route("/metrics", self._metrics),
                Route("/health", self._health),
                Route("/ready", self._ready),
                Route("/status", self._status),
                Route("/cameras", self._cameras),
                Route("/cameras/reload", self._reload, methods=["POST"]),
                Route("/why/{sighting_id}", self._why),
            ],
            exception_handlers={BusyError: _busy, FacestreamError: _failed},
        )

    async def _show(self, request: Request) -> Response:
        return self._page()

    async def _metrics(self, request: Request) -> Response:
        return Response(await self._asked(self._monitored.metrics), media_type=METRICS_TYPE)

    async def _health(self, request: Request) -> Response:
        return _verdict(self._monitored.alive())

    async def _ready(self, request: Request) -> Response:
        return _verdict(self._monitored.alive() or self._monitored.ready())

    async def _status(self, request: Request) -> Response:
        return _json(status_to_json(await self._asked(self._monitored.status)))

    async def _cameras(self, request: Request) -> Response:
        return _json(cameras_to_json((await self._asked(self._monitored.status)).cameras))

    async def _reload(self, request: Request) -> Response:
        applied = await self._asked(self._monitored.reload_cameras)
        return _json(applied_to_json(applied), 200 if applied.problem is None else 409)

    async def _why(self, request: Request) -> Response:
        sighting = request.path_params["sighting_id"]
        found = await self._asked(partial(self._monitored.why, sighting))
        if found is None:
            return PlainTextResponse("there is no such sighting\n", 404, COMMON_HEADERS)
        return _json(json.dumps(found, allow_nan=False).encode())

    async def _asked(self, ask: Callable[[], T]) -> T:
        """What the monitor says, asked in a thread aside, so that /health answers whatever it waits for.

        Raises BusyError.
        """
        if not self._slots.acquire(blocking=False):
            raise BusyError

        def asked() -> T:
            try:
                return ask()
            finally:
                self._slots.release()

        try:
            with anyio.fail_after(ANSWER_S):
                return await anyio.to_thread.run_sync(asked, abandon_on_cancel=True)
        except TimeoutError as error:
            raise BusyError from error


def _verdict(problem: str | None) -> Response:
    """200 ok, or 503 with the reason."""
    return PlainTextResponse(f"{problem or 'ok'}\n", 200 if problem is None else 503, COMMON_HEADERS)


def _json(text: bytes, code: int = 200) -> Response:
    return Response(text + b"\n", code, COMMON_HEADERS, "application/json")


async def _busy(request: Request, error: Exception) -> Response:
    return PlainTextResponse("the monitor does not answer; see its log\n", 503, COMMON_HEADERS)


async def _failed(request: Request, error: Exception) -> Response:
    """What the monitor needs failed, as its database may: one line, and no fault of the server."""
    return PlainTextResponse(f"{error}\n", 503, COMMON_HEADERS)


def _page_headers(page: str) -> dict[str, str]:
    """The page may run its own script and style, talk to us, and nothing else."""

    def allowed(tag: str) -> str:
        inner = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inner]
        return " ".join(f"'sha256-{digest}'" for digest in digests)

    policy = (
        f"default-src 'none'; script-src {allowed('script')}; style-src {allowed('style')}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return {**COMMON_HEADERS, "Content-Security-Policy": policy}
