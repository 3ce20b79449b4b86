"""Forgotten people's vectors leave the files of a saved index, and the index goes on without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.gallery.indexes.exact import ExactIndex
from pipeline.gallery.indexes.graph import far_away, graph_layout
from pipeline.gallery.indexes.hnsw import HnswIndex
from pipeline.gallery.indexes.index import Index
from pipeline.gallery.indexes.projection import Projection
from pipeline.gallery.indexes.wiping import wipe
from tests.gallery.index_kinds import DIMENSION, faces, labels

FORGOTTEN = np.array([3, 77, 5000], np.int64)


def saved(index: Index, folder: Path) -> F32:
    vectors = faces(60, 5, seed=1)
    index.add(labels(0, 300), vectors)
    index.save(folder)
    return vectors


def pieces(vector: F32) -> list[bytes]:
    """Any four numbers of it in a row would give it away."""
    return [vector[start : start + 4].tobytes() for start in range(len(vector) - 3)]


@pytest.mark.parametrize("room", [10, 1000])
def test_no_file_has_a_forgotten_vector_and_all_others_are_found(tmp_path: Path, room: int) -> None:
    index = HnswIndex(DIMENSION, exact_up_to=0, room=room)
    vectors = saved(index, tmp_path)
    projected = Projection.load(tmp_path / "projection.npz")(vectors)
    before = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    assert all(piece in before for row in (3, 77) for piece in pieces(projected[row]))
    assert wipe(tmp_path, FORGOTTEN) == 2
    after = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    for row in (3, 77):
        assert not any(piece in after for piece in pieces(projected[row]) + pieces(vectors[row]))
    again = HnswIndex.load(tmp_path)
    assert len(again) == 298
    probes = np.delete(vectors, [3, 77], axis=0)
    assert again.search(probes, 1).labels[:, 0].tolist() == np.delete(np.arange(300), [3, 77]).tolist()
    again.add(labels(300, 302), vectors[[3, 77]])
    again.settle()
    assert again.search(vectors[[3, 77]], 1).labels[:, 0].tolist() == [300, 301]


def test_an_exact_index_is_wiped_too(tmp_path: Path) -> None:
    vectors = saved(ExactIndex(DIMENSION), tmp_path)
    assert wipe(tmp_path, FORGOTTEN) == 2
    after = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir()))
    assert vectors[3].tobytes() not in after
    assert len(ExactIndex.load(tmp_path)) == 298
    assert wipe(tmp_path, FORGOTTEN) == 0


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no exact or HNSW index"):
        wipe(tmp_path, FORGOTTEN)
    (tmp_path / "graph-0.bin").write_bytes(b"\0" * 200)
    with pytest.raises(ValueError, match="no graph of this version"):
        graph_layout(tmp_path / "graph-0.bin")
    (tmp_path / "graph-0.bin").write_bytes(b"\0")
    with pytest.raises(ValueError, match="too short"):
        graph_layout(tmp_path / "graph-0.bin")


def test_what_overwrites_a_vector_is_far_from_every_face() -> None:
    away = far_away(7, 64)
    assert np.linalg.norm(away) == pytest.approx(3.0)
    assert (away == far_away(7, 64)).all()
    assert not (away == far_away(8, 64)).any()
