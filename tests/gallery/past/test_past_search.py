"""Where a face was seen before: the index answers as a pass over the database does, whatever happens to either."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import update

from pipeline.errors import StoreError
from pipeline.gallery.past.past_index import PastFilter
from pipeline.gallery.past.past_ranking import Probe
from pipeline.gallery.past.past_search import Past
from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import gallery, sightings
from tests.gallery.made_past import EACH, PEOPLE, exact, fill, itself, label_of, labels, moment, probe, seen
from tests.gallery.people import MODEL, face, template

COUNT = PEOPLE * EACH
HOUR = PastFilter(moment(300), moment(360))
FILTERS = (
    PastFilter(),
    HOUR,
    PastFilter(cameras=frozenset({"yard"})),
    PastFilter(moment(300), moment(900), frozenset({"yard", "door"})),
    PastFilter(moment(5000)),
    PastFilter(cameras=frozenset({"roof"})),
)


@pytest.fixture(autouse=True)
def small_pasts_have_an_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.gallery.past.past_search.INDEX_FROM", 500)
    monkeypatch.setattr("pipeline.gallery.past.past_search.FIRST", 25)
    monkeypatch.setattr("pipeline.gallery.past.past_search.FIRST_COUNT", 1)
    monkeypatch.setattr("pipeline.gallery.past.past_search.CANDIDATES", 64)
    monkeypatch.setattr("pipeline.gallery.past.past_keeping.READ_AT_ONCE", 100)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a past; to be copied."""
    data = tmp_path_factory.mktemp("filled")
    with Store(data) as store:
        fill(store)
    return data


@pytest.fixture
def store(filled: Path, tmp_path: Path) -> Iterator[Store]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with Store(tmp_path) as opened:
        yield opened


def folders(data: Path) -> list[str]:
    """The kept indexes."""
    return sorted(each.name for each in (data / "index" / f"sightings-{MODEL}").iterdir())


@pytest.mark.parametrize("asked", FILTERS)
def test_the_index_answers_as_a_pass_over_the_database(
    store: Store, tmp_path: Path, asked: PastFilter
) -> None:
    past = Past(store.database, tmp_path, MODEL)
    for person in range(0, PEOPLE, 6):
        assert labels(past, probe(person), asked) == exact(store, probe(person), asked, 20)
    answer = past.search(probe(1), asked, 3)
    assert answer.certain
    assert answer.compared == len(exact(store, probe(1), asked, COUNT))
    assert [one.distance for one in answer.matches] == sorted(one.distance for one in answer.matches)
    assert all(one.similarity == 1.0 - one.distance / 2.0 for one in answer.matches)


def test_on_every_database(make_store: Callable[[], Store], tmp_path: Path) -> None:
    with make_store() as opened:
        fill(opened, 1100)
        for past in (Past(opened.database, tmp_path, MODEL), Past(opened.database, tmp_path, MODEL)):
            for asked in FILTERS[:4]:
                assert labels(past, probe(3), asked) == exact(opened, probe(3), asked, 20)
        assert len(folders(tmp_path)) == 1


