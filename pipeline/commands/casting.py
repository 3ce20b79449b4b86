"""The demo's photos: fetching them, and enrolling those that the recording does not show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engines.progress import OnProgress
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import read_catalogue
from engines.zoo.fetch import fetch
from pipeline.arrays import U8
from pipeline.assemble.gallery import load_gallery
from pipeline.assemble.recognition import CATALOGUE_FILE
from pipeline.capture.photo import read_photo
from pipeline.commands.context import Context
from pipeline.commands.enroll import EnrollRequest, rules_of
from pipeline.commands.thresholds import naming
from pipeline.errors import GalleryError
from pipeline.gallery.enroll import Photo, enroll_photos
from pipeline.gallery.recogniser import Recogniser
from pipeline.gallery.storage.store import Store

PHOTO_SETS = ("demo-people", "demo-stranger")
"""entries of models.yaml"""


@dataclass(frozen=True, slots=True)
class CastPhoto:
    """A photo on disk, verified."""

    path: Path
    sha256: str

    def read(self) -> U8:
        """Pixels (H, W, 3) RGB. Raises SourceError."""
        return read_photo(self.path)


@dataclass(frozen=True, slots=True)
class Cast:
    """All photos of the demo, by file name."""

    photos: dict[str, CastPhoto]

    def read(self, names: Iterable[str]) -> dict[str, U8]:
        """The pixels of these photos. Raises SourceError."""
        return {name: self.photos[name].read() for name in names}


def fetch_cast(models: Path, on_progress: OnProgress) -> Cast:
    """The photos, fetched the first time. Raises ModelFetchError, which names the flag to give them by hand."""
    catalogue, cache = read_catalogue(CATALOGUE_FILE), ModelCache(models)
    photos = {}
    for name in PHOTO_SETS:
        model = catalogue.model(name)
        paths = fetch(model, cache, on_progress)
        for file, path in zip(model.files, paths, strict=True):
            photos[file.file_name] = CastPhoto(path, file.sha256)
    return Cast(photos)


def enroll_cast(
    own: Context, store: Store, recogniser: Recogniser, cast: Cast, people: Iterable[tuple[str, str]]
) -> None:
    """Enroll each (name, photo) whose photo is not in the gallery yet. Raises GalleryError for a refused one."""
    for name, file_name in people:
        photo = cast.photos[file_name]
        if store.owners(photo.sha256, recogniser.comparable):
            continue
        replica = load_gallery(own.config, store, recogniser)
        rule = naming(own.config, own.data, replica.own_pairs)
        request = EnrollRequest(name, (photo.path,), largest=True)
        enrolment = enroll_photos(
            store,
            replica,
            name,
            [Photo(str(photo.path), file_name, photo.sha256, photo.read())],
            recogniser.detect,
            recogniser.describe,
            recogniser.comparable,
            rules_of(own, request, rule.max_distance),
        )
        (verdict,) = enrolment.verdicts
        if not verdict.accepted:
            raise GalleryError(
                f"{photo.path} was not enrolled for {name}: {verdict.reason}; run the demo without enrolment keys"
            )
