"""Who is on a photo: 1:N, by the same rule as the sightings of a camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.gallery.decision import Decision, assign_names, decide
from pipeline.gallery.memory.answer import Answer
from pipeline.gallery.recogniser import Recogniser
from pipeline.geometry import fraction_box
from pipeline.types import Candidate, Faces


class Searched(Protocol):
    """Where the people nearest to faces are found: a replica, or one list of it."""

    def answer(self, probes: F32, count: int) -> Answer:
        """For each probe (Q, D) up to `count` different people, nearest first."""
        ...


class OlderFaces(Protocol):
    """The people whom an older model alone knows, found by photos."""

    def join(self, answer: Answer, image: U8, faces: Faces, count: int) -> Answer:
        """The answer, a row a face of the RGB image (H, W, 3), with these people among its candidates."""
        ...


@dataclass(frozen=True, slots=True)
class IdentifiedFace:
    """A face of a photo, and who it is."""

    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 as fractions of the photo"""
    quality: float
    """in [0, 1]"""
    decision: Decision
    candidates: tuple[Candidate, ...]
    """different people, nearest first"""


def identify_faces(
    image: U8,
    recogniser: Recogniser,
    replica: Searched,
    max_distance: float,
    min_margin: float,
    count: int,
    older: OlderFaces | None = None,
) -> tuple[IdentifiedFace, ...]:
    """The faces of an RGB image (H, W, 3) from left to right, each with up to `count` people it may be.

    A name is given below `max_distance` and with `min_margin` to the second person (squared L2), and never
    twice in one image. `older`: who finds those who are left behind; None: nobody is.
    """
    faces = recogniser.detect(image)
    if not len(faces):
        return ()
    faces = faces.take(np.lexsort((faces.boxes[:, 1], faces.boxes[:, 0])))
    described = recogniser.describe(image, faces)
    most = max(count, 2)  # the margin needs a second person
    answer = replica.answer(described.vectors, most)
    found = (answer if older is None else older.join(answer, image, faces, most)).people
    decisions = assign_names([decide(people, max_distance, min_margin) for people in found])
    height, width = image.shape[:2]
    return tuple(
        IdentifiedFace(fraction_box(box, width, height), float(quality), decision, people[:count])
        for box, quality, decision, people in zip(
            faces.boxes, described.quality, decisions, found, strict=True
        )
    )
