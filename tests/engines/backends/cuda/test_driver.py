"""The driver's contract, over the fake and, where there is a GPU, over PyCUDA."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from engines.backends.cuda.driver import Driver, OutOfDeviceMemoryError, held
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_gpu import FakeGpu
from engines.backends.cuda.pycuda_driver import PycudaDriver
from engines.errors import BackendError

SIZE = 1 << 18
RUNS = 200


@pytest.fixture(params=["fake", pytest.param("pycuda", marks=pytest.mark.gpu)])
def closed(request: pytest.FixtureRequest) -> Driver:
    if request.param == "fake":
        return FakeDriver(FakeGpu())
    return PycudaDriver(request.getfixturevalue("pycuda_gpu").index)


def test_a_gpu_is_held_for_a_while_and_let_go_after_an_error_too(closed: Driver) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="inside"), held(closed):  # noqa: PT012
            assert closed.memory().total_bytes > 0
            raise ValueError("inside")


@pytest.fixture
def driver(closed: Driver) -> Iterator[Driver]:
    closed.open()
    with closed.current():
        yield closed
    closed.close()


def round_trip(driver: Driver) -> None:
    """Bytes go to the device, from there to elsewhere on it, and come back; all is given back."""
    with driver.current():
        stream, there, elsewhere = (
            driver.new_stream(),
            driver.allocate_device(SIZE),
            driver.allocate_device(SIZE),
        )
        sent, back = driver.allocate_pinned(SIZE), driver.allocate_pinned(SIZE)
        sent.bytes[:] = np.arange(SIZE) % 251
        driver.copy_to_device(there.pointer, sent.bytes, stream)
        driver.copy_on_device(elsewhere.pointer, there.pointer, SIZE, stream)
        driver.fill(elsewhere.pointer, 7, 100, stream)
        driver.copy_to_host(back.bytes, elsewhere.pointer, stream)
        driver.synchronise(stream)
        expected = sent.bytes.copy()
        expected[:100] = 7
        np.testing.assert_array_equal(back.bytes, expected)
        driver.free_pinned(sent)
        driver.free_pinned(back)
        driver.free_device(there)
        driver.free_device(elsewhere)
        driver.free_stream(stream)
        del stream


def test_bytes_come_back(driver: Driver) -> None:
    round_trip(driver)


def test_addresses_are_aligned(driver: Driver) -> None:
    blocks = [driver.allocate_device(size) for size in (1, 1000, 3)]
    assert [block.pointer % 256 for block in blocks] == [0, 0, 0]
    for block in blocks:
        driver.free_device(block)


def test_a_stream_waits_for_anothers_event(driver: Driver) -> None:
    first, second, event = driver.new_stream(), driver.new_stream(), driver.new_event()
    there, back = driver.allocate_device(SIZE), driver.allocate_pinned(SIZE)
    for value in range(20):
        driver.fill(there.pointer, value, SIZE, first)
        driver.record(event, first)
        driver.wait(second, event)
        driver.copy_to_host(back.bytes, there.pointer, second)
        driver.synchronise(second)
        assert (back.bytes == value).all()
    driver.free_pinned(back)
    driver.free_device(there)
    driver.free_event(event)
    driver.free_stream(first)
    driver.free_stream(second)


def test_a_graph_does_its_copies_again(driver: Driver) -> None:
    stream, there, sent = driver.new_stream(), driver.allocate_device(SIZE), driver.allocate_pinned(SIZE)
    back = driver.allocate_pinned(SIZE)
    driver.begin_capture(stream)
    driver.copy_to_device(there.pointer, sent.bytes, stream)
    driver.copy_to_host(back.bytes, there.pointer, stream)
    graph = driver.end_capture(stream)
    for value in (3, 200):
        sent.bytes[:] = value
        driver.launch_graph(graph, stream)
        driver.synchronise(stream)
        assert (back.bytes == value).all()
    driver.free_graph(graph)
    driver.free_pinned(sent)
    driver.free_pinned(back)
    driver.free_device(there)
    driver.free_stream(stream)


def test_more_memory_than_there_is(driver: Driver) -> None:
    with pytest.raises(OutOfDeviceMemoryError):
        driver.allocate_device(driver.memory().total_bytes + 1)
    round_trip(driver)


def test_two_drivers_share_addresses_streams_and_events(closed: Driver) -> None:
    other = FakeDriver(closed.device) if isinstance(closed, FakeDriver) else PycudaDriver(closed.gpu)
    closed.open()
    other.open()
    with closed.current():
        mine, memory, event = closed.new_stream(), closed.allocate_device(64), closed.new_event()
        closed.fill(memory.pointer, 5, 64, mine)
        closed.record(event, mine)
        with other.current():
            theirs, back = other.new_stream(), other.allocate_pinned(64)
            other.wait(theirs, event)
            other.copy_to_host(back.bytes, memory.pointer, theirs)
            other.synchronise(theirs)
            assert (back.bytes == 5).all()
            other.free_pinned(back)
            other.free_stream(theirs)
            del theirs
        closed.synchronise(mine)
        closed.free_device(memory)
        closed.free_event(event)
        closed.free_stream(mine)
        del mine, event
    other.close()
    closed.close()


def test_two_threads_work_at_once(closed: Driver) -> None:
    closed.open()
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                round_trip(closed)
        except (BackendError, AssertionError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    closed.close()
    assert failed == []


def test_it_opens_and_closes_without_end_and_from_any_thread(closed: Driver) -> None:
    closed.open()
    with closed.current():
        before = closed.memory().free_bytes
    for _ in range(RUNS):
        closed.close()
        closed.open()
        round_trip(closed)
    with closed.current():
        assert closed.memory().free_bytes >= before - SIZE
    thread = threading.Thread(target=closed.close)
    thread.start()
    thread.join()
    closed.open()
    round_trip(closed)
    closed.close()
