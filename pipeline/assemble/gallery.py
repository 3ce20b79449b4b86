"""The people of the configuration, in the database and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.schema import Config
from pipeline.gallery.indexes.choose import choose_index
from pipeline.gallery.memory.among_list import AmongList
from pipeline.gallery.memory.following import Derive, FollowedGallery, Source
from pipeline.gallery.memory.index_snapshot import IndexSnapshots
from pipeline.gallery.memory.opening import IndexRecipe, build_replica, open_replica
from pipeline.gallery.memory.pinned import PinnedGallery
from pipeline.gallery.memory.replica import Replica
from pipeline.gallery.memory.snapshot_taking import SnapshotTaking
from pipeline.gallery.recogniser import Recogniser
from pipeline.gallery.storage.store import Store

AnyGallery = PinnedGallery | FollowedGallery | AmongList
"""of a run: as it was, as it is, or one list of it"""


@contextmanager
def open_store(config: Config, data: Path) -> Iterator[Store]:
    """The gallery on disk, open. Raises StoreError, GalleryError."""
    url = config.gallery.url
    most = config.enrolment.max_templates
    with Store(data, None if url is None else url.reveal(), most) as store:
        yield store


def load_gallery(config: Config, store: Store, recogniser: Recogniser, data: Path | None = None) -> Replica:
    """The gallery in memory, searchable with this recogniser's vectors, as it is now.

    `data`: where a snapshot of a large one's index is looked for and kept; None: it is built from the database.
    Raises StoreError, GalleryError.
    """
    if data is None:
        return build_replica(store.database, recogniser.comparable, _recipe(config, recogniser).make())
    return _find(config, store, recogniser, data).replica


@contextmanager
def open_gallery(
    config: Config, store: Store, recogniser: Recogniser, data: Path, derive: Derive, *, follow: bool
) -> Iterator[AnyGallery]:
    """The gallery of a run, with the distance below which it gives names.

    Args:
        derive: that distance, squared L2, from how alike the gallery's people are.
        follow: show what other programs write meanwhile, as a run in real time does. Else it stays as it is now,
            so that the run repeats itself byte for byte.

    Raises StoreError, GalleryError, and what `derive` raises.
    """
    if not follow:
        replica = load_gallery(config, store, recogniser, data)
        yield _among(config, PinnedGallery(replica, derive(replica.own_pairs)))
        return
    found = _find(config, store, recogniser, data)
    recipe, database = _recipe(config, recogniser), store.database
    comparable = recogniser.comparable
    source = Source(database, comparable, lambda: build_replica(database, comparable, recipe.make()))
    followed = FollowedGallery(found.replica, source, derive, config.gallery.follow_s)
    with followed:
        yield _among(config, followed)
    found.taking.take(followed.replica)


def _among(config: Config, gallery: PinnedGallery | FollowedGallery) -> AnyGallery:
    """All of it, or the watchlist that the configuration names."""
    watchlist = config.matching.watchlist
    return gallery if watchlist is None else AmongList(gallery, watchlist)


@dataclass(frozen=True, slots=True)
class _Found:
    """A gallery in memory, and what keeps its index for the next start."""

    replica: Replica
    taking: SnapshotTaking


def _find(config: Config, store: Store, recogniser: Recogniser, data: Path) -> _Found:
    """From a snapshot below `data` where there is a good one, else from the database."""
    snapshots = IndexSnapshots(data, recogniser.comparable, config.matching.index)
    opened = open_replica(store.database, recogniser.comparable, _recipe(config, recogniser), snapshots)
    taking = SnapshotTaking(data, store.database, snapshots, opened)
    taking.take(opened.replica)
    return _Found(opened.replica, taking)


def _recipe(config: Config, recogniser: Recogniser) -> IndexRecipe:
    kind, dimension = config.matching.index, recogniser.dimension
    return IndexRecipe(
        dimension,
        lambda: choose_index(kind, dimension),
        lambda folder: type(choose_index(kind, dimension)).load(folder),
    )
