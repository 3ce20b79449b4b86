"""Overwrites people's templates in a saved index, so that forgetting them does not cost its graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.arrays import I64
from pipeline.gallery.disk import sync
from pipeline.gallery.indexes.blocks import LABELS_FILE, VECTORS_FILE
from pipeline.gallery.indexes.exact import ABOUT_FILE as EXACT_FILE
from pipeline.gallery.indexes.graph import far_away, graph_layout
from pipeline.gallery.indexes.hnsw import ABOUT_FILE as HNSW_FILE

DELETE_MARK = 1 << 16
"""hnswlib's, in the number that counts a node's links"""


def wipe(folder: Path, labels: I64) -> int:
    """Overwrite these templates (N,) in the files of a saved exact or HNSW index; how many there were.

    The index can be loaded as before, without them. Checksums of the files change. Raises ValueError for a folder
    with no such index or with files that do not fit together, OSError.
    """
    if not (folder / EXACT_FILE).is_file() and not (folder / HNSW_FILE).is_file():
        raise ValueError(f"{folder}: holds no exact or HNSW index")
    kept = np.load(folder / LABELS_FILE, mmap_mode="r+", allow_pickle=False)
    rows = np.flatnonzero(np.isin(kept, labels[labels >= 0]))
    if not len(rows):
        return 0
    for file in sorted(folder.glob("graph-*.bin")):
        _wipe_graph(file, rows)
    vectors = np.load(folder / VECTORS_FILE, mmap_mode="r+", allow_pickle=False)
    if len(vectors) != len(kept):
        raise ValueError(f"{folder}: has {len(kept)} labels and {len(vectors)} vectors")
    vectors[rows] = 0.0
    vectors.flush()
    kept[rows] = -1
    kept.flush()
    for name in (VECTORS_FILE, LABELS_FILE):
        sync(folder / name)
    return len(rows)


def _wipe_graph(file: Path, rows: I64) -> None:
    layout = graph_layout(file)
    nodes = np.memmap(file, layout.node, "r+", layout.offset, (layout.count,))
    places = np.flatnonzero(np.isin(nodes["row"], rows.astype(np.uint64)))
    width = nodes.dtype["vector"].shape[0]
    for place in places.tolist():
        nodes["vector"][place] = far_away(int(nodes["row"][place]), width)
        nodes["links"][place, 0] |= DELETE_MARK
    nodes.flush()
    sync(file)
