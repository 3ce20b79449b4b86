"""Changing the model of a run while it goes on: what the gallery's database says serves is opened, and put in force.

A thread of its own asks every so often. The new engine is opened, its gallery read and its distance derived beside
the run, which goes on with the earlier ones; then one value is put in place of another (assemble.serving). What cannot
be opened is told once and tried again, and the earlier model stays.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from engines.errors import EngineError
from pipeline.assemble.embedders import Eye, Eyes
from pipeline.assemble.gallery import AnyGallery
from pipeline.assemble.left_behind import LeftBehindFinder
from pipeline.assemble.serving import Behind, Force, Served, ServedModels
from pipeline.errors import BadInputError, FacestreamError
from pipeline.gallery.memory.delta import Position, read_position
from pipeline.gallery.storage.database import Database
from pipeline.gallery.storage.records import Serving
from pipeline.gallery.storage.serving import serving

log = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 5.0, 300.0
"""between two attempts to open a model; each waits twice as long as the one before"""
REST = 20.0
"""times as long as it took to find who is left behind: so long it is not looked for again, however much changes"""
MOST_AT_WORK = 8
"""looks at who is left behind that frames may still be searched with"""

OpenGallery = Callable[[Eye], AbstractContextManager[AnyGallery]]
"""the gallery of an embedder's vectors, followed. Raises StoreError, GalleryError, BadInputError"""
Prepare = Callable[[Eye], None]
"""gets ready whatever else of a run knows vectors, before a model serves. Raises StoreError, GalleryError"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The embedder that a gallery is searched with."""

    model: str
    """its entry in models.yaml"""
    model_id: str
    since: datetime | None = None
    """None: the gallery was never switched"""


