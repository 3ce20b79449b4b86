"""TensorRT's timing cache on disk: how fast each kernel was, so that the next build need not time it again.

TensorRT reads a cache as it is, so the file says first whose it is and what it must hash to:

    facestream timing cache 1\\n<tensorrt release and GPU>\\n<sha256 of the rest>\\n<the cache>
"""

from __future__ import annotations

import logging
import os
from hashlib import sha256
from pathlib import Path

from engines.zoo.lock import scratch_file

log = logging.getLogger(__name__)

MAGIC = b"facestream timing cache 1"


def read_timing_cache(path: Path, owner: str) -> bytes:
    """The cache of `owner` ("tensorrt 11.4.0 NVIDIA H200 9.0"); empty where there is none, with a word why not."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        return _dropped(path, error.strerror or str(error))
    parts = data.split(b"\n", 3)
    if len(parts) != 4 or parts[0] != MAGIC:
        return _dropped(path, "it is not one")
    _, whose, digest, cache = parts
    if sha256(cache).hexdigest().encode() != digest:
        return _dropped(path, "it is damaged")
    if whose != owner.encode():
        return _dropped(path, f"it is of {whose.decode(errors='replace')}")
    return cache


def write_timing_cache(path: Path, owner: str, cache: bytes) -> None:
    """Write it whole or not at all. A failure is logged: the engine is built, and the next build times anew."""
    parts = (MAGIC, owner.encode(), sha256(cache).hexdigest().encode(), cache)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch_file(path) as scratch:
            scratch.write_bytes(b"\n".join(parts))
            os.replace(scratch, path)
    except OSError as error:
        log.warning("the timing cache %s is not kept: %s", path, error.strerror or error)


def _dropped(path: Path, why: str) -> bytes:
    log.warning("the timing cache %s is not used and will be written anew: %s", path, why)
    return b""
