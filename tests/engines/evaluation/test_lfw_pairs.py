"""Lists of pairs: as LFW has them, and as they arrive."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.errors import EvaluationError
from engines.evaluation.lfw_pairs import MAX_BYTES, Pairs, read_pairs

TWO_FOLDS = "2\t1\nAnn_Lee\t1\t4\nAnn_Lee\t1\tBo_Yu\t12\nCy\t2\t3\nCy\t3\tDi\t1\n"
ONE_FOLD = "2\nAnn\t1\t2\nBo\t3\t4\nAnn\t1\tBo\t3\nAnn\t2\tBo\t4\n"


def read(tmp_path: Path, text: str) -> Pairs:
    path = tmp_path / "pairs.txt"
    path.write_bytes(text.encode())
    return read_pairs(path)


def test_view_2(tmp_path: Path) -> None:
    pairs = read(tmp_path, TWO_FOLDS)
    assert pairs.first == ("Ann_Lee/Ann_Lee_0001", "Ann_Lee/Ann_Lee_0001", "Cy/Cy_0002", "Cy/Cy_0003")
    assert pairs.second == ("Ann_Lee/Ann_Lee_0004", "Bo_Yu/Bo_Yu_0012", "Cy/Cy_0003", "Di/Di_0001")
    assert pairs.same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert pairs.folds == 2
    assert len(pairs.photos) == 6


def test_view_1_has_one_fold(tmp_path: Path) -> None:
    pairs = read(tmp_path, ONE_FOLD)
    assert pairs.same.tolist() == [True, True, False, False]
    assert pairs.folds == 1
    assert pairs.second[3] == "Bo/Bo_0004"


@pytest.mark.parametrize(
    "text",
    [
        TWO_FOLDS + "\n\n  \n",
        TWO_FOLDS.rstrip("\n"),
        TWO_FOLDS.replace("\n", "\r\n"),
        "\ufeff" + TWO_FOLDS,
        TWO_FOLDS.replace("\t", "  "),
    ],
)
def test_other_ways_to_write_the_same(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text).second == read(tmp_path, TWO_FOLDS).second


def test_a_name_may_hold_spaces_and_any_letters(tmp_path: Path) -> None:
    pairs = read(tmp_path, "1 1\nZoë van Dam\t1\t2\nZoë van Dam\t1\tJ.R.\t2\n")
    assert pairs.first[0] == "Zoë van Dam/Zoë van Dam_0001"
    assert pairs.second[1] == "J.R./J.R._0002"
    assert pairs.rows_in(["Zoë van Dam/Zoë van Dam_0001.jpg", *rest_of(pairs)], "set").first.tolist() == [
        0,
        0,
    ]


def rest_of(pairs: Pairs) -> list[str]:
    return [f"{key}.png" for key in pairs.second]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: expected the numbers of folds and of pairs, as '10 300', or of pairs alone"),
        ("Ann\t1\t2\n", "line 1: expected the numbers"),
        ("0 300\n", "line 1: expected the numbers"),
        ("2 -1\n", "line 1: expected the numbers"),
        ("9999999999\n", "line 1: expected the numbers"),
        ("999999999 999999999\n", "line 1 promises 999999999 x 1999999998 pairs, and 0 follow; fetch"),
        (TWO_FOLDS + "Ann\t1\t2\n", "line 1 promises 2 x 2 pairs, and 5 follow; fetch the file again"),
        (TWO_FOLDS.replace("Cy\t2\t3", ""), r"line 4: expected 'person number number', .* got ''; fetch"),
        (TWO_FOLDS.replace("Cy\t2\t3", "Cy\t2"), r"line 4: expected 'person number number', .* got 'Cy 2'"),
        (TWO_FOLDS.replace("Cy\t3\tDi\t1", "Cy\t3\t1"), "line 5: expected 'person number other number'"),
        (TWO_FOLDS.replace("Cy\t2\t3", "Cy\tx\x1b[1m\t3"), r"line 4: .* got 'Cy x\\x1b\[1m 3'"),
        (TWO_FOLDS.replace("Cy\t2\t3", "Cy\t²\t3"), r"line 4: .* got 'Cy \\xb2 3'"),
        (TWO_FOLDS.replace("Cy\t2\t3", f"Cy\t{'9' * 5000}\t3"), "line 4: expected"),
        (TWO_FOLDS.replace("Cy\t2\t3", "\t2\t3"), "line 4: a name is empty"),
        (TWO_FOLDS.replace("Cy\t2\t3", "Cy\t3\t03"), "line 4: a photo is paired with itself in 'Cy 3 03'"),
        (TWO_FOLDS.replace("Di", "Cy"), "line 5: a pair of two people names one in 'Cy 3 Cy 1'"),
    ],
)
def test_a_malformed_file_names_file_and_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(EvaluationError, match=rf"pairs\.txt: {problem}") as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_what_is_no_text_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"gone: cannot be read \(No such file"):
        read_pairs(tmp_path / "gone")
    with pytest.raises(EvaluationError, match=r"cannot be read \(Is a directory\)"):
        read_pairs(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(EvaluationError, match=r"photo\.jpg: is no text; give a pairs\.txt"):
        read_pairs(tmp_path / "photo.jpg")
    with (tmp_path / "endless").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(EvaluationError, match="endless: has more than 64 MiB"):
        read_pairs(tmp_path / "endless")


def test_a_pipe_will_do(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Thread(target=path.write_text, args=(TWO_FOLDS, "utf-8"))
    writer.start()
    assert len(read_pairs(path)) == 4
    writer.join()


@settings(max_examples=200)
@given(st.text(st.sampled_from("12 3\t\nAb\r\x00_ü"), max_size=60))
def test_any_text_is_pairs_or_one_clear_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(text.encode())
    problem = ""
    try:
        pairs = read_pairs(path)
        assert len(pairs) == len(pairs.second) == len(pairs.same) == len(pairs.fold)
    except EvaluationError as error:
        problem = str(error)
    assert "any.txt: line " in problem or not problem
    assert "\n" not in problem


def test_the_first_folds(tmp_path: Path) -> None:
    pairs = read(tmp_path, TWO_FOLDS)
    first = pairs.first_folds(1)
    assert first.people == {photo.split("/")[0] for photo in first.photos} < pairs.people
    assert (first.first, first.second) == (pairs.first[:2], pairs.second[:2])
    assert (first.same.tolist(), first.folds) == ([True, False], 1)
    assert len(pairs.first_folds(9)) == 4


def test_photos_are_found_whatever_their_ending(tmp_path: Path) -> None:
    pairs = read(tmp_path, ONE_FOLD)
    names = ["Bo/Bo_0004.png", "Bo/Bo_0003.jpg", "Cy/Cy_0001.jpg", "x/Ann/Ann_0002.jpg", "Ann/Ann_0001.JPG"]
    rows = pairs.rows_in(names, "set")
    assert rows.first.tolist() == [4, 1, 4, 3]
    assert rows.second.tolist() == [3, 0, 1, 0]


def test_photos_that_are_missing_are_named_and_counted(tmp_path: Path) -> None:
    pairs = read(tmp_path, ONE_FOLD)
    with pytest.raises(EvaluationError, match=r"set: 1 of the 4 photos .* cannot be had: Bo/Bo_0003; give"):
        pairs.rows_in(["Bo/Bo_0004.png", "Ann/Ann_0002.jpg", "Ann/Ann_0001.JPG"], "set")
    with pytest.raises(EvaluationError, match="Ann/Ann_0001, Bo/Bo_0003, Ann/Ann_0002 and 1 more; give"):
        pairs.rows_in([], "set")


def test_a_photo_that_is_there_twice_is_ambiguous(tmp_path: Path) -> None:
    pairs = read(tmp_path, ONE_FOLD)
    names = [f"{key}.jpg" for key in sorted(pairs.photos)] + ["Cy/Cy_0001.jpg", "Cy/Cy_0001.png"]
    pairs.rows_in(names, "set")
    with pytest.raises(EvaluationError, match="set: Ann/Ann_0001 is there more than once; leave one"):
        pairs.rows_in([*names, "Ann/Ann_0001.jpg#2"], "set")
