"""The machine that figures are of: without it they say nothing."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pipeline.commands.machine import CGROUP, PROC, processor_name, usable_cores

TELLING_FLAGS = (
    "avx2",
    "avx512f",
    "avx_vnni",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
)
"""which matrix products a processor can do quickly, from the plainest to the fastest"""
TELLING_PACKAGES = ("openvino", "torch", "opencv-python-headless", "av", "numpy")


@dataclass(frozen=True, slots=True)
class Machine:
    """What runs, and what else it is doing."""

    processor: str
    cores: float
    """that this process may use"""
    flags: tuple[str, ...]
    """of TELLING_FLAGS, those it has; empty where that is not known"""
    system: str
    python: str
    packages: dict[str, str]
    load: float
    """runnable threads in the mean of the last minute, others' too: above 0 before a benchmark means company"""


def machine() -> Machine:
    """This one, now."""
    return Machine(
        processor_name(PROC),
        usable_cores(CGROUP),
        tuple(flag for flag in TELLING_FLAGS if flag in _flags(PROC)),
        f"{platform.system()} {platform.release().split('-')[0]}",
        platform.python_version(),
        {name: metadata.version(name) for name in TELLING_PACKAGES},
        round(os.getloadavg()[0], 1),
    )


def _flags(proc: Path) -> frozenset[str]:
    try:
        lines = (proc / "cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":")[1] for line in lines if line.startswith("flags")), "").split())
