"""A camera's searches beside a gallery that another program changes: when a change shows, and what a search waits."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from benchmarks._gallery_fill import Deed, Done, Order, write_orders
from benchmarks._gallery_vectors import DrawnGallery
from engines.arrays import F32
from pipeline.gallery.memory.following import FollowedGallery
from pipeline.types import Candidate

RATE_HZ, FACES = 25.0, 10
"""of the searches: a camera's frames, with so many faces each"""
CANDIDATES = 5
AT_ONCE = 1000
GIVE_UP_S = 60.0

Shown = Callable[[Candidate], bool]
"""whether the nearest person to the probe that is looked at shows a change"""


@dataclass(frozen=True, slots=True)
class Phase:
    """What was measured while one kind of change was made."""

    deed: str
    shown_s: tuple[float, ...]
    """from each commit to the first answer that showed it"""
    searched_s: tuple[float, ...]
    """each search of a frame's faces"""
    behind_s: tuple[float, ...]
    """how late each search began: a thread that is kept from running is late, too"""

    def row(self) -> dict[str, object]:
        """Milliseconds, for a JSON line."""

        def ms(values: tuple[float, ...], share: float) -> float:
            return round(1000 * float(np.quantile(values, share)), 2)

        shown = (
            {}
            if not self.shown_s
            else {"shown_p50_ms": ms(self.shown_s, 0.5), "shown_max_ms": ms(self.shown_s, 1)}
        )
        return {
            "deed": self.deed,
            "times": len(self.shown_s),
            **shown,
            "searches": len(self.searched_s),
            "search_p50_ms": ms(self.searched_s, 0.5),
            "search_p99_ms": ms(self.searched_s, 0.99),
            "search_max_ms": ms(self.searched_s, 1),
            "late_max_ms": ms(self.behind_s, 1),
        }


@dataclass(slots=True)
class Camera:
    """Searches a frame's faces at a fixed rate."""

    gallery: FollowedGallery
    probes: F32
    """(P, D) faces that pass"""
    shown_s: list[float] = field(default_factory=list)
    searched_s: list[float] = field(default_factory=list)
    behind_s: list[float] = field(default_factory=list)
    _frame: int = 0
    _next_s: float = 0.0

    def look(self, probe: F32) -> Candidate | None:
        """Wait for the next frame and search its faces; the nearest person to `probe`, who is one of them."""
        self._frame += 1
        rows = np.arange(self._frame * (FACES - 1), (self._frame + 1) * (FACES - 1)) % len(self.probes)
        faces = np.concatenate((probe[None], self.probes[rows]))
        now = time.monotonic()
        if self._next_s > now:
            time.sleep(self._next_s - now)
        began = time.monotonic()
        self.behind_s.append(max(began - self._next_s, 0.0) if self._next_s else 0.0)
        found = self.gallery.answer(faces, CANDIDATES).people[0]
        ended = time.monotonic()
        self.searched_s.append(ended - began)
        self._next_s = max(self._next_s + 1.0 / RATE_HZ, ended) if self._next_s else ended
        return found[0] if found else None

    def take(self, deed: str) -> Phase:
        """What was measured since the last time."""
        phase = Phase(deed, tuple(self.shown_s), tuple(self.searched_s), tuple(self.behind_s))
        self.shown_s, self.searched_s, self.behind_s, self._next_s = [], [], [], 0.0
        return phase


@dataclass(frozen=True, slots=True)
class Trial:
    """A change, and how it is seen."""

    order: Order
    probe: F32
    """(D,) the face that is looked at"""
    shown: Shown


def measure(
    gallery: FollowedGallery, drawn: DrawnGallery, data: Path, url: str | None, times: int
) -> Iterator[Phase]:
    """Change the gallery so many times in each way, while a camera searches it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=write_orders, args=(data, url, theirs))
    other.start()
    ours.recv()
    camera = Camera(gallery, drawn.mated(500)[1])
    vectors = drawn.non_mated(2 * times + AT_ONCE)
    try:
        for _ in range(round(times * RATE_HZ / 2)):
            camera.look(camera.probes[0])
        yield camera.take("none")
        newcomers = [_enrolling(vector, f"Newcomer {n}") for n, vector in enumerate(vectors[: 2 * times])]
        ids = [done.person_id for done in _carry_out(camera, ours, newcomers)]
        yield camera.take(Deed.ENROLL)
        pairs = list(zip(ids[:times], ids[times:], vectors[:times], vectors[times:], strict=False))
        for deed, trials in (
            (Deed.RENAME, [_renaming(one, vector) for one, _, vector, _ in pairs]),
            (Deed.MERGE, [_merging(gone, into, vector) for gone, into, vector, _ in pairs]),
            (Deed.FORGET, [_forgetting(into, vector) for _, into, _, vector in pairs]),
            (Deed.ENROLL_MANY, [_enrolling_many(vectors[2 * times :])]),
        ):
            list(_carry_out(camera, ours, trials))
            yield camera.take(deed)
    finally:
        ours.send(None)
        other.join()


def _enrolling(vector: F32, name: str) -> Trial:
    return Trial(Order(Deed.ENROLL, name, vectors=(vector,)), vector, lambda one: one.name == name)


def _renaming(person_id: str, vector: F32) -> Trial:
    name = f"Renamed {person_id}"
    return Trial(Order(Deed.RENAME, name, person_id), vector, lambda one: one.name == name)


def _merging(gone: str, into: str, vector: F32) -> Trial:
    order = Order(Deed.MERGE, person_id=gone, into=into)
    return Trial(order, vector, lambda one: one.person_id == into)


def _forgetting(person_id: str, vector: F32) -> Trial:
    order = Order(Deed.FORGET, person_id=person_id)
    return Trial(order, vector, lambda one: one.person_id != person_id)


def _enrolling_many(vectors: F32) -> Trial:
    order = Order(Deed.ENROLL_MANY, "Crowd", vectors=tuple(vectors))
    last = f"Crowd {len(vectors) - 1}"
    return Trial(order, vectors[-1], lambda one: one.name == last)


def _carry_out(camera: Camera, orders: Connection, trials: Sequence[Trial]) -> list[Done]:
    """Have each change made, and look until it shows. Raises TimeoutError for one that does not."""
    committed = []
    for trial in trials:
        orders.send(trial.order)
        done: Done | None = None
        seen_s = None
        began = time.monotonic()
        while done is None or seen_s is None:
            found = camera.look(trial.probe)
            if seen_s is None and found is not None and trial.shown(found):
                seen_s = time.monotonic()
            if done is None and orders.poll():
                done = orders.recv()
            if time.monotonic() - began > GIVE_UP_S:
                raise TimeoutError(f"{trial.order.deed} does not show")
        # The answer of the commit may come after the change has shown.
        camera.shown_s.append(max(seen_s - done.at_s, 0.0))
        committed.append(done)
    return committed
