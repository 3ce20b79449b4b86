"""OpenVINO, imported without the telemetry that it brings along."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any, cast


def import_openvino() -> Any:
    """The module `openvino`; the one way to it, as its import calls home otherwise.

    OpenVINO 2026's `import openvino` starts a thread that tells Google Analytics of it, without having asked, and
    puts a number for this user into ~/intel. A program that knows who was seen where tells nobody that it runs.
    Where the package that sends is missing, OpenVINO has a stub for it (openvino/tools/ovc/telemetry_utils.py):
    None in `sys.modules` is how Python says that a module is missing.
    """
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))
    import openvino

    return openvino


@cache
def openvino_core() -> Any:
    """The one `Core` of this process, never let go of.

    A core whose processor has tiles (AMX, or room for them) gives the thread that makes it a signal stack of its own,
    and unmaps it when it goes (OpenVINO 2026.4). Of several cores that go in another order than they came the last
    puts back the stack of one that is gone, and the next signal, a SIGTERM, ends the process with a segmentation
    fault instead of a drain.
    """
    return import_openvino().Core()


def openvino_computes() -> frozenset[str]:
    """What this processor computes, in OpenVINO's names: FP32, BF16, INT8, ..."""
    return frozenset(openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
