"""Our own Redis: one server for all users of a folder, whoever is killed, wherever the folder lies."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import BrokerError
from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis, redis_executable
from pipeline.events.file_lock import is_held, locked

pytestmark = pytest.mark.redis

USER = """
import signal
import sys
from pathlib import Path
from pipeline.events.delivery.broker import connect
from pipeline.events.delivery.redis_server import EmbeddedRedis
# A shell that runs the tests in the background has all that they start ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)
with EmbeddedRedis(Path(sys.argv[1])) as broker, connect(broker.open(), broker.shown) as client:
    print(client.info("server")["run_id"], flush=True)
    sys.stdin.read()
"""
PROJECT = Path(__file__).resolve().parents[3]


def start_user(data: Path) -> subprocess.Popen[str]:
    """Another command on this folder; it uses the server until its input ends."""
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(data)],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ready(user: subprocess.Popen[str]) -> str:
    """Wait until the user uses the server; the server's run id."""
    assert user.stdout is not None
    return user.stdout.readline().strip()


def leave(user: subprocess.Popen[str]) -> int:
    """End the user; its exit code."""
    user.communicate(timeout=30)
    return user.returncode


def run_id(broker: EmbeddedRedis) -> str:
    """Which server this is."""
    with connect(broker.open(), broker.shown) as client:
        return str(client.info("server")["run_id"])


def server_pid(broker: EmbeddedRedis) -> int:
    """The server's process."""
    with connect(broker.open(), broker.shown) as client:
        return int(client.info("server")["process_id"])


def is_running(data: Path) -> bool:
    """Whether a server lives on this folder."""
    return is_held(data / "redis" / "server.lock")


def test_it_runs_while_it_is_used_and_keeps_what_it_was_told(tmp_path: Path) -> None:
    for expected in (1, 2, 3):
        with EmbeddedRedis(tmp_path) as broker, connect(broker.open(), broker.shown) as client:
            client.xadd("events", {"event": "x"})
            assert client.xlen("events") == expected
            assert client.config_get("port")["port"] == "0"
            assert client.config_get("appendonly")["appendonly"] == "yes"
            assert client.config_get("maxmemory")["maxmemory"] == "0"
        assert not is_running(tmp_path)


def test_the_last_user_stops_it_and_not_the_one_who_started_it(tmp_path: Path) -> None:
    first, second = EmbeddedRedis(tmp_path), EmbeddedRedis(tmp_path)
    first.open()
    assert run_id(second) == run_id(first)
    first.close()
    first.close()
    assert is_running(tmp_path)
    second.close()
    assert not is_running(tmp_path)


