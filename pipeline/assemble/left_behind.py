"""Who is left behind when a model serves, and the older model that finds them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from config.schema import Config
from engines.errors import EngineError
from engines.zoo.catalogue import Catalogue
from pipeline.arrays import U8
from pipeline.assemble.embedders import Eyes
from pipeline.assemble.recognition import Recognition
from pipeline.assemble.serving import Behind
from pipeline.errors import FacestreamError
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.answer import Answer
from pipeline.gallery.memory.following import Derive
from pipeline.gallery.memory.left_behind_search import LeftBehindSearch, Scale, read_older
from pipeline.gallery.sightings.stranger_book import Reach
from pipeline.gallery.storage.database import Database
from pipeline.gallery.upgrade.left_behind import LeftBehind, left_behind
from pipeline.types import Faces

log = logging.getLogger(__name__)

Names = Callable[[], Mapping[str, str]]
"""everybody's name by id, as they are now"""


class ModelRules(Protocol):
    """What a command decides by, for any model of models.yaml. All raise BadInputError, CatalogueError."""

    def config_of(self, model: str) -> Config:
        """The configuration with this embedder."""
        ...

    def derive(self, model: str) -> Derive:
        """The distance for names in a gallery of its vectors."""
        ...

    def reach(self, model: str) -> Reach:
        """The distance at which a face is a stranger who was seen before."""
        ...

    def scale(self, older: str, serving: str) -> Scale:
        """What a distance of the older model means to the serving one."""
        ...


@dataclass(frozen=True, slots=True)
class Older:
    """The older model that finds those who are left behind."""

    model: str
    """its name in models.yaml"""
    model_id: str
    left: tuple[LeftBehind, ...]
    """whom it knows"""


class LeftBehindFinder:
    """Opens what finds the people who are left behind, and says in the log whom nothing finds. For one thread."""

    def __init__(self, database: Database, catalogue: Catalogue, eyes: Eyes, rules: ModelRules) -> None:
        self._database = database
        self._catalogue = catalogue
        self._eyes = eyes
        self._rules = rules
        self._said: tuple[str, ...] = ()

    def find(self, recognition: Recognition, model: str, names: Names) -> Behind | None:
        """What finds those whom this serving model does not know; None where there is nobody, or nothing does.

        Raises StoreError, GalleryError.
        """
        with self._database.reading() as connection:
            left = left_behind(connection, recognition.comparable)
        older, lost = self._choose(left, model)
        behind = None
        lines = []
        if lost:
            whom = f"{_people(len(lost))} of no model that is here ({_names(lost)})"
            lines.append(f"left behind, and found by nothing: {whom}; enroll them anew")
        if older is not None:
            try:
                behind = self._open(older, model, names)
            except (EngineError, FacestreamError) as error:
                whom = f"{_people(len(older.left))} {_are(len(older.left))}"
                lines.append(f"{whom} not found: {older.model} cannot be opened: {error}")
            else:
                whom = f"{_people(behind.people)} {_are(behind.people)}"
                lines.append(
                    f"{whom} left behind under {older.model}: it is asked too, so that embedding costs twice until "
                    "they are seen again or enrolled anew"
                )
        self._say(tuple(lines))
        return behind

    def _choose(
        self, left: Sequence[LeftBehind], serving: str
    ) -> tuple[Older | None, tuple[LeftBehind, ...]]:
        """The model that knows most of them, by which they are found, and those whom it does not know."""
        described = {one.model_id: one.name for one in self._catalogue.of_role("embedding")}
        counted = Counter(
            model_id
            for one in left
            for model_id in one.model_ids
            if described.get(model_id, serving) != serving
        )
        if not counted:
            return None, tuple(left)
        model_id = max(sorted(counted), key=lambda each: counted[each])
        theirs = tuple(one for one in left if model_id in one.model_ids)
        others = tuple(one for one in left if model_id not in one.model_ids)
        return Older(described[model_id], model_id, theirs), others

    def _open(self, older: Older, serving: str, names: Names) -> Behind:
        config = self._rules.config_of(older.model)
        eye = self._eyes.of(older.model)
        index = choose_index(config.matching.index, eye.recognition.dimension)
        with self._database.reading() as connection:
            templates = read_older(connection, older.model_id, older.left, index)
        scale = self._rules.scale(older.model, serving)
        return Behind(eye, LeftBehindSearch(templates, scale, names, config.matching.watchlist))

    def _say(self, lines: tuple[str, ...]) -> None:
        if lines != self._said:
            for line in lines:
                log.warning("%s", line)
        self._said = lines


class OlderPhotos:
    """Finds people who are left behind on photos. Implements `gallery.identify.OlderFaces`."""

    def __init__(self, behind: Behind) -> None:
        self.behind = behind

    def join(self, answer: Answer, image: U8, faces: Faces, count: int) -> Answer:
        """The answer, a row a face of the RGB image (H, W, 3), with these people among its candidates."""
        networks = self.behind.eye.recognition.networks
        vectors = networks.embedder.embed(networks.crop.crops(image, faces))
        return self.behind.search.join(answer, list(vectors), count)


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _names(left: Sequence[LeftBehind]) -> str:
    """Some of them."""
    shown = ", ".join(one.name for one in left[:3])
    return shown if len(left) <= 3 else f"{shown}, ..."


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
