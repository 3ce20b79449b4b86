"""Versions and hardware, from what a machine's files say."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from pipeline.commands.machine import (
    existing,
    facestream_version,
    gpu_names,
    installed_version,
    memory_limit,
    processor_name,
    read_hardware,
    read_versions,
    usable_cores,
)


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


def test_versions_of_what_is_installed() -> None:
    versions = read_versions()
    assert versions.python == platform.python_version()
    assert versions.facestream == facestream_version() == "0.1.0"
    assert versions.unloadable == {}
    assert versions.packages["numpy"] is not None
    assert versions.packages["torch"] is not None
    assert set(versions.ffmpeg) >= {"libavcodec", "libavformat"}


def test_what_is_not_installed_has_no_version() -> None:
    assert installed_version("no-such-distribution-of-ours") is None


def test_hardware_of_this_machine(tmp_path: Path) -> None:
    hardware = read_hardware(tmp_path / "none" / "yet", tmp_path)
    assert hardware.processor
    assert 0 < hardware.usable_cores <= hardware.cores
    assert 0 < hardware.free_memory_bytes <= hardware.memory_bytes
    assert hardware.free_data_bytes > 0


def test_processor_name(tmp_path: Path) -> None:
    write(tmp_path, cpuinfo="processor\t: 0\nmodel name\t: Great  CPU @ 2 GHz\nmodel name\t: other\n")
    assert processor_name(tmp_path) == "Great CPU @ 2 GHz"
    assert processor_name(tmp_path / "none")


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu_DOT_max": "50000 100000\n"}, 0.5),
        ({"cpu__cpu_DOT_cfs_quota_us": "50000\n", "cpu__cpu_DOT_cfs_period_us": "100000\n"}, 0.5),
        ({"cpu_DOT_max": "max 100000\n"}, None),
        ({"cpu__cpu_DOT_cfs_quota_us": "-1\n", "cpu__cpu_DOT_cfs_period_us": "100000\n"}, None),
        ({"cpu_DOT_max": "99900000 100000\n"}, None),
        ({"cpu_DOT_max": "nonsense\n"}, None),
        ({}, None),
    ],
)
def test_usable_cores(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    expected = len(os.sched_getaffinity(0)) if cores is None else cores
    assert usable_cores(write(tmp_path, **files)) == expected


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({"memory_DOT_max": "1048576\n"}, 1048576),
        ({"memory_DOT_max": "max\n"}, None),
        ({"memory__memory_DOT_limit_in_bytes": "2097152\n"}, 2097152),
        ({}, None),
    ],
)
def test_memory_limit(tmp_path: Path, files: dict[str, str], limit: int | None) -> None:
    assert memory_limit(write(tmp_path, **files)) == limit


def test_gpus_by_the_drivers_list(tmp_path: Path) -> None:
    write(
        tmp_path,
        driver__nvidia__gpus__a__information="Model: \t\t NVIDIA H200\nIRQ: 1\n",
        driver__nvidia__gpus__b__information="Model: NVIDIA L4\n",
    )
    assert gpu_names(tmp_path) == ("NVIDIA H200", "NVIDIA L4")


def test_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert existing(tmp_path / "a" / "b") == tmp_path
    assert existing(Path("/")) == Path("/")
