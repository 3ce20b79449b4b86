"""The thin part that is TensorRT's own: held to the bindings that are installed, and to their errors."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

from engines.backends.cuda import tensorrt_network
from engines.backends.cuda.tensorrt_network import load_network, trusting_runtime
from engines.backends.tensorrt_module import import_tensorrt
from engines.errors import BackendError
from tests.engines.backends.cuda.networks import CROPS, OUTPUTS

CLASSES = {
    "runtime": "Runtime",
    "engine": "ICudaEngine",
    "_engine": "ICudaEngine",
    "_context": "IExecutionContext",
    "context": "IExecutionContext",
    "config": "IRuntimeConfig",
}


def called() -> set[tuple[str, str]]:
    """Every attribute of TensorRT's objects that the code reads, calls or sets, with the class it is of."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(tensorrt_network))):
        if isinstance(node, ast.Attribute):
            of = node.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            if name in CLASSES:
                found.add((CLASSES[name], node.attr))
    return found


def test_everything_that_is_called_is_there() -> None:
    module = import_tensorrt().module
    calls = called()
    assert {"execute_async_v3", "set_device_memory"} <= {name for _, name in calls}
    assert [f"{of}.{name}" for of, name in sorted(calls) if not hasattr(getattr(module, of), name)] == []


def test_version_compatible_engines_may_be_loaded() -> None:
    assert trusting_runtime(import_tensorrt()).engine_host_code_allowed


def test_shapes_are_tuples_and_modes_have_names() -> None:
    module = import_tensorrt().module
    assert tuple(module.Dims((1, 160, 160, 3))) == (1, 160, 160, 3)
    assert module.TensorIOMode.OUTPUT.name == "OUTPUT"


def test_a_file_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "model.engine"
    with pytest.raises(BackendError, match="No such file or directory; build it again"):
        load_network(path, CROPS, OUTPUTS)
    path.write_bytes(b"no engine" * 100)
    with pytest.raises(BackendError, match=r"cannot load model\.engine: .+; delete its folder") as caught:
        load_network(path, CROPS, OUTPUTS)
    assert "\n" not in str(caught.value)
