"""Which TensorRT is here, what differs between the two, and where its messages go."""

from __future__ import annotations

import logging
import re
import sys
import threading
from pathlib import Path

import pytest

from engines.backends.tensorrt_module import (
    RTX_PORTABLE,
    Tensorrt,
    compiled_for,
    compiles_without_gpu,
    compute_capabilities_problem,
    errors_said,
    has_timing_cache,
    import_tensorrt,
    known_compute_capabilities,
    named_compute_capabilities,
    tensorrt_flavour,
    tensorrt_logger,
    tensorrt_version,
    version_compatible_problem,
)
from engines.errors import BackendError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def trt() -> Tensorrt:
    return import_tensorrt()


@pytest.fixture
def without_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing installed: None in `sys.modules` is how Python says that a module is missing."""
    for name in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.setitem(sys.modules, name, None)


def test_the_flavour_is_told_without_importing_it(trt: Tensorrt) -> None:
    assert tensorrt_flavour() == trt.flavour
    assert tensorrt_version() == trt.version
    assert trt.module.__name__ == trt.flavour


@pytest.mark.usefixtures("without_tensorrt")
def test_neither_is_installed() -> None:
    assert tensorrt_flavour() is None
    assert tensorrt_version() is None
    with pytest.raises(BackendError, match=r"not installed: pip install -r requirements-gpu\.txt"):
        import_tensorrt()


def test_a_broken_tensorrt_is_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorrt.py").write_text(
        'raise OSError("libnvinfer.so.11: cannot open\\nit is not there")\n'
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)

    assert tensorrt_flavour() == "tensorrt"
    with pytest.raises(
        BackendError, match=r"^tensorrt is installed and cannot be loaded: libnvinfer.*open; inst"
    ):
        import_tensorrt()


def test_what_differs() -> None:
    assert compiles_without_gpu("tensorrt_rtx")
    assert not compiles_without_gpu("tensorrt")
    assert has_timing_cache("tensorrt")
    assert not has_timing_cache("tensorrt_rtx")
    assert version_compatible_problem("tensorrt") is None
    assert "engine.version_compatible=false" in (version_compatible_problem("tensorrt_rtx") or "")


def test_compute_capabilities_of_rtx(trt: Tensorrt) -> None:
    if trt.flavour != "tensorrt_rtx":
        pytest.skip("TensorRT builds for the GPU that is here")
    known = known_compute_capabilities(trt)

    assert {"7.5", "8.6", "8.9", "12.0"} <= set(known)
    assert set(RTX_PORTABLE) <= set(known)
    assert compute_capabilities_problem(trt, ()) is None
    assert compute_capabilities_problem(trt, known) is None
    assert compute_capabilities_problem(trt, ("8.9", "9.0", "1")) == (
        f"tensorrt_rtx {trt.version} does not compile for compute capability 9.0, 1; it does for {', '.join(known)}"
    )


def test_compute_capabilities_of_tensorrt() -> None:
    trt = Tensorrt(None, "tensorrt", "11.4.0.106")

    assert known_compute_capabilities(trt) == ()
    assert compute_capabilities_problem(trt, ()) is None
    assert "name no compute capabilities" in (compute_capabilities_problem(trt, ("9.0",)) or "")


def test_what_an_engine_is_compiled_for() -> None:
    assert compiled_for("tensorrt_rtx", (), None) == RTX_PORTABLE
    assert compiled_for("tensorrt_rtx", (), "8.9") == RTX_PORTABLE
    assert compiled_for("tensorrt_rtx", ("7.5",), "8.9") == ("7.5",)
    assert compiled_for("tensorrt", (), "9.0") == ("9.0",)


def test_a_gpu_that_rtx_leaves_out_by_itself_is_named(trt: Tensorrt) -> None:
    if trt.flavour != "tensorrt_rtx":
        pytest.skip("TensorRT builds for the GPU that is here")
    named = {gpu: named_compute_capabilities(trt, (), gpu) for gpu in (None, "7.5", "8.9", "9.0")}

    assert named == {None: (), "7.5": ("7.5",), "8.9": (), "9.0": ()}
    assert named_compute_capabilities(trt, ("8.6",), "7.5") == ("8.6",)


def test_a_wheel_that_was_packed_again_is_the_same_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorrt.py").write_text("")
    (tmp_path / "tensorrt-11.4.0.106.post1.dist-info").mkdir()
    about = "Metadata-Version: 2.1\nName: tensorrt\nVersion: 11.4.0.106.post1\n"
    (tmp_path / "tensorrt-11.4.0.106.post1.dist-info" / "METADATA").write_text(about)
    monkeypatch.syspath_prepend(str(tmp_path))

    assert (tensorrt_flavour(), tensorrt_version()) == ("tensorrt", "11.4.0.106")


def test_there_is_one_logger(trt: Tensorrt) -> None:
    assert tensorrt_logger(trt) is tensorrt_logger(import_tensorrt())
    assert isinstance(tensorrt_logger(trt), trt.module.ILogger)


def test_messages_are_logged(trt: Tensorrt, caplog: pytest.LogCaptureFixture) -> None:
    severity = trt.module.ILogger.Severity
    logger = tensorrt_logger(trt)

    with caplog.at_level(logging.DEBUG, logger="engines.backends.tensorrt_module"):
        for level in (severity.ERROR, severity.WARNING, severity.INFO, severity.VERBOSE):
            logger.log(level, f"100 % {level.name}")

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "100 % ERROR"),
        ("WARNING", "100 % WARNING"),
        ("DEBUG", "100 % INFO"),
    ]


def test_errors_go_to_who_listens(trt: Tensorrt, caplog: pytest.LogCaptureFixture) -> None:
    severity = trt.module.ILogger.Severity
    logger = tensorrt_logger(trt)

    with caplog.at_level(logging.INFO), errors_said() as outer:
        logger.log(severity.ERROR, "first")
        with errors_said() as inner:
            other = threading.Thread(target=logger.log, args=(severity.INTERNAL_ERROR, "second"))
            other.start()
            other.join()
        logger.log(severity.WARNING, "a warning")
        logger.log(severity.ERROR, "third")

    assert outer == ["first", "second", "third"]
    assert inner == ["second"]
    assert caplog.messages == ["a warning"]
    with caplog.at_level(logging.WARNING):
        logger.log(severity.WARNING, "a warning")
    assert caplog.messages == ["a warning"]


def test_it_is_imported_nowhere_else() -> None:
    direct = re.compile(r"^\s*(import|from) tensorrt", re.MULTILINE)
    found = [
        str(file.relative_to(ROOT))
        for room in ("engines", "pipeline", "benchmarks", "config", "tests")
        for file in sorted((ROOT / room).rglob("*.py"))
        if direct.search(file.read_text(encoding="utf-8"))
    ]
    assert found == []
