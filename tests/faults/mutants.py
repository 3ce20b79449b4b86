"""Plays mutated streams and files to live sources, one after the other. Run in a process of its own: a decoder that
crashes takes the process with it, and the last line written says at which mutant.

    python -m tests.faults.mutants FOLDER FIRST COUNT SEED
"""

from __future__ import annotations

import random
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from pipeline.capture.live.live import LiveSource
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.open_source import open_source
from pipeline.clock import SystemClock
from pipeline.errors import SourceError
from pipeline.types import Frame
from tests.capture.films import FILMS
from tests.faults.strange_cameras import (
    StrangeCamera,
    h264_units,
    hang_up,
    http_then,
    interleaved,
    jpeg,
    mjpeg_part,
    rtp_packets,
    rtsp_then,
)

LONGEST_S = 4.0
"""a mutant is played for; stalls are noticed by then"""

OPTIONS = LiveOptions(connect_timeout_s=1.0, read_timeout_s=1.0)

HASTE = 20.0
FRAMES = 40
"""of a mutant are looked at; a file begins again meanwhile"""

UNITS = h264_units(25)
PICTURE = jpeg(320, 240)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut out, doubled, put in, or the end cut off: one to ten times."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 10)):
        if not changed:
            break
        at = chance.randrange(len(changed))
        length = chance.choice((1, 1, 2, 4, 16, 200))
        match chance.randrange(6):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                changed[at : at + length] = chance.randbytes(min(length, len(changed) - at))
            case 2:
                del changed[at : at + length]
            case 3:
                changed[at:at] = changed[at : at + length]
            case 4:
                changed[at:at] = chance.randbytes(length)
            case _:
                changed[at : at + 4] = chance.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))
    if chance.random() < 0.2:
        del changed[chance.randrange(len(changed) + 1) :]
    return bytes(changed)


class HastyClock(SystemClock):
    """Twenty seconds pass in one, so that files are played fast and patience ends soon."""

    def monotonic_s(self) -> float:
        return HASTE * super().monotonic_s()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return super().wait(event, timeout_s / HASTE)


def play(url: str) -> str:
    """What came of one mutant, in one line: how many frames, and what was said of it."""
    try:
        source = open_source(url, "mutant", OPTIONS, HastyClock())
    except SourceError as error:
        return f"refused: {error}"
    over = threading.Event()
    watcher = threading.Thread(target=_close_at_a_problem, args=(source, over))
    watcher.start()
    frames, problem = 0, None
    try:
        for each in source.frames():
            if not isinstance(each, Frame):
                problem = each.problem
                break
            each.pixels.to_host()
            frames += 1
            if frames == FRAMES:
                break
    finally:
        source.close()
        over.set()
        watcher.join()
    return f"{frames} frames, {problem or source.health().problem}"


def _close_at_a_problem(source: LiveSource, over: threading.Event) -> None:
    until_s = time.monotonic() + LONGEST_S
    while not over.wait(0.01):
        if source.health().problem is not None or time.monotonic() > until_s:
            source.close()


def a_file(folder: Path, chance: random.Random) -> Iterator[str]:
    """A recording of any kind."""
    film = chance.choice(sorted(each for each in folder.iterdir() if each.name.startswith("film")))
    path = folder / f"mutant{film.suffix}"
    path.write_bytes(mutate(film.read_bytes(), chance))
    yield str(path)


def over_http(folder: Path, chance: random.Random) -> Iterator[str]:
    """A transport stream, or any other recording, as an HTTP camera sends it."""
    film = chance.choice(sorted(each for each in folder.iterdir() if each.name.startswith("film")))
    data = mutate(film.read_bytes(), chance)
    with StrangeCamera(http_then(lambda: [data], kind="video/unknown")) as camera:
        yield camera.url("http")


def motion_jpeg(folder: Path, chance: random.Random) -> Iterator[str]:
    """Pictures and what stands between them."""
    data = mutate(mjpeg_part(PICTURE) * 20, chance)
    with StrangeCamera(http_then(lambda: [data])) as camera:
        yield camera.url("http")


def rtp(folder: Path, chance: random.Random) -> Iterator[str]:
    """Packets of an RTSP camera: some changed, some lost, some twice."""
    packets = [packet for unit in rtp_packets(UNITS, range(0, 3600 * len(UNITS), 3600)) for packet in unit]
    sent = []
    for packet in packets:
        draw = chance.random()
        sent += [mutate(packet, chance) if draw < 0.2 else packet] * (0 if draw > 0.95 else 1 + (draw > 0.9))
    data = b"".join(interleaved(packet[:65535]) for packet in sent)
    if chance.random() < 0.3:
        data = mutate(data, chance)
    with StrangeCamera(rtsp_then(lambda caller: caller.sendall(data))) as camera:
        yield camera.url()


def rtsp_answers(folder: Path, chance: random.Random) -> Iterator[str]:
    """What an RTSP camera answers."""

    class Garbled:
        def __init__(self, caller: socket.socket) -> None:
            self._caller = caller

        def sendall(self, data: bytes) -> None:
            self._caller.sendall(mutate(data, chance))

        def recv(self, length: int) -> bytes:
            return self._caller.recv(length)

    with StrangeCamera(lambda caller: rtsp_then(hang_up)(cast(socket.socket, Garbled(caller)))) as camera:
        yield camera.url()


KINDS = (a_file, over_http, motion_jpeg, rtp, rtsp_answers)


def main(folder: Path, first: int, count: int, seed: int) -> None:
    """Play mutants first to first + count, of all kinds in turn, and write what came of each."""
    for film in FILMS:
        if not (folder / f"film{Path(film.name).suffix}").exists():
            film.make(folder).rename(folder / f"film{Path(film.name).suffix}")
    for number in range(first, first + count):
        kind = KINDS[number % len(KINDS)]
        chance = random.Random(f"{seed} {number}")
        sys.stdout.write(f"{number} {kind.__name__}: ")
        sys.stdout.flush()
        began_s = time.monotonic()
        with contextmanager(kind)(folder, chance) as url:
            said = play(url)
        sys.stdout.write(f"{said} | {time.monotonic() - began_s:.2f} s\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
