"""Which index searches a gallery."""

from __future__ import annotations

from pipeline.errors import GalleryError
from pipeline.gallery.indexes.index import Index

INDEXES = ("hnsw", "mlann", "exact")


def choose_index(kind: str, dimension: int, *, always_approximate: bool = False) -> Index:
    """An empty index of this kind for vectors of this dimension. Raises GalleryError for an unknown kind.

    `always_approximate`: not exact while templates are few, so that what approximation costs can be measured.
    """
    if kind == "hnsw":
        from pipeline.gallery.indexes.hnsw import EXACT_UP_TO, HnswIndex

        return HnswIndex(dimension, exact_up_to=0 if always_approximate else EXACT_UP_TO)
    if kind == "mlann":
        from pipeline.gallery.indexes.mlann import MlannIndex

        return MlannIndex(dimension)
    if kind == "exact":
        from pipeline.gallery.indexes.exact import ExactIndex

        return ExactIndex(dimension)
    raise GalleryError(f"matching.index: no index is called {kind!r}; there are {', '.join(INDEXES)}")
