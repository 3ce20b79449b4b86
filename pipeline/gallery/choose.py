"""Which index searches a gallery."""

from __future__ import annotations

from pipeline.errors import GalleryError
from pipeline.gallery.index import Index

INDEXES = ("hnsw", "exact")


def choose_index(kind: str, dimension: int) -> Index:
    """An empty index of this kind for vectors of this dimension. Raises GalleryError for an unknown kind."""
    if kind == "hnsw":
        from pipeline.gallery.hnsw import HnswIndex

        return HnswIndex(dimension)
    if kind == "exact":
        from pipeline.gallery.exact import ExactIndex

        return ExactIndex(dimension)
    raise GalleryError(f"matching.index: no index is called {kind!r}; there are {', '.join(INDEXES)}")
