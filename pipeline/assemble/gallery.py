"""The people of the configuration, in the database and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config.schema import Config
from pipeline.gallery.choose import choose_index
from pipeline.gallery.recogniser import Recogniser
from pipeline.gallery.replica import Replica
from pipeline.gallery.store import Store


@contextmanager
def open_store(config: Config, data: Path) -> Iterator[Store]:
    """The gallery on disk, open. Raises StoreError, GalleryError."""
    url = config.gallery.url
    with Store(data, None if url is None else url.reveal()) as store:
        yield store


def load_gallery(config: Config, store: Store, recogniser: Recogniser) -> Replica:
    """The gallery in memory, searchable with this recogniser's vectors."""
    index = choose_index(config.matching.index, recogniser.dimension)
    return Replica.load(store, recogniser.model_id, index)
