"""Which models a run sees by now: what its stages ask, and what may be changed beside them, between two batches.

    align ── cut ──> embed ── now ──> match ── of, older ──> ...
                       │                 │
    what is in force ──┴── a frame's vectors say whose they are, and are searched in that model's gallery

A change is one value put in place of another. Stages hand frames on in order, so a stage that has met the new model
meets no frame of the earlier one again: only then is what belonged to that one given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from pipeline.arrays import F32, I64
from pipeline.assemble.embedders import Eye
from pipeline.assemble.gallery import AnyGallery
from pipeline.embedding.in_force import InForce
from pipeline.gallery.memory.answer import EVERYBODY, Answer
from pipeline.gallery.memory.left_behind_search import LeftBehindSearch
from pipeline.gallery.memory.replica import Replica
from pipeline.matching.stage import OlderSearch, Search
from pipeline.pixels import Crops, CropsInSizes, Pixels
from pipeline.types import Faces, GalleryState


@dataclass(frozen=True, slots=True)
class Served:
    """A model that serves, and the gallery that its vectors are searched in."""

    eye: Eye
    gallery: AnyGallery = field(repr=False)
    since: datetime | None = None
    """when the gallery was switched to it; None where it never was"""

    @property
    def model_id(self) -> str:
        """Of its vectors."""
        return self.eye.recognition.model_id


@dataclass(frozen=True, slots=True)
class Behind:
    """People whom an older model alone knows, and that model."""

    eye: Eye
    search: LeftBehindSearch = field(repr=False)

    @property
    def people(self) -> int:
        """How many."""
        return self.search.older.people


@dataclass(frozen=True, slots=True, eq=False)
class Force:
    """What is in force at one moment."""

    served: Served
    behind: Behind | None = None
    """None: nobody is left behind"""

    @property
    def eyes(self) -> tuple[Eye, ...]:
        """The embedders of a face, the serving one first."""
        return (self.served.eye,) if self.behind is None else (self.served.eye, self.behind.eye)

    @property
    def eyes_of_sizes(self) -> tuple[Eye, ...]:
        """One for each size of crops, the serving one first."""
        serving, *others = self.eyes
        side = serving.seeing.side_px
        return (serving, *(eye for eye in others if eye.seeing.side_px != side))

    @property
    def embedders(self) -> InForce:
        """For the embedding stage."""
        return InForce(self.served.eye.seeing, None if self.behind is None else self.behind.eye.seeing)


class ServedModels:
    """Implements `Embedders` and `Galleries` for the stages of a run, and is the gallery that others ask about it.

    `cut`, `now` and `of` are each called by one thread; `change` by another. The rest is safe on any.
    """

    def __init__(self, first: Force) -> None:
        self._lock = Lock()
        self._force = first
        self._earlier: tuple[Force, ...] = ()
        """that frames which were embedded already may still be searched with"""
        self._cut_by: Force | None = None
        self._embedded_by = first
        self._matched_by = first

    # what the stages ask

    def cut(self, pixels: Pixels, faces: Faces) -> Crops:
        """Crops (N, S, S, 3) of a frame's faces, in the size of each embedder that is in force. Raises BackendError."""
        with self._lock:
            force = self._cut_by = self._force
        try:
            crops = [eye.cut(pixels, faces) for eye in force.eyes_of_sizes]
            return crops[0] if len(crops) == 1 else CropsInSizes(tuple(crops))
        finally:
            with self._lock:
                self._cut_by = None

    def reopen_cut(self) -> None:
        """Make what cuts on a GPU anew."""
        for eye in self._force.eyes:
            if eye.recognition.networks.reopen_cut is not None:
                eye.recognition.networks.reopen_cut()

    def now(self) -> InForce:
        """What the next batch is embedded by. See `Embedders`."""
        with self._lock:
            self._embedded_by = self._force
            return self._embedded_by.embedders

    def reopen(self) -> None:
        """Make the engines anew that the last batch was embedded by. Raises BackendError."""
        for eye in self._embedded_by.eyes:
            if eye.recognition.networks.reopen_embedder is not None:
                eye.recognition.networks.reopen_embedder()

    def of(self, model_id: str) -> Search:
        """What vectors of this model are searched in. See `Galleries`."""
        with self._lock:
            for force in (self._force, *reversed(self._earlier)):
                if force.served.model_id == model_id:
                    self._matched_by = force
                    return force.served.gallery
        raise RuntimeError(f"there is no gallery of {model_id} any more")

    def older(self, model_id: str) -> OlderSearch | None:
        """Whom this older model alone knows. See `Galleries`."""
        behind = self._matched_by.behind
        return behind.search if behind is not None and behind.eye.recognition.model_id == model_id else None

    # what may be changed

    @property
    def force(self) -> Force:
        """What is in force."""
        return self._force

    def change(self, force: Force) -> None:
        """Let this be in force from the next batch on."""
        with self._lock:
            self._earlier = (*self._earlier, self._force)
            self._force = force

    def used(self) -> tuple[Force, ...]:
        """What stages may still use, the last one in force: whatever is in none of these can be given back."""
        with self._lock:
            at_work = [self._embedded_by, self._matched_by, *filter(None, [self._cut_by])]
            everything = (*self._earlier, self._force)
            first = min(next(i for i, each in enumerate(everything) if each is one) for one in at_work)
            self._earlier = everything[first:-1]
            return (*self._earlier, self._force)

    # the gallery, for who asks about it

    @property
    def replica(self) -> Replica:
        """The people in memory, as the serving model knows them."""
        return self._force.served.gallery.replica

    @property
    def names(self) -> Mapping[str, str]:
        """Everybody's name by id."""
        return self.replica.people

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        return self._force.served.gallery.state

    @property
    def problem(self) -> str | None:
        """Why answers stay what they are, in a line; None while all is well."""
        return self._force.served.gallery.problem

    def answer(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> Answer:
        """For each probe (Q, D) of the serving model up to `count` people that it knows, nearest first."""
        return self._force.served.gallery.answer(probes, count, near=near, watchlists=watchlists)
