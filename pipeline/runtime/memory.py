"""Memory of a program that runs for weeks: what nobody uses goes back to the system."""

from __future__ import annotations

import ctypes
import gc
import logging

log = logging.getLogger(__name__)


def keep_what_is_loaded() -> None:
    """Take all that is there now out of the collector's sight: it lives as long as the program.

    What is left to look at is looked through in milliseconds, during which no other thread of Python runs.
    """
    gc.collect()
    gc.freeze()


def give_back_memory() -> None:
    """Free what only cycles hold, and give the system back what is free. Call a few times a minute.

    A camera's connection is such a cycle: FFmpeg's decoder and buffers, megabytes, hang on a few Python objects, too
    few to bring the collector about by themselves. And pictures that one thread allocates and another frees leave
    holes in glibc's arenas, one a thread: without this a monitor of four cameras held a third more than it used after
    half an hour, and still grew.
    """
    gc.collect()
    if _trim is not None:
        _trim(0)


def _find_trim() -> ctypes._NamedFuncPointer | None:
    """malloc_trim(3), which only glibc has."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        log.debug("this C library gives no memory back by itself")
        return None


_trim = _find_trim()
