"""Who may ask: a request for this machine, with the token where the answer is not for everybody on it."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

OPEN = frozenset({"/metrics", "/health", "/ready", "/"})
"""for scrapers and supervisors, without a token. The page at / is the same for everybody and tells nothing: it asks
for the token, and fetches the status with it"""
HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Guard:
    """Refuses what is not for us, before anything else is done with it."""

    def __init__(self, app: ASGIApp, token: str, host: str) -> None:
        """`host` is the address that is listened on."""
        self._app = app
        self._expected = f"Bearer {token}".encode()
        self._hosts = HOSTS | {host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or hand on."""
        headers = Headers(scope=scope)
        if not self._is_ours(headers):
            # A web page's own name that was made to point here (DNS rebinding): its scripts are not to read us.
            text = "this host name is not served here; ask 127.0.0.1\n"
            return await PlainTextResponse(text, 421)(scope, receive, send)
        if scope["path"] not in OPEN and not self._has_token(headers):
            text = "send Authorization: Bearer TOKEN, with the token of monitor.json in the data folder\n"
            refusal = PlainTextResponse(text, 401, {"WWW-Authenticate": "Bearer"})
            return await refusal(scope, receive, send)
        await self._app(scope, receive, send)

    def _is_ours(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        try:
            return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in self._hosts
        except ValueError:
            return False

    def _has_token(self, headers: Headers) -> bool:
        given = headers.getlist("authorization")
        return len(given) == 1 and hmac.compare_digest(given[0].encode("latin-1"), self._expected)
