"""Single files out of archives."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.errors import ModelFileError
from engines.zoo.archive import open_member
from tests.engines.tiny import sdist, wheel

MEMBERS = {"tiny/a.bin": b"a" * 5000}


def read(archive: Path, name: str) -> bytes:
    with open_member(archive, name) as stream:
        return stream.read()


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_member(make: object, tmp_path: Path) -> None:
    assert callable(make)
    assert read(make(tmp_path, MEMBERS), "tiny/a.bin") == MEMBERS["tiny/a.bin"]


@pytest.mark.parametrize("make", [wheel, sdist])
def test_a_member_that_is_missing(make: object, tmp_path: Path) -> None:
    assert callable(make)
    with pytest.raises(ModelFileError, match=r"no member tiny/x\.bin"):
        read(make(tmp_path, MEMBERS), "tiny/x.bin")


@pytest.mark.parametrize("make", [wheel, sdist])
@pytest.mark.parametrize("keep", [0, 20, 200])
def test_a_truncated_archive(make: object, keep: int, tmp_path: Path) -> None:
    assert callable(make)
    archive = make(tmp_path, MEMBERS)
    archive.write_bytes(archive.read_bytes()[:keep])

    with pytest.raises(ModelFileError, match=r"damaged|no member"):
        read(archive, "tiny/a.bin")
