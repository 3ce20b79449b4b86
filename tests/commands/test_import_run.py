"""An import that is interrupted, killed, or asked for what cannot be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from pipeline.commands.import_run import Stop
from pipeline.gallery.painted import PaintedFace
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_import import Importer, opened_importer
from tests.commands.painted_photos import write_photo

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def importer(tmp_path: Path) -> Iterator[Importer]:
    with opened_importer(tmp_path) as opened:
        yield opened


class RememberedStop(Stop):
    """Known to the test, so that it can wait for the signal's thread."""

    def __init__(self) -> None:
        super().__init__()
        self.drained = Event()
        REMEMBERED.append(self)

    def drain(self) -> None:
        super().drain()
        self.drained.set()


REMEMBERED: list[RememberedStop] = []


def test_a_signal_ends_it_behind_a_transaction_and_the_next_run_goes_on(
    importer: Importer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.commands.import_folder.PEOPLE_AT_ONCE", 2)
    monkeypatch.setattr("pipeline.commands.import_run.Stop", RememberedStop)
    for person in range(12):
        importer.photo(f"P{person:02}/1.png", PaintedFace(10 + 20 * person))
    enroll_many = Store.enroll_many

    def interrupted(store: Store, new: Any) -> Any:
        if new and not store.people():
            os.kill(os.getpid(), signal.SIGINT)
            assert REMEMBERED[-1].drained.wait(30)
        return enroll_many(store, new)

    monkeypatch.setattr(Store, "enroll_many", interrupted)
    assert importer.run() == 130
    printed = capsys.readouterr()
    told = [json.loads(line)["person"]["name"] for line in printed.out.splitlines() if '"folder"' in line]
    assert told == list(importer.templates()) == ["P00", "P01"]
    assert "the same command goes on where it was" in printed.err
    assert importer.run() == 0
    assert len(importer.templates()) == 12


KILLED = """
import sys
from pathlib import Path
import pipeline.commands.import_folder as importing
from tests.commands.painted_import import opened_importer
importing.PEOPLE_AT_ONCE = 2
with opened_importer(Path(sys.argv[1])) as importer:
    importer.run()
"""


def test_a_killed_import_loses_nothing_that_was_told(importer: Importer, tmp_path: Path) -> None:
    for person in range(12):
        importer.photo(f"P{person:02}/1.png", PaintedFace(10 + 20 * person))
        importer.photo(f"P{person:02}/bad.png", PaintedFace(10 + 20 * person, 1, quality=0.1))
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        told = [running.stdout.readline() for _ in range(3)]
        running.kill()
        told += running.stdout.read().splitlines()
    names = {json.loads(line)["person"]["name"] for line in told if '"folder"' in line and "}" in line[-2:]}
    assert names <= set(importer.templates())
    assert importer.run() == 0
    assert importer.detector.seen <= 2 * (12 - len(names))
    assert len(importer.templates()) == 12
    with Store(importer.data) as store:
        assert store.problems() == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["missing"], "no such folder or file"),
        (["people", "--merge"], "--merge goes with a file only"),
        (["people", "--watchlist", "none"], "there is no watchlist 'none'"),
        (["people", "--consent", "a\x1bb"], "U+001B"),
        (["people", "--retain-until", "soon"], "give a date"),
        (["people/Ann"], "has no folder in it"),
    ],
)
def test_bad_usage_is_one_line_and_loads_no_model(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    write_photo(tmp_path / "people" / "Ann" / "1.png", PaintedFace(16))
    monkeypatch.chdir(tmp_path)
    assert main(["people", "import", *arguments, "--data", "data"]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]
