"""The one address that a monitor listens on: loopback, or nothing."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from pipeline.errors import BadInputError, OutsideError

BACKLOG = 64
"""connections that wait to be taken"""


@dataclass(frozen=True, slots=True)
class Address:
    """A loopback address and port."""

    host: str
    """an IP address"""
    port: int
    """0: any that is free"""

    @property
    def url(self) -> str:
        """http://127.0.0.1:8470, http://[::1]:8470"""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def parse_listen(text: str) -> Address:
    """The address of `http.listen`: "127.0.0.1:8470", "[::1]:8470", "localhost:0".

    Raises BadInputError for what is no address and port, and for what others than this machine could reach.
    """
    host, colon, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    # Not what a name server takes localhost for.
    host = "127.0.0.1" if host.casefold() == "localhost" else host
    if not (colon and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise BadInputError(f"http.listen: expected address and port, as 127.0.0.1:8470, got {text!r}")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise BadInputError(f"http.listen: {host!r} is no IP address; write 127.0.0.1:{port}") from error
    if not loopback:
        raise BadInputError(
            f"http.listen: {host} is reached by others than this machine; write 127.0.0.1:{port}, and put a proxy "
            "with authentication in front of it"
        )
    return Address(host, int(port))


def listening(address: Address) -> socket.socket:
    """A socket that listens there. Raises OutsideError where it cannot."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # Of a socket that does not say TCP, asyncio leaves Nagle's algorithm on, and every answer takes 40 ms.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # a restart need not wait for old connections
        made.bind((address.host, address.port))
        made.listen(BACKLOG)
    except OSError as error:
        made.close()
        taken = error.errno == errno.EADDRINUSE
        reason = "another program has it" if taken else str(error.strerror)
        raise OutsideError(
            f"http.listen: {address.host}:{address.port} cannot be listened on: {reason}; "
            "name another port with --set http.listen=127.0.0.1:PORT, 0 for any that is free"
        ) from error
    return made


def bound(made: socket.socket) -> Address:
    """Where a socket listens."""
    host, port, *_ = made.getsockname()
    return Address(str(host), int(port))
