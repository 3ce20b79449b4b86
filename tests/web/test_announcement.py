"""How a monitor is found: while it runs, and not after it was killed."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import OutsideError
from pipeline.web.announcement import FILE, LOCK, Announcement, announced, find_monitor, only_monitor
from tests.web.statuses import AT

FOUND = Announcement("http://127.0.0.1:8470", "t0ken", os.getpid(), AT)

KILLED = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from pipeline.web.announcement import Announcement, announced, only_monitor
data = Path(sys.argv[1])
with only_monitor(data), announced(data, Announcement("http://127.0.0.1:1", "t", 1, datetime.now(UTC))):
    print("up", flush=True)
    time.sleep(60.0)
"""


def test_it_is_found_while_it_runs_and_by_its_owner_alone(tmp_path: Path) -> None:
    assert find_monitor(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    with only_monitor(tmp_path), announced(tmp_path, FOUND):
        assert find_monitor(tmp_path) == FOUND
        assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
        assert json.loads((tmp_path / FILE).read_text())["started_at"] == "2026-05-04T09:30:00.000Z"
    assert find_monitor(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]
    assert "t0ken" not in repr(FOUND)


def test_one_that_was_killed_is_not_found_and_is_followed_by_another(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as monitor:
        assert monitor.stdout is not None
        assert monitor.stdout.readline() == "up\n"
        assert find_monitor(tmp_path) is not None
        with pytest.raises(OutsideError, match=r"is running \(process 1\)"), only_monitor(tmp_path):
            pass
        monitor.send_signal(signal.SIGKILL)
        monitor.wait()
    assert (tmp_path / FILE).exists()
    assert find_monitor(tmp_path) is None
    with only_monitor(tmp_path), announced(tmp_path, FOUND):
        assert find_monitor(tmp_path) == FOUND


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"address": "http://x"}', "\x00", '{"address": 7}'])
def test_a_file_of_something_else(tmp_path: Path, text: str) -> None:
    with only_monitor(tmp_path):
        (tmp_path / FILE).write_text(text)
        with pytest.raises(OutsideError, match="is not understood; restart the monitor"):
            find_monitor(tmp_path)


def test_a_monitor_that_is_still_starting_is_none(tmp_path: Path) -> None:
    with only_monitor(tmp_path):
        assert find_monitor(tmp_path) is None


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OutsideError, match="cannot be written"), only_monitor(file):
        pass
    (tmp_path / FILE).mkdir()
    with pytest.raises(OutsideError, match="cannot be written"), announced(tmp_path, FOUND):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", FILE]
