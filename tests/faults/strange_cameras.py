"""Cameras that misbehave: servers of a few lines that a test tells byte by byte what to send."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Self

import av
import numpy as np

Talk = Callable[[socket.socket], None]
"""what a camera does with one caller; returns to hang up, and may raise OSError when the caller is gone"""

PAYLOAD = 96
MAX_RTP_BYTES = 1400


class StrangeCamera:
    """A TCP server on a free port that talks to each caller as it is told; gone with all its threads after `with`."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.called_s: list[float] = []
        """time.monotonic() of each call that said something; a look at the port says nothing"""
        self._callers: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        accepting = threading.Thread(target=self._accept, name="strange camera")
        self._threads.append(accepting)
        accepting.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            callers = list(self._callers)
        for caller in callers:
            with contextlib.suppress(OSError):
                caller.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def url(self, scheme: str = "rtsp", path: str = "live") -> str:
        """Its address."""
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                with self._lock:
                    self._callers.add(caller)
                thread = threading.Thread(target=self._serve, args=(caller,), name="strange camera's caller")
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
                thread.start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            if caller.recv(1, socket.MSG_PEEK):
                self.called_s.append(time.monotonic())
                self._talk(caller)
        with self._lock:
            self._callers.discard(caller)


def silent(caller: socket.socket) -> None:
    """Hear everything and say nothing."""
    while caller.recv(4096):
        pass


def hang_up(caller: socket.socket) -> None:
    """Take the call and end it."""


def http_then(
    parts: Callable[[], Iterable[bytes]], kind: str = "multipart/x-mixed-replace; boundary=frame"
) -> Talk:
    """Answer each caller with these bytes, one part after the other, at the pace at which they are given."""

    def talk(caller: socket.socket) -> None:
        caller.recv(4096)
        caller.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        for part in parts():
            caller.sendall(part)

    return talk


def rtsp_then(send: Talk) -> Talk:
    """Answer as an RTSP camera of H.264 over TCP does and, once asked to play, do this."""

    def talk(caller: socket.socket) -> None:
        for request in _requests(caller):
            lines = request.split("\r\n")
            sequence = next((line for line in lines if line.lower().startswith("cseq")), "CSeq: 0")
            method = request.split(" ", 1)[0]
            caller.sendall(_answer(method, sequence))
            if method == "PLAY":
                send(caller)
                return

    return talk


def interleaved(packet: bytes, channel: int = 0) -> bytes:
    """An RTP packet within an RTSP connection (RFC 7826, section 14)."""
    return struct.pack(">cBH", b"$", channel, len(packet)) + packet


def rtp_packets(units: Sequence[bytes], stamps: Sequence[int], first: int = 0) -> Iterator[list[bytes]]:
    """RTP packets of H.264 access units (Annex B bytes), one list a unit: single NAL units and FU-A (RFC 6184)."""
    number = first
    for unit, stamp in zip(units, stamps, strict=True):
        packets = []
        nals = [nal for nal in unit.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if nal]
        for row, nal in enumerate(nals):
            parts = list(_fragments(nal))
            for place, part in enumerate(parts):
                marker = row == len(nals) - 1 and place == len(parts) - 1
                head = struct.pack(
                    ">BBHII", 0x80, PAYLOAD | marker << 7, number & 0xFFFF, stamp & 0xFFFFFFFF, 7
                )
                packets.append(head + part)
                number += 1
        yield packets


def h264_units(frames: int = 50, width: int = 64, height: int = 48, keyframe_every: int = 25) -> list[bytes]:
    """Access units of a film of noise that grows brighter, parameter sets before every keyframe."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.framerate = Fraction(25)
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(keyframe_every)}
    chance = np.random.default_rng(1)
    units = []
    for index in range(frames):
        picture = chance.integers(0, 60, (height, width, 3), np.uint8) + np.uint8(3 * (index % 60))
        units += [bytes(packet) for packet in encoder.encode(av.VideoFrame.from_ndarray(picture, "rgb24"))]
    return units + [bytes(packet) for packet in encoder.encode(None)]


def jpeg(width: int = 64, height: int = 48, level: int = 90) -> bytes:
    """A plain grey JPEG."""
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.framerate = Fraction(25)
    picture = av.VideoFrame.from_ndarray(np.full((height, width, 3), level, np.uint8), "rgb24")
    packets = encoder.encode(picture.reformat(format="yuvj420p")) + encoder.encode(None)
    return b"".join(bytes(packet) for packet in packets)


def mjpeg_part(picture: bytes, boundary: str = "frame") -> bytes:
    """One picture of a multipart stream, as cameras write it."""
    head = f"--{boundary}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
    return head.encode() + picture + b"\r\n"


def _requests(caller: socket.socket) -> Iterator[str]:
    heard = b""
    while data := caller.recv(4096):
        heard += data
        while b"\r\n\r\n" in heard:
            request, heard = heard.split(b"\r\n\r\n", 1)
            yield request.decode()


def _answer(method: str, sequence: str) -> bytes:
    head, body = [f"RTSP/1.0 200 OK\r\n{sequence}"], ""
    if method == "OPTIONS":
        head.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    elif method == "DESCRIBE":
        body = (
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=strange\r\nt=0 0\r\n"
            f"m=video 0 RTP/AVP {PAYLOAD}\r\na=rtpmap:{PAYLOAD} H264/90000\r\na=control:track1\r\n"
        )
        head.append(f"Content-Type: application/sdp\r\nContent-Length: {len(body)}")
    elif method == "SETUP":
        head.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60")
    else:
        head.append("Session: 1")
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


def _fragments(nal: bytes) -> Iterator[bytes]:
    if len(nal) <= MAX_RTP_BYTES:
        yield nal
        return
    indicator, kind = nal[0] & 0xE0 | 28, nal[0] & 0x1F
    parts = [nal[at : at + MAX_RTP_BYTES] for at in range(1, len(nal), MAX_RTP_BYTES)]
    for place, part in enumerate(parts):
        start, end = place == 0, place == len(parts) - 1
        yield bytes([indicator, start << 7 | end << 6 | kind]) + part
