"""Whether a camera's server is there at all: one TCP connection, nothing said."""

from __future__ import annotations

import contextlib
import socket

_SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

ANSWER_S = 1.0
"""a server that is there answers within milliseconds; one across the world within 300"""


class Port:
    """A TCP port of a host, looked up by name once a wait: a name server that is slow must not be asked each second."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._found: list[tuple[socket.AddressFamily, _SocketAddress]] | None = None

    def look_up(self) -> None:
        """Ask for the host's addresses anew, when next needed."""
        self._found = None

    def is_open(self) -> bool:
        """Whether somebody listens there now."""
        if self._found is None:
            self._found = self._addresses()
        for family, address in self._found:
            with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(ANSWER_S)
                probe.connect(address)
                return True
        return False

    def _addresses(self) -> list[tuple[socket.AddressFamily, _SocketAddress]]:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return []
        return [(family, address) for family, _, _, _, address in found]
