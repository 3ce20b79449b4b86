"""Cuts between shots are found; movement, pans, light and people before the lens are none."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.tracking.cut import MAX_SURPRISE, THUMB, CutDetector, surprise, thumbnail


def scene(seed: int, width: int = 640, height: int = 360) -> U8:
    """A smooth random picture, three times as wide as a frame."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (9, 48, 3)).astype(np.float32)
    return np.clip(cv2.resize(coarse, (3 * width, height), interpolation=cv2.INTER_CUBIC), 0, 255).astype(
        np.uint8
    )


def view(picture: U8, x: int, width: int = 640) -> U8:
    """The frame of a camera that looks at this part of the picture."""
    return np.ascontiguousarray(picture[:, x : x + width])


def alarms(frames: list[U8]) -> list[int]:
    """Frames at which a cut is found."""
    detector = CutDetector()
    return [number for number, frame in enumerate(frames) if detector.is_cut(frame)]


@pytest.mark.parametrize("size", [(640, 360), (1920, 1080), (853, 479), (100, 60)])
def test_the_small_picture_is_of_every_so_manyth_pixel(size: tuple[int, int]) -> None:
    image = view(scene(3, *size), 5, size[0])
    step = max(1, size[0] // (8 * THUMB[0]))
    few = cv2.resize(image[::step, ::step].copy(), THUMB, interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(thumbnail(image), cv2.cvtColor(few, cv2.COLOR_RGB2GRAY))


def test_the_first_frame_is_no_cut_and_neither_is_a_still_picture() -> None:
    assert alarms([view(scene(1), 0)] * 4) == []


@pytest.mark.parametrize("seed", range(8))
def test_another_scene_is_a_cut_there_and_back(seed: int) -> None:
    a, b = view(scene(seed), 0), view(scene(seed + 100), 0)
    assert alarms([a, a, b, b, a]) == [2, 4]


@pytest.mark.parametrize("seed", range(4))
def test_a_fast_pan_is_no_cut(seed: int) -> None:
    picture = scene(seed)
    assert alarms([view(picture, 48 * number) for number in range(26)]) == []  # 0.75 frame widths a second


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("step", [0, 10, 45, 300])
def test_an_early_end_decides_as_the_whole_search_does(seed: int, step: int) -> None:
    picture = scene(seed)
    before, now = thumbnail(view(picture, 0)), thumbnail(view(picture, step * (1 + seed // 5)))
    whole, early = surprise(before, now), surprise(before, now, MAX_SURPRISE)
    assert early >= whole
    assert (early > MAX_SURPRISE) == (whole > MAX_SURPRISE)


def test_a_lamp_and_noise_are_no_cut() -> None:
    rng = np.random.default_rng(5)
    frame = view(scene(5), 0).astype(np.float32) * 0.6
    dark = np.clip(frame + rng.normal(0, 12, frame.shape), 0, 255).astype(np.uint8)
    light = np.clip(frame + 60 + rng.normal(0, 12, frame.shape), 0, 255).astype(np.uint8)
    assert alarms([dark, light, dark]) == []


def test_somebody_passing_close_to_the_lens_is_no_cut() -> None:
    frames = []
    for number in range(17):  # a third of the frame's width, covering it and leaving it within 1.6 s
        frame = view(scene(6), 0).copy()
        cv2.rectangle(frame, (60 * number - 250, 0), (60 * number - 50, 360), (40, 30, 20), -1)
        frames.append(frame)
    assert alarms(frames) == []


def test_a_black_frame_is_a_cut_and_black_noise_is_not() -> None:
    rng = np.random.default_rng(7)
    black = [rng.integers(0, 6, (360, 640, 3)).astype(np.uint8) for _ in range(3)]
    assert alarms([view(scene(7), 0), *black]) == [1]


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (17, 31), (1080, 1920)])
def test_any_size_makes_a_thumbnail(shape: tuple[int, int]) -> None:
    small = thumbnail(np.full((*shape, 3), 80, np.uint8))
    assert small.shape == (18, 32)
    assert small == pytest.approx(80)


@pytest.mark.data
@pytest.mark.parametrize(
    ("clip", "cuts"),
    [
        ("hamilton_640x360.mp4", [21, 84, 213]),
        ("noface_face.mov", [98]),
        ("opera_1080p.mp4", []),
        ("person_d12.mp4", []),
        ("corridor_480x270.gif", []),
    ],
)
def test_real_clips(clip: str, cuts: list[int], videos: Path) -> None:
    detector, found, due_s = CutDetector(), [], 0.0
    with av.open(str(videos / clip)) as container:
        first_s = None
        for number, frame in enumerate(container.decode(video=0)):
            first_s = frame.time if first_s is None else first_s
            if frame.time - first_s < due_s - 0.001:
                continue
            due_s = max(due_s + 0.1, frame.time - first_s)
            if detector.is_cut(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)):
                found.append(number)
    assert found == cuts
