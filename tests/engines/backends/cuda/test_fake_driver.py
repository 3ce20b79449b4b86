"""The fake driver: work runs late and in order, and every rule of CUDA that is broken is said."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends.cuda.driver import DeviceMemory, Dim3, OutOfDeviceMemoryError, PinnedMemory, Stream
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FRESH, FakeGpu, FakeLaunch, MisuseError
from engines.errors import BackendError


def add(launch: FakeLaunch) -> None:
    """add(float *values, int count, float amount)"""
    values = launch.array(0, (int(launch.arguments[1]),), np.float32)
    values += launch.arguments[2]


@pytest.fixture
def driver() -> Iterator[FakeDriver]:
    driver = FakeDriver(FakeGpu(memory_bytes=1 << 20, kernels={"add": add}))
    driver.open()
    with driver.current():
        yield driver


@contextmanager
def room(driver: FakeDriver, size: int = 64) -> Iterator[tuple[DeviceMemory, PinnedMemory, Stream]]:
    device, pinned, stream = driver.allocate_device(size), driver.allocate_pinned(size), driver.new_stream()
    yield device, pinned, stream
    driver.synchronise(stream)
    driver.free_device(device)
    driver.free_pinned(pinned)
    driver.free_stream(stream)


def test_who_reads_too_early_reads_old_bytes(driver: FakeDriver) -> None:
    with room(driver) as (device, pinned, stream):
        driver.fill(device.pointer, 7, 64, stream)
        driver.copy_to_host(pinned.bytes, device.pointer, stream)
        assert (pinned.bytes == FRESH).all()
        driver.synchronise(stream)
        assert (pinned.bytes == 7).all()


def test_a_stream_keeps_its_order_and_an_event_orders_two(driver: FakeDriver) -> None:
    with room(driver) as (device, pinned, writer), room(driver) as (_, back, reader):
        event = driver.new_event()
        pinned.bytes[:] = 3
        driver.copy_to_device(device.pointer, pinned.bytes, writer)
        driver.record(event, writer)
        driver.fill(device.pointer, 9, 64, writer)
        driver.wait(reader, event)
        driver.copy_to_host(back.bytes, device.pointer, reader)
        driver.synchronise(reader)
        assert (back.bytes == 3).all()
        driver.synchronise(writer)
        driver.free_event(event)


def test_an_event_that_was_not_recorded_is_reached(driver: FakeDriver) -> None:
    with room(driver) as (_, _, stream):
        event = driver.new_event()
        driver.wait(stream, event)
        driver.synchronise(stream)
        driver.free_event(event)


def test_kernels_are_functions_over_device_memory(driver: FakeDriver) -> None:
    with room(driver) as (device, pinned, stream):
        module = driver.load_module(b"any")
        kernel = driver.kernel(module, "add")
        driver.fill(device.pointer, 0, 64, stream)
        arguments = (np.uintp(device.pointer), np.int32(4), np.float32(1.5))
        driver.launch(kernel, Dim3(1), Dim3(32), arguments, stream)
        driver.copy_to_host(pinned.bytes, device.pointer, stream)
        driver.synchronise(stream)
        assert pinned.bytes.view(np.float32)[:5].tolist() == [1.5] * 4 + [0.0]
        with pytest.raises(MisuseError, match="numpy number"):
            driver.launch(kernel, Dim3(1), Dim3(32), (device.pointer,), stream)  # type: ignore[arg-type]
        with pytest.raises(MisuseError, match="cannot be launched"):
            driver.launch(kernel, Dim3(1), Dim3(2048), arguments, stream)
        with pytest.raises(BackendError, match="no kernel subtract; it has: add"):
            driver.kernel(module, "subtract")
        driver.unload_module(module)
        with pytest.raises(MisuseError, match="after it was freed"):
            driver.launch(kernel, Dim3(1), Dim3(32), arguments, stream)


def test_a_graph_does_again_what_was_captured_and_nothing_while_it_is(driver: FakeDriver) -> None:
    with room(driver) as (device, pinned, stream):
        pinned.bytes[:] = 1
        driver.begin_capture(stream)
        driver.copy_to_device(device.pointer, pinned.bytes, stream)
        graph = driver.end_capture(stream)
        driver.synchronise(stream)
        assert (driver.device.bytes_at(device.pointer, 64) == FRESH).all()
        for value in (5, 6):
            pinned.bytes[:] = value
            driver.launch_graph(graph, stream)
            driver.synchronise(stream)
            assert (driver.device.bytes_at(device.pointer, 64) == value).all()
        driver.free_graph(graph)
        with pytest.raises(MisuseError, match="after it was freed"):
            driver.launch_graph(graph, stream)


def test_a_capture_that_a_failure_spoilt_ends_with_an_error_and_the_stream_goes_on() -> None:
    driver = FakeDriver(FakeGpu(), (Failure("fill", 1),))
    driver.open()
    with driver.current(), room(driver) as (device, _, stream):
        driver.begin_capture(stream)
        with pytest.raises(BackendError, match="as asked for"):
            driver.fill(device.pointer, 1, 64, stream)
        with pytest.raises(BackendError, match="spoilt"):
            driver.end_capture(stream)
        driver.fill(device.pointer, 2, 64, stream)
        driver.synchronise(stream)
        assert (driver.device.bytes_at(device.pointer, 64) == 2).all()


def test_memory_is_limited_and_shared_by_all_drivers_of_a_gpu(driver: FakeDriver) -> None:
    other = FakeDriver(driver.device)
    other.open()
    memory = driver.allocate_device(1 << 19)
    with other.current():
        assert other.memory().free_bytes == 1 << 19
        with pytest.raises(OutOfDeviceMemoryError, match=f"{(1 << 19) + 1} bytes asked for"):
            other.allocate_device((1 << 19) + 1)
    driver.free_device(memory)
    other.close()
    assert other.leaks == ()


def test_what_is_not_freed_is_said_at_close() -> None:
    driver = FakeDriver(FakeGpu())
    driver.open()
    with driver.current():
        driver.allocate_device(100)
        driver.free_stream(driver.new_stream())
        driver.new_event()
    driver.close()
    assert [leak.split()[0:2] for leak in driver.leaks] == [["device", "memory"], ["an", "event"]]
    driver.close()


def test_calls_come_from_threads_that_are_inside(driver: FakeDriver) -> None:
    said: list[BaseException] = []

    def elsewhere() -> None:
        try:
            driver.memory()
        except MisuseError as error:
            said.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert "not inside current()" in str(said[0])


def test_nothing_before_open_and_after_close() -> None:
    driver = FakeDriver(FakeGpu())
    with pytest.raises(MisuseError, match="before open or after close"), driver.current():
        pass
    driver.open()
    with pytest.raises(MisuseError, match="twice"):
        driver.open()
    with driver.current(), pytest.raises(MisuseError, match="inside current"):
        driver.close()
    driver.close()
    with pytest.raises(MisuseError, match="before open or after close"), driver.current():
        pass


Break = Callable[[FakeDriver, DeviceMemory, PinnedMemory, Stream], object]


def free_before_it_ran(
    driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream
) -> None:
    driver.fill(device.pointer, 1, 64, stream)
    driver.free_device(device)


def free_twice(driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream) -> None:
    driver.free_device(device)
    driver.free_device(device)


def written_too_early(driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream) -> None:
    pinned.bytes[:] = 1
    driver.copy_to_device(device.pointer, pinned.bytes, stream)
    pinned.bytes[:] = 2
    driver.synchronise(stream)


def two_streams_one_buffer(
    driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream
) -> None:
    driver.copy_to_host(pinned.bytes, device.pointer, stream)
    driver.copy_to_device(device.pointer, pinned.bytes, driver.new_stream())


def allocated_in_a_capture(
    driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream
) -> None:
    driver.begin_capture(stream)
    driver.allocate_device(1)


def stream_freed_at_work(
    driver: FakeDriver, device: DeviceMemory, pinned: PinnedMemory, stream: Stream
) -> None:
    driver.fill(device.pointer, 1, 64, stream)
    driver.free_stream(stream)


@pytest.mark.parametrize(
    ("breaks", "said"),
    [
        (lambda d, m, p, s: d.fill(m.pointer, 1, 65, s), "reach over the end"),
        (lambda d, m, p, s: d.fill(m.pointer - 8, 1, 4, s), "belong to no block"),
        (lambda d, m, p, s: d.copy_to_device(m.pointer, np.zeros(8, np.uint8), s), "belong to no block"),
        (lambda d, m, p, s: d.copy_to_device(m.pointer, p.bytes[::2], s), "bytes in a row"),
        (lambda d, m, p, s: (d.free_device(m), d.fill(m.pointer, 1, 8, s)), "used after it was freed"),
        (lambda d, m, p, s: (d.free_pinned(p), d.copy_to_host(p.bytes, m.pointer, s)), "after it was freed"),
        (lambda d, m, p, s: (d.free_stream(s), d.synchronise(s)), "used after it was freed"),
        (lambda d, m, p, s: d.allocate_device(0), "0 bytes"),
        (lambda d, m, p, s: d.end_capture(s), "did not begin"),
        (free_before_it_ran, "before fill"),
        (free_twice, "does not hold; freed before"),
        (written_too_early, "written before its copy"),
        (two_streams_one_buffer, "of another stream"),
        (allocated_in_a_capture, "during a capture"),
        (stream_freed_at_work, "is freed before fill has run"),
    ],
)
def test_broken_rules_are_said(driver: FakeDriver, breaks: Break, said: str) -> None:
    device, pinned, stream = driver.allocate_device(64), driver.allocate_pinned(64), driver.new_stream()
    with pytest.raises(MisuseError, match=said):
        breaks(driver, device, pinned, stream)


@given(st.lists(st.tuples(st.sampled_from("fsw"), st.integers(0, 2), st.integers(0, 255)), max_size=30))
def test_any_order_of_synchronising_gives_what_one_stream_at_a_time_gives(
    steps: list[tuple[str, int, int]],
) -> None:
    """Three streams, each with memory of its own: whenever they are waited for, the last fill of each counts."""
    driver = FakeDriver(FakeGpu())
    driver.open()
    with driver.current():
        streams = [driver.new_stream() for _ in range(3)]
        blocks = [driver.allocate_device(8) for _ in range(3)]
        event, last = driver.new_event(), [FRESH] * 3
        for what, which, value in steps:
            if what == "f":
                driver.fill(blocks[which].pointer, value, 8, streams[which])
                last[which] = value
            elif what == "s":
                driver.synchronise(streams[which])
            else:
                driver.record(event, streams[which])
                driver.wait(streams[value % 3], event)
        for stream in streams:
            driver.synchronise(stream)
        assert [int(driver.device.bytes_at(block.pointer, 8)[0]) for block in blocks] == last
