"""Kept faces described by another model, a piece at a time, while the gallery is in use.

Nothing is noted of how far it has come: what has a counterpart is done. So it may be killed at any point, and be run
twice, and finds what was enrolled meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from pipeline.arrays import F32, U8
from pipeline.errors import GalleryError
from pipeline.gallery.face_crop import crop_pixels
from pipeline.gallery.storage import additions, history
from pipeline.gallery.storage.bounding import drop_redundant, told
from pipeline.gallery.storage.records import NewPerson, NewTemplate, Serving
from pipeline.gallery.storage.serving import serve, serving
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.waiting import KeptFace, kept_faces, still_waiting, waiting

PIECE = 64
"""faces in one transaction: a second of embedding before it, and 10 MB of pictures; it is itself 20 ms long"""
IN_THE_SWITCH = 32
"""faces that may be described while the gallery is locked, half a second; more are described before it is"""


@dataclass(frozen=True, slots=True)
class FaceImage:
    """A kept face, read."""

    image: U8 = field(repr=False)
    """(H, W, 3) RGB, with the face's surroundings"""
    box: F32
    """(4,) x0 y0 x1 y1 pixels"""
    landmarks: F32
    """(5, 2) x y pixels"""


class EmbedFaces(Protocol):
    """Describes faces by the model that the gallery changes to."""

    def __call__(self, faces: Sequence[FaceImage]) -> F32:
        """Unit vectors (N, D), one a face, whatever else is among them. Raises BackendError."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """The model that the gallery changes to."""

    model: str
    """its entry in models.yaml"""
    model_id: str
    embed: EmbedFaces


@dataclass(slots=True)
class Progress:
    """What a run has done so far."""

    added: int = 0
    """new templates"""
    redundant: int = 0
    """templates dropped, as a person had more of the model than are kept"""
    unreadable: list[int] = field(default_factory=list)
    """labels of templates whose crop is no picture any more"""


OnAdvance = Callable[[int, int], None]
"""told after each piece how many faces are done, and of how many"""


def untold(done: int, total: int) -> None:
    """For whoever shows no progress."""


def never() -> bool:
    """For whoever is not asked to stop."""
    return False


class ReEmbedding:
    """One run: describes what waits, and at its end may switch the gallery."""

    def __init__(
        self,
        store: Store,
        target: Target,
        on_advance: OnAdvance = untold,
        stopped: Callable[[], bool] = never,
    ) -> None:
        """`stopped`: asked between two pieces whether to end there."""
        self._store = store
        self._target = target
        self._on_advance = on_advance
        self._stopped = stopped
        self._tried: set[int] = set()
        self.progress = Progress()

    def prepare(self) -> bool:
        """Describe what waits now; False where it was asked to stop before the end. Raises StoreError, BackendError."""
        with self._store.database.reading() as connection:
            labels = self._left(connection)
        for start in range(0, len(labels), PIECE):
            if self._stopped():
                return False
            piece = labels[start : start + PIECE]
            with self._store.database.reading() as connection:
                faces = kept_faces(connection, piece)
            described = self._describe(faces)
            with self._store.database.writing() as connection:
                redundant = self._write(connection, described)
            self._store.wipe(redundant)
            self._tried.update(piece)
            self._on_advance(min(start + PIECE, len(labels)), len(labels))
        return True

    def switch(self, before: Serving | None) -> Serving | None:
        """Describe the rest and let the model serve, in one transaction; None where it was asked to stop before.

        Args:
            before: what served when this run began.

        Raises GalleryError where the gallery was switched by another since, StoreError, BackendError.
        """
        while self.prepare():
            with self._store.database.writing() as connection:
                left = self._left(connection)
                if len(left) > IN_THE_SWITCH:
                    continue  # somebody enrols many people now
                if serving(connection) != before:
                    raise GalleryError(
                        "the gallery was switched by another program meanwhile; look with: upgrade --status"
                    )
                redundant = self._write(connection, self._describe(kept_faces(connection, left)))
                done = serve(connection, self._target.model, self._target.model_id)
            self._tried.update(left)
            self._store.wipe(redundant)
            return done
        return None

    def _left(self, connection: Connection) -> tuple[int, ...]:
        """What waits and was not tried by this run: a redundant template would come and go for ever."""
        return tuple(
            label for label in waiting(connection, self._target.model_id) if label not in self._tried
        )

    def _describe(self, faces: Iterable[KeptFace]) -> dict[int, NewTemplate]:
        """New templates by the label whose crop they are made of."""
        read: list[tuple[KeptFace, FaceImage]] = []
        for face in faces:
            try:
                pixels = crop_pixels(face.crop)
            except ValueError:
                self.progress.unreadable.append(face.label)
                continue
            read.append((face, FaceImage(pixels, face.crop.box, face.crop.landmarks)))
        if not read:
            return {}
        vectors = self._target.embed([image for _, image in read])
        return {
            face.label: NewTemplate(
                self._target.model_id, vector, face.quality, face.source, face.image_sha256
            )
            for (face, _), vector in zip(read, vectors, strict=True)
        }

    def _write(self, connection: Connection, described: dict[int, NewTemplate]) -> set[int]:
        """Add templates to whoever owns their faces now; labels of those dropped for it.

        Nothing is added for who was forgotten meanwhile, nor where another program has described the face.
        """
        people = []
        for person_id, labels in still_waiting(connection, self._target.model_id, sorted(described)).items():
            # Two crops of one image: the person was enrolled with it by two models.
            by_image: dict[str, NewTemplate] = {}
            for label in labels:
                by_image.setdefault(described[label].image_sha256, described[label])
            people.append(NewPerson(person_id, tuple(by_image.values())))
        if not people:
            return set()
        added = additions.add(connection, people)
        self.progress.added += sum(len(one.labels) for one in added)
        ids = {one.person.id for one in added}
        dropped = drop_redundant(connection, ids, self._store.max_templates, self._target.model_id)
        if dropped:
            history.note(connection, told(dropped))
        redundant = {label for labels in dropped.values() for label in labels}
        self.progress.redundant += len(redundant)
        return redundant
