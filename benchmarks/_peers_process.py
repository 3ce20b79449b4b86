"""A peer's process as seen from `bench peers`: started, asked, ended."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from benchmarks._peers_words import Failed, Open, Opened, Word, from_line, to_line
from pipeline.errors import OutsideError

ROOT = Path(__file__).resolve().parents[1]
CLOSE_S = 10.0
"""for a process whose input has ended; it is between two questions then"""

Answer = TypeVar("Answer")


class PeerProcess:
    """One peer in a Python of its own; between two questions it waits and takes no processor time."""

    def __init__(self, python: Path, question: Open) -> None:
        """`python`: the interpreter of an environment with requirements-peers.txt."""
        self.peer = question.peer
        self._python = python
        self._question = question
        self._process: subprocess.Popen[str] | None = None

    def open(self) -> Opened:
        """Start it and load the peer. Raises OutsideError."""
        try:
            self._process = subprocess.Popen(
                # Warnings of packages older than this Python say nothing about the figures.
                [self._python, "-W", "ignore", "-m", "benchmarks._peers_child"],
                cwd=ROOT,
                # torch's threads would otherwise spin while they wait, and slow the contestant that runs next.
                env=os.environ | {"PYTHONPATH": "", "OMP_WAIT_POLICY": "passive"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
        except OSError as error:
            raise OutsideError(f"{self._python} does not start: {error.strerror}; see --python") from error
        return self.ask(self._question, Opened)

    def ask(self, question: Word, kind: type[Answer]) -> Answer:
        """Its answer, waited for. Raises OutsideError where it cannot give one."""
        process = self._process
        assert process is not None, "open() comes before ask()"
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(to_line(question))
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise OutsideError(f"{self.peer}: its process ended; run it again, its own words are above")
        answer = from_line(line)
        if isinstance(answer, Failed):
            raise OutsideError(
                f"{self.peer}: {answer.reason}; does {self._python} have requirements-peers.txt?"
            )
        if not isinstance(answer, kind):
            raise OutsideError(f"{self.peer}: answered {type(answer).__name__}, not {kind.__name__}")
        return answer

    def close(self) -> None:
        """End it; never raises."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    continue
        try:
            process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
