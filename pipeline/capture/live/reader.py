"""The thread that calls a camera, reads what it sends, and calls again whenever that ends."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable

from av.logging import Capture

from pipeline.backoff import Backoff
from pipeline.capture.live.backlog import Arrived, Backlog, Ended, Opened
from pipeline.capture.live.connection import Connection
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.port import Port
from pipeline.capture.live.stream_lost import StreamLostError
from pipeline.capture.pacing import StreamPacer
from pipeline.clock import Clock

log = logging.getLogger(__name__)

LogLine = tuple[int, str, str]
"""of FFmpeg: level, where, what"""

FIRST_WAIT_S = 0.5
"""before a camera that was lost is called the first time again"""

BETWEEN_S = 2.0
"""a camera that gave pictures is called again soon, but not more often: it may hang up after the first one"""

LOOK_S = 1.0
"""between two looks whether it is over, while nobody asks for frames"""

PROBE_S = 1.0
"""between two looks at the port of a camera that is away"""


class Reader:
    """Reads one camera into a backlog, on a thread of its own.

    The thread ends soon after `stop`: at the latest when the call of FFmpeg that it is in has timed out.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        backlog: Backlog,
        options: LiveOptions,
        clock: Clock,
        port: Port | None,
    ) -> None:
        """`port` is looked at while the camera is away; None where there is none to look at."""
        self._connect = connect
        self._backlog = backlog
        self._options = options
        self._clock = clock
        self._port = port
        self._stopped = threading.Event()
        self._backoff = Backoff(FIRST_WAIT_S, options.max_backoff_s)
        self._pacer: StreamPacer | None = None
        # A daemon: a name server that does not answer holds the call up for as long as it likes.
        self._thread = threading.Thread(target=self._run, name=f"capture {name}", daemon=True)

    def start(self) -> None:
        """Begin to call."""
        self._thread.start()

    def stop(self) -> None:
        """Hang up and call no more. From any thread, once or more."""
        self._stopped.set()

    def join(self, timeout_s: float) -> None:
        """Wait for the thread, no longer than this."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        # FFmpeg's lines hold addresses with passwords; whoever turns its logging on, they end here.
        with Capture(local=True) as said:
            while not self._stopped.is_set():
                said.clear()
                called_s = self._clock.monotonic_s()
                ended, connection = self._read_once(said)
                if self._stopped.is_set():
                    return
                self._backlog.put(ended)
                while not self._backlog.wait_for_end(LOOK_S):
                    if self._stopped.is_set():
                        return
                if ended.problem is not None:
                    self._wait(called_s, success=connection is not None and connection.gave_pictures)

    def _read_once(self, said: list[LogLine]) -> tuple[Ended, Connection | None]:
        """Call, and read until it is over."""
        connection = None
        try:
            connection = self._connect()
            self._backlog.put(Opened(connection))
            return Ended(self._read(connection, said)), connection
        except StreamLostError as error:
            return Ended(str(error)), connection
        except Exception as error:  # noqa: BLE001 - whatever it is, one camera's bad stream ends neither thread nor run
            # Without its text, which may be FFmpeg's and hold the address.
            calls = traceback.extract_tb(error.__traceback__)
            where = ", ".join(f"{call.filename}:{call.lineno}" for call in calls)
            log.error(
                "%s: reading failed with %s, called at %s", self._thread.name, type(error).__name__, where
            )
            return Ended(f"reading it failed ({type(error).__name__}); the log says where"), connection
        finally:
            if connection is not None:
                connection.close()

    def _read(self, connection: Connection, said: list[LogLine]) -> str | None:
        """Why there are no more packets; None where the stream begins again.

        Raises:
            StreamLostError: it broke.
        """
        pacer = self._pacer_of(connection)
        packets = 0
        for packet in connection.packets(self._options):
            said.clear()
            if pacer is not None:
                stamp = packet.dts if packet.dts is not None else packet.pts
                pacer.hold(None if stamp is None else float(stamp * connection.time_base))
            if self._stopped.is_set() or connection.given_up.is_set():
                return "no picture could be made of what came"
            packets += 1
            self._backlog.put(Arrived(packet, self._clock.monotonic_s()))
        if connection.loops and packets:
            return None
        return "the camera ended the stream" if packets else "the camera hung up before it sent video"

    def _pacer_of(self, connection: Connection) -> StreamPacer | None:
        if not connection.paced:
            return None
        if self._pacer is None or not connection.loops:
            self._pacer = StreamPacer(self._clock, self._stopped, connection.period_s)
        # A file that begins again goes on where it ended: its first frame comes one frame after its last.
        self._pacer.begin_anew()
        return self._pacer

    def _wait(self, called_s: float, success: bool) -> None:
        """Wait until the camera should be called again: after the backoff, or when its port is open again.

        Only pictures are a success. A camera that answers and hangs up, at once or after a picture, is not
        hammered; one that was killed may be back before its port was seen closed.
        """
        if success:
            self._backoff.reset()
        until_s = self._clock.monotonic_s() + self._backoff.next_s()
        if success:
            until_s = max(until_s, called_s + BETWEEN_S)
        if self._port is not None:
            self._port.look_up()
        was_open = True
        while not self._stopped.is_set():
            if self._port is not None:
                is_open = self._port.is_open()
                if is_open and not was_open:
                    self._backoff.reset()
                    return
                was_open = is_open
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0.0 or self._clock.wait(self._stopped, min(left_s, PROBE_S)):
                return
