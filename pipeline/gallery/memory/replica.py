"""The gallery in memory, as one run sees it: who is nearest to a face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Self

import numpy as np

from pipeline.arrays import F32, I64, Bools
from pipeline.errors import GalleryError
from pipeline.gallery.calibration import OwnPairs, sampled_pairs
from pipeline.gallery.comparable import Comparable
from pipeline.gallery.fusion import FUSED_PEOPLE, Several, fused
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.memory.answer import EVERYBODY, Answer, People
from pipeline.gallery.memory.catching_up import read_all, say_what_is_left_out
from pipeline.gallery.memory.contents import Contents
from pipeline.gallery.memory.delta import Delta, Lists, Position
from pipeline.gallery.memory.early_stop import know_owners
from pipeline.gallery.memory.roster import NOBODY, Ownership, Roster
from pipeline.gallery.memory.view import Narrowing, Sought, View
from pipeline.gallery.storage.store import Store
from pipeline.types import Candidate, GalleryState

WIDEN_BY = 4
"""factor by which a search asks for more templates when these belong to too few people"""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The next view, of which everything is in the index, and what has to change with it."""

    view: View
    delta: Delta
    leaving: I64
    """templates to take out of the index once no answer shows them"""


class Replica:
    """People and their templates of comparable models at one version, searched through an index.

    One thread searches. One other may change it: `hold` puts templates into the index that no answer shows yet,
    `prepare` works out what a delta makes of the view, `publish` shows it. An answer is always of one version.
    """

    def __init__(self, index: Index) -> None:
        """A gallery of nobody; what is in the index already is for `adopt`."""
        self.index = index
        self._roster = Roster()
        self.view = self._view(Position("", 0, ""), Ownership.none())
        self.lock = Lock()
        """held while a view is replaced, and while one is looked up that an answer is to be of"""
        self._held = Ownership.none()
        self._narrowing = Narrowing(self._roster)
        self._pairs: OwnPairs | None = None
        know_owners(index, self._owners_of)

    @classmethod
    def of(cls, contents: Contents, index: Index) -> Self:
        """The gallery of these contents. Raises GalleryError for vectors of another dimension than the index's."""
        if len(index):
            raise ValueError(f"the index must be empty, has {len(index)} templates")
        replica = cls(index)
        replica.meet({one.id: one.name for one in contents.people})
        replica.hold(contents.labels, contents.person_ids, contents.vectors)
        replica.show(Position("", contents.version, ""))
        return replica

    @classmethod
    def load(cls, store: Store, comparable: Comparable, index: Index) -> Self:
        """Read all templates of these models; says in the log what it leaves out. Raises StoreError, GalleryError."""
        replica = cls(index)
        read_all(replica, store.database, comparable)
        say_what_is_left_out(store.database, comparable)
        return replica

    def __len__(self) -> int:
        """Templates that are searched."""
        return len(self.view.owned)

    @property
    def version(self) -> int:
        """Number of the last change that answers show."""
        return self.view.position.version

    @property
    def people(self) -> Mapping[str, str]:
        """Names by id, also of those without such a template, who are never found."""
        return self._roster

    @property
    def watchlists(self) -> Lists:
        """All there are, in order of name."""
        return self._roster.watchlists

    @property
    def own_pairs(self) -> OwnPairs:
        """How alike its people are: what the distance for a rate is derived from."""
        if self._pairs is None:
            self._pairs = self.pairs_of(self.view)
        return self._pairs

    def pairs_of(self, view: View) -> OwnPairs:
        """The same at another view, perhaps one that is only prepared. For the thread that changes the replica."""
        in_order = self._roster.in_order_of_id()
        present = in_order[view.owned.counts(self._roster.numbers)[in_order] > 0]
        rank = np.empty(self._roster.numbers, np.int64)
        rank[present] = np.arange(len(present))
        return sampled_pairs(
            rank[view.owned.owners],
            lambda person: self._roster.ids[int(present[person])],
            lambda rows: self.index.vectors(view.owned.labels[rows]),
        )

    @property
    def state(self) -> GalleryState:
        """What answers are made of now."""
        view = self.view
        return view.state(len(self._roster), view.people)

    def search(
        self, probes: F32, count: int, *, near: I64 | None = None, watchlists: frozenset[str] = EVERYBODY
    ) -> People:
        """The people of `answer`."""
        return self.answer(probes, count, near=near, watchlists=watchlists).people

    def answer(
        self,
        probes: F32,
        count: int,
        *,
        near: I64 | None = None,
        watchlists: frozenset[str] = EVERYBODY,
        within: str | None = None,
    ) -> Answer:
        """For each probe (Q, D) of unit length the `count` nearest people, fewer where there are no more.

        The first two are as far away as pipeline.gallery.fusion has it, others as their nearest template. Nearest
        first, by person id on a tie; the answer to a probe does not depend on the others of its batch.

        Args:
            near: (Q,) a template for each probe that is probably near it, or -1: a hint that may save time.
            watchlists: look only among the people who are on one of these. A list that there is not has nobody.
            within: look only among those of them who are on this list as well; None: among all of them.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        with self.lock:
            sought = self._narrowing.sought(self.view, watchlists, within)
        people = self._search(sought, probes, count, near)
        with self.lock:
            if sought.view is not self.view:
                # A version became visible meanwhile: look again, and let the next one wait. While much is enrolled,
                # a search that only hoped for a quiet moment might never end.
                sought = self._narrowing.sought(self.view, watchlists, within)
                people = self._search(sought, probes, count, near)
            return Answer(sought.state, people, sought.unknown, sought.empty)

    def _search(self, sought: Sought, probes: F32, count: int, near: I64 | None) -> People:
        answers: list[tuple[Candidate, ...]] = [()] * len(probes)
        wanted = min(max(count, FUSED_PEOPLE), sought.people)
        asked = WIDEN_BY * wanted
        left = np.arange(len(probes)) if wanted else np.zeros(0, np.int64)
        if near is not None:
            near = np.where(sought.view.owned.owner_of(near) == NOBODY, -1, near)
        while len(left):
            # One more than there are: whether a row ends in padding tells whether all were seen, while the number
            # of templates may be another before the search than in it.
            asked = min(asked, 1 + (len(self.index) if sought.labels is None else len(sought.labels)))
            hints = None if near is None else near[left]
            found = self.index.search(probes[left], asked, among=sought.labels, near=hints)
            owners = sought.view.owned.owner_of(found.labels)
            unsettled = []
            for place, row in enumerate(left.tolist()):
                nearest = self._nearest_people(owners[place], found.labels[place], found.distances[place])
                if _settled(nearest, wanted, float(found.distances[place, -1])):
                    several = sought.view.several
                    answers[row] = fused(probes[row], nearest[:wanted], several, self._roster, self.index)[
                        :count
                    ]
                else:
                    unsettled.append(row)
            left = np.array(unsettled, np.int64)
            asked *= WIDEN_BY
        return tuple(answers)

    def _nearest_people(self, owners: I64, labels: I64, distances: F32) -> tuple[Candidate, ...]:
        """Whom templates (K,), nearest first, belong to; those that the view does not show are passed over."""
        nearest: dict[int, Candidate] = {}
        for owner, label, distance in zip(owners.tolist(), labels.tolist(), distances.tolist(), strict=True):
            if owner != NOBODY and owner not in nearest:
                nearest[owner] = self._roster.candidate(owner, distance, label)
        return tuple(sorted(nearest.values(), key=lambda one: (one.distance, one.person_id)))

    # What follows is for the one thread that changes the replica.

    def meet(self, names: Mapping[str, str]) -> None:
        """Learn of people, by id, who are not there yet; no answer shows them before they are published."""
        self._roster.add({one: name for one, name in names.items() if self._roster.number(one) == NOBODY})

    @property
    def ids(self) -> Sequence[str]:
        """Ids of people by the numbers that a view has them by."""
        return self._roster.ids

    def adopt(self, labels: I64, person_ids: Sequence[str], owners: I64, position: Position) -> None:
        """Show templates (N,) that the index has had from the beginning.

        Args:
            person_ids: (M,) the people whom they belong to.
            owners: (N,) rows of `person_ids`.
        """
        self.meet(dict.fromkeys(person_ids, ""))  # whoever is gone meanwhile is told with the delta
        self._held = Ownership(labels, self._roster.numbers_of(person_ids)[owners])
        know_owners(self.index, self._owners_of)
        self.show(position)

    def list_everybody(self, watchlists: Lists, lists: Mapping[str, Lists]) -> None:
        """All watchlists there are, and by id who is on which."""
        self._roster.watchlists = watchlists
        self._roster.clear_lists()
        self._roster.set_lists(lists)

    def holds(self, labels: I64) -> Bools:
        """(N,) whether these templates are in the index, shown or not."""
        held: Bools = self._owners_of(labels) != NOBODY
        return held

    def hold(self, labels: I64, person_ids: Sequence[str], vectors: F32) -> None:
        """Put templates (N,), (N, D) into the index that no answer shows yet.

        Raises GalleryError for vectors of another dimension than the index's.
        """
        if not len(labels):
            return
        if vectors.shape[1] != self.index.dimension:
            raise GalleryError(
                f"the gallery's vectors have {vectors.shape[1]} numbers and the embedder's "
                f"{self.index.dimension}: two models share one model_id; give the new model another id and "
                "enroll again"
            )
        self.meet(
            dict.fromkeys(person_ids, "")
        )  # enrolled since everybody's names were read: told with the delta
        self._held = self._held.with_templates(labels, self._roster.numbers_of(person_ids))
        self.index.add(labels, vectors)

    def show(self, position: Position) -> None:
        """Show all that is held, as the gallery at this point of its history."""
        owned = self.view.owned.with_templates(self._held.labels, self._held.owners)
        self._held = Ownership.none()
        with self.lock:
            self.view = self._view(position, owned, self.view.max_distance)
            self._pairs = None

    def prepare(self, delta: Delta) -> Prepared:
        """What a delta makes of the view; its templates must be held."""
        self.meet(delta.names)
        gone = self._roster.numbers_of(delta.gone)
        leaving = np.union1d(delta.removed, self.view.owned.owned_by(gone[gone != NOBODY]))
        owned = self.view.owned.without(leaving)
        owned = owned.with_templates(delta.labels, self._roster.numbers_of(delta.person_ids))
        unneeded = np.union1d(leaving, self._held.labels)
        unneeded = unneeded[self.holds(unneeded) & (owned.owner_of(unneeded) == NOBODY)]
        return Prepared(self._view(delta.position, owned, self.view.max_distance), delta, unneeded)

    def publish(self, prepared: Prepared) -> None:
        """Show the next view. The caller holds `lock`, and calls `drop` when it has let go of it."""
        delta, roster = prepared.delta, self._roster
        roster.add(delta.names)
        roster.remove(delta.gone)
        if delta.watchlists is not None:
            self.list_everybody(delta.watchlists, delta.lists)
        else:
            roster.set_lists({one: delta.lists.get(one, ()) for one in delta.names})
        self.view = prepared.view
        self._pairs = None

    def drop(self, prepared: Prepared) -> None:
        """Take what no answer shows any more out of the index."""
        if len(prepared.leaving):
            self.index.remove(prepared.leaving)
        self._held = Ownership.none()

    def name_below(self, max_distance: float) -> View:
        """Have answers say that names are given below this distance, squared L2; the view that says so."""
        with self.lock:
            self.view = replace(self.view, max_distance=max_distance)
        return self.view

    def _owners_of(self, labels: I64) -> I64:
        """Numbers of the people whom these templates (N,), shown or held, belong to; NOBODY for others."""
        return np.maximum(self.view.owned.owner_of(labels), self._held.owner_of(labels))

    def _view(self, position: Position, owned: Ownership, max_distance: float = 0.0) -> View:
        counts = owned.counts(self._roster.numbers)
        people = int(np.count_nonzero(counts))
        return View(position, owned, people, Several.of(owned, counts), max_distance)


def _settled(nearest: tuple[Candidate, ...], wanted: int, farthest: float) -> bool:
    """Whether templates beyond `farthest` cannot change the first `wanted` people, or their order on a tie.

    None are beyond infinity, where a row of neighbours ends that has all there are.
    """
    return farthest == np.inf or (len(nearest) >= wanted and nearest[wanted - 1].distance < farthest)
