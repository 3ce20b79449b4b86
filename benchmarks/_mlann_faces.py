"""ML-ANN on real faces: photos that search photos, and videos whose frames start from the frame before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.arrays import F32, I64
from engines.evaluation.face_set import FaceSet
from pipeline.capture.photo_set import open_photo_set
from pipeline.commands.context import make_context
from pipeline.commands.evaluations.faces import describe_sets
from pipeline.gallery.decision import decide
from pipeline.gallery.indexes.index import Neighbours
from pipeline.gallery.indexes.mlann import MlannIndex
from pipeline.types import Candidate

SIZES = (1000, 1400, 2000, 3000, 4000)
"""templates; those are left out that the set has too few people for"""
ACCEPT, MARGIN = 0.75, 0.08
"""the rule for names: of 1,000 people at FPIR 1 %, and matching.min_margin"""
COUNTS = (1, 8)
FEWEST_PROBES = 20


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A gallery of real templates."""

    vectors: F32
    owners: I64

    def index(self, accept: float) -> MlannIndex:
        """Searchable; `accept` 0: without early stop."""
        index = MlannIndex(self.vectors.shape[1], owners=lambda labels: self.owners[labels])
        index.add(np.arange(len(self.vectors), dtype=np.int64), self.vectors)
        index.stop_below(accept)
        return index

    def name(self, found: Neighbours) -> int | None:
        """Whom one probe's neighbours name."""
        nearest: dict[int, float] = {}
        for label, distance in zip(found.labels[0].tolist(), found.distances[0].tolist(), strict=True):
            if label >= 0:
                nearest.setdefault(int(self.owners[label]), distance)
        people = [Candidate(str(owner), str(owner), distance) for owner, distance in nearest.items()]
        decision = decide(people, ACCEPT, MARGIN)
        return None if decision.identity is None else int(decision.identity.person_id)

    def exact(self, probe: F32, count: int = 40) -> Neighbours:
        """The truth for one probe (D,)."""
        distances = 2.0 - 2.0 * (self.vectors @ probe)
        order = np.argsort(distances)[:count].astype(np.int64)
        return Neighbours(order[None], distances[order][None])


def described(*sets: Path, data: Path) -> list[FaceSet]:
    """The sets through the networks that cameras use, kept below `data`."""
    context = make_context(None, data, None, True, False)
    return describe_sets(context, *(open_photo_set(each) for each in sets))


def photo_rows(photos: Path, data: Path) -> Iterator[dict[str, object]]:
    """One photo a person is enrolled; further ones are mated probes, those of others non-mated."""
    (faces,) = described(photos, data=data)
    numbers = faces.person_numbers
    people = np.random.default_rng(0).permutation(int(numbers.max()) + 1)
    first = np.zeros(len(numbers), np.bool_)
    first[np.unique(numbers, return_index=True)[1]] = True
    for size in SIZES:
        if size > len(people):
            continue
        inside = np.isin(numbers, people[:size])
        enrolled = Enrolled(faces.vectors[inside & first], numbers[inside & first])
        for accept in (0.0, ACCEPT):
            index = enrolled.index(accept)
            for name, probes in (("mated", inside & ~first), ("non-mated", ~inside & first)):
                if np.count_nonzero(probes) < FEWEST_PROBES:
                    continue
                for count in COUNTS:
                    row = _searched(index, enrolled, faces.vectors[probes], count)
                    about = {"what": "photos", "set": photos.name, "templates": size, "probes": name}
                    yield {**about, "neighbours": count, "stop": round(index.stop, 3), **row}


def _searched(index: MlannIndex, enrolled: Enrolled, probes: F32, count: int) -> dict[str, object]:
    hits, distances, names = 0, [], 0
    certain = index.spent.certain
    for probe in probes:
        before = index.spent.distances
        found = index.search(probe[None], count)
        distances.append(index.spent.distances - before)
        truth = enrolled.exact(probe)
        hits += int(found.labels[0, 0] == truth.labels[0, 0])
        names += enrolled.name(found) == enrolled.name(truth)
    size = len(enrolled.vectors)
    return {
        "searches": len(probes),
        "recall": round(hits / len(probes), 4),
        "same_name": round(names / len(probes), 4) if count > 1 else None,
        "share": round(float(np.mean(distances)) / size, 5),
        "share_p95": round(float(np.quantile(distances, 0.95)) / size, 5),
        "certain": round((index.spent.certain - certain) / len(probes), 3),
    }


def video_rows(photos: Path, video: Path, data: Path) -> Iterator[dict[str, object]]:
    """One video of each person is enrolled among the photos; another one's frames, fused one by one, search.

    Each frame's hint is what the frame before found, as a track's would be; the first has none.
    """
    faces, frames = described(photos, video, data=data)
    base = faces.without(set(frames.people))
    shown = sorted(set(frames.people))
    for size in SIZES:
        for each in (1, 3):
            enrolled, tracks = _with_videos(base, frames, shown, size, each)
            for count in COUNTS if len(enrolled.vectors) == size else ():
                about = {
                    "what": "video",
                    "set": photos.name,
                    "people_on_video": len(tracks),
                    "templates": size,
                }
                yield {
                    **about,
                    "templates_each": each,
                    "neighbours": count,
                    **_tracked(enrolled, tracks, count),
                }


def _with_videos(
    base: FaceSet, frames: FaceSet, shown: list[str], size: int, each: int
) -> tuple[Enrolled, list[F32]]:
    """`each` frames of everybody's first video, filled up with photos; and the frames of their second."""
    first = np.unique(base.person_numbers, return_index=True)[1][: size - each * len(shown)]
    vectors, owners = [base.vectors[first]], [base.person_numbers[first]]
    groups, people = np.array(frames.groups), np.array(frames.people)
    tracks = []
    for number, person in enumerate(shown):
        videos = np.unique(groups[people == person])
        vectors.append(frames.vectors[groups == videos[0]][:each])
        owners.append(np.full(each, len(base) + number, np.int64))
        tracks.append(frames.vectors[groups == videos[1]])
    return Enrolled(np.concatenate(vectors), np.concatenate(owners)), tracks


def _tracked(enrolled: Enrolled, tracks: list[F32], count: int) -> dict[str, object]:
    index, size = enrolled.index(ACCEPT), len(enrolled.vectors)
    cold: list[int] = []
    warm: list[int] = []
    same = mates = kept = stopped = 0
    first = int(enrolled.owners.max()) + 1 - len(tracks)
    for shown, track in enumerate(tracks, first):
        hint = -1
        for number, total in enumerate(np.cumsum(track, axis=0)):
            probe = total / np.linalg.norm(total)
            spent, ended = index.spent.distances, index.spent.stopped
            found = index.search(probe[None], count, near=np.array([hint], np.int64))
            hint = int(found.labels[0, 0])
            (warm if number else cold).append(index.spent.distances - spent)
            if number:
                truth = enrolled.exact(probe)
                stopped += index.spent.stopped - ended
                same += enrolled.name(found) == enrolled.name(truth)
                if enrolled.owners[truth.labels[0, 0]] == shown:
                    mates += 1
                    kept += int(enrolled.owners[hint] == shown)
    return {
        "stop": round(index.stop, 3),
        "share_cold": round(float(np.mean(cold)) / size, 5),
        "share_warm": round(float(np.mean(warm)) / size, 5),
        "frames_warm": len(warm),
        "ended_early": round(stopped / len(warm), 3),
        "mates_first_in_exact": mates,
        "of_them_here": round(kept / max(mates, 1), 4),
        "same_name": round(same / len(warm), 4) if count > 1 else None,
    }
