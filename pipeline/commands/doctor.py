"""`doctor`: is everything here that Facestream needs, and what is wrong where it is not."""

from __future__ import annotations

import tomllib
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def facestream_version() -> str:
    """The version that pyproject.toml names."""
    return str(tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])
