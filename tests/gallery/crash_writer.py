"""A program that writes to a gallery until it is killed, and tells of every write before and after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from pipeline.gallery.storage.records import NewPerson
from pipeline.gallery.storage.store import Store
from tests.gallery.people import template

CROWD = 12
"""people; with more of them, one is rather forgotten or merged"""

People = Mapping[str, frozenset[int]]
"""by name, the shots of them that are enrolled: of a shot the vector, the crop and the hash are known"""


@dataclass(frozen=True, slots=True)
class Write:
    """One write: what it is called, whom it is about, and what there is after it."""

    verb: str
    names: tuple[str, ...]
    after: People


def write_until_killed(data: Path, url: str | None, told: Connection, before: People, seed: int) -> None:
    """Write at random; `told` gets each Write when it begins and None when it is acknowledged."""
    random = np.random.default_rng(seed)
    shots = (seed * 1_000_000 + number for number in range(1_000_000))
    now = before
    with Store(data, url) as store:
        told.send(None)
        while True:
            write = choose(random, now, [next(shots) for _ in range(6)])
            told.send(write)
            carry_out(store, write, now)
            told.send(None)
            now = write.after


def choose(random: np.random.Generator, now: People, shots: list[int]) -> Write:
    """What to do next."""
    verbs = ["enroll", "enroll", "rename", "merge", "forget"]
    verb = (
        verbs[int(random.integers(2 if len(now) < 3 else 5))]
        if len(now) < CROWD
        else verbs[random.integers(3, 5)]
    )
    names = [str(name) for name in random.permutation(sorted(now))]
    if verb == "enroll":
        # Two shots for somebody who is there, and two new people.
        old = names[:1] if names and random.random() < 0.5 else []
        given = [
            *((name, shots[:2]) for name in old),
            *((f"n{shot}", [shot, shot + 500_000]) for shot in shots[2:4]),
        ]
        added = {name: now.get(name, frozenset()) | frozenset(new) for name, new in given}
        return Write(verb, tuple(added), {**now, **added})
    if verb == "rename":
        renamed = {f"n{shots[0]}" if name == names[0] else name: kept for name, kept in now.items()}
        return Write(verb, (names[0], f"n{shots[0]}"), renamed)
    rest = {name: kept for name, kept in now.items() if name != names[0]}
    if verb == "merge":
        return Write(verb, (names[0], names[1]), {**rest, names[1]: now[names[0]] | now[names[1]]})
    return Write(verb, (names[0],), rest)


def carry_out(store: Store, write: Write, now: People) -> None:
    """Do it, by names."""
    if write.verb == "enroll":
        store.enroll_many(
            [
                NewPerson(
                    name,
                    tuple(
                        template(0, shot) for shot in sorted(write.after[name] - now.get(name, frozenset()))
                    ),
                )
                for name in write.names
            ]
        )
    elif write.verb == "rename":
        store.rename(store.find(write.names[0]).id, write.names[1])
    elif write.verb == "merge":
        store.merge(store.find(write.names[0]).id, store.find(write.names[1]).id)
    else:
        store.forget(store.find(write.names[0]).id)
