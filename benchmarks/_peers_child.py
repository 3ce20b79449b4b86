"""A peer's process: `python -m benchmarks._peers_child`, run by `bench peers` with the peers' own Python.

Answers questions (benchmarks._peers_words) line by line until its input ends. Nothing of Facestream is imported.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import time
from typing import TextIO

import cv2
import numpy as np

from benchmarks._peers_loops import Loop, open_loop
from benchmarks._peers_words import (
    Embed,
    Embedding,
    Failed,
    Open,
    Opened,
    Watch,
    Watched,
    Word,
    from_line,
    to_line,
)


class Answering:
    """The peer, once it was opened."""

    def __init__(self) -> None:
        self._loop: Loop | None = None

    def answer(self, word: Word) -> Word:
        """What is asked, done. Raises ValueError for what is no question, and what the peer raises."""
        if isinstance(word, Open):
            self._loop = open_loop(word.peer, word.weights, word.gallery)
            versions = {name: importlib.metadata.version(name) for name in self._loop.packages}
            return Opened(self._loop.about, versions)
        if self._loop is None:
            raise ValueError("the first question must be Open")
        if isinstance(word, Watch):
            return watch(self._loop, word)
        if isinstance(word, Embed):
            return embed(self._loop, word)
        raise ValueError(f"{type(word).__name__} is no question")


def watch(loop: Loop, word: Watch) -> Watched:
    """Read the video from its beginning, and work through the frames that are asked for.

    The clock runs while one of those is read and worked on. Raises ValueError where the video cannot be read.
    """
    reader = cv2.VideoCapture(word.video)
    if not reader.isOpened():
        raise ValueError(f"OpenCV cannot read {word.video}")
    boxes: list[list[list[float]]] = []
    embedded, seconds, cpu_seconds, number = 0, 0.0, 0.0, 0
    while True:
        began_s, cpu_began_s = time.perf_counter(), time.process_time()
        there, picture = reader.read()
        if not there:
            return Watched(seconds, cpu_seconds, boxes, embedded)
        if number % word.step == word.first:
            found, count = loop.faces(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))
            seconds += time.perf_counter() - began_s
            cpu_seconds += time.process_time() - cpu_began_s
            boxes.append(found.tolist())
            embedded += count
        number += 1


def embed(loop: Loop, word: Embed) -> Embedding:
    """Run the network alone, after a warm-up."""
    planes = np.load(word.planes)
    parts = [planes[start : start + word.batch] for start in range(0, len(planes), word.batch)]
    first = loop.embed(parts[0])[0]
    seconds = []
    for _ in range(word.times):
        began_s = time.perf_counter()
        for part in parts:
            loop.embed(part)
        seconds.append(time.perf_counter() - began_s)
    return Embedding(seconds, (first / np.linalg.norm(first)).tolist())


def main(questions: TextIO, answers: TextIO) -> int:
    """Answer until there are no more questions; 1 where one could not be answered. Raises what a peer raises."""
    answering = Answering()
    for line in questions:
        try:
            answer = answering.answer(from_line(line))
        except (ImportError, OSError, ValueError) as error:
            answers.write(to_line(Failed(f"{type(error).__name__}: {error}")))
            answers.flush()
            return 1
        answers.write(to_line(answer))
        answers.flush()
    return 0


if __name__ == "__main__":
    # Peers print: what they write to standard output goes to standard error, and only answers to the pipe.
    pipe = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.exit(main(sys.stdin, pipe))
