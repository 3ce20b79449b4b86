"""What is known of a model's files, and how cheaply."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from engines.zoo.cache import FileState, ModelCache, hash_file
from engines.zoo.description import ModelDescription
from tests.engines.tiny import own_model, sha256

DATA = b"weights " * 1000


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "models")


@pytest.fixture
def model(tmp_path: Path) -> ModelDescription:
    return own_model(tmp_path / "mine.onnx", DATA)


def installed(cache: ModelCache, model: ModelDescription) -> Path:
    assert cache.install(model, model.files[0], io.BytesIO(DATA))
    return cache.path(model, model.files[0])


def states(cache: ModelCache, model: ModelDescription) -> tuple[FileState, FileState]:
    """Without and with reading the file."""
    return cache.recorded_state(model, model.files[0]), cache.verified_state(model, model.files[0])


def test_a_missing_file(cache: ModelCache, model: ModelDescription) -> None:
    assert states(cache, model) == (FileState.MISSING, FileState.MISSING)


def test_an_installed_file_is_not_read_again(cache: ModelCache, model: ModelDescription) -> None:
    installed(cache, model)
    read: list[int] = []

    assert cache.verified_state(model, model.files[0], read.append) is FileState.VERIFIED
    assert read == []


def test_a_file_put_there_by_other_means_is_read_once(cache: ModelCache, model: ModelDescription) -> None:
    path = cache.path(model, model.files[0])
    path.parent.mkdir(parents=True)
    path.write_bytes(DATA)
    read: list[int] = []

    assert cache.recorded_state(model, model.files[0]) is FileState.UNCHECKED
    assert cache.verified_state(model, model.files[0], read.append) is FileState.VERIFIED
    assert sum(read) == len(DATA)
    assert cache.recorded_state(model, model.files[0]) is FileState.VERIFIED


def test_a_touched_file_is_read_again(cache: ModelCache, model: ModelDescription) -> None:
    os.utime(installed(cache, model), ns=(1, 1))

    assert states(cache, model) == (FileState.UNCHECKED, FileState.VERIFIED)


def test_a_truncated_file_is_found_out(cache: ModelCache, model: ModelDescription) -> None:
    path = installed(cache, model)
    path.write_bytes(DATA[:-1])

    assert states(cache, model) == (FileState.UNCHECKED, FileState.DAMAGED)


def test_another_hash_wanted_is_found_out(cache: ModelCache, model: ModelDescription) -> None:
    installed(cache, model)
    file = model.files[0].model_copy(update={"sha256": sha256(b"a newer release")})

    assert cache.verified_state(model, file) is FileState.DAMAGED


@pytest.mark.parametrize("record", ["", "[]", "{", '{"mine.onnx": 1}', '{"mine.onnx": {"sha": "x"}}', "\x00"])
def test_a_record_that_is_not_ours_counts_for_nothing(
    record: str, cache: ModelCache, model: ModelDescription
) -> None:
    installed(cache, model)
    (cache.folder(model) / "verified.json").write_text(record)

    assert states(cache, model) == (FileState.UNCHECKED, FileState.VERIFIED)
    assert cache.recorded_state(model, model.files[0]) is FileState.VERIFIED


def test_a_wrong_stream_leaves_what_is_there(cache: ModelCache, model: ModelDescription) -> None:
    path = installed(cache, model)

    assert not cache.install(model, model.files[0], io.BytesIO(b"other"))
    assert path.read_bytes() == DATA
    assert {entry.name for entry in path.parent.iterdir()} == {"mine.onnx", "verified.json"}


def test_hash_file(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")

    assert hash_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
