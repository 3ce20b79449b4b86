"""The unknown people of a run: recognised from the gallery's database, and their sightings kept there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.schema import Config
from pipeline.events.strangers.sighting_log import CollectedSightings, WrittenSightings
from pipeline.events.strangers.stranger_watch import StrangerWatch
from pipeline.events.strangers.strangers import Side, StrangerIds
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.recogniser import Recogniser
from pipeline.gallery.sightings.sighting_records import KnownStrangers, RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.stranger_book import BookRules, Reach, StrangerBook
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store


@dataclass(frozen=True, slots=True)
class ReplayStrangers:
    """Strangers as they were stored when a replay began, and what the replay adds to them."""

    ids: StrangerIds
    """for RunPlan.strangers"""
    runs: tuple[RunOfCamera, ...]
    collected: CollectedSightings
    comparable: tuple[str, ...]
    """models whose vectors may be compared with the replay's"""

    def put_in_place(self, store: Store) -> None:
        """Keep what was collected in place of what an earlier replay of these recordings kept. Raises StoreError."""
        Sightings(store.database, self.comparable).replace_run(self.runs, self.collected.sightings)


def strangers_of_replay(
    config: Config, store: Store, recogniser: Recogniser, reach: Reach, runs: Sequence[RunOfCamera]
) -> ReplayStrangers:
    """Strangers without those whom an earlier replay of these runs alone found: so each replay tells the same.

    Raises StoreError, GalleryError.
    """
    side = side_of_replay(config, store, recogniser, reach, runs)
    collected = CollectedSightings()
    ids = StrangerIds(side.book, collected, _apart_s(config), model_id=recogniser.model_id)
    return ReplayStrangers(ids, tuple(runs), collected, recogniser.comparable)


def strangers_of_cameras(config: Config, store: Store, recogniser: Recogniser, reach: Reach) -> StrangerIds:
    """Strangers for a run without end: its sightings are written as they happen, other programs' are followed.

    Raises StoreError, GalleryError.
    """
    side = side_of_cameras(config, store, recogniser, reach)
    log = WrittenSightings(Sightings(store.database, recogniser.comparable))
    return StrangerIds(side.book, log, _apart_s(config), side.news, recogniser.model_id)


def side_of_replay(
    config: Config, store: Store, recogniser: Recogniser, reach: Reach, runs: Sequence[RunOfCamera]
) -> Side:
    """The strangers of a replay as this recogniser's model knows them. Raises StoreError, GalleryError."""
    known = Strangers(store.database).known(recogniser.comparable, without=runs)
    # Exact: an index that links what is added behind its searches need not answer alike twice; searches are few.
    return Side(_book(config, known, recogniser, reach, "exact"))


def side_of_cameras(config: Config, store: Store, recogniser: Recogniser, reach: Reach) -> Side:
    """The same for a run without end. Raises StoreError, GalleryError."""
    strangers = Strangers(store.database)
    known = strangers.known(recogniser.comparable)
    return Side(
        _book(config, known, recogniser, reach, config.matching.index),
        StrangerWatch(strangers, recogniser.comparable, known.version, config.gallery.follow_s),
    )


def _book(
    config: Config, known: KnownStrangers, recogniser: Recogniser, reach: Reach, kind: str
) -> StrangerBook:
    keys = config.strangers
    index = choose_index(kind, recogniser.dimension)
    return StrangerBook(known, BookRules(keys.min_quality, keys.max_vectors), reach, index)


def _apart_s(config: Config) -> float:
    """A sighting is told of at the latest when it is seen again after decide_after_s, or closed after gap_s."""
    return config.sightings.decide_after_s + config.sightings.gap_s
