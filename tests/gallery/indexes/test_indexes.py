"""The contract of every index. `plain`, a Python loop in float64, is the truth all are held to.

What is kept is in test_indexes_kept.py, searching beside a writer in test_indexes_beside.py.
"""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.indexes.choose import INDEXES, choose_index
from pipeline.gallery.indexes.exact import BLOCK_ROWS, ExactIndex
from tests.gallery.index_kinds import DIMENSION, MAKERS, Make, faces, labels, plain, plain_labels, unit


@pytest.fixture(params=MAKERS)
def make(request: pytest.FixtureRequest) -> Make:
    return MAKERS[request.param]


def test_an_empty_index_answers_with_nothing(make: Make) -> None:
    found = make().search(faces(2, 1, seed=1), 3)
    assert found.labels.tolist() == [[-1] * 3] * 2
    assert found.distances.tolist() == [[np.inf] * 3] * 2


def test_no_probe_gets_no_row(make: Make) -> None:
    index = make()
    index.add(labels(0, 4), faces(4, 1, seed=1))
    found = index.search(np.zeros((0, DIMENSION), np.float32), 3)
    assert found.labels.shape == found.distances.shape == (0, 3)


def test_adding_nothing_changes_nothing(make: Make) -> None:
    index = make()
    index.add(labels(0, 0), np.zeros((0, DIMENSION), np.float32))
    assert len(index) == 0


def test_finds_what_a_plain_loop_finds(make: Make) -> None:
    vectors, probes = faces(60, 5, seed=1), faces(60, 1, seed=2)
    index = make()
    index.add(labels(0, 300), vectors)
    found = index.search(probes, 8)
    truth = [plain(dict(enumerate(vectors)), probe, 8) for probe in probes]
    assert found.labels.tolist() == [[label for _, label in row] for row in truth]
    np.testing.assert_allclose(
        found.distances, [[distance for distance, _ in row] for row in truth], atol=1e-6
    )


def test_a_batch_and_its_probes_alone_give_the_same_bits(make: Make) -> None:
    index = make()
    index.add(labels(0, 300), faces(60, 5, seed=1))
    probes = faces(60, 1, seed=2)
    together = index.search(probes, 5)
    for row, probe in enumerate(probes):
        alone = index.search(probe[None], 5)
        assert alone.labels.shape == (1, 5)
        assert alone.labels[0].tolist() == together.labels[row].tolist()
        assert alone.distances[0].tobytes() == together.distances[row].tobytes()


def test_all_indexes_give_the_same_bits() -> None:
    probes = faces(60, 1, seed=2)
    answers = set()
    for maker in MAKERS.values():
        index = maker()
        index.add(labels(0, 300), faces(60, 5, seed=1))
        found = index.search(probes, 5)
        answers.add((found.labels.tobytes(), found.distances.tobytes()))
    assert len(answers) == 1


def test_the_same_calls_give_the_same_answers(make: Make) -> None:
    def run() -> bytes:
        index = make()
        index.add(labels(0, 1500), faces(300, 5, seed=1))
        index.remove(labels(100, 400))
        index.add(labels(2000, 2300), faces(300, 1, seed=3))
        index.settle()
        return index.search(faces(300, 1, seed=2), 10).labels.tobytes()

    assert run() == run()


def test_more_than_there_is_ends_in_padding(make: Make) -> None:
    index = make()
    index.add(labels(5, 8), faces(3, 1, seed=1))
    found = index.search(faces(3, 1, seed=1)[:1], 5)
    assert found.labels[0, 0] == 5
    assert sorted(found.labels[0, :3].tolist()) == [5, 6, 7]
    assert found.labels[0, 3:].tolist() == [-1, -1]
    assert found.distances[0, 3:].tolist() == [np.inf, np.inf]


def test_distances_stay_within_zero_and_four(make: Make) -> None:
    index = make()
    vector = unit(np.random.default_rng(1).normal(size=(1, DIMENSION)))
    index.add(labels(0, 2), np.concatenate((vector, -vector)))
    found = index.search(vector, 2)
    assert found.distances.dtype == np.float32
    assert found.distances[0, 0] == 0.0
    assert 3.9999 < found.distances[0, 1] <= 4.0


