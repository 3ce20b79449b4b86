"""A batch's way through a GPU, on the fake: parts, buffers, graphs, the budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends.cuda.device_array import DeviceArray
from engines.backends.cuda.fake_accounts import Failure
from engines.backends.cuda.fake_driver import FakeDriver
from engines.backends.cuda.fake_network import FakeNetwork
from engines.backends.cuda.session import GpuLimits, Part, Session
from engines.errors import BackendError
from tests.engines.backends.cuda.networks import (
    CROPS,
    FRAMES,
    OUTPUTS,
    crops,
    frames,
    means,
    of_faces,
    of_frames,
    opened,
)

LIMITS = GpuLimits(memory_bytes=1 << 22, sizes=(1, 2, 4, 8), graphs=2)


@contextmanager
def session(driver: FakeDriver, network: FakeNetwork, limits: GpuLimits = LIMITS) -> Iterator[Session]:
    """Closed at the end, and then nothing is left."""
    inside = Session("tiny", driver, network, network.inputs, network.outputs, limits)
    try:
        yield inside
    finally:
        inside.close()
        assert network.open_runners == 0
        assert driver.device.held_bytes == 0
        assert driver.device.pinned_bytes == 0


def test_parts_are_cut_at_the_largest_batch_and_filled_up() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        assert inside.parts(3, (4, 4, 3)) == (Part(0, 3, 4),)
        assert inside.parts(19, (4, 4, 3)) == (Part(0, 8, 8), Part(8, 16, 8), Part(16, 19, 4))
        with pytest.raises(BackendError, match="takes no input of shape 1x5x4x3"):
            inside.parts(1, (5, 4, 3))


def test_most_rows_are_those_of_the_profiles_that_take_the_shape() -> None:
    with (driver := opened()).current(), session(driver, of_frames(driver)) as inside:
        assert [inside.most_rows((side, side, 3)) for side in (8, 16, 32)] == [4, 4, 2]
        with pytest.raises(BackendError, match="takes no input of shape 1x64x64x3"):
            inside.most_rows((64, 64, 3))


def test_without_a_fitting_size_the_profiles_most_is_run() -> None:
    limits = GpuLimits(memory_bytes=1 << 22, sizes=(2,))
    with (driver := opened()).current(), session(driver, of_faces(driver), limits) as inside:
        assert inside.parts(3, (4, 4, 3)) == (Part(0, 3, 8),)
        assert inside.parts(1, (4, 4, 3)) == (Part(0, 1, 2),)


def test_a_larger_frame_has_the_smaller_batch_of_its_profile() -> None:
    with (driver := opened()).current(), session(driver, of_frames(driver)) as inside:
        assert [part.size for part in inside.parts(5, (16, 16, 3))] == [4, 1]
        assert [part.size for part in inside.parts(5, (32, 16, 3))] == [2, 2, 1]


@given(st.lists(st.integers(1, 20), min_size=1, max_size=12))
def test_every_batch_gives_what_the_network_gives_in_any_order(counts: list[int]) -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        for seed, count in enumerate(counts):
            batch = crops(count, seed)
            results = inside.run({"crops": batch})
            for name, expected in means({"crops": batch}).items():
                assert results[name].dtype == np.float32
                np.testing.assert_array_equal(results[name], expected)


def test_results_are_freshly_owned() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        first = inside.run({"crops": crops(2, 1)})["vectors"]
        kept = first.copy()
        inside.run({"crops": crops(2, 2)})
        np.testing.assert_array_equal(first, kept)
        assert first.flags.owndata


def test_a_common_shape_becomes_a_graph_at_its_second_time_and_the_answers_stay() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        batch = {"crops": crops(4)}
        answers = [inside.run(batch)["vectors"] for _ in range(4)]
        assert driver.calls["end_capture"] == 1
        assert driver.calls["launch_graph"] == 2
        assert driver.calls["execute"] == 3  # plainly, before the capture, and captured
        for answer in answers[1:]:
            np.testing.assert_array_equal(answer, answers[0])


def test_graphs_are_bounded_and_the_rest_runs_plainly() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        for _ in range(3):
            for count in (8, 4, 2, 1):
                inside.run({"crops": crops(count)})
        assert driver.calls["end_capture"] == LIMITS.graphs
        assert driver.calls["launch_graph"] == LIMITS.graphs


def test_without_graphs() -> None:
    limits = GpuLimits(memory_bytes=1 << 22, graphs=0)
    with (driver := opened()).current(), session(driver, of_faces(driver), limits) as inside:
        for _ in range(3):
            inside.run({"crops": crops(4)})
        assert driver.calls["begin_capture"] == 0


def test_a_larger_shape_moves_the_buffers_and_frees_the_graphs_that_knew_them() -> None:
    # Pages are 64 KiB: only frames of this network are large enough to need another.
    with (driver := opened()).current(), session(driver, of_frames(driver)) as inside:
        small, large = frames(1, 8, 8), frames(16, 32, 32)
        for _ in range(3):
            inside.run({"frames": small})
        inside._buffers.grow({"frames": 1 << 17}, 0)  # as a larger network input would
        inside._graphs.clear()
        results = inside.run({"frames": large})
        np.testing.assert_array_equal(results["vectors"], means({"frames": large})["vectors"])


def test_a_network_that_cannot_be_captured_runs_plainly_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver, capturable=False)) as inside:
        for _ in range(4):
            inside.run({"crops": crops(4)})
    assert [record.message for record in caplog.records] == [
        "tiny runs without CUDA graphs: TensorRT says that its work cannot be captured"
    ]


def test_a_capture_that_fails_leaves_an_engine_that_runs(caplog: pytest.LogCaptureFixture) -> None:
    driver = opened(failures=(Failure("execute", 3),))  # plain, before the capture, in the capture
    with driver.current(), session(driver, of_faces(driver)) as inside:
        for _ in range(4):
            batch = {"crops": crops(4)}
            np.testing.assert_array_equal(inside.run(batch)["vectors"], means(batch)["vectors"])
    assert "runs without CUDA graphs: Fake GPU: execute failed" in caplog.text


def test_the_budget_is_named() -> None:
    limits = GpuLimits(memory_bytes=100 << 10)
    said = r"tiny needs 1 MiB .*engine.gpu_memory_mib allows 0: raise it"
    with (driver := opened()).current(), session(driver, of_faces(driver), limits) as inside:
        for _ in range(2):
            with pytest.raises(BackendError, match=said):
                inside.run({"crops": crops(1)})
    with (driver := opened()).current():
        network = of_faces(driver)
        with pytest.raises(BackendError, match=r"\(weights\)"):
            Session("tiny", driver, network, CROPS, OUTPUTS, GpuLimits(memory_bytes=10))
        network.close()


def test_a_full_gpu_is_named_with_what_is_left_and_the_engine_goes_on_where_it_empties() -> None:
    driver = opened(memory_bytes=400_000)
    with driver.current(), session(driver, of_faces(driver)) as inside:
        others = driver.allocate_device(300_000)
        with pytest.raises(BackendError, match=r"GPU 0 has 0 MiB left, and tensor \w+ needs 1 MiB"):
            inside.run({"crops": crops(1)})
        driver.free_device(others)
        batch = {"crops": crops(3)}
        np.testing.assert_array_equal(inside.run(batch)["vectors"], means(batch)["vectors"])


CALLS = (
    *("allocate_device", "allocate_pinned", "copy_to_device", "execute", "copy_to_host", "synchronise"),
    *("begin_capture", "end_capture", "launch_graph"),
)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("nth", range(1, 8))
def test_a_call_that_fails_leaves_nothing_behind_and_an_engine_that_goes_on(call: str, nth: int) -> None:
    driver = opened(failures=(Failure(call, nth + (call == "allocate_device")),))  # the first are the weights
    with driver.current(), session(driver, of_faces(driver)) as inside:
        failed = 0
        for seed in range(6):
            batch = {"crops": crops(4, seed)}
            try:
                results = inside.run(batch)
            except BackendError:
                failed += 1
                continue
            np.testing.assert_array_equal(results["vectors"], means(batch)["vectors"])
        assert failed <= 1


def test_rows_on_the_device_stay_there() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        batch = crops(11)
        memory, pinned, kernels = (
            driver.allocate_device(1024),
            driver.allocate_pinned(1024),
            driver.new_stream(),
        )
        pinned.bytes[: batch.nbytes] = batch.ravel()
        ready = driver.new_event()
        driver.copy_to_device(memory.pointer, pinned.bytes, kernels)
        driver.record(ready, kernels)
        copies = driver.calls["copy_to_device"]
        array = DeviceArray(memory.pointer, batch.shape, "uint8", memory, ready)
        results = inside.run({"crops": array})
        np.testing.assert_array_equal(results["vectors"], means({"crops": batch})["vectors"])
        assert driver.calls["copy_to_device"] == copies
        driver.synchronise(kernels)
        driver.free_stream(kernels)
        driver.free_event(ready)
        driver.free_device(memory)
        driver.free_pinned(pinned)


def test_results_may_stay_on_the_device_until_the_stream_is_waited_for() -> None:
    with (driver := opened()).current(), session(driver, of_faces(driver)) as inside:
        batch = crops(3)
        for _ in range(3):  # plainly, captured, as a graph
            outputs = inside.run_device({"crops": batch})
            driver.synchronise(inside.stream)
            vectors = outputs["vectors"]
            assert vectors.shape == (3, 3)
            found = driver.device.bytes_at(vectors.pointer, vectors.size_bytes).view(np.float32).reshape(3, 3)
            np.testing.assert_array_equal(found, means({"crops": batch})["vectors"])
        assert driver.calls["allocate_pinned"] == 1  # the input's: what stays there needs none
        with pytest.raises(BackendError, match="of one run, 8 rows; got 9"):
            inside.run_device({"crops": crops(9)})


def test_frames_of_several_shapes_take_turns() -> None:
    with (driver := opened()).current(), session(driver, of_frames(driver)) as inside:
        for _ in range(3):
            for shape in ((1, 8, 8), (3, 16, 8), (2, 32, 32), (5, 8, 16)):
                batch = {"frames": frames(*shape)}
                np.testing.assert_array_equal(inside.run(batch)["vectors"], means(batch)["vectors"])
    assert FRAMES[0].element == "uint8"
