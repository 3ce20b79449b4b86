"""What `search` shows of real faces: photos looked for among videos of the same people, and of others.

The past: a sighting a video, its frames fused, and one photo each of half the other people, as seen once. Looked for:
photos of those in the videos, who should be found, and of the other half, who never were there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engines.arrays import F32, I64
from engines.evaluation.face_set import FaceSet
from pipeline.gallery.sightings.stranger_book import Reach

DRAWS = 20
"""of a past of each size"""


@dataclass(frozen=True, slots=True)
class FacesRow:
    """A past of real faces. Shares are means over the draws."""

    bench: str
    sightings: int
    threshold: float
    """squared L2: what `search` shows is nearer"""
    found: float
    """of photos of people who were seen, the share for which one of their sightings is shown"""
    first: float
    """the share for which the nearest sighting is theirs, however far"""
    wrong: float
    """of photos of people who never were there, the share for which anything is shown"""


def shown(photos: FaceSet, videos: FaceSet, reach: Reach, sizes: tuple[int, ...]) -> Iterator[FacesRow]:
    """What is shown in pasts of these sizes; the largest has all there are."""
    past, owners = _fused(videos)
    in_videos = np.isin(photos.people, videos.people)
    others = np.unique(np.array(photos.people)[~in_videos])
    others = np.random.default_rng(0).permutation(others)
    half = len(others) // 2
    once = _first_of(photos, others[:half])
    past = np.concatenate((past, photos.vectors[once]))
    owners = np.concatenate((owners, np.array(photos.people)[once]))
    seen = np.flatnonzero(in_videos)
    never = _first_of(photos, others[half:])
    own = np.array(photos.people)[seen][:, None] == owners[None]
    near, strange = _distances(photos.vectors[seen], past), _distances(photos.vectors[never], past)
    for size in (*sizes, len(past)):
        rows = []
        for draw in range(DRAWS if size < len(past) else 1):
            some = np.random.default_rng((1, draw)).permutation(len(past))[:size]
            threshold = reach(size)
            theirs = own[:, some].any(axis=1)
            mine, mated = near[np.ix_(theirs, some)], own[np.ix_(theirs, some)]
            rows.append(
                (
                    ((mine < threshold) & mated).any(axis=1).mean(),
                    mated[np.arange(len(mine)), mine.argmin(axis=1)].mean(),
                    (strange[:, some] < threshold).any(axis=1).mean(),
                )
            )
        found, first, wrong = np.mean(rows, axis=0).tolist()
        yield FacesRow(
            "past faces", size, round(reach(size), 4), round(found, 4), round(first, 4), round(wrong, 4)
        )


def _fused(videos: FaceSet) -> tuple[F32, np.ndarray]:
    """A unit vector a video (V, D), as a sighting has it, and whose each is (V,)."""
    numbers = videos.group_numbers
    sums = np.zeros((numbers.max() + 1, videos.vectors.shape[1]), np.float32)
    np.add.at(sums, numbers, videos.vectors * np.maximum(videos.quality, 1e-3)[:, None])
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    _, first = np.unique(numbers, return_index=True)
    return sums, np.array(videos.people)[first]


def _first_of(photos: FaceSet, people: np.ndarray) -> I64:
    """Rows of one photo each of these people."""
    names, first = np.unique(np.array(photos.people), return_index=True)
    return first[np.isin(names, people)].astype(np.int64)


def _distances(probes: F32, past: F32) -> F32:
    return np.clip(2.0 - 2.0 * probes @ past.T, 0.0, 4.0)