class ModelFollower:
    """Keeps a run's models as the database says. As a context manager it closes at the end what is open.

    Made before the stages are, whose end must come first. `step` is called by one thread, every gallery.follow_s.
    """

    def __init__(
        self,
        database: Database,
        eyes: Eyes,
        open_gallery: OpenGallery,
        finder: LeftBehindFinder,
        *,
        follow: bool = True,
        unswitched: Wanted | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            follow: whether the gallery says which model serves; False: the configuration does, and it stays.
            unswitched: what serves a gallery that was never switched, as one may be that a backup is restored into;
                None: what serves already.
        """
        self._database = database
        self._eyes = eyes
        self._open_gallery = open_gallery
        self._finder = finder
        self._follow = follow
        self._unswitched = unswitched
        self._now = now
        self._galleries: dict[str, ExitStack] = {}
        """by model_id"""
        self._prepare: list[Prepare] = []
        self._position: Position | None = None
        self._wanted: Wanted | None = None
        self._looked: Position | None = None
        self._rest_until_s = 0.0
        self._look_again_s = math.inf
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = 0.0
        self._trouble: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        while self._galleries:
            self._galleries.popitem()[1].close()
        self._eyes.keep(())

    def begin(self, model: str) -> ServedModels:
        """The models of a run that begins with this one; another may serve by now. Raises what opening it raises."""
        with self._database.reading() as connection:
            self._position, last = read_position(connection), serving(connection)
        self._hear(last)
        eye = self._eyes.of(model)
        since = last.since if last is not None and last.model_id == eye.recognition.model_id else None
        served = Served(eye, self._gallery_of(eye), since)
        self._models = ServedModels(Force(served, self._behind(served)))
        return self._models

    @property
    def models(self) -> ServedModels:
        """What the run asks; after `begin`."""
        return self._models

    def before_a_change(self, prepare: Prepare) -> None:
        """Have this called before another model serves, in the thread that calls `step`."""
        self._prepare.append(prepare)

    @property
    def problem(self) -> str | None:
        """Why another model serves here than the gallery was switched to, in a line; None where none does."""
        return self._trouble

    def step(self) -> None:
        """Bring the models up to what the database says. Raises StoreError, GalleryError."""
        with self._database.reading() as connection:
            position = read_position(connection)
            if position != self._position:
                self._hear(serving(connection))
                self._position = position
        self._give_back()
        if self._differs():
            self._change()
        elif self._trouble is not None:
            log.warning("%s serves, as the gallery says", self._models.force.served.eye.model)
            self._trouble = None
        self._look_behind(position)

    def _hear(self, last: Serving | None) -> None:
        wanted = self._unswitched if last is None else Wanted(last.model, last.model_id, last.since)
        if wanted != self._wanted:
            self._wanted, self._retry_s, self._retry_at_s = wanted, FIRST_RETRY_S, 0.0

    def _differs(self) -> bool:
        """Whether the gallery was switched to another model than is in force."""
        wanted, served = self._wanted, self._models.force.served
        return self._follow and wanted is not None and wanted.model_id != served.model_id

    def _give_back(self) -> None:
        """Close engines and galleries that no stage uses any more."""
        used = self._models.used()
        for model_id in self._galleries.keys() - {force.served.model_id for force in used}:
            self._galleries.pop(model_id).close()
        self._eyes.keep({eye.model for force in used for eye in force.eyes})

    def _change(self) -> None:
        """Open the model that the gallery was switched to, and put it in force; what fails is tried again later."""
        wanted, before = self._wanted, self._models.force.served
        assert wanted is not None
        over = len({force.served.model_id for force in self._models.used()}) == 1
        if not over or self._now() < self._retry_at_s:
            return
        log.info("%s serves the gallery now: it is opened while %s goes on", wanted.model, before.eye.model)
        began_s = self._now()
        try:
            served = self._opened(wanted)
        except (EngineError, FacestreamError) as error:
            self._say(
                f"{wanted.model} serves the gallery and cannot be opened: {error}; {before.eye.model} goes on"
            )
            self._retry_at_s = self._now() + self._retry_s
            self._retry_s = min(2.0 * self._retry_s, LONGEST_RETRY_S)
            return
        self._models.change(Force(served, self._behind(served)))
        self._trouble = None
        took_s = self._now() - began_s
        log.info("%s serves from now on, after %s; opened in %.1f s", wanted.model, before.eye.model, took_s)

    def _opened(self, wanted: Wanted) -> Served:
        eye = self._eyes.of(wanted.model)
        model_id = eye.recognition.model_id
        if model_id != wanted.model_id:
            raise BadInputError(
                f"in models.yaml here it is {model_id}, and the gallery was switched to {wanted.model_id}; take over "
                "the other machine's entry"
            )
        for prepare in self._prepare:
            prepare(eye)
        return Served(eye, self._gallery_of(eye), wanted.since)

    def _gallery_of(self, eye: Eye) -> AnyGallery:
        with ExitStack() as opened:
            gallery = opened.enter_context(self._open_gallery(eye))
            self._galleries[eye.recognition.model_id] = opened.pop_all()
        return gallery

    def _look_behind(self, position: Position) -> None:
        """See again who is left behind, where the gallery has changed and the last look was long enough ago.

        Where nobody was found to be, or nothing finds them, also now and then. Not while no frame comes that would
        let go of what earlier looks found.
        """
        now_s = self._now()
        due = now_s >= self._look_again_s or (position != self._looked and now_s >= self._rest_until_s)
        if not due or len(self._models.used()) > MOST_AT_WORK:
            return
        force = self._models.force
        behind = self._behind(force.served)
        if behind is not None or force.behind is not None:
            self._models.change(Force(force.served, behind))
        if behind is None and force.behind is not None:
            log.warning("nobody is left behind any more: %s is not asked again", force.behind.eye.model)

    def _behind(self, served: Served) -> Behind | None:
        began_s, position = self._now(), self._position
        behind = self._finder.find(
            served.eye.recognition, served.eye.model, lambda: served.gallery.replica.people
        )
        self._looked, now_s = position, self._now()
        self._rest_until_s = now_s + REST * (now_s - began_s)
        self._look_again_s = now_s + LONGEST_RETRY_S if behind is None else math.inf
        return behind

    def _say(self, trouble: str) -> None:
        """One line where it is another than before."""
        if trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble
