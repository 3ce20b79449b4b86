"""The vectorised filter against the textbook one: a loop over tracks with 8x8 matrices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.arrays import F32, F64
from pipeline.tracking import kalman
from pipeline.tracking.kalman import BoxStates


class TextbookFilter:
    """One box: state of four values and their four velocities, whole matrices, no shortcut."""

    def __init__(self, box: F32) -> None:
        self.mean = np.concatenate([measured(box), np.zeros(4)])
        height = self.mean[3]
        first = np.asarray(kalman.FIRST_VELOCITY)
        self.covariance = np.diag(np.concatenate([np.full(4, kalman.MEASURED), first]) * height) ** 2

    def predict(self, dt_s: float) -> None:
        move = np.eye(8)
        move[:4, 4:] = dt_s * np.eye(4)
        height = max(self.mean[3], 1.0)
        push = (kalman.ACCELERATION * height) ** 2
        noise = np.zeros((8, 8))
        noise[:4, :4] = (dt_s**3 / 3 * push + dt_s * (kalman.WANDER * height) ** 2) * np.eye(4)
        noise[:4, 4:] = noise[4:, :4] = dt_s**2 / 2 * push * np.eye(4)
        noise[4:, 4:] = dt_s * push * np.eye(4)
        self.mean = move @ self.mean
        self.covariance = move @ self.covariance @ move.T + noise

    def _innovation(self) -> tuple[F64, F64]:
        look = np.hstack([np.eye(4), np.zeros((4, 4))])
        noise = (kalman.MEASURED * max(self.mean[3], 1.0)) ** 2 * np.eye(4)
        return look, look @ self.covariance @ look.T + noise

    def correct(self, box: F32) -> None:
        look, total = self._innovation()
        gain = self.covariance @ look.T @ np.linalg.inv(total)
        self.mean = self.mean + gain @ (measured(box) - look @ self.mean)
        self.covariance = (np.eye(8) - gain @ look) @ self.covariance

    def centre_distance(self, box: F32) -> float:
        look, total = self._innovation()
        off = (measured(box) - look @ self.mean)[:2]
        return float(off @ np.linalg.inv(total[:2, :2]) @ off)


def measured(box: F32) -> F64:
    x0, y0, x1, y1 = box.astype(np.float64)
    return np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])


def random_boxes(rng: np.random.Generator, count: int) -> F32:
    low = rng.uniform(0, 500, (count, 2))
    return np.concatenate([low, low + rng.uniform(10, 120, (count, 2))], axis=1).astype(np.float32)


@given(seed=st.integers(0, 10_000), count=st.integers(1, 5), times=st.lists(st.floats(0.0, 0.7), max_size=6))
def test_as_the_textbook_says(seed: int, count: int, times: list[float]) -> None:
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, count)
    states = kalman.begin(boxes)
    truth = [TextbookFilter(box) for box in boxes]
    for dt_s in times:
        boxes = (boxes + rng.normal(0, 3, boxes.shape)).astype(np.float32)
        states = kalman.predict(states, dt_s)
        for one in truth:
            one.predict(dt_s)
        distances = kalman.centre_distances(states, boxes)
        assert distances == pytest.approx(
            np.array([[one.centre_distance(b) for b in boxes] for one in truth])
        )
        states = kalman.correct(states, boxes)
        for one, box in zip(truth, boxes, strict=True):
            one.correct(box)
    for row, one in enumerate(truth):
        assert np.concatenate([states.values[row], states.velocities[row]]) == pytest.approx(one.mean)
        for axis in range(4):
            block = one.covariance[np.ix_([axis, axis + 4], [axis, axis + 4])]
            assert states.covariances[row, axis] == pytest.approx([block[0, 0], block[0, 1], block[1, 1]])


def test_predicting_twice_is_predicting_once_for_the_time_together() -> None:
    states = kalman.correct(
        kalman.predict(kalman.begin(random_boxes(np.random.default_rng(1), 3)), 0.1),
        random_boxes(np.random.default_rng(2), 3),
    )
    once = kalman.predict(states, 0.3)
    twice = kalman.predict(kalman.predict(states, 0.1), 0.2)
    assert twice.values == pytest.approx(once.values)


def test_a_steady_walker_is_predicted_within_a_pixel_after_a_second() -> None:
    box, step = np.array([[100, 100, 140, 150]], np.float32), np.array([20, 0, 20, 0], np.float32)
    states = kalman.begin(box)
    for look in range(1, 11):
        states = kalman.correct(kalman.predict(states, 0.1), box + look * step)
    assert kalman.predict(states, 0.1).boxes() == pytest.approx(box + 11 * step, abs=1.0)


def test_boxes_survive_the_way_there_and_back() -> None:
    boxes = random_boxes(np.random.default_rng(3), 4)
    assert kalman.begin(boxes).boxes() == pytest.approx(boxes, abs=1e-3)


def test_a_shrinking_box_never_turns_inside_out() -> None:
    states = kalman.begin(np.array([[0, 0, 20, 20]], np.float32))
    inverted = BoxStates(states.values, np.array([[0.0, 0, -100, -100]]), states.covariances)
    [box] = kalman.predict(inverted, 1.0).boxes()
    assert (box[2:] - box[:2]).tolist() == [1.0, 1.0]


def test_rows_can_be_taken_and_joined() -> None:
    states = kalman.begin(random_boxes(np.random.default_rng(4), 3))
    again = kalman.join([states.take(np.array([0])), states.take(np.array([1, 2]))])
    assert again.values.tolist() == states.values.tolist()
    assert again.covariances.tolist() == states.covariances.tolist()
