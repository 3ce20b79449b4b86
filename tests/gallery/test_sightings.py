"""Sightings in the database: what goes in comes out, and where it belongs by then."""

from __future__ import annotations

from pipeline.gallery.sighting_records import RunOfCamera, StrangerChange, StrangerChangeKind
from pipeline.gallery.sightings import Sightings
from pipeline.gallery.store import Store
from pipeline.gallery.strangers import Strangers
from tests.gallery.people import MODEL, template
from tests.gallery.sightings import sighting

ADDED, REMOVED = StrangerChangeKind.VECTOR_ADDED, StrangerChangeKind.VECTOR_REMOVED


def test_a_stranger_who_was_seen_is_known(store: Store) -> None:
    one = sighting(1)
    Sightings(store.database).write([one, sighting(2, face_of=2, stands=False)])
    known = Strangers(store.database).known(MODEL)
    assert known.stranger_ids == (one.stranger_id,)
    assert one.vector is not None
    assert known.vectors.tobytes() == one.vector.tobytes()
    assert known.version == Strangers(store.database).version() == 1
    (label,) = known.labels.tolist()
    assert Strangers(store.database).changes_since(0) == (
        StrangerChange(1, ADDED, one.stranger_id or "", label),
    )


def test_a_replay_writes_anew_and_unchanged_labels_stay(store: Store) -> None:
    run, other = RunOfCamera("door", "film"), RunOfCamera("yard", "film")
    kept, strangers = Sightings(store.database), Strangers(store.database)
    kept.replace_run([run], [sighting(1, run=run), sighting(2, run=run, face_of=2)])
    kept.replace_run([other], [sighting(1, run=other, face_of=3)])
    before = strangers.known(MODEL)
    assert strangers.known(MODEL, without=[run]).stranger_ids == ("s_000000000003",)
    kept.replace_run([run], [sighting(1, run=run), sighting(3, run=run, face_of=4)])
    after = strangers.known(MODEL)
    assert after.stranger_ids == ("s_000000000001", "s_000000000003", "s_000000000004")
    assert after.labels.tolist()[:2] == [before.labels[0], before.labels[2]]
    assert [change.kind for change in strangers.changes_since(before.version)] == [ADDED, REMOVED]


def test_somebody_forgotten_meanwhile_leaves_nothing(store: Store) -> None:
    ann = store.enroll("Ann", [template(1)]).person
    kept = Sightings(store.database)
    kept.write([sighting(1, person=ann.id), sighting(2, person="p_gone")])
    assert Strangers(store.database).known(MODEL).labels.tolist() == []
