"""Real photos and frames that engines are compared on: of the test data, or of the demo with small changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from engines.progress import OnProgress
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.fetch import fetch
from pipeline.arrays import U8
from pipeline.capture.file import FileSource
from pipeline.capture.photo import read_photo
from pipeline.capture.photo_set import open_photo_set
from pipeline.errors import SourceError

LFW_DEV = "lfw_dev.tar"
PHOTOS = 32
"""496 pairs; torch takes 70 ms a photo on two cores, so that both networks are built and compared within 10 s"""
MOMENTS = (
    ("hamilton_640x360.mp4", (0.5, 1.5, 3.0)),
    ("opera_1080p.mp4", (0.2, 0.8)),
    ("corridor_480x270.gif", (1.0,)),
    ("person_d10.mp4", (1.0,)),
    ("person_d12.mp4", (1.0,)),
    ("person_d19.mp4", (1.0,)),
    ("single_face.mp4", (1.0,)),
)
"""of the test data's recordings, and the seconds whose frames are taken"""
DEMO_SETS = ("demo-people", "demo-stranger")
"""entries of models.yaml"""
DEMO_SIDE_PX = 480
"""longer side of the demo's photos here: their faces are then 60 to 200 px wide, as in a camera's frames"""
VARIANTS = 5
"""of each demo photo: 35 faces of 3 people"""
FRAMES_EACH = 2
"""variants of each demo photo that are frames for the detector too"""
PIP_ARGS = ("--retries", "1", "--timeout", "10")
"""without network the build goes on with painted images, and should not wait for it long"""


@dataclass(frozen=True, slots=True)
class ParityPhotos:
    """Pictures to find faces in."""

    name: str
    photos: Callable[[], Sequence[U8]]
    """read when they are asked for: (H, W, 3) RGB, of one person each"""
    frames: Callable[[], Sequence[U8]]
    """the same for a detector: (H, W, 3) RGB"""


def photos_of(folder: Path) -> ParityPhotos | None:
    """Of the test data; None where it has no photos or no recordings. Reading raises SourceError."""
    if not (folder / LFW_DEV).is_file() or not any(
        (folder / "video" / name).is_file() for name, _ in MOMENTS
    ):
        return None
    return ParityPhotos("lfw_dev", lambda: _some(folder / LFW_DEV), lambda: tuple(_frames(folder / "video")))


def demo_photos(catalogue: Catalogue, models: Path, on_progress: OnProgress) -> ParityPhotos:
    """Of the demo, each with small changes, always the same. Raises ModelFetchError, CatalogueError, SourceError."""
    paths = [
        path
        for name in DEMO_SETS
        for path in fetch(catalogue.model(name), ModelCache(models), on_progress, PIP_ARGS)
    ]
    return ParityPhotos(
        "demo photos",
        lambda: [image for each in _varied(paths) for image in each],
        lambda: [image for each in _varied(paths) for image in each[:FRAMES_EACH]],
    )


def _some(archive: Path) -> list[U8]:
    """Photos from all over an archive."""
    every = open_photo_set(archive)
    step = max(1, len(every.entries) // PHOTOS)
    wanted = {entry.name for entry in every.entries[::step][:PHOTOS]}
    read = every.only(lambda entry: entry.name in wanted).photos()
    return [image for _, image in read if not isinstance(image, SourceError)]


def _frames(folder: Path) -> Iterator[U8]:
    for name, moments in MOMENTS:
        if (folder / name).is_file():
            for start_s in moments:
                yield from _frame_at(folder / name, start_s)


def _frame_at(path: Path, start_s: float) -> Iterator[U8]:
    """The first frame from this second on; none where the recording is shorter."""
    source = FileSource(path, path.stem, start_s=start_s)
    try:
        source.open()
        frame = next(source.frames(), None)
    finally:
        source.close()
    if frame is not None:
        yield frame.pixels.to_host()


def _varied(paths: Sequence[Path]) -> list[list[U8]]:
    """VARIANTS pictures of each photo, the same every time."""
    chance = np.random.default_rng(0)
    return [list(_variants(read_photo(path), chance)) for path in paths]


def _variants(photo: U8, chance: np.random.Generator) -> Iterator[U8]:
    """The photo as it is, but smaller, and then scaled, mirrored, relit and blurred at random."""
    whole = _scaled(photo, DEMO_SIDE_PX / max(photo.shape[:2]))
    yield whole
    for number in range(1, VARIANTS):
        image = _scaled(whole, chance.uniform(0.6, 1.0))
        if number % 2:
            image = np.ascontiguousarray(image[:, ::-1])
        image = _relit(image, chance.uniform(0.6, 1.3))
        yield np.asarray(cv2.GaussianBlur(image, (0, 0), chance.uniform(0.3, 1.2)), np.uint8)


def _scaled(image: U8, factor: float) -> U8:
    sides = round(image.shape[1] * factor), round(image.shape[0] * factor)
    return np.asarray(cv2.resize(image, sides, interpolation=cv2.INTER_AREA), np.uint8)


def _relit(image: U8, factor: float) -> U8:
    return np.asarray(np.clip(image.astype(np.float32) * factor, 0, 255), np.uint8)