def test_removed_templates_are_not_found(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 300), vectors)
    index.remove(labels(0, 120))
    assert len(index) == 180
    found = index.search(vectors, 4)
    assert found.labels.min() >= 120
    kept = {label: vectors[label] for label in range(120, 300)}
    assert found.labels[250].tolist() == [label for _, label in plain(kept, vectors[250], 4)]


def test_everything_removed_is_empty_again(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 300), vectors)
    index.remove(labels(0, 300)[::-1].copy())
    assert len(index) == 0
    assert index.search(vectors[:1], 2).labels.tolist() == [[-1, -1]]
    index.add(labels(7, 8), vectors[:1])
    assert index.search(vectors[:1], 1).labels.tolist() == [[7]]


def test_a_removed_label_may_come_back_with_another_vector(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 299), vectors[:299])
    index.remove(labels(3, 4))
    index.add(labels(3, 4), vectors[299:])
    assert index.search(vectors[299:], 1).labels.tolist() == [[3]]
    assert index.search(vectors[3:4], 299).labels[0, -1] != -1
    assert index.search(vectors[3:4], 1).distances[0, 0] > 0.0


def test_random_adds_and_removes_agree_with_a_dictionary(make: Make) -> None:
    rng = np.random.default_rng(11)
    index, truth = make(), dict[int, F32]()
    pool = faces(100, 4, seed=5)
    following = 0
    for _ in range(60):
        if truth and rng.random() < 0.45:
            gone = rng.choice(sorted(truth), size=min(len(truth), int(rng.integers(1, 25))), replace=False)
            index.remove(gone.astype(np.int64))
            for label in gone.tolist():
                del truth[label]
        else:
            rows = rng.choice(len(pool), size=int(rng.integers(1, 30)), replace=False)
            new = labels(following, following + len(rows))
            following += len(rows)
            index.add(new, pool[rows])
            truth.update(zip(new.tolist(), pool[rows], strict=True))
        assert len(index) == len(truth)
        probe = pool[int(rng.integers(len(pool)))]
        nearest = index.search(probe[None], 1).distances[0, 0]
        expected = plain(truth, probe, 1)
        assert nearest == (pytest.approx(expected[0][0], abs=1e-6) if expected else np.inf)


def test_duplicates_are_all_found_in_order_of_label(make: Make) -> None:
    vectors = np.repeat(faces(20, 1, seed=1), 50, axis=0)
    index = make()
    index.add(labels(0, 1000)[::-1].copy(), vectors[::-1].copy())
    found = index.search(vectors[:1], 5)
    assert found.distances.tolist() == [[0.0] * 5]
    assert set(found.labels[0].tolist()) <= set(range(50))
    assert found.labels[0].tolist() == sorted(found.labels[0].tolist())
    assert sorted(index.search(vectors[:1], 1000).labels[0].tolist()) == list(range(1000))


def test_nearly_always_the_nearest_among_thousands(make: Make) -> None:
    vectors, probes = faces(800, 5, seed=1), faces(800, 1, seed=2)
    index, exact = make(), ExactIndex(DIMENSION)
    for some in (index, exact):
        some.add(labels(0, 4000), vectors)
    agree = index.search(probes, 1).labels == exact.search(probes, 1).labels
    assert agree.mean() >= 0.99


def test_only_the_named_are_found_among_them(make: Make) -> None:
    vectors, probes = faces(60, 5, seed=1), faces(60, 1, seed=2)
    index = make()
    index.add(labels(0, 300), vectors)
    for named in (labels(0, 300)[::7], labels(250, 300), labels(10, 11), labels(0, 300)):
        known = {label: vectors[label] for label in named.tolist()}
        found = index.search(probes, 3, among=named)
        for row, probe in enumerate(probes):
            expected = plain_labels(known, probe, 3)
            assert found.labels[row].tolist() == expected + [-1] * (3 - len(expected))


def test_names_that_are_not_there_are_passed_over(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 300), vectors)
    found = index.search(vectors[:2], 2, among=np.array([1, 5, 900], np.int64))
    assert found.labels.tolist() == [[1, 5], [1, 5]]
    nobody = index.search(vectors[:2], 2, among=np.array([900], np.int64))
    assert nobody.labels.tolist() == [[-1, -1]] * 2
    assert index.search(vectors[:1], 1, among=np.empty(0, np.int64)).labels.tolist() == [[-1]]


