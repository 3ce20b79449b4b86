"""What engines are held to when they are built: the configuration's limits, and real faces to look at."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from config.schema import Config
from engines.arrays import F32
from engines.backends.base import Engine
from engines.build.built import How
from engines.build.network_files import TensorrtWishes, reference_engine
from engines.build.parity import Gate
from engines.build.parity_limits import ParityLimits
from engines.build.parity_material import LfwMaterial, ParityMaterial, painted
from engines.errors import EngineError
from engines.evaluation.lfw_pairs import photo_key, read_pairs
from engines.progress import OnProgress, ignore
from engines.strangers import Strangers
from engines.zoo.cache import ModelCache
from engines.zoo.catalogue import Catalogue
from engines.zoo.description import ModelDescription
from engines.zoo.fetch import fetch
from pipeline.alignment.box_fit import BoxTransform
from pipeline.alignment.crop import CropRule, cut
from pipeline.arrays import U8
from pipeline.assemble.parity_photos import ParityPhotos, demo_photos, photos_of
from pipeline.capture.photo_set import PhotoSet, open_photo_set
from pipeline.detection.centerface import CenterFace
from pipeline.detection.photo import PhotoDetector
from pipeline.errors import FacestreamError, SourceError
from pipeline.gallery.recogniser import central_face
from pipeline.types import Faces

log = logging.getLogger(__name__)

TEST_DATA = "FACESTREAM_TEST_DATA"
LFW_PHOTOS, LFW_PAIRS = "lfw_view2.tar", "lfw_pairs.txt"
INPUT_PX = 640
"""longer side of the detector's input for the gate: the frames' own, or half of full HD; a reference in torch takes
a second for each frame of twice that"""
LFW_BATCH = 64
REVISION = 1
"""raised when LFW's crops are cut in another way: vectors of the reference are kept from build to build"""


def how_to_build(
    config: Config, catalogue: Catalogue, models: Path, *, lfw: bool = False, anew: bool = False
) -> How:
    """What engines of this configuration are compiled for and held to.

    Nothing is read, fetched or run before an engine is there to be compared. `lfw`: on LFW too, where its photos are
    in the folder of FACESTREAM_TEST_DATA.
    """
    source = _RealFaces(config, catalogue, models)
    gate = Gate(
        limits=limits_of(config),
        material=source.material,
        find=source.find,
        max_distance=operating_distance(config, catalogue),
        lfw=source.lfw if lfw and lfw_folder() is not None else None,
    )
    engine = config.engine
    wishes = TensorrtWishes(
        version_compatible=engine.version_compatible,
        hardware_compatible=engine.hardware_compatible,
    )
    return How(gate, wishes, anew)


def limits_of(config: Config) -> ParityLimits:
    """The limits of the configuration's `parity`."""
    return ParityLimits(**config.parity.model_dump())


def operating_distance(config: Config, catalogue: Catalogue) -> float | None:
    """Squared L2 below which two photos are one person, as the model's own statistics have it; None: not known.

    A place's own strangers move it a little, and an engine is for every place.
    """
    if config.verification.max_distance is not None:
        return config.verification.max_distance
    model = catalogue.model(config.embedding.model)
    if model.strangers is None:
        return config.matching.max_distance
    return Strangers.read(model.strangers).distance_at(config.verification.max_far)


def test_data_folder() -> Path | None:
    """The folder of real faces, where one is named and there."""
    named = os.environ.get(TEST_DATA)
    return Path(named) if named and Path(named).is_dir() else None


def lfw_folder() -> Path | None:
    """The folder of real faces where LFW's photos and pairs are in it."""
    folder = test_data_folder()
    if folder is None or not all((folder / name).is_file() for name in (LFW_PHOTOS, LFW_PAIRS)):
        return None
    return folder


