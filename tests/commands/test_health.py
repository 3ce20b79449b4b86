"""What is wrong is said with its repair; looking changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from config.load import load
from config.schema import Config
from pipeline.alignment import occlusion
from pipeline.commands import thresholds
from pipeline.commands.health import (
    Problems,
    check_folders,
    check_gallery,
    check_redis,
    check_statistics,
    check_thresholds,
    check_versions,
)
from pipeline.commands.machine import Hardware, Versions
from pipeline.events.delivery.redis_server import EmbeddedRedis
from pipeline.gallery.storage.records import NewTemplate
from pipeline.gallery.storage.store import DATABASE_FILE, Store
from tests.gallery.people import template
from tests.gallery.schema_1 import begin_schema_1

MODEL = "facenet-20180408"


def configured(*assignments: str) -> Config:
    return load(None, {}, assignments)


def hardware(free_bytes: int = 10**12) -> Hardware:
    return Hardware("CPU", 2, 2.0, 10**10, 10**9, free_bytes, free_bytes, ())


def versions(
    python: str = "3.11.7", numpy: str | None = "2", unloadable: dict[str, str] | None = None
) -> Versions:
    return Versions(python, "0.1.0", {"numpy": numpy}, {}, unloadable or {})


def enrolled(data: Path, model_id: str) -> None:
    """A gallery with Ann in it."""
    vector = np.zeros(4, np.float32)
    vector[0] = 1.0
    with Store(data) as store:
        store.enroll("Ann", [NewTemplate(model_id, vector, 0.9, "ann.jpg", "0" * 64, None)])


def test_a_whole_installation_has_no_problem() -> None:
    problems: Problems = []
    check_versions(versions(), problems)
    assert problems == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (versions(python="3.13.0"), "Python 3.13.0 is not 3.11 or 3.12; run: make install PYTHON=python3.11"),
        (versions(numpy=None), "not installed: numpy; run: make install"),
        (versions(unloadable={"cv2": "libGL.so.1"}), "cv2 cannot be loaded: libGL.so.1; run: make install"),
    ],
)
def test_what_is_not_installed_is_a_problem(found: Versions, message: str) -> None:
    problems: Problems = []
    check_versions(found, problems)
    assert [problem.message for problem in problems] == [message]


def test_folders_that_can_be_made_are_well(tmp_path: Path) -> None:
    problems: Problems = []
    check_folders(hardware(), tmp_path / "a" / "b", tmp_path / "models", problems)
    assert problems == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_and_a_full_disk_are_problems(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    problems: Problems = []
    check_folders(hardware(10**7), file / "data", tmp_path, problems)
    assert [problem.message for problem in problems] == [
        f"data folder {file}/data: {file} is a file; set --data to a folder",
        f"only 10 MB free for {file}/data; make room, or set --data",
        f"only 10 MB free for {tmp_path}; make room, or set FACESTREAM_MODELS",
    ]


def test_a_folder_that_cannot_be_written_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    problems: Problems = []
    check_folders(hardware(), tmp_path / "data", tmp_path.parent, problems)
    tmp_path.chmod(0o700)
    # Root may write everywhere.
    assert [problem.part for problem in problems] == ([] if os.geteuid() == 0 else ["folders"])


@pytest.mark.redis
def test_our_own_redis_is_looked_at_and_not_started(tmp_path: Path) -> None:
    problems: Problems = []
    health = check_redis(configured(), tmp_path, problems)
    assert problems == []
    assert health is not None
    assert (health.kind, health.running) == ("embedded", False)
    assert health.version is not None
    assert health.version[0].isdigit()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.redis
def test_our_own_redis_is_asked_while_it_runs(tmp_path: Path) -> None:
    problems: Problems = []
    stopped = check_redis(configured(), tmp_path, problems)
    with EmbeddedRedis(tmp_path):
        health = check_redis(configured(), tmp_path, problems)
    assert problems == []
    assert health is not None
    assert health.running
    assert stopped is not None
    assert health.version == stopped.version


def test_a_file_in_place_of_our_own_redis_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "redis").write_text("x")
    problems: Problems = []
    assert check_redis(configured(), tmp_path, problems) is None
    assert [problem.message for problem in problems] == [
        f"{tmp_path}/redis is no folder, and our own Redis keeps its files there; move it away"
    ]


def test_locks_of_our_own_redis_that_cannot_be_opened_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "redis" / "server.lock").mkdir(parents=True)
    problems: Problems = []
    assert check_redis(configured(), tmp_path, problems) is None
    (problem,) = problems
    assert problem.message.startswith(f"{tmp_path}/redis/server.lock: ")


def test_a_redis_that_does_not_answer_is_a_problem_without_its_password(tmp_path: Path) -> None:
    problems: Problems = []
    # Port 1 is never a Redis: refused at once.
    assert check_redis(configured("redis.url=redis://:hunter2@127.0.0.1:1/0"), tmp_path, problems) is None
    assert [problem.part for problem in problems] == ["redis"]
    assert "redis://*****@127.0.0.1:1/0" in problems[0].message
    assert "hunter2" not in problems[0].message


def test_no_gallery_yet_is_well(tmp_path: Path) -> None:
    problems: Problems = []
    health = check_gallery(configured(), tmp_path / "data", MODEL, problems)
    assert problems == []
    assert health is not None
    assert not health.exists
    assert list(tmp_path.iterdir()) == []


def test_a_gallery_is_counted(tmp_path: Path) -> None:
    enrolled(tmp_path, MODEL)
    problems: Problems = []
    health = check_gallery(configured(), tmp_path, MODEL, problems)
    assert problems == []
    assert health is not None
    assert (health.exists, health.people, health.templates) == (True, 1, 1)
    assert (health.model_ids, health.version) == ({MODEL: 1}, 1)


def test_an_older_gallery_is_told_of_and_left_as_it_is(tmp_path: Path) -> None:
    begin_schema_1(tmp_path, None)
    before = (tmp_path / DATABASE_FILE).read_bytes()
    problems: Problems = []
    assert check_gallery(configured(), tmp_path, MODEL, problems) is None
    assert "of an older Facestream (schema 1)" in problems[0].message
    assert (tmp_path / DATABASE_FILE).read_bytes() == before
    with Store(tmp_path) as store:
        assert len(store.people()) == 1


def test_no_gallery_is_begun_in_an_empty_database(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).touch()
    problems: Problems = []
    health = check_gallery(configured(), tmp_path, MODEL, problems)
    assert problems == []
    assert health is not None
    assert not health.exists
    assert (tmp_path / DATABASE_FILE).read_bytes() == b""


def test_a_gallery_of_another_model_is_a_problem(tmp_path: Path) -> None:
    enrolled(tmp_path, "other-net")
    problems: Problems = []
    check_gallery(configured(), tmp_path, MODEL, problems)
    assert problems[0].message.startswith(
        f"nobody can be recognised: templates are of other-net, not of {MODEL}; enroll the photos again"
    )


def test_people_known_by_older_models_alone_are_counted(tmp_path: Path) -> None:
    enrolled(tmp_path, "other-net")
    with Store(tmp_path) as store:
        store.enroll("Bob", [template(2, model_id=MODEL, dimension=4)])
    problems: Problems = []
    found = check_gallery(configured(), tmp_path, MODEL, problems)
    assert found is not None
    assert (found.left_behind, problems) == (1, [])


def test_a_name_that_is_another_model_here_is_a_problem(tmp_path: Path) -> None:
    enrolled(tmp_path, MODEL)
    with Store(tmp_path) as store:
        store.serve("mine", "mine-2")
    problems: Problems = []
    check_gallery(configured("embedding.model=mine"), tmp_path, (MODEL,), problems)
    assert [each.message for each in problems] == [
        f"it was switched to mine as mine-2, and here that is {MODEL}; copy the model and its entry from where it was "
        "switched"
    ]


def test_a_gallery_of_a_compatible_model_is_none(tmp_path: Path) -> None:
    enrolled(tmp_path, "other-net")
    problems: Problems = []
    assert check_gallery(configured(), tmp_path, (MODEL, "other-net"), problems) is not None
    assert problems == []


def test_a_file_that_is_no_gallery_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"no database at all, but long enough to look like one " * 20)
    problems: Problems = []
    assert check_gallery(configured(), tmp_path, MODEL, problems) is None
    assert [problem.part for problem in problems] == ["gallery"]


def test_a_damaged_gallery_is_one_problem_with_one_repair(tmp_path: Path) -> None:
    enrolled(tmp_path, MODEL)
    file = tmp_path / DATABASE_FILE
    whole = file.read_bytes()
    file.write_bytes(whole[: 4096 * 2] + b"\x55" * (len(whole) - 4096 * 2))
    problems: Problems = []
    assert check_gallery(configured(), tmp_path, MODEL, problems) is None
    assert [problem.message for problem in problems] == [
        f"{file}: it is damaged; restore a copy of it or move it away"
    ]


def test_a_gallery_address_is_shown_without_its_password(tmp_path: Path) -> None:
    problems: Problems = []
    url = "postgresql+nodriver://u:hunter2@host/x"
    check_gallery(configured(f"gallery.url={url}"), tmp_path, MODEL, problems)
    assert "hunter2" not in repr(problems)


def test_the_files_beside_the_models_must_be_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems: Problems = []
    check_statistics(Config(), problems)
    assert problems == []
    monkeypatch.setattr(occlusion, "WEIGHTS_FILE", tmp_path / "gone.npz")
    centreless = thresholds.described(Config()).model_copy(update={"centre": tmp_path / "gone.json"})
    monkeypatch.setattr(thresholds, "described", lambda config: centreless)
    check_statistics(Config(), problems)
    assert [problem.part for problem in problems] == ["statistics", "statistics"]
    assert "gone.npz: no weights of the occlusion network; bring the file back" in problems[0].message
    assert "gone.json cannot be read" in problems[1].message
    centreless = centreless.model_copy(update={"centre": None, "int8": tmp_path / "torn.npz"})
    (tmp_path / "torn.npz").write_text("text")
    check_statistics(Config(), problems)
    check_statistics(configured("engine.precision=bf16"), problems)
    assert [problem.message for problem in problems if "torn.npz is no recipe for int8" in problem.message]
    assert len(problems) == 5


def test_thresholds_need_statistics_that_can_be_read(tmp_path: Path) -> None:
    problems: Problems = []
    check_thresholds(Config(), tmp_path, problems)
    assert problems == []
    broken = tmp_path / "strangers" / f"{MODEL}-centred.json"
    broken.parent.mkdir()
    broken.write_text("{}")
    check_thresholds(Config(), tmp_path, problems)
    assert [problem.part for problem in problems] == ["thresholds"]
    assert "calibrate --strangers" in problems[0].message
    given = configured("matching.max_distance=1", "verification.max_distance=1")
    check_thresholds(given, tmp_path, problems)
    assert len(problems) == 1