def test_a_removed_template_is_not_found_among_the_named_either(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 300), vectors)
    named = labels(0, 10)
    assert index.search(vectors[3:4], 1, among=named).labels.tolist() == [[3]]
    index.remove(labels(3, 4))
    index.add(labels(300, 301), vectors[3:4])  # which may take its place
    assert index.search(vectors[3:4], 1, among=named).labels[0, 0] in {0, 1, 2, 4}


def test_a_hint_changes_no_answer(make: Make) -> None:
    index = make()
    index.add(labels(0, 300), faces(60, 5, seed=1))
    probes = faces(60, 1, seed=2)
    hints = np.resize(np.array([-1, 3, 299, 5000], np.int64), 60)
    assert index.search(probes, 2, near=hints).labels.tolist() == index.search(probes, 2).labels.tolist()


def test_vectors_are_given_back_as_they_were(make: Make) -> None:
    vectors = faces(60, 5, seed=1)
    index = make()
    index.add(labels(0, 300), vectors)
    index.remove(labels(0, 10))
    index.add(labels(400, 405), vectors[:5])
    picked = np.array([299, 10, 402], np.int64)
    assert index.vectors(picked).tobytes() == vectors[[299, 10, 2]].tobytes()
    assert index.vectors(labels(0, 0)).shape == (0, DIMENSION)
    for unknown in (3, 700, -1):
        with pytest.raises(KeyError, match=str(unknown)):
            index.vectors(np.array([10, unknown], np.int64))


def test_a_gallery_of_several_blocks_is_searched_whole() -> None:
    narrow = 4
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(BLOCK_ROWS + 10, narrow)))
    index = ExactIndex(narrow)
    index.add(labels(0, len(vectors)), vectors)
    ends = np.array([0, BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 9])
    assert index.search(vectors[ends], 1).labels[:, 0].tolist() == ends.tolist()


def test_a_label_that_is_there_is_refused_and_nothing_added(make: Make) -> None:
    index = make()
    index.add(labels(0, 3), faces(3, 1, seed=1))
    with pytest.raises(ValueError, match="label 2 is in the index already"):
        index.add(labels(2, 5), faces(3, 1, seed=2))
    with pytest.raises(ValueError, match="differ"):
        index.add(np.array([8, 8], np.int64), faces(2, 1, seed=2))
    assert len(index) == 3


def test_a_label_that_is_not_there_cannot_be_removed_and_nothing_is(make: Make) -> None:
    index = make()
    index.add(labels(0, 3), faces(3, 1, seed=1))
    for gone in ([1, 9], [1, 1]):
        with pytest.raises(KeyError):
            index.remove(np.array(gone, np.int64))
    assert len(index) == 3
    assert index.search(faces(3, 1, seed=1)[1:2], 1).labels.tolist() == [[1]]


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.ones((2, DIMENSION), np.float32), "length 1"),
        (np.full((2, DIMENSION), np.nan, np.float32), "length 1"),
        (np.ones((2, DIMENSION), np.float64), "float32"),
        (np.ones((2, DIMENSION + 1), np.float32), "float32"),
        (np.ones(DIMENSION, np.float32), "float32"),
    ],
)
def test_what_is_no_unit_vector_is_refused(make: Make, vectors: F32, message: str) -> None:
    index = make()
    with pytest.raises(ValueError, match=message):
        index.add(labels(0, 2), vectors)
    with pytest.raises(ValueError, match=message):
        index.search(vectors, 1)


def test_nonsense_labels_and_counts_are_refused(make: Make) -> None:
    index = make()
    with pytest.raises(ValueError, match="negative"):
        index.add(np.array([-1], np.int64), faces(1, 1, seed=1))
    with pytest.raises(ValueError, match="labels must be int64"):
        index.add(labels(0, 2), faces(1, 1, seed=1))
    with pytest.raises(ValueError, match="count"):
        index.search(faces(1, 1, seed=1), 0)


@pytest.mark.parametrize("kind", INDEXES)
def test_an_index_is_chosen_by_name(kind: str) -> None:
    index = choose_index(kind, 8)
    assert (len(index), index.dimension) == (0, 8)


def test_an_unknown_index_names_those_there_are() -> None:
    with pytest.raises(GalleryError, match="'mlan'; there are hnsw, mlann, exact"):
        choose_index("mlan", 8)
