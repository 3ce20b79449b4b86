"""A constant-velocity Kalman filter over the boxes of all tracks of a camera at once.

The state is centre x, centre y, width and height in pixels with their velocities in pixels a second. Process and
measurement noise do not couple the four, so that each has a 2x2 covariance of its own, and a step is a few
products of (N, 4) arrays instead of N products of 8x8 matrices.

Noise grows with the height of the box, as in DeepSORT (Wojke et al., arXiv:1703.07402) and ByteTrack (Zhang et
al., arXiv:2110.06864), here a second instead of a frame because looks are not evenly spaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32, F64, I64, Bools, check_array, check_rows

MEASURED = 1 / 20
"""standard deviation of a detector's box centre or side, in box heights"""
WANDER = 30**0.5 / 20
"""of a centre or side that does not follow its velocity (a nod, a turn of the head), in box heights after a
second: the papers' 1/20 a frame at 30 frames a second"""
ACCELERATION = 3.0
"""of a velocity, in box heights a second after a second. The papers' 1/160 a frame are 1.0, which predicts the
faces of ten real clips, looked at every 0.1 s, 7 % better, but in simulated hand-held pans gives tracks to the
wrong person four times as often (tests/tracking/people.py: 2.4 against 0.6 a scene of six people)"""
FIRST_VELOCITY = (6.0, 3.0, 1.0, 1.0)
"""of a new track's velocity, in box heights a second. Six is somebody who walks across the picture, 1.5 m/s by
faces of 0.25 m; the papers' 1.9 fits pedestrians, whose boxes are seven times as high"""


@dataclass(frozen=True, slots=True)
class BoxStates:
    """What is believed of N boxes, all at one time."""

    values: F64
    """(N, 4) centre x, centre y, width, height in pixels"""
    velocities: F64
    """(N, 4) of the same, a second"""
    covariances: F64
    """(N, 4, 3) variance of the value, covariance with its velocity, variance of the velocity"""

    def __post_init__(self) -> None:
        check_array("values", self.values, np.float64, ("N", 4))
        check_array("velocities", self.velocities, np.float64, ("N", 4))
        check_array("covariances", self.covariances, np.float64, ("N", 4, 3))
        check_rows(len(self.values), velocities=self.velocities, covariances=self.covariances)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: I64 | Bools) -> BoxStates:
        """The states of these rows."""
        return BoxStates(self.values[rows], self.velocities[rows], self.covariances[rows])

    def boxes(self, dt_s: float = 0.0) -> F32:
        """(N, 4) x0 y0 x1 y1 pixels, `dt_s` seconds later; sides are at least one pixel."""
        values = self.values + dt_s * self.velocities if dt_s else self.values
        sides = np.maximum(values[:, 2:], 1.0)
        low = values[:, :2] - sides / 2
        return np.concatenate([low, low + sides], axis=1).astype(np.float32)


def begin(boxes: F32) -> BoxStates:
    """States of boxes (N, 4) seen for the first time: at rest, but perhaps not."""
    values = measure(boxes)
    covariances = np.zeros((len(values), 4, 3))
    height = values[:, 3:]
    covariances[..., 0] = (MEASURED * height) ** 2
    covariances[..., 2] = (np.asarray(FIRST_VELOCITY) * height) ** 2
    return BoxStates(values, np.zeros_like(values), covariances)


def predict(states: BoxStates, dt_s: float) -> BoxStates:
    """The states `dt_s` seconds later. Accelerations are white noise, integrated over the time."""
    value, both, velocity = np.moveaxis(states.covariances, 2, 0)
    height = np.maximum(states.values[:, 3:], 1.0)
    change = (ACCELERATION * height) ** 2
    covariances = np.stack(
        [
            value
            + 2 * dt_s * both
            + dt_s**2 * velocity
            + dt_s**3 / 3 * change
            + dt_s * (WANDER * height) ** 2,
            both + dt_s * velocity + dt_s**2 / 2 * change,
            velocity + dt_s * change,
        ],
        axis=2,
    )
    return BoxStates(states.values + dt_s * states.velocities, states.velocities, covariances)


def correct(states: BoxStates, boxes: F32) -> BoxStates:
    """The states after these boxes (N, 4) were measured, row by row."""
    value, both, velocity = np.moveaxis(states.covariances, 2, 0)
    surprise = measure(boxes) - states.values
    total = value + _measured_variance(states)
    gain, gain_velocity = value / total, both / total
    covariances = np.stack([(1 - gain) * value, (1 - gain) * both, velocity - gain_velocity * both], axis=2)
    return BoxStates(
        states.values + gain * surprise, states.velocities + gain_velocity * surprise, covariances
    )


def centre_distances(states: BoxStates, boxes: F32) -> F64:
    """Squared Mahalanobis distances of box centres (M, 4) from predicted ones, (N, M).

    Chi-squared with two degrees of freedom while the model holds: 9.21 is passed by 1 of 100 (as a gate in
    DeepSORT).
    """
    total = states.covariances[:, :2, 0] + _measured_variance(states)
    offsets = measure(boxes)[None, :, :2] - states.values[:, None, :2]
    return np.asarray((offsets**2 / total[:, None]).sum(axis=2), dtype=np.float64)


def join(parts: Sequence[BoxStates]) -> BoxStates:
    """The rows of all parts, in order."""
    return BoxStates(
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.velocities for part in parts]),
        np.concatenate([part.covariances for part in parts]),
    )


def _measured_variance(states: BoxStates) -> F64:
    return np.asarray((MEASURED * np.maximum(states.values[:, 3:], 1.0)) ** 2, dtype=np.float64)


def measure(boxes: F32) -> F64:
    """Boxes (N, 4) x0 y0 x1 y1 as centre x, centre y, width, height."""
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, high - low], axis=1)