@dataclass(frozen=True, slots=True)
class _RealFaces:
    """Crops and frames for a build, each read when it is asked for."""

    config: Config
    catalogue: Catalogue
    models: Path

    def find(self, engine: Engine, frames: Sequence[U8]) -> Sequence[Faces]:
        """Faces as cameras find them, a frame a call: a reference in torch has little use for batches."""
        return [faces for frame in frames for faces in self._detector(engine).detect([frame])]

    def material(self, model: ModelDescription, on_progress: OnProgress) -> ParityMaterial:
        """What there is: the test data, the demo's photos, or painted images, which is said."""
        try:
            given = self._photos(on_progress)
            if model.role != "embedding":
                return ParityMaterial(given.name, np.zeros((0, 1, 1, 3), np.uint8), tuple(given.frames()))
            crops = tuple(self._crops(iter(given.photos()), model, whole=False))
        except (EngineError, FacestreamError) as error:
            log.warning("%s: compared on painted images alone, for want of photos: %s", model.name, error)
            return painted(model, on_progress)
        return ParityMaterial(given.name, np.stack(crops), ())

    def lfw(self) -> LfwMaterial:
        """LFW's photos, of which there are thousands; see `lfw_folder`. Raises SourceError, EvaluationError."""
        folder = lfw_folder()
        assert folder is not None  # a gate without the photos has no LFW
        pairs = read_pairs(folder / LFW_PAIRS)
        named = pairs.photos
        photos = open_photo_set(folder / LFW_PHOTOS).only(lambda entry: photo_key(entry.name) in named)
        model = self.catalogue.model(self.config.embedding.model)
        return LfwMaterial(
            pairs=pairs,
            names=tuple(entry.name for entry in photos.entries),
            cut_by=repr([REVISION, self._detection.files, self._rule(model), photos.fingerprint]),
            crops=lambda: self._lfw_crops(photos, model),
        )

    @property
    def _detection(self) -> ModelDescription:
        return self.catalogue.model(self.config.detection.model)

    def _photos(self, on_progress: OnProgress) -> ParityPhotos:
        folder = test_data_folder()
        if folder is None and (named := os.environ.get(TEST_DATA)):
            log.warning("%s: %s is no folder; comparing on the demo's photos", TEST_DATA, named)
        given = None if folder is None else photos_of(folder)
        return demo_photos(self.catalogue, self.models, on_progress) if given is None else given

    def _lfw_crops(self, photos: PhotoSet, model: ModelDescription) -> Iterator[U8]:
        images = (image for _, image in photos.photos() if not isinstance(image, SourceError))
        crops = self._crops(images, model, whole=True)
        while batch := list(islice(crops, LFW_BATCH)):
            yield np.stack(batch)

    def _crops(self, images: Iterator[U8], model: ModelDescription, *, whole: bool) -> Iterator[U8]:
        """The crop of each image's face, found by the detector at fp32.

        An image without one gives its middle if `whole`, as LFW's protocol asks for every photo, else nothing.
        """
        rule = self._rule(model)
        with self._reference_detector() as detector:
            for image in images:
                (faces,) = detector.detect([image])
                if len(faces):
                    row = central_face(faces, image.shape[1], image.shape[0])
                    yield rule.crops(image, faces.take(np.array([row])))[0]
                elif whole:
                    yield cut(image, _middle(image), rule.size_px)[0]

    @contextmanager
    def _reference_detector(self) -> Iterator[PhotoDetector]:
        (source, *_) = fetch(self._detection, ModelCache(self.models), ignore)
        with reference_engine(self._detection, source, self.config.engine.threads) as engine:
            yield PhotoDetector(self._detector(engine))

    def _detector(self, engine: Engine) -> CenterFace:
        keys = self.config.detection
        return CenterFace(engine, INPUT_PX, keys.min_score, keys.max_iou)

    def _rule(self, model: ModelDescription) -> CropRule:
        """How cameras cut crops for this embedder."""
        side_px = None if model.input is None else model.input.side_px
        assert side_px is not None  # every embedder's description has it
        keys, fitted = self.config.alignment, self._detection.crop
        if fitted is None or keys.crop != "fitted":
            return CropRule(side_px, 0.0, keys.margin_fraction)
        transform = BoxTransform(np.array(fitted.coefficients, np.float64))
        return CropRule(side_px, 0.0, keys.margin_fraction, transform)


def _middle(image: U8) -> F32:
    """Where LFW has the face of a photo (H, W, 3), as boxes (1, 4) in pixels."""
    height, width = image.shape[:2]
    return np.array([[0.25 * width, 0.25 * height, 0.75 * width, 0.75 * height]], np.float32)
