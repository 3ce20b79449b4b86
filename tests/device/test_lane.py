"""A worker's lane: an error goes on when nothing writes to memory any more; what is closed is made anew."""

from __future__ import annotations

import pytest

from engines.errors import BackendError
from pipeline.device.lane import Lane
from pipeline.device.shared import SharedGpu
from tests.fake_gpus import driver_of, fake_gpu


def begin_and_fail(gpu: SharedGpu, lane: Lane, pointer: int) -> None:
    with lane.settled():
        gpu.driver.fill(pointer, 7, 64, lane.stream)
        raise BackendError("the network cannot go on")


def test_work_that_was_begun_is_done_before_an_error_lets_go_of_memory() -> None:
    with fake_gpu() as gpu, gpu.driver.current():
        lane, lease = Lane(gpu.driver), gpu.pool.take(64)
        held = driver_of(gpu).device.bytes_at(lease.pointer, 64)
        with pytest.raises(BackendError, match="the network"):
            begin_and_fail(gpu, lane, lease.pointer)
        assert held.tolist() == [7] * 64
        del held, lease
        lane.close()


def test_a_closed_lane_is_made_anew_when_it_is_used() -> None:
    with fake_gpu() as gpu, gpu.driver.current():
        lane = Lane(gpu.driver)
        before = lane.stream
        lane.mark()
        lane.close()
        lane.close()
        assert lane.stream is not before
        lane.close()
