"""A bad line between a camera and who watches it: packets are lost, delayed and swapped, by a seeded chance."""

from __future__ import annotations

import contextlib
import heapq
import random
import re
import selectors
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Line:
    """How bad the line is."""

    lost: float = 0.0
    """share of UDP packets that never arrive; TCP loses none, it waits"""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """on top of the delay, for each packet anew: UDP packets overtake each other"""
    seed: int = 1


class LossyProxy:
    """Stands before an RTSP server: passes its TCP connection on, and the UDP ports that SETUP names.

    The client's `client_port` in a SETUP request is replaced by two ports of the proxy's, whose packets go on to
    the client's own. Gone with its thread after `with`.
    """

    def __init__(self, port: int, line: Line) -> None:
        self._server = ("127.0.0.1", port)
        self.line = line
        """may be replaced at any time"""
        self._chance = random.Random(line.seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.dropped = self.passed = 0
        """UDP packets"""
        self._selector = selectors.DefaultSelector()
        self._due: list[tuple[float, int, socket.socket, bytes, tuple[str, int] | None]] = []
        self._sent = 0
        self._peers: dict[socket.socket, socket.socket] = {}
        self._goals: dict[socket.socket, tuple[str, int]] = {}
        self._last_tcp_s: dict[socket.socket, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lossy proxy")

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for each in (self._listener, *self._peers, *self._goals):
            each.close()
        self._selector.close()

    @property
    def url(self) -> str:
        """The camera's address through the line."""
        return f"rtsp://127.0.0.1:{self.port}/live"

    def _run(self) -> None:
        while not self._stop.is_set():
            for key, _ in self._selector.select(LOOK_S):
                with contextlib.suppress(OSError):
                    self._hear(key.fileobj)  # type: ignore[arg-type]
            self._deliver()

    def _hear(self, each: socket.socket) -> None:
        if each is self._listener:
            client, _ = each.accept()
            server = socket.create_connection(self._server)
            self._peers.update({client: server, server: client})
            for side in (client, server):
                self._selector.register(side, selectors.EVENT_READ)
        elif each in self._goals:
            packet = each.recv(65536)
            if self._chance.random() < self.line.lost:
                self.dropped += 1
                return
            self.passed += 1
            self._later(each, packet, self._goals[each], time.monotonic() + self._delay_s())
        else:
            self._hear_tcp(each)

    def _hear_tcp(self, each: socket.socket) -> None:
        data = each.recv(65536)
        other = self._peers[each]
        if not data:
            self._hang_up(each, other)
            return
        # TCP keeps its order: what comes later is due later.
        due_s = max(time.monotonic() + self._delay_s(), self._last_tcp_s.get(other, 0.0))
        self._last_tcp_s[other] = due_s
        self._later(other, self._with_own_ports(data), None, due_s)

    def _hang_up(self, *both: socket.socket) -> None:
        for each in both:
            self._selector.unregister(each)
            del self._peers[each]
            self._last_tcp_s.pop(each, None)
            each.close()

    def _with_own_ports(self, data: bytes) -> bytes:
        asked = re.search(rb"client_port=(\d+)-(\d+)", data)
        if asked is None or not data.startswith(b"SETUP"):
            return data
        own = [self._udp(int(port)) for port in asked.groups()]
        return data.replace(asked.group(), f"client_port={own[0]}-{own[1]}".encode())

    def _udp(self, client_port: int) -> int:
        """A port whose packets go on to the client's."""
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 2**20)
        taken.bind(("127.0.0.1", 0))
        self._goals[taken] = ("127.0.0.1", client_port)
        self._selector.register(taken, selectors.EVENT_READ)
        return int(taken.getsockname()[1])

    def _delay_s(self) -> float:
        return self.line.delay_s + self._chance.random() * self.line.jitter_s

    def _later(self, by: socket.socket, data: bytes, to: tuple[str, int] | None, due_s: float) -> None:
        self._sent += 1
        heapq.heappush(self._due, (due_s, self._sent, by, data, to))

    def _deliver(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            _, _, by, data, to = heapq.heappop(self._due)
            with contextlib.suppress(OSError):
                if to is None:
                    by.sendall(data)
                else:
                    by.sendto(data, to)
