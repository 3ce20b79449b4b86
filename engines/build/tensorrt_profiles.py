"""Optimisation profiles: the input shapes that a TensorRT engine takes, and those that it is fastest at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from engines.backends.base import TensorSpec
from engines.errors import BackendError, BuildError

Shape = tuple[int, ...]

FACES = (1, 16, 64)
"""crops of a call: least, usual, most. A busy scene has about 16 faces that are due; from 64 on a GPU is full"""
FRAMES = (1, 8, 32)
"""frames of a call: least, usual, most"""
SIDE_PX = (32, 960)
"""of frames in calls of up to 32: CenterFace's stride, and detection.input_px. The most is a square, since a
portrait camera's frames are as high as others are wide"""
USUAL_PX = (544, 960)
"""height and width of a 16:9 frame whose longer side has 960 pixels, padded to the stride"""
LARGE_FRAMES = (1, 1, 8)
"""larger frames of a call. They have a profile of their own because an execution context takes memory for the
largest shape of its profile: 32 frames of 1920 pixels would take 16 times what 8 of 960 take, on every stream"""
LARGE_SIDE_PX = (32, 1920)
"""a full HD frame as it is, upright or not. No size that the usual profile holds is nearer to this one's, so that a
frame's profile depends on its own size alone"""
LARGE_USUAL_PX = (1088, 1920)


@dataclass(frozen=True, slots=True)
class Profile:
    """The shapes of one input between which an engine runs, ends included."""

    tensor: str
    min_shape: Shape
    opt_shape: Shape
    """what kernels are chosen for"""
    max_shape: Shape

    def __post_init__(self) -> None:
        ranks = {len(self.min_shape), len(self.opt_shape), len(self.max_shape)}
        ordered = len(ranks) == 1 and all(
            1 <= low <= usual <= high
            for low, usual, high in zip(self.min_shape, self.opt_shape, self.max_shape, strict=True)
        )
        if not ordered:
            raise ValueError(
                f"profile of {self.tensor}: shapes must grow from min to max and be positive, "
                f"got {self.min_shape}, {self.opt_shape}, {self.max_shape}"
            )

    def problem(self, shape: Shape) -> str | None:
        """The first axis of `shape` that is outside, in words, or None."""
        if len(shape) != len(self.min_shape):
            return f"it has {len(shape)} axes, not {len(self.min_shape)}"
        for axis, (size, low, high) in enumerate(zip(shape, self.min_shape, self.max_shape, strict=True)):
            if not low <= size <= high:
                what = "batch" if axis == 0 else f"axis {axis}"
                return f"{what} {size} is not within {low} to {high}"
        return None


def best_profile(profiles: Sequence[Profile], shape: Shape) -> int:
    """The index of the profile that holds `shape` and was tuned for rows of a size nearest to its.

    Rows, and not batches: each profile has kernels of its own, and a row's bits must not depend on how many others
    are with it. Nearest by the ratio of elements, so that half and double are equally far; of equals the first.
    Raises BackendError where no profile holds it, with what is outside of each.
    """
    problems = [profile.problem(shape) for profile in profiles]
    holding = [index for index, problem in enumerate(problems) if problem is None]
    if not holding:
        words = "; ".join(f"profile {index}: {problem}" for index, problem in enumerate(problems))
        raise BackendError(
            f"the engine takes no input of shape {'x'.join(map(str, shape))} ({words}); "
            "lower the batch or detection.input_px, or run the network with engine.backend=openvino"
        )
    size = _row(shape)
    return min(holding, key=lambda index: abs(math.log(size / _row(profiles[index].opt_shape))))


def profiles_for(spec: TensorSpec) -> tuple[Profile, ...]:
    """Profiles of an input: (n, ...) with a free batch alone gets one, with free height and width two.

    Raises BuildError for any other input.
    """
    free = [axis for axis, size in enumerate(spec.shape) if isinstance(size, str)]
    if free == [0]:
        return (_profile(spec, free, [(count,) for count in FACES]),)
    if len(free) == 3 and free[0] == 0 and free[2] == free[1] + 1:
        usual = [(FRAMES[0], *SIDE_PX[:1] * 2), (FRAMES[1], *USUAL_PX), (FRAMES[2], *SIDE_PX[1:] * 2)]
        large = [
            (LARGE_FRAMES[0], *LARGE_SIDE_PX[:1] * 2),
            (LARGE_FRAMES[1], *LARGE_USUAL_PX),
            (LARGE_FRAMES[2], *LARGE_SIDE_PX[1:] * 2),
        ]
        return _profile(spec, free, usual), _profile(spec, free, large)
    raise BuildError(
        f"input {spec.name} {spec.shape}: TensorRT engines are built for a free batch, and free height and width "
        "or none; run this model with engine.backend=openvino"
    )


def _profile(spec: TensorSpec, free: Sequence[int], sizes: Sequence[Shape]) -> Profile:
    shapes = [_filled(spec, free, values) for values in sizes]
    return Profile(spec.name, *shapes)


def _filled(spec: TensorSpec, free: Sequence[int], values: Shape) -> Shape:
    given = dict(zip(free, values, strict=True))
    return tuple(given[axis] if axis in given else int(size) for axis, size in enumerate(spec.shape))


def _row(shape: Shape) -> int:
    """Elements of one row of a batch."""
    return math.prod(shape[1:])
