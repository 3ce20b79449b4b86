"""Who has templates, but none that the serving embedder's faces can be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.gallery.comparable import known_by_others_alone
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.left_behind import LeftBehind, left_behind
from tests.gallery.people import template

OLD, NEW = "old-1", "new-1"


def behind(store: Store, model_ids: Sequence[str]) -> tuple[LeftBehind, ...]:
    with store.database.reading() as connection:
        return left_behind(connection, model_ids)


def test_only_people_without_a_template_of_these_models(store: Store) -> None:
    bob = store.enroll("bob", [template(2, 0, OLD), template(2, 1, OLD)])
    ann = store.enroll("Ann", [template(1, 0, OLD)])
    store.enroll("Cleo", [template(3, 0, OLD), template(3, 0, NEW)])
    assert behind(store, [NEW]) == (
        LeftBehind(ann.person.id, "Ann", (OLD,), ann.labels),
        LeftBehind(bob.person.id, "bob", (OLD,), bob.labels),
    )
    assert behind(store, [NEW, OLD]) == ()
    store.enroll("Ann", [template(1, 0, NEW)])
    assert [one.name for one in behind(store, [NEW])] == ["bob"]
    assert [one.name for one in behind(store, [])] == ["Ann", "bob", "Cleo"]


def test_somebody_without_any_template_is_not_left_behind(store: Store) -> None:
    store.enroll("Ann", [template(1, 0, OLD)])
    with store.database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM crops")
        connection.exec_driver_sql("DELETE FROM templates")
    assert behind(store, [NEW]) == ()


def test_no_row_of_the_table_is_read_to_know_who(tmp_path: Path) -> None:
    """Each holds a vector: of a million people that would be all of the file, at every change of the gallery."""
    with Store(tmp_path) as store, store.database.reading() as connection:
        for models in (NEW, (NEW, OLD)):
            asked = known_by_others_alone(models).compile(
                connection.engine, compile_kwargs={"literal_binds": True}
            )
            steps = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}").all()
            assert [row.detail.startswith("SCAN templates USING COVERING INDEX") for row in steps] == [True]
