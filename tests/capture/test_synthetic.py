"""The synthetic camera paints exactly what its script says."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.capture.synthetic import Actor, Appearance, SyntheticScene, SyntheticSource, random_scene

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_an_actor_moves_while_it_is_there() -> None:
    actor = Actor(RED, (0, 0, 10, 20), velocity_px_s=(5, -2), from_s=1.0, to_s=3.0)
    assert actor.box_at(0.99) is None
    assert actor.box_at(1.0) == (0, 0, 10, 20)
    assert actor.box_at(2.0) == (5, -2, 15, 18)
    assert actor.box_at(3.0) is None


def test_appearances_are_cut_to_the_frame_and_end_outside() -> None:
    scene = SyntheticScene((Actor(RED, (300, 100, 340, 140), (100, 0)),), rate_hz=10)
    assert scene.appearances(0) == (Appearance(0, RED, (300, 100, 320, 140)),)
    assert scene.appearances(1) == (Appearance(0, RED, (310, 100, 320, 140)),)
    assert scene.appearances(2) == ()


def test_pixels_are_the_appearances() -> None:
    scene = random_scene(seed=11, actors=1, frames=40)
    seen = 0
    for frame in SyntheticSource(scene, "door").frames():
        expected = np.zeros((240, 320, 3), np.uint8)
        for appearance in scene.appearances(frame.info.index):
            x0, y0, x1, y1 = appearance.box
            expected[y0:y1, x0:x1] = appearance.colour
            seen += 1
        np.testing.assert_array_equal(frame.pixels.to_host(), expected)
    assert seen > 10


def test_later_actors_stand_in_front() -> None:
    scene = SyntheticScene(
        (Actor(RED, (10, 10, 30, 30)), Actor(BLUE, (20, 20, 40, 40))), background=(7, 8, 9)
    )
    picture = scene.draw(0)
    assert picture[15, 15].tolist() == list(RED)
    assert picture[25, 25].tolist() == list(BLUE)
    assert picture[0, 0].tolist() == [7, 8, 9]
    assert [appearance.actor for appearance in scene.appearances(0)] == [0, 1]


def test_a_seed_is_a_scene() -> None:
    assert random_scene(1) == random_scene(1)
    assert random_scene(1) != random_scene(2)
    ids = {SyntheticSource(random_scene(seed), "door").open().recording_id for seed in (1, 1, 2)}
    assert len(ids) == 2


@pytest.mark.parametrize("frames", [1, 3])
def test_frames_and_duration(frames: int) -> None:
    source = SyntheticSource(SyntheticScene(frames=frames, rate_hz=10), "door")
    assert source.open().duration_from_header_s == pytest.approx(frames / 10)
    assert len(list(source.frames())) == frames
