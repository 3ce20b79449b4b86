"""Mutated streams and files: none crashes the source, none hangs it, each is played or said to be bad in one line."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEED = 20261122
LONGEST_S = 8.0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("count", [40, pytest.param(500, marks=pytest.mark.soak)])
def test_mutants(count: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a child process, so that a crash within FFmpeg is seen, and at which mutant."""
    command = [sys.executable, "-m", "tests.faults.mutants", str(tmp_path), "0", str(count), str(SEED)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=count * 4)
    lines = child.stdout.splitlines()
    assert child.returncode == 0, f"ended with {child.returncode} at {lines[-1]!r}: {child.stderr[-2000:]}"
    assert len(lines) == count
    fates: Counter[str] = Counter()
    for line in lines:
        said = re.fullmatch(r"\d+ \w+: (?:refused: (.+)|(\d+) frames, (.+)) \| ([\d.]+) s", line)
        assert said, line
        assert float(said[4]) < LONGEST_S, line
        refused, frames, problem = said[1], said[2], said[3]
        assert refused or frames != "0" or problem != "None", f"neither a frame nor an error: {line}"
        fates["refused" if refused else "played" if problem == "None" else "said"] += 1
    with capsys.disabled():
        sys.stdout.write(f"\n{count} mutants: {dict(fates)}\n")
