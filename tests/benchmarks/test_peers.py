"""What `bench peers` says to a peer's process, and what it makes of the answers."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks._peers_child import Answering, embed, main, watch
from benchmarks._peers_loops import F32, U8, Known
from benchmarks._peers_process import PeerProcess
from benchmarks._peers_words import (
    Embed,
    Failed,
    Open,
    Watch,
    Watched,
    Word,
    from_line,
    to_line,
)
from benchmarks.peers import in_order
from pipeline.capture.recorder import Recorder
from pipeline.errors import OutsideError

NOBODY = Open("face_recognition", "none.npz", 3)
"""a peer that the product's own environment does not have"""


class BrightFaces:
    """A loop that finds as many faces as the first pixel says."""

    about = "looks at a pixel"
    packages = ("numpy",)

    def faces(self, rgb: U8) -> tuple[F32, int]:
        count = round(int(rgb[0, 0, 0]) / 40)
        return np.tile(np.array([[0, 0, 8, 8]], np.float32), (count, 1)), count

    def embed(self, planes: F32) -> F32:
        return np.full((len(planes), 512), 2.0, np.float32)


def film(path: Path, frames: int) -> Path:
    """A video whose frame k has the grey value 40 k."""
    with Recorder(path, 64, 48, 25) as recorder:
        for number in range(frames):
            recorder.write(np.full((48, 64, 3), 40 * number, np.uint8))
    return path


@pytest.mark.parametrize(
    "word", [NOBODY, Watch("a.mp4", 1, 5), Watched(0.5, 0.9, [[[0.0, 1.0, 2.0, 3.0]], []], 1), Failed("no")]
)
def test_words_survive_the_line(word: Word) -> None:
    assert from_line(to_line(word)) == word


@pytest.mark.parametrize("line", ["{}", "[]", '{"say": "Shout"}', '{"say": "Watch", "video": "a"}', "word"])
def test_anything_else_is_no_word(line: str) -> None:
    with pytest.raises(ValueError, match=r"not a|Expecting"):
        from_line(line)


def test_rounds_together_see_every_frame_once(tmp_path: Path) -> None:
    video = film(tmp_path / "v.mp4", 6)
    rounds = [watch(BrightFaces(), Watch(str(video), first, 4)) for first in range(4)]
    assert [len(each.boxes) for each in rounds] == [2, 2, 1, 1]
    assert [len(frame) for frame in in_order([each.boxes for each in rounds])] == [0, 1, 2, 3, 4, 5]
    assert sum(each.embedded for each in rounds) == 15
    assert all(each.seconds > 0 and each.cpu_seconds > 0 for each in rounds)


def test_a_video_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_text("no video")
    with pytest.raises(ValueError, match="cannot read"):
        watch(BrightFaces(), Watch(str(tmp_path / "x.mp4"), 0, 1))


def test_embedding_is_timed_after_a_warm_up(tmp_path: Path) -> None:
    np.save(tmp_path / "planes.npy", np.zeros((5, 3, 160, 160), np.float32))
    answer = embed(BrightFaces(), Embed(str(tmp_path / "planes.npy"), 2, 3))
    assert len(answer.seconds) == 3
    assert np.linalg.norm(answer.first) == pytest.approx(1.0)


def test_known_people_are_compared_one_by_one() -> None:
    assert Known(3, 4).compare([np.ones(4), np.ones(4)]) == 2


def test_the_first_question_opens() -> None:
    with pytest.raises(ValueError, match="must be Open"):
        Answering().answer(Watch("a.mp4", 0, 1))


def test_what_cannot_be_answered_ends_the_process() -> None:
    answers = io.StringIO()
    assert main(io.StringIO(to_line(Watch("a.mp4", 0, 1)) + to_line(NOBODY)), answers) == 1
    assert from_line(answers.getvalue()) == Failed("ValueError: the first question must be Open")
    assert main(io.StringIO(""), answers) == 0


def test_an_environment_without_the_peer_is_one_line() -> None:
    with PeerProcess(Path(sys.executable), NOBODY) as process, pytest.raises(OutsideError) as told:
        process.open()
    assert "ModuleNotFoundError" in str(told.value)
    assert "requirements-peers.txt" in str(told.value)


def test_an_interpreter_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with PeerProcess(tmp_path / "python", NOBODY) as process, pytest.raises(OutsideError, match="--python"):
        process.open()


def test_a_process_that_ended_is_one_line(tmp_path: Path) -> None:
    mute = tmp_path / "python"
    mute.write_text("#!/bin/sh\nexit 0\n")
    mute.chmod(0o755)
    with PeerProcess(mute, NOBODY) as process, pytest.raises(OutsideError, match="ended"):
        process.open()


def test_another_answer_than_asked_for_is_one_line(tmp_path: Path) -> None:
    parrot = tmp_path / "python"
    parrot.write_text("#!/bin/sh\ncat\n")
    parrot.chmod(0o755)
    with PeerProcess(parrot, NOBODY) as process, pytest.raises(OutsideError, match="answered Open, not"):
        process.open()