def test_a_small_past_and_one_person_s_are_read_from_the_database(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Past(store.database, tmp_path, MODEL)
    of_one = PastFilter(stranger_id=seen(5).stranger_id)
    found = past.search(probe(5), of_one, 50)
    assert found.compared == len(found.matches) == EACH
    assert {one.sighting.stranger_id for one in found.matches} == {seen(5).stranger_id}
    monkeypatch.setattr("pipeline.gallery.past.past_search.INDEX_FROM", COUNT + 1)
    assert labels(past, probe(5), HOUR) == exact(store, probe(5), HOUR, 20)
    assert not (tmp_path / "index").exists()


def test_who_was_named_is_told_by_name(store: Store, tmp_path: Path) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    named = update(sightings).where(sightings.c.label == label_of(store, 7))
    with store.database.writing() as connection:
        connection.execute(named.values(person_id=ann.id, stranger_id=None))
    best = Past(store.database, tmp_path, MODEL).search(itself(seen(7)), PastFilter(), 1).matches[0]
    assert (best.name, best.sighting.person_id, best.distance) == ("Ann", ann.id, 0.0)
    assert best.sighting.vector is None


def test_new_sightings_are_found_at_once_and_kept_in_whole_pieces(store: Store, tmp_path: Path) -> None:
    past = Past(store.database, tmp_path, MODEL)
    past.refresh()
    before = folders(tmp_path)
    fill(store, 150, COUNT)
    new = itself(seen(COUNT + 149))
    assert labels(past, new, count=1) == [label_of(store, COUNT + 149)]
    other = Past(store.database, tmp_path, MODEL)
    assert labels(other, new, count=1) == [label_of(store, COUNT + 149)]
    assert folders(tmp_path) == before
    (kept,) = (tmp_path / "index" / f"sightings-{MODEL}").iterdir()
    assert f'"rows": {COUNT + 100}' in (kept / "manifest.json").read_text()


def test_what_a_replay_replaced_and_what_lost_its_vector_is_never_found(store: Store, tmp_path: Path) -> None:
    past = Past(store.database, tmp_path, MODEL)
    past.refresh()
    without = update(sightings).where(sightings.c.label == label_of(store, 61)).values(vector=None)
    with store.database.writing() as connection:
        connection.execute(without)
    Sightings(store.database).replace_run([RunOfCamera("door", "k3f9")], [seen(0), replace(seen(3), seq=3)])
    for reader in (past, Past(store.database, tmp_path, MODEL)):
        for person in (0, 1, 3):
            found = labels(reader, probe(person))
            assert found == exact(store, probe(person), PastFilter(), 20)
            assert label_of(store, 61) not in found
    assert Past(store.database, tmp_path, MODEL).not_comparable() <= 1


def test_where_most_is_gone_the_file_goes_too(store: Store, tmp_path: Path) -> None:
    past = Past(store.database, tmp_path, MODEL)
    past.refresh()
    fill(store, 60, COUNT)
    gone = update(sightings).where(sightings.c.label <= COUNT).values(vector=None)
    with store.database.writing() as connection:
        connection.execute(gone)
    assert labels(past, probe(7)) == exact(store, probe(7), PastFilter(), 20)
    assert folders(tmp_path) == []
    assert past.not_comparable() == COUNT


def test_a_sighting_that_went_on_is_found_by_its_end(store: Store, tmp_path: Path) -> None:
    begun = seen(COUNT, over=False)
    Sightings(store.database).write([begun])
    past = Past(store.database, tmp_path, MODEL)
    later = begun.seen_at + timedelta(hours=2)
    since = PastFilter(begun.seen_at + timedelta(hours=1))
    assert labels(past, itself(begun), since) == []
    Sightings(store.database).write([replace(begun, seen_at=later, seq=3, over=True)])
    assert labels(past, itself(begun), since) == [label_of(store, COUNT)]
    between = PastFilter(begun.seen_at + timedelta(minutes=5), begun.seen_at + timedelta(minutes=6))
    assert labels(past, itself(begun), between) == [label_of(store, COUNT)]


def test_a_restored_gallery_gets_an_index_of_its_own(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    past = Past(store.database, tmp_path, MODEL)
    past.refresh()
    before = folders(tmp_path)
    with store.database.writing() as connection:
        connection.execute(update(gallery).values(id="0" * 32))
    assert labels(past, probe(2)) == exact(store, probe(2), PastFilter(), 20)
    assert folders(tmp_path) != before
    assert "it is of another gallery" in caplog.text


def test_two_programs_at_once_share_one_file(store: Store, tmp_path: Path) -> None:
    def search(person: int) -> list[int]:
        with Store(tmp_path) as opened:
            return labels(Past(opened.database, tmp_path, MODEL), probe(person))

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(search, range(4)))
    assert found == [exact(store, probe(person), PastFilter(), 20) for person in range(4)]
    assert len(folders(tmp_path)) == 1


def test_where_it_cannot_be_kept_it_is_searched_in_memory(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "index").write_text("in the way")
    assert labels(Past(store.database, tmp_path, MODEL), probe(2)) == exact(store, probe(2), PastFilter(), 20)
    assert "is not kept there" in caplog.text
    assert labels(Past(store.database, None, MODEL), probe(2)) == exact(store, probe(2), PastFilter(), 20)


def test_a_full_disk_leaves_what_is_kept_and_the_answer_whole(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Past(store.database, tmp_path, MODEL).refresh()
    before = folders(tmp_path)
    fill(store, 300, COUNT)
    monkeypatch.setattr("pipeline.gallery.past.past_file.os.fsync", no_space)
    assert labels(Past(store.database, tmp_path, MODEL), probe(2)) == exact(store, probe(2), PastFilter(), 20)
    monkeypatch.undo()
    assert "new sightings are not kept there" in caplog.text
    assert folders(tmp_path) == before
    monkeypatch.setattr("pipeline.gallery.past.past_search.INDEX_FROM", 500)
    assert labels(Past(store.database, tmp_path, MODEL), probe(2)) == exact(store, probe(2), PastFilter(), 20)


def no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_vectors_of_two_models_are_never_compared(store: Store, tmp_path: Path) -> None:
    past = Past(store.database, tmp_path, MODEL)
    with pytest.raises(ValueError, match="the probe is of model-b"):
        past.search(Probe(face(1), "model-b"), PastFilter(), 5)
    Sightings(store.database).write([replace(seen(COUNT), model_id="model-b")])
    other = replace(itself(seen(COUNT)), comparable="model-b")
    found = Past(store.database, tmp_path, "model-b").search(other, PastFilter(), 20)
    assert [one.label for one in found.matches] == [label_of(store, COUNT)]
    assert not list(
        (tmp_path / "index").glob("sightings-model-b/*")
    )  # its one vector would be whole in there
    assert label_of(store, COUNT) not in labels(past, itself(seen(COUNT)))
    assert past.not_comparable() == 1
    assert Past(store.database, tmp_path, "model-b").not_comparable() == COUNT


def test_a_probe_of_another_length_is_told_of(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.gallery.past.past_search.INDEX_FROM", COUNT + 1)
    short = np.zeros(8, np.float32)
    short[0] = 1.0
    with pytest.raises(StoreError, match="sightings of 64 numbers, and model-a has 8; run doctor"):
        Past(store.database, tmp_path, MODEL).search(Probe(short, MODEL), PastFilter(), 5)


def test_strangers_who_are_ignored_are_found_too(store: Store, tmp_path: Path) -> None:
    Strangers(store.database).ignore(str(seen(5).stranger_id))
    past = Past(store.database, tmp_path, MODEL)
    assert past.search(probe(5), PastFilter(), 1).matches[0].sighting.stranger_id == seen(5).stranger_id
