"""OpenVINO calls nobody when it is imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from engines.build.pixels import takes_pixels
from tests.engines.build.test_pixels import FACENET, identity

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import threading
from engines.backends.openvino_module import import_openvino
openvino = import_openvino()
assert openvino.Core().available_devices
print([thread.name for thread in threading.enumerate()])
"""


VERSIONS = """
import threading
from pipeline.commands.machine import read_versions
assert not read_versions().unloadable
print([thread.name for thread in threading.enumerate()])
"""


@pytest.mark.parametrize("program", [PROGRAM, VERSIONS])
def test_no_thread_is_begun_and_nothing_is_kept_of_the_user(program: str, tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout == "['MainThread']\n"
    assert list(tmp_path.iterdir()) == []


SIGNALLED = """
import gc, signal
from pathlib import Path
from engines.backends.base import EngineInfo, TensorSpec
from engines.backends.openvino import OpenvinoEngine
info = EngineInfo("openvino", "a processor", "fp32", "a test")
image, heat = TensorSpec("image", ("n", "h", "w", 3), "uint8"), TensorSpec("planes", ("n", 3, "h", "w"))
engines = [OpenvinoEngine(Path("{path}"), (image,), (heat,), info) for _ in range(3)]
for engine in engines:
    engine.open()
for engine in engines:  # first opened, first closed
    engine.close()
engines.clear()
gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("asked to end"))
signal.raise_signal(signal.SIGTERM)
"""


def test_a_signal_finds_a_stack_after_engines_closed_in_any_order(tmp_path: Path) -> None:
    onnx.save(takes_pixels(identity(), FACENET), str(tmp_path / "model.onnx"))
    told = subprocess.run(
        [sys.executable, "-c", SIGNALLED.format(path=tmp_path / "model.onnx")],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert told.stdout == "asked to end\n"


def test_one_core_is_made_and_nowhere_else() -> None:
    made = [
        str(file.relative_to(ROOT))
        for room in ("engines", "pipeline", "benchmarks")
        for file in sorted((ROOT / room).rglob("*.py"))
        if ".Core()" in file.read_text(encoding="utf-8")
    ]
    assert made == ["engines/backends/openvino_module.py"]


def test_it_is_imported_nowhere_else() -> None:
    direct = re.compile(r"^\s*(import openvino$|import openvino[. ]|from openvino)", re.MULTILINE)
    found = [
        str(file.relative_to(ROOT))
        for room in ("engines", "pipeline", "benchmarks", "config", "tests")
        for file in sorted((ROOT / room).rglob("*.py"))
        if direct.search(file.read_text(encoding="utf-8")) and file.resolve() != Path(__file__).resolve()
    ]
    assert found == ["engines/backends/openvino_module.py"]
