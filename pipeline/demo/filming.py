"""The demo's camera recording: filmed once out of photos, and kept as long as nothing that shapes it changes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipeline.arrays import U8
from pipeline.capture import recorder
from pipeline.capture.recorder import Progress
from pipeline.demo import cutout, lobby, scene, script
from pipeline.demo.script import Script
from pipeline.errors import OutsideError

RECORDING = "camera.mp4"
RECIPE = "camera.recipe"


def recipe_of(play: Script, photo_hashes: Iterable[str]) -> str:
    """What the recording depends on, as 64 hexadecimal digits: the script, the photos and the code that films."""
    digest = hashlib.sha256(repr(play).encode())
    for photo in sorted(photo_hashes):
        digest.update(photo.encode())
    for module in (script, cutout, lobby, scene, recorder):
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    return digest.hexdigest()


def is_filmed(folder: Path, recipe: str) -> bool:
    """Whether the folder holds the recording of this recipe, whole."""
    try:
        kept = (folder / RECIPE).read_text(encoding="utf-8").split()
        return kept == [recipe, str((folder / RECORDING).stat().st_size)]
    except (OSError, UnicodeDecodeError):
        return False


def film(play: Script, photos: Mapping[str, U8], folder: Path, recipe: str, on_progress: Progress) -> Path:
    """Make the recording; returns its path. Raises OutsideError where it cannot be written."""
    path = folder / RECORDING
    scene.record(play, photos, path, on_progress)
    try:
        (folder / RECIPE).write_text(f"{recipe} {path.stat().st_size}\n", encoding="utf-8")
    except OSError as error:
        raise OutsideError(f"{folder / RECIPE} cannot be written: {error.strerror}") from error
    return path
