"""OpenVINO calls nobody when it is imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import threading
from engines.backends.openvino_module import import_openvino
openvino = import_openvino()
assert openvino.Core().available_devices
print([thread.name for thread in threading.enumerate()])
"""


def test_no_thread_is_begun_and_nothing_is_kept_of_the_user(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout == "['MainThread']\n"
    assert list(tmp_path.iterdir()) == []


def test_it_is_imported_nowhere_else() -> None:
    direct = re.compile(r"^\s*(import openvino$|import openvino[. ]|from openvino)", re.MULTILINE)
    found = [
        str(file.relative_to(ROOT))
        for room in ("engines", "pipeline", "benchmarks", "config", "tests")
        for file in sorted((ROOT / room).rglob("*.py"))
        if direct.search(file.read_text(encoding="utf-8")) and file.resolve() != Path(__file__).resolve()
    ]
    assert found == ["engines/backends/openvino_module.py"]
