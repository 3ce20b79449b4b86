"""What only cycles hold is freed, and what is free goes back to the system."""

from __future__ import annotations

import gc
import weakref

import psutil

from pipeline.runtime.memory import give_back_memory, keep_what_is_loaded

BLOCK, BLOCKS = 64 * 1024, 3200
"""200 MiB of blocks below glibc's threshold for mappings of their own"""


class Held:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_cycles_are_freed() -> None:
    gc.collect()
    held = Held()
    seen = weakref.ref(held)
    gc.collect()  # now it is old: the collector would not come by again for long
    del held
    assert seen() is not None
    give_back_memory()
    assert seen() is None


def test_what_is_loaded_is_not_looked_at_again() -> None:
    keep_what_is_loaded()
    try:
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_holes_go_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK) for _ in range(BLOCKS)]
    kept = blocks[::16]  # holes between what stays, as cameras leave them
    full = psutil.Process().memory_info().rss
    del blocks
    give_back_memory()
    freed = full - psutil.Process().memory_info().rss
    assert freed > 0.8 * BLOCK * BLOCKS * 15 / 16
    assert len(kept) == BLOCKS / 16
