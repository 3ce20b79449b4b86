"""Who of a data set is enrolled, and whose photos search: one draw of an open-set gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.arrays import I64, Bools
from engines.errors import EvaluationError
from engines.evaluation.face_set import FaceSet
from engines.evaluation.identification import NOBODY


@dataclass(frozen=True, slots=True)
class GallerySplit:
    """Rows of a face set as templates and probes; no row is both."""

    templates: I64
    """(T,) rows that are enrolled"""
    probes: I64
    """(Q,) rows that search, mated ones first"""
    mates: I64
    """(Q,) the probe's number in `person_numbers`, or NOBODY where the person is not enrolled"""
    same_video: int
    """photos of enrolled people that are neither: frames of a video that a template is from"""

    @property
    def mated(self) -> int:
        """Probes of enrolled people."""
        return int(np.sum(self.mates != NOBODY))


def split_gallery(faces: FaceSet, people: int, templates: int, seed: int) -> GallerySplit:
    """Enroll `people` of the set, drawn by seed, with up to `templates` photos each; all else searches.

    Everybody takes part, whether they have one photo or fifty: who is drawn and has no photo left has templates
    without a mate, as most people of a real gallery; all photos of who is not drawn are non-mated probes. A photo
    without a face is no template, but still a probe. A frame of a video (a group below the person) from
    which a template was taken is left out: it would be found too easily.

    Raises EvaluationError where there are not more people than are to be enrolled.
    """
    numbers = faces.person_numbers
    able = np.unique(numbers[faces.found])
    if not 0 < people < len(able):
        raise EvaluationError(
            f"a gallery of {people} needs more than {people} people with a face found, the set has {len(able)}; "
            "name a smaller --gallery-size"
        )
    rng = np.random.default_rng(seed)
    enrolled = np.zeros(int(numbers.max()) + 1, np.bool_)
    enrolled[rng.choice(able, people, replace=False)] = True
    chosen = _draw(faces, faces.found & enrolled[numbers], templates, rng)
    same_video = _from_videos_of(faces, chosen)
    is_template = np.isin(np.arange(len(faces)), chosen)
    mated = np.flatnonzero(enrolled[numbers] & ~is_template & ~same_video)
    others = np.flatnonzero(~enrolled[numbers])
    return GallerySplit(
        templates=chosen,
        probes=np.concatenate([mated, others]),
        mates=np.concatenate([numbers[mated], np.full(len(others), NOBODY, np.int64)]),
        same_video=int(np.sum(same_video & ~is_template)),
    )


def draw_templates(faces: FaceSet, templates: int, seed: int) -> I64:
    """Up to `templates` rows of each person with a face found: a gallery that nobody searches for."""
    return _draw(faces, faces.found, templates, np.random.default_rng(seed))


def _draw(faces: FaceSet, eligible: Bools, count: int, rng: np.random.Generator) -> I64:
    """Up to `count` eligible rows (N,) of each person, ascending; of one video as long as it has enough of them."""
    groups, numbers = faces.group_numbers, faces.person_numbers
    group_order = rng.permutation(int(groups.max()) + 1)
    order = np.lexsort((rng.permutation(len(faces)), group_order[groups], numbers))
    order = order[eligible[order]]
    starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(starts, np.diff(starts, append=len(order)))
    return np.sort(order[place < count]).astype(np.int64)


def _from_videos_of(faces: FaceSet, rows: I64) -> Bools:
    """(N,) whether a row belongs to a video that one of `rows` is from."""
    groups = faces.group_numbers
    in_video = np.array([group != person for group, person in zip(faces.groups, faces.people, strict=True)])
    return np.asarray(in_video & np.isin(groups, groups[rows]))
