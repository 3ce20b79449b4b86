"""Which shapes an engine takes, and which of its profiles a shape is run in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.backends.base import TensorSpec
from engines.build.tensorrt_profiles import Profile, Shape, best_profile, profiles_for
from engines.errors import BackendError, BuildError

CROPS = TensorSpec("crops", ("n", 160, 160, 3))
IMAGES = TensorSpec("images", ("n", "h", "w", 3))


@st.composite
def ranges(draw: st.DrawFn, rank: int) -> Profile:
    axes = [sorted(draw(st.tuples(*[st.integers(1, 50)] * 3))) for _ in range(rank)]
    low, usual, high = (tuple(axis[place] for axis in axes) for place in range(3))
    return Profile("x", low, usual, high)


@st.composite
def profiles_and_shape(draw: st.DrawFn) -> tuple[list[Profile], Shape]:
    rank = draw(st.integers(1, 4))
    shape = draw(st.tuples(*[st.integers(1, 60)] * rank))
    return draw(st.lists(ranges(rank), min_size=1, max_size=4)), shape


def within(profile: Profile, shape: Shape) -> bool:
    """The truth that `problem` is held to."""
    return all(
        size in range(low, high + 1)
        for size, low, high in zip(shape, profile.min_shape, profile.max_shape, strict=True)
    )


@given(profiles_and_shape())
def test_a_shape_outside_every_profile_is_named(case: tuple[list[Profile], Shape]) -> None:
    profiles, shape = case
    holding = [index for index, profile in enumerate(profiles) if within(profile, shape)]

    assert [index for index, profile in enumerate(profiles) if profile.problem(shape) is None] == holding
    if holding:
        assert best_profile(profiles, shape) in holding
    else:
        with pytest.raises(BackendError) as raised:
            best_profile(profiles, shape)
        assert str(raised.value).count("is not within") == len(profiles)
        assert "x".join(map(str, shape)) in str(raised.value)


@given(profiles_and_shape())
def test_no_other_profile_is_tuned_for_a_nearer_size(case: tuple[list[Profile], Shape]) -> None:
    profiles, shape = case
    fitting = [profile for profile in profiles if within(profile, shape)]
    if not fitting:
        return

    def ratio(profile: Profile) -> float:
        size, tuned = math.prod(shape[1:]), math.prod(profile.opt_shape[1:])
        return max(size / tuned, tuned / size)

    chosen = profiles[best_profile(profiles, shape)]
    assert ratio(chosen) <= min(map(ratio, fitting)) * (1 + 1e-9)


@given(ranges(3))
def test_its_own_shapes_are_within(profile: Profile) -> None:
    for shape in (profile.min_shape, profile.opt_shape, profile.max_shape):
        assert profile.problem(shape) is None
    assert profile.problem(profile.opt_shape[:-1]) == "it has 2 axes, not 3"


@pytest.mark.parametrize(
    "shapes",
    [
        ((2, 8), (1, 8), (4, 8)),
        ((1, 8), (4, 8), (2, 8)),
        ((0, 8), (1, 8), (2, 8)),
        ((1, 8), (1, 8), (1, 8, 8)),
    ],
)
def test_shapes_that_do_not_grow(shapes: tuple[Shape, Shape, Shape]) -> None:
    with pytest.raises(ValueError, match="profile of x: shapes must grow from min to max"):
        Profile("x", *shapes)


def test_faces() -> None:
    assert profiles_for(CROPS) == (Profile("crops", (1, 160, 160, 3), (16, 160, 160, 3), (64, 160, 160, 3)),)


def test_frames() -> None:
    usual, large = profiles_for(IMAGES)

    assert usual == Profile("images", (1, 32, 32, 3), (8, 544, 960, 3), (32, 960, 960, 3))
    assert large == Profile("images", (1, 32, 32, 3), (1, 1088, 1920, 3), (8, 1920, 1920, 3))


def test_planes_are_taken_as_images_are() -> None:
    planes = profiles_for(TensorSpec("planes", ("n", 3, "h", "w")))

    assert [profile.opt_shape for profile in planes] == [(8, 3, 544, 960), (1, 3, 1088, 1920)]


@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((1, 544, 960, 3), 0),
        ((32, 960, 544, 3), 0),
        ((4, 96, 128, 3), 0),
        ((1, 1088, 1920, 3), 1),
        ((8, 1920, 1088, 3), 1),
        ((9, 544, 960, 3), 0),
    ],
)
def test_frames_find_their_profile(shape: Shape, index: int) -> None:
    assert best_profile(profiles_for(IMAGES), shape) == index


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_frames_profile_does_not_depend_on_its_batch(high: int, wide: int) -> None:
    profiles = profiles_for(IMAGES)
    shapes = [(batch, 32 * high, 32 * wide, 3) for batch in range(1, 33)]
    held = [shape for shape in shapes if any(within(profile, shape) for profile in profiles)]

    assert len({best_profile(profiles, shape) for shape in held}) == 1
    assert len(held) == (32 if max(high, wide) <= 30 else 8)


def test_too_large() -> None:
    with pytest.raises(BackendError) as raised:
        best_profile(profiles_for(IMAGES), (9, 1088, 1920, 3))
    assert str(raised.value) == (
        "the engine takes no input of shape 9x1088x1920x3 (profile 0: axis 1 1088 is not within 32 to 960; "
        "profile 1: batch 9 is not within 1 to 8); lower the batch or detection.input_px, or run the network "
        "with engine.backend=openvino"
    )


@pytest.mark.parametrize("shape", [(1, 160, 160, 3), ("n", "h", 160, 3), ("n", "h", 3, "w"), ("n", "d1")])
def test_other_inputs_are_refused(shape: tuple[int | str, ...]) -> None:
    with pytest.raises(BuildError, match="a free batch, and free height and width or none"):
        profiles_for(TensorSpec("x", shape))
