"""What crosses the bus arrives, and is counted."""

from __future__ import annotations

import numpy as np

from engines.backends.cuda.bus import Bus, Crossed
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu


def test_there_and_back() -> None:
    driver = FakeDriver(FakeGpu())
    driver.open()
    wide = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    turned = wide.transpose(1, 0, 2)  # not dense
    with driver.current():
        bus = Bus(driver)
        memory = driver.allocate_device(1024)

        bus.up(wide[:1], memory.pointer)
        bus.up(turned, memory.pointer)
        back = bus.down(memory.pointer, (6, 4, 3))
        bus.up(turned // 2, memory.pointer)
        bus.down(memory.pointer, (6, 4, 3))  # `back` is of its own
        none = bus.down(memory.pointer, (0, 4, 3))

        np.testing.assert_array_equal(back, turned)
        assert none.shape == (0, 4, 3)
        assert bus.crossed == Crossed(up_bytes=18 + 144, down_bytes=144, up_copies=3, down_copies=2)
        driver.free_device(memory)
        bus.close()
        bus.close()
    driver.close()
    assert driver.leaks == ()
