"""A PostgreSQL server of the tests' own: in a temporary folder, on a Unix socket, gone when they end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

START_TIMEOUT_S = 60.0

LOCKED = "locked"
"""name of a database that asks for a password; it has to be made"""

_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # the machine does not lose its power in a test; kills of the server are not tested
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "32MB",
    "max_connections": "30",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True, slots=True)
class Programs:
    """The two programs of a PostgreSQL server."""

    initdb: Path
    postgres: Path


def find_programs() -> Programs | None:
    """The programs, by PATH, by `pg_config --bindir`, or where Debian keeps them; None where there are none."""
    folders = [Path(folder) for folder in os.get_exec_path()]
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        said = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(said.stdout.strip()))
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        # initdb looks for postgres beside itself, so that both are taken from where they really are.
        found = Programs((folder / "initdb").resolve(), (folder / "postgres").resolve())
        if found.initdb.is_file() and found.postgres.is_file():
            return found
    return None


class PostgresServer:
    """A running server. Only its own user and root can reach it: its socket lies in a folder of mode 0700."""

    def __init__(self, folder: Path, user: str) -> None:
        self._folder = folder
        self._user = user
        self._numbers = count(1)

    def url(self, database: str = "postgres", user: str | None = None) -> str:
        """The address of a database of this server, as `gallery.url` takes it; `user`: or `user:password`."""
        return f"postgresql://{user or self._user}@/{database}?host={self._folder}"

    def create_database(self, name: str | None = None, encoding: str = "UTF8") -> str:
        """The address of a new, empty database."""
        name = name or f"test_{next(self._numbers)}"
        self.administer(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, whoever is connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        self.administer(f"DROP DATABASE {name} WITH (FORCE)")

    def administer(self, sql: str) -> None:
        """Run one statement as the server's owner."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.encode())


@contextmanager
def running_server(programs: Programs, settings: dict[str, str] | None = None) -> Iterator[PostgresServer]:
    """A server in a temporary folder, stopped and removed at the end."""
    # PostgreSQL refuses to run as root. A socket's path must be shorter than 108 bytes, pytest's own may not be.
    user = _powerless_user() if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        cluster = folder / "cluster"
        init = ["-D", cluster, "-U", user.pw_name, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        with _start(programs.initdb, [str(one) for one in init], user, folder) as process:
            if process.wait(START_TIMEOUT_S):
                raise RuntimeError(f"initdb failed: {(folder / 'initdb.log').read_text(errors='replace')}")
        hba = cluster / "pg_hba.conf"
        hba.write_text(f"local {LOCKED} all scram-sha-256\n{hba.read_text()}")
        options = [f"-c{name}={value}" for name, value in (_SETTINGS | (settings or {})).items()]
        started = ["-D", str(cluster), "-k", str(folder), *options]
        with _start(programs.postgres, started, user, folder) as process:
            try:
                server = PostgresServer(folder, user.pw_name)
                _await(server, process, folder / "postgres.log")
                yield server
            finally:
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.send_signal(2)  # SIGTERM waits for clients, SIGINT sends them away
                    process.wait(START_TIMEOUT_S)
    finally:
        shutil.rmtree(folder)


def _powerless_user() -> pwd.struct_passwd:
    """Whom root runs the server as: the user that its package made, or nobody."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def _start(
    program: Path, arguments: Sequence[str], user: pwd.struct_passwd, folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program as this user, its words in a file of the folder."""
    # Tests that are killed take their server with them.
    setpriv = shutil.which("setpriv")
    with_parent = [] if setpriv is None else [setpriv, "--pdeathsig", "INT"]
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with (
        (folder / f"{program.name}.log").open("wb") as log,
        subprocess.Popen(  # type: ignore[call-overload]
            [*with_parent, str(program), *arguments],
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            **as_user,
        ) as process,
    ):
        yield process


def _await(server: PostgresServer, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with suppress(psycopg.OperationalError):
            psycopg.connect(server.url()).close()
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"postgres did not start: {log.read_text(errors='replace')}")
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.02)