def test_many_who_start_at_once_share_one(tmp_path: Path) -> None:
    brokers = [EmbeddedRedis(tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(len(brokers)) as pool:
        assert len(set(pool.map(run_id, brokers))) == 1
        list(pool.map(EmbeddedRedis.close, brokers))
    assert not is_running(tmp_path)


def test_commands_that_start_at_once_share_one(tmp_path: Path) -> None:
    users = [start_user(tmp_path) for _ in range(3)]
    assert len({ready(user) for user in users}) == 1
    assert [leave(user) for user in users] == [0, 0, 0]
    assert not is_running(tmp_path)


def test_a_killed_user_is_counted_no_longer(tmp_path: Path) -> None:
    killed = start_user(tmp_path)
    first_run = ready(killed)
    killed.kill()
    leave(killed)
    assert is_running(tmp_path)
    with EmbeddedRedis(tmp_path) as broker:
        assert run_id(broker) == first_run
    assert not is_running(tmp_path)


def test_ctrl_c_in_the_terminal_of_its_starter_does_not_reach_it(tmp_path: Path) -> None:
    starter = start_user(tmp_path)
    first_run = ready(starter)
    with EmbeddedRedis(tmp_path) as broker:
        broker.open()
        os.killpg(starter.pid, signal.SIGINT)
        assert leave(starter) != 0
        assert run_id(broker) == first_run


def test_a_killed_server_is_started_again_with_its_data(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as broker:
        with connect(broker.open(), broker.shown) as client:
            client.config_set("appendfsync", "always")
            client.xadd("events", {"event": "x"})
        first_run = run_id(broker)
        os.kill(server_pid(broker), signal.SIGKILL)
        with locked(tmp_path / "redis" / "server.lock", timeout_s=10.0):
            assert (tmp_path / "redis" / "redis.sock").exists()
        assert run_id(broker) != first_run
        with connect(broker.open(), broker.shown) as client:
            assert client.xlen("events") == 1
    assert not is_running(tmp_path)


def test_a_server_killed_under_its_last_user_does_not_stop_the_user(tmp_path: Path) -> None:
    broker = EmbeddedRedis(tmp_path)
    broker.open()
    os.kill(server_pid(broker), signal.SIGKILL)
    with locked(tmp_path / "redis" / "server.lock", timeout_s=10.0):
        pass
    broker.close()
    assert not is_running(tmp_path)


def test_what_a_killed_owner_left_behind_is_not_believed(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    folder.mkdir()
    for name in ("redis.sock", "socket", "start.lock", "users.lock", "server.lock"):
        (folder / name).write_text("/nowhere\n")
    (folder / "server.pid").write_text(f"{os.getpid()}\n")
    with EmbeddedRedis(tmp_path) as broker:
        assert server_pid(broker) != os.getpid()


@pytest.mark.parametrize("name", ["a b", "Überwachung 子", "%41'\"$x", "#?&;", "x" * 200, "--dir"])
def test_it_runs_in_any_folder(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    with EmbeddedRedis(data) as broker, connect(broker.open(), broker.shown) as client:
        assert client.config_get("dir")["dir"] == str(data / "redis")
        socket = Path((data / "redis" / "socket").read_text())
        assert socket.exists()
        assert len(str(socket).encode()) < 108
    assert not socket.exists()
    assert socket.parent == data / "redis" or not socket.parent.exists()


def test_a_folder_whose_name_is_no_text_is_one_too(tmp_path: Path) -> None:
    data = tmp_path / os.fsdecode(b"caf\xe9")
    with EmbeddedRedis(data) as broker:
        assert run_id(broker)


def test_users_with_another_temporary_folder_find_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / ("x" * 200)
    with EmbeddedRedis(data) as broker:
        user = start_user(data)
        assert ready(user) == run_id(broker)
        assert leave(user) == 0
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        user = start_user(data)
        assert ready(user) == run_id(broker)
        assert leave(user) == 0


def test_a_relative_folder_is_meant_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    broker = EmbeddedRedis(Path("data"))
    first_run = run_id(broker)
    monkeypatch.chdir("/")
    assert run_id(broker) == first_run
    broker.close()
    assert not is_running(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        BrokerError, match=r"cannot be run in .*: Not a directory; .*--data.*--set redis\.url"
    ):
        EmbeddedRedis(tmp_path / "file").open()


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(BrokerError, match=r"cannot be run in .*: File too large; make room"):
            EmbeddedRedis(tmp_path).open()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with EmbeddedRedis(tmp_path) as broker:
        assert run_id(broker)


def test_a_server_that_dies_at_once_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "redis").mkdir()
    (tmp_path / "redis" / "appendonly.aof").write_text("rubbish\n" * 10)
    broker = EmbeddedRedis(tmp_path)
    with pytest.raises(BrokerError, match=r"died while starting: .*Bad file format.*redis\.log") as error:
        broker.open()
    assert "\n" not in str(error.value)
    broker.close()
    assert not is_running(tmp_path)


def test_without_a_binary_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match="there is no redis-server here: run `make install`"):
        redis_executable("no_such_wheel", path="")
    server = tmp_path / "redis-server"
    server.touch(mode=0o755)
    assert redis_executable("no_such_wheel", path=str(tmp_path)) == server
