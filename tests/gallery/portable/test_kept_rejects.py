"""Refused photos that are kept: by recipe, through crashes, privately."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.gallery.portable.kept_rejects import KeptRejects, Reject

ALONE = Reject("a" * 64, "no face found", None)
AMONG = Reject("b" * 64, "does not look like the others", "f" * 64)


def only_file(data: Path) -> Path:
    (file,) = (data / "imports").iterdir()
    return file


def test_what_was_refused_is_found_again_by_the_same_recipe_only(tmp_path: Path) -> None:
    KeptRejects.open(tmp_path, "r1").add([ALONE, AMONG])
    again = KeptRejects.open(tmp_path, "r1")
    assert again.find(ALONE.image, "anything") == ALONE
    assert again.find(AMONG.image, "f" * 64) == AMONG
    assert again.find(AMONG.image, "e" * 64) is None
    assert again.find("c" * 64, "") is None
    assert len(KeptRejects.open(tmp_path, "r2")) == 0
    assert only_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_later_word_counts_and_the_same_is_not_written_twice(tmp_path: Path) -> None:
    rejects = KeptRejects.open(tmp_path, "r")
    rejects.add([AMONG])
    size = only_file(tmp_path).stat().st_size
    rejects.add([AMONG])
    assert only_file(tmp_path).stat().st_size == size
    later = Reject(AMONG.image, "still not", "0" * 64)
    rejects.add([later])
    assert KeptRejects.open(tmp_path, "r").find(AMONG.image, "0" * 64) == later


@pytest.mark.parametrize(
    "torn", [b'{"image": "aa', b"\x00\xff", b"[" * 99_999, b'{"image": 1, "reason": "x", "among": null}']
)
def test_a_torn_line_costs_nothing_but_itself(tmp_path: Path, torn: bytes) -> None:
    KeptRejects.open(tmp_path, "r").add([ALONE])
    with only_file(tmp_path).open("ab") as file:
        file.write(torn)
    KeptRejects.open(tmp_path, "r").add([AMONG])
    again = KeptRejects.open(tmp_path, "r")
    assert len(again) == 2
    assert again.find(AMONG.image, "f" * 64) == AMONG


def test_an_unknown_recipe_keeps_nothing(tmp_path: Path) -> None:
    KeptRejects.open(tmp_path, "").add([ALONE])
    assert list(tmp_path.iterdir()) == []
