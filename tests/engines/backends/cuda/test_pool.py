"""Memory comes back when nobody refers to it, is used again, and never grows over the bound."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest

from engines.backends.cuda.driver import OutOfDeviceMemoryError
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.pool import GRAIN_BYTES, DevicePool


@pytest.fixture
def driver() -> Iterator[FakeDriver]:
    driver = FakeDriver(FakeGpu())
    driver.open()
    with driver.current():
        yield driver
    driver.close()
    assert driver.leaks == ()


def test_memory_is_used_again_by_the_next_of_its_size(driver: FakeDriver) -> None:
    pool = DevicePool(driver, 10 * GRAIN_BYTES)
    first = pool.take(GRAIN_BYTES - 1)
    pointer = first.pointer
    other = pool.take(1)

    del first
    again = pool.take(GRAIN_BYTES)

    assert again.pointer == pointer != other.pointer
    assert pool.held_bytes == 2 * GRAIN_BYTES == driver.device.held_bytes
    del again, other
    pool.close()
    assert pool.held_bytes == 0


def test_idle_memory_makes_room_where_others_fill_the_gpu() -> None:
    driver = FakeDriver(FakeGpu(memory_bytes=4 * GRAIN_BYTES))
    driver.open()
    with driver.current():
        others, pool = driver.allocate_device(GRAIN_BYTES), DevicePool(driver, 10 * GRAIN_BYTES)
        del (small := [pool.take(1), pool.take(1)])[:]

        large = pool.take(3 * GRAIN_BYTES)

        assert (pool.held_bytes, small) == (3 * GRAIN_BYTES, [])
        with pytest.raises(OutOfDeviceMemoryError, match="out of memory"):
            pool.take(1)
        del large
        pool.close()
        driver.free_device(others)
    driver.close()
    assert driver.leaks == ()


def test_idle_memory_of_another_size_makes_room(driver: FakeDriver) -> None:
    pool = DevicePool(driver, 3 * GRAIN_BYTES)
    small = [pool.take(1), pool.take(1)]
    small.clear()

    large = pool.take(3 * GRAIN_BYTES)

    assert driver.device.held_bytes == 3 * GRAIN_BYTES
    del large
    pool.close()


def test_over_the_bound_it_says_so(driver: FakeDriver) -> None:
    pool = DevicePool(driver, 3 * GRAIN_BYTES)
    held = pool.take(2 * GRAIN_BYTES)

    with pytest.raises(OutOfDeviceMemoryError, match="131072 of 196608 in use"):
        pool.take(2 * GRAIN_BYTES)

    del held
    pool.close()


def test_a_lease_may_be_dropped_on_a_thread_that_knows_no_cuda(driver: FakeDriver) -> None:
    pool = DevicePool(driver, 3 * GRAIN_BYTES)
    leases = [pool.take(1)]
    dropped = threading.Thread(target=leases.clear)
    dropped.start()
    dropped.join()
    gc.collect()

    again = pool.take(1)

    assert pool.held_bytes == GRAIN_BYTES
    del again
    pool.close()
