"""Kept faces described by another model while the gallery is in use, and the switch at the end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import update

from pipeline.arrays import F32
from pipeline.errors import GalleryError
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.storage.tables import crops
from pipeline.gallery.upgrade import re_embedding
from pipeline.gallery.upgrade.left_behind import left_behind
from pipeline.gallery.upgrade.re_embedding import FaceImage, ReEmbedding, Target
from pipeline.gallery.upgrade.waiting import count_kept, waiting
from tests.gallery.upgrade.kept import NEW, OLD, TARGET, bare, described, embed, fill, kept


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(re_embedding, "PIECE", 4)


def waits(store: Store) -> tuple[int, ...]:
    with store.database.reading() as connection:
        return waiting(connection, NEW)


def test_every_kept_face_gets_a_template_like_its_own(store: Store) -> None:
    fill(store, 8)
    told: list[tuple[int, int]] = []
    assert len(waits(store)) == 21
    done = ReEmbedding(store, TARGET, lambda *at: told.append(at)).switch(None)
    assert done is not None
    assert store.serving() == done
    assert (done.model, done.model_id) == ("new", NEW)
    assert told == [(4, 21), (8, 21), (12, 21), (16, 21), (20, 21), (21, 21)]
    assert waits(store) == ()
    for one in store.people():
        old, new = (store.templates_of(one.person.id, model_id) for model_id in (OLD, NEW))
        assert len(old) == 3
        said = [[(each.image_sha256, each.quality, each.source) for each in some] for some in (old, new)]
        assert said[1] == ([] if one.person.name == "P6" else said[0])
        for each in new:
            crop = store.crop(each.label)
            assert crop is not None
            assert store.crop(old[new.index(each)].label) is not None
    with store.database.reading() as connection:
        assert count_kept(connection) == 21  # none is kept twice
        assert [one.name for one in left_behind(connection, [NEW])] == ["P6"]
    assert store.changes_since(store.version() - 1)[0].kind is ChangeKind.MODEL_SERVED
    assert store.problems() == ()


def test_a_run_that_was_ended_goes_on_where_it_was(store: Store) -> None:
    fill(store, 5)
    asked: list[int] = []

    def stopped() -> bool:
        asked.append(1)
        return len(asked) > 2

    assert ReEmbedding(store, TARGET, stopped=stopped).switch(None) is None
    assert len(described(store)) == 8
    assert store.serving() is None
    seen: list[int] = []

    def counted(faces: Sequence[FaceImage]) -> F32:
        seen.append(len(faces))
        return embed(faces)

    assert ReEmbedding(store, Target("new", NEW, counted)).switch(None) is not None
    assert sum(seen) == 7
    assert len(described(store)) == 15


def test_what_others_do_meanwhile_is_right_at_the_switch(
    store: Store, make_store: Callable[[], Store]
) -> None:
    fill(store, 6)
    ids = {one.person.name: one.person.id for one in store.people()}
    steps = iter(
        [
            lambda other: other.forget(ids["P0"]),
            lambda other: other.merge(ids["P1"], ids["P5"]),
            lambda other: other.enroll("Late", [kept(50), kept(50, 1)]),
            lambda other: other.enroll("P2", [kept(2, 9), bare(2, 10)]),
            lambda other: other.rename(ids["P3"], "Renamed"),
        ]
    )

    def while_others_write(faces: Sequence[FaceImage]) -> F32:
        step = next(steps, None)
        if step is not None:
            # A run embeds outside of every transaction, but for the last few faces.
            thread = threading.Thread(target=lambda: run_step(make_store, step))
            thread.start()
            thread.join()
        return embed(faces)

    assert ReEmbedding(store, Target("new", NEW, while_others_write)).switch(None) is not None
    assert next(steps, None) is None
    counts = {one.person.name: len(store.templates_of(one.person.id, NEW)) for one in store.people()}
    assert counts == {"P2": 4, "Renamed": 3, "P4": 3, "P5": 6, "Late": 2}
    again = described(store)
    assert ReEmbedding(store, TARGET).switch(store.serving()) is not None
    assert described(store) == again
    assert store.problems() == ()


def run_step(make_store: Callable[[], Store], step: Callable[[Store], object]) -> None:
    with make_store() as other:
        step(other)


def test_who_came_after_the_last_look_is_described_in_the_switch(
    store: Store, make_store: Callable[[], Store]
) -> None:
    fill(store, 2)
    run = ReEmbedding(store, TARGET)
    assert run.prepare()
    run.prepare = lambda: True  # type: ignore[method-assign]
    store.enroll("Late", [kept(50)])
    assert run.switch(None) is not None
    assert waits(store) == ()
    assert len(store.templates_of(store.find("Late").id, NEW)) == 1


def test_many_who_come_are_described_before_the_gallery_is_locked(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(re_embedding, "IN_THE_SWITCH", 2)
    fill(store, 2)
    rounds: list[bool] = []
    prepare = ReEmbedding.prepare

    def prepared(run: ReEmbedding) -> bool:
        done = prepare(run)
        if not rounds:
            store.enroll("Late", [kept(50, shot) for shot in range(5)])
        rounds.append(done)
        return done

    monkeypatch.setattr(ReEmbedding, "prepare", prepared)
    assert ReEmbedding(store, TARGET).switch(None) is not None
    assert rounds == [True, True]
    assert waits(store) == ()


def test_a_gallery_that_another_switched_is_not_switched(store: Store) -> None:
    fill(store, 1)
    store.serve("third", "third-1")
    with pytest.raises(GalleryError, match="upgrade --status"):
        ReEmbedding(store, TARGET).switch(None)
    now = store.serving()
    assert now is not None
    assert now.model == "third"


def test_a_kept_face_that_is_no_picture_is_told_and_stops_nobody(store: Store) -> None:
    fill(store, 2)
    label = store.templates_of(store.find("P0").id)[1].label
    with store.database.writing() as connection:
        connection.execute(update(crops).where(crops.c.label == label).values(png=b"no picture"))
    run = ReEmbedding(store, TARGET)
    assert run.switch(None) is not None
    assert run.progress.unreadable == [label]
    assert len(described(store)) == 5


def test_no_more_templates_of_a_person_than_are_kept(store: Store) -> None:
    fill(store, 2, shots=5)
    store.max_templates = 3
    run = ReEmbedding(store, TARGET)
    assert run.switch(None) is not None
    assert {len(store.templates_of(one.person.id, NEW)) for one in store.people()} == {3}
    assert run.progress.redundant == 4
    with store.database.reading() as connection:
        assert count_kept(connection) == 10  # those of dropped templates stay with the old ones


def test_a_face_enrolled_by_both_models_is_described_once(store: Store) -> None:
    store.enroll("Ann", [kept(1), kept(1, 0, "third-1")])
    assert len(waits(store)) == 2
    assert ReEmbedding(store, TARGET).switch(None) is not None
    assert len(described(store)) == 1
    assert waits(store) == ()
