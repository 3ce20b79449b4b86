"""Who of many new people looks like somebody else of the gallery: perhaps one person under two names."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from pipeline.gallery.calibration import AlikePair
from pipeline.gallery.memory.contents import Contents

IN_MEMORY = 1 << 24
"""distances held at once: 64 MB"""


def look_alikes(contents: Contents, new: Collection[str], max_distance: float) -> tuple[AlikePair, ...]:
    """Each of the `new` people with the nearest other person, where nearer than `max_distance`; nearest first.

    A pair is named once. By matrix products over the whole gallery: 1,000 new templates among 100,000 take a
    second.
    """
    people = sorted(set(contents.person_ids))
    number = {person_id: place for place, person_id in enumerate(people)}
    owners = np.array([number[one] for one in contents.person_ids], np.int64)
    rows = np.flatnonzero([one in new for one in contents.person_ids])
    nearest: dict[tuple[int, int], float] = {}
    step = max(1, IN_MEMORY // max(1, len(owners)))
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        distances = 2.0 - 2.0 * (contents.vectors[some] @ contents.vectors.T)
        distances[owners[some][:, None] == owners[None]] = np.inf
        others = np.argmin(distances, axis=1)
        for row, other, place in zip(some, others, range(len(some)), strict=True):
            distance = max(0.0, float(distances[place, other]))
            if distance < max_distance:
                pair = tuple(sorted((int(owners[row]), int(owners[other]))))
                key = (pair[0], pair[1])
                nearest[key] = min(distance, nearest.get(key, np.inf))
    found = [AlikePair(people[a], people[b], distance) for (a, b), distance in nearest.items()]
    return tuple(sorted(found, key=lambda pair: (pair.distance, pair.a, pair.b)))
