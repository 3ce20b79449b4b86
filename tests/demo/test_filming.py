"""The demo's recording is made once, and again when anything that shapes it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.demo.filming import RECIPE, RECORDING, film, is_filmed, recipe_of
from pipeline.demo.script import Appearance, Figure, Script, Waypoint

DOLL = Figure("doll.png", (40, 80), (0.3, 0.1, 0.7, 0.4), ((0.2, 0.05), (0.8, 0.05), (0.8, 1.0), (0.2, 1.0)))
PHOTOS: dict[str, U8] = {"doll.png": np.random.default_rng(0).integers(0, 255, (80, 40, 3)).astype(np.uint8)}


def play(x: float = 40.0) -> Script:
    path = (Waypoint(0.0, x, 20, 20), Waypoint(1.0, x, 20, 20))
    return Script(96, 64, 10, 1.0, (DOLL,), (Appearance("doll.png", None, path),))


def ignore(done: int) -> None:
    """Nobody watches."""


def test_it_is_filmed_once(tmp_path: Path) -> None:
    recipe = recipe_of(play(), ["a"])
    assert not is_filmed(tmp_path, recipe)
    assert film(play(), PHOTOS, tmp_path, recipe, ignore) == tmp_path / RECORDING
    assert is_filmed(tmp_path, recipe)


def test_another_script_or_photo_is_another_recipe() -> None:
    recipes = {recipe_of(play(), ["a"]), recipe_of(play(41.0), ["a"]), recipe_of(play(), ["b"])}
    assert len(recipes) == 3
    assert recipe_of(play(), ["a", "b"]) == recipe_of(play(), ["b", "a"])


@pytest.mark.parametrize("damage", ["cut", "removed", "recipe", "binary"])
def test_a_damaged_recording_is_not_taken(tmp_path: Path, damage: str) -> None:
    recipe = recipe_of(play(), ["a"])
    path = film(play(), PHOTOS, tmp_path, recipe, ignore)
    match damage:
        case "cut":
            path.write_bytes(path.read_bytes()[:-10])
        case "removed":
            path.unlink()
        case "recipe":
            (tmp_path / RECIPE).unlink()
        case _:
            (tmp_path / RECIPE).write_bytes(b"\xff\xfe")
    assert not is_filmed(tmp_path, recipe)


def test_progress_is_told(tmp_path: Path) -> None:
    done: list[int] = []
    film(play(), PHOTOS, tmp_path, "r", done.append)
    assert done == list(range(1, 11))
