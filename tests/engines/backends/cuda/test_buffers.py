"""Buffers that grow while graphs, bound runners and work under way know their old addresses."""

from __future__ import annotations

import numpy as np

from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_network import FakeNetwork
from engines.backends.cuda.session import GpuLimits, Session
from engines.errors import BackendError
from tests.engines.backends.cuda.networks import CROPS, FACES, OUTPUTS, crops, means, opened

A_PAGE = 1 << 16
"""of workspace a row: every larger batch needs more than the one before it"""


def session(driver: FakeDriver, graphs: int) -> Session:
    network = FakeNetwork(driver, means, CROPS, OUTPUTS, FACES, workspace_row_bytes=A_PAGE)
    limits = GpuLimits(memory_bytes=1 << 23, sizes=(1, 2, 4, 8), graphs=graphs)
    return Session("tiny", driver, network, CROPS, OUTPUTS, limits)


def is_right(inside: Session, count: int) -> bool:
    batch = {"crops": crops(count)}
    return np.array_equal(inside.run(batch)["vectors"], means(batch)["vectors"])


def closes_whole(inside: Session, driver: FakeDriver) -> bool:
    assert inside.budget.held_bytes == driver.device.held_bytes
    inside.close()
    return driver.device.held_bytes == driver.device.pinned_bytes == 0


def test_graphs_go_with_the_memory_that_they_knew_and_come_again() -> None:
    with (driver := opened()).current():
        inside = session(driver, graphs=2)
        assert all(is_right(inside, count) for count in (1, 1, 1, 8, 1, 1, 1))
        assert driver.calls["free_graph"] == 1
        assert driver.calls["end_capture"] == 2
        assert closes_whole(inside, driver)


def test_work_under_way_is_waited_for_before_its_memory_moves() -> None:
    with (driver := opened()).current():
        inside = session(driver, graphs=1)
        assert all(is_right(inside, count) for count in (1, 1))
        inside.run_device({"crops": crops(1)})  # as a graph, which nobody has waited for
        assert is_right(inside, 8)
        assert closes_whole(inside, driver)


def test_a_runner_that_was_bound_before_memory_moved_for_a_graph_is_bound_again() -> None:
    with (
        driver := opened(failures=(Failure("allocate_device", 2),))
    ).current():  # the first after the weights
        inside = session(driver, graphs=1)
        fails(inside, 8)
        assert all(is_right(inside, count) for count in (1, 8, 1))
        assert driver.calls["end_capture"] == 1  # of eight, at their second time, in memory that moved
        assert closes_whole(inside, driver)


def test_a_runner_whose_binding_failed_is_bound_again() -> None:
    # Allocated first: weights, three tensors and a workspace at one row; the sixth is a workspace for eight.
    with (driver := opened(failures=(Failure("allocate_device", 6),))).current():
        inside = session(driver, graphs=0)
        assert is_right(inside, 1)
        fails(inside, 8)
        assert is_right(inside, 1)
        assert closes_whole(inside, driver)


def test_every_graph_is_tried_where_one_cannot_be_freed() -> None:
    with (driver := opened(failures=(Failure("free_graph", 1),))).current():
        inside = session(driver, graphs=2)
        assert all(is_right(inside, count) for count in (2, 2, 1, 1))
        inside.close()
        assert driver.calls["free_graph"] == 2


def fails(inside: Session, count: int) -> None:
    try:
        inside.run({"crops": crops(count)})
    except BackendError:
        return
    raise AssertionError("it did not fail")
