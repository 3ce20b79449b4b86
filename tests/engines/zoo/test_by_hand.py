"""Files that the user brings along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engines.errors import ModelFetchError, ModelFileError
from engines.zoo.by_hand import accept
from engines.zoo.cache import FileState, ModelCache
from tests.engines.tiny import packaged_model, sdist, sha256, wheel

MEMBERS = {"tiny/a.bin": b"aaaa", "tiny/b.bin": b"bb"}


@pytest.fixture
def cache(tmp_path: Path) -> ModelCache:
    return ModelCache(tmp_path / "models")


def test_an_archive_under_any_name_brings_every_file(tmp_path: Path, cache: ModelCache) -> None:
    archive = wheel(tmp_path, MEMBERS)
    model = packaged_model(archive, MEMBERS)

    paths = accept(model, archive.rename(tmp_path / "download (1)"), cache)

    assert [path.read_bytes() for path in paths] == [b"aaaa", b"bb"]
    assert {cache.recorded_state(model, file) for file in model.files} == {FileState.VERIFIED}


def test_a_source_distribution_under_any_name(tmp_path: Path, cache: ModelCache) -> None:
    archive = sdist(tmp_path, MEMBERS)
    model = packaged_model(archive, MEMBERS)

    assert len(accept(model, archive.rename(tmp_path / "x.gz"), cache)) == 2


def test_a_pipe_is_not_waited_for(tmp_path: Path, cache: ModelCache) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ModelFileError, match="is a device or a pipe; give a file"):
        accept(packaged_model(wheel(tmp_path, MEMBERS), MEMBERS), pipe, cache)


def test_one_file_is_known_by_its_hash(tmp_path: Path, cache: ModelCache) -> None:
    model = packaged_model(wheel(tmp_path, MEMBERS), MEMBERS)
    (tmp_path / "whatever").write_bytes(b"bb")

    assert accept(model, tmp_path / "whatever", cache) == (cache.root / "tiny" / "b.bin",)


def test_another_file_is_refused_with_what_is_wanted(tmp_path: Path, cache: ModelCache) -> None:
    model = packaged_model(wheel(tmp_path, MEMBERS), MEMBERS)
    (tmp_path / "a.bin").write_bytes(b"aaa")

    with pytest.raises(ModelFileError) as caught:
        accept(model, tmp_path / "a.bin", cache)

    assert sha256(b"aaa") in str(caught.value)
    assert sha256(b"aaaa") in str(caught.value)
    assert caught.value.exit_code == 2
    assert not cache.folder(model).exists()


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read(name: str, tmp_path: Path, cache: ModelCache) -> None:
    model = packaged_model(wheel(tmp_path, MEMBERS), MEMBERS)

    with pytest.raises(ModelFileError, match="cannot be read"):
        accept(model, tmp_path / name, cache)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    archive = wheel(tmp_path, MEMBERS)
    (tmp_path / "models").write_text("a file where the folder should be")

    with pytest.raises(ModelFetchError, match="FACESTREAM_MODELS"):
        accept(packaged_model(archive, MEMBERS), archive, ModelCache(tmp_path / "models"))
