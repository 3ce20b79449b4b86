"""The server as its clients see it: real HTTP on loopback."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import BadInputError, OutsideError, StoreError
from pipeline.web.announcement import find_monitor
from pipeline.web.documents import status_from_json
from pipeline.web.monitored import CamerasApplied, MonitorStatus
from pipeline.web.server import HttpServer
from pipeline.web.stated import StatedMonitor
from tests.web.serving import client_of, serving
from tests.web.statuses import troubled_status, whole_status

HELPFUL = {"sighting": "door:k3f9:17", "reason": "too small"}


def test_what_it_answers(tmp_path: Path) -> None:
    status = troubled_status()
    with (
        serving(StatedMonitor(status, {"door:k3f9:17": HELPFUL}), tmp_path) as found,
        client_of(found) as http,
    ):
        assert status_from_json(http.get("/status").content) == status
        assert [each["id"] for each in http.get("/cameras").json()] == [each.id for each in status.cameras]
        assert http.get("/why/door:k3f9:17").json() == HELPFUL
        assert http.get("/why/door%3Ak3f9%3A17").json() == HELPFUL
        missing = http.get("/why/nobody")
        assert (missing.status_code, missing.text) == (404, "there is no such sighting\n")
        (family,) = text_string_to_metric_families(http.get("/metrics").text)
        assert (family.name, family.samples[0].value) == ("facestream_cameras", 6.0)
        assert http.get("/metrics").headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


def test_health_and_readiness_say_why_not(tmp_path: Path) -> None:
    monitor = StatedMonitor(replace(whole_status(), ready=False))
    with serving(monitor, tmp_path) as found, client_of(found, None) as http:
        assert http.get("/health").text == "ok\n"
        answer = http.get("/ready")
        assert (answer.status_code, answer.text) == (503, "models are being loaded\n")
        monitor.state(whole_status())
        assert http.get("/ready").status_code == 200
        monitor.die("stage embed has failed six times")
        for path in ("/health", "/ready"):
            answer = http.get(path)
            assert (answer.status_code, answer.text) == (503, "stage embed has failed six times\n")


def test_cameras_are_reloaded_by_post_alone(tmp_path: Path) -> None:
    monitor = StatedMonitor(whole_status())
    with serving(monitor, tmp_path) as found, client_of(found) as http:
        assert http.get("/cameras/reload").status_code == 405
        monitor.on_reload(lambda: CamerasApplied(added=("lobby",)))
        answer = http.post("/cameras/reload")
        assert (answer.status_code, answer.json()["added"]) == (200, ["lobby"])
        monitor.on_reload(lambda: CamerasApplied(problem="cameras.yaml: line 3: ..."))
        answer = http.post("/cameras/reload")
        assert (answer.status_code, answer.json()["problem"]) == (409, "cameras.yaml: line 3: ...")
        assert monitor.reloads == 2


def test_what_cannot_be_looked_up_now_is_told_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> CamerasApplied:
        raise StoreError("the database does not answer; see to it")

    monitor = StatedMonitor(whole_status())
    monitor.on_reload(away)
    with serving(monitor, tmp_path) as found, client_of(found) as http:
        answer = http.post("/cameras/reload")
        assert (answer.status_code, answer.text) == (503, "the database does not answer; see to it\n")
    assert "Traceback" not in caplog.text


def test_nothing_is_told_without_the_token(tmp_path: Path) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path) as found, client_of(found, None) as http:
        for token in (None, "wrong", "é", f"{found.token}x", found.token[:-1]):
            headers = [] if token is None else [(b"Authorization", f"Bearer {token}".encode())]
            for path in ("/status", "/cameras", "/why/door:k3f9:17", "/nothing", "/metrics/", "/docs"):
                answer = http.get(path, headers=headers)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
                assert "monitor.json" in answer.text
            assert http.post("/cameras/reload", headers=headers).status_code == 401
        twice = [(b"Authorization", f"Bearer {found.token}".encode())] * 2
        assert http.get("/status", headers=twice).status_code == 401


def test_the_token_is_another_each_time(tmp_path: Path) -> None:
    tokens = set()
    for _ in range(3):
        with serving(StatedMonitor(whole_status()), tmp_path) as found:
            assert len(found.token) >= 43  # 256 bits
            tokens.add(found.token)
    assert len(tokens) == 3


HOSTS = {
    "127.0.0.1": 200,
    "localhost:8470": 200,
    "[::1]:8470": 200,
    "LOCALHOST": 200,
    "evil.example": 421,
    "127.0.0.1.evil.example": 421,
    "evil.example:80@127.0.0.1x": 421,
    "[::1": 421,
    "": 421,
}


def test_only_our_own_host_names_are_answered(tmp_path: Path) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path) as found, client_of(found) as http:
        for host, code in HOSTS.items():
            for path in ("/metrics", "/", "/status"):
                assert http.get(path, headers={"Host": host}).status_code == code, host


def test_the_page_is_whole_in_itself_and_may_do_nothing_else(tmp_path: Path) -> None:
    with serving(StatedMonitor(troubled_status()), tmp_path) as found, client_of(found, None) as http:
        page = http.get("/")
    assert page.status_code == 200
    assert "front-door" not in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "access-control-allow-origin" not in page.headers


def test_a_monitor_that_hangs_does_not_keep_health_from_answering(tmp_path: Path) -> None:
    asked, go_on = threading.Event(), threading.Event()

    class Hanging(StatedMonitor):
        def status(self) -> MonitorStatus:
            asked.set()
            go_on.wait(10.0)
            return super().status()

    with serving(Hanging(whole_status()), tmp_path) as found, client_of(found) as http:
        waiting = [threading.Thread(target=_get, args=(client_of(found), "/status")) for _ in range(12)]
        for thread in waiting:
            thread.start()
        assert asked.wait(5.0)
        assert _eventually(lambda: http.get("/status").status_code == 503)  # so many ask that no more may
        assert http.get("/health").status_code == 200
        go_on.set()
        for thread in waiting:
            thread.join()
        assert http.get("/status").status_code == 200


def test_a_monitor_that_fails_is_an_error_of_one_request(tmp_path: Path) -> None:
    class Failing(StatedMonitor):
        def metrics(self) -> bytes:
            raise RuntimeError("no metrics")

    with serving(Failing(whole_status()), tmp_path) as found:
        with client_of(found) as http:
            assert http.get("/metrics").status_code == 500
        with client_of(found) as http:
            assert http.get("/status").status_code == 200


def test_it_ends_within_a_second_whoever_is_connected(tmp_path: Path) -> None:
    server = HttpServer(StatedMonitor(whole_status()), "127.0.0.1:0", tmp_path)
    server.open()
    found = find_monitor(tmp_path)
    assert found is not None
    port = int(found.address.rpartition(":")[2])
    with client_of(found) as http, socket.create_connection(("127.0.0.1", port)) as half:
        half.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n")
        assert http.get("/status").status_code == 200
        began = time.monotonic()
        server.close()
        assert time.monotonic() - began < 1.0
        with pytest.raises(httpx.HTTPError):
            http.get("/status")
    assert find_monitor(tmp_path) is None
    assert not (tmp_path / "monitor.json").exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "http"]


def test_it_opens_again_on_the_same_port_at_once(tmp_path: Path) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path) as found, client_of(found) as http:
        assert http.get("/health").status_code == 200
        port = found.address.rpartition(":")[2]
    with HttpServer(StatedMonitor(whole_status()), f"127.0.0.1:{port}", tmp_path) as server:
        assert server.address == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        server = HttpServer(StatedMonitor(whole_status()), f"127.0.0.1:{port}", tmp_path)
        with pytest.raises(
            OutsideError, match=f"http.listen: 127.0.0.1:{port} cannot be listened on: another"
        ):
            server.open()
    assert not (tmp_path / "monitor.json").exists()
    server.open()  # now that it is free
    server.close()


def test_two_monitors_of_one_folder_are_refused(tmp_path: Path) -> None:
    with serving(StatedMonitor(whole_status()), tmp_path) as found:
        second = HttpServer(StatedMonitor(whole_status()), "127.0.0.1:0", tmp_path)
        with pytest.raises(OutsideError, match=rf"is running \(process {found.pid}\); stop it"):
            second.open()
        assert find_monitor(tmp_path) == found


def test_nobody_but_this_machine_may_be_listened_to(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="is reached by others"):
        HttpServer(StatedMonitor(whole_status()), "0.0.0.0:8470", tmp_path)


def test_requests_are_not_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(StatedMonitor(whole_status()), tmp_path) as found, client_of(found) as http:
        port = int(found.address.rpartition(":")[2])
        assert http.get("/status").status_code == 200
        assert http.get("/nothing").status_code == 404
        with socket.create_connection(("127.0.0.1", port)) as noise:
            noise.sendall(b"\x16\x03\x01\x02\x00 no HTTP\r\n\r\n")
            assert noise.recv(100).startswith(b"HTTP/1.1 400")
    ours = [record for record in caplog.records if record.name.startswith(("pipeline", "uvicorn"))]
    assert [record.getMessage() for record in ours] == [f"status, metrics and health: {found.address}"]
    assert found.token not in caplog.text


def _get(http: httpx.Client, path: str) -> None:
    with http:
        http.get(path)


def _eventually(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
    return False
