"""The end of a model's templates: erased in pieces, never what somebody is found by."""

from __future__ import annotations

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.storage.records import ChangeKind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade import dropping
from pipeline.gallery.upgrade.dropping import drop_model
from pipeline.gallery.upgrade.re_embedding import ReEmbedding, untold
from pipeline.gallery.upgrade.waiting import count_kept
from tests.gallery.people import template
from tests.gallery.upgrade.kept import NEW, NEW_DIMENSION, OLD, TARGET, bare, described, fill


@pytest.fixture
def upgraded(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(dropping, "PIECE", 4)
    fill(store, 6)
    assert ReEmbedding(store, TARGET).switch(None) is not None
    return store


def test_the_templates_go_and_the_faces_stay(upgraded: Store) -> None:
    new = described(upgraded)
    told: list[tuple[int, int]] = []
    assert drop_model(upgraded, OLD, [NEW], lambda *at: told.append(at)) == 18
    assert told[0] == (4, 18)
    assert told[-1] == (18, 18)
    assert upgraded.templates_by_model() == {NEW: 18}
    assert described(upgraded) == new
    with upgraded.database.reading() as connection:
        assert count_kept(connection) == 18
    kinds = {change.kind for change in upgraded.changes_since(upgraded.version() - 18)}
    assert kinds == {ChangeKind.TEMPLATE_REMOVED}
    assert upgraded.problems() == ()
    assert drop_model(upgraded, OLD, [NEW], untold) == 0


def test_nothing_goes_while_somebody_is_known_by_it_alone(upgraded: Store) -> None:
    for number in range(12):
        upgraded.enroll(f"Old {number:02}", [bare(100 + number)])
    upgraded.enroll("Both", [bare(200), template(200, 1, NEW, NEW_DIMENSION)])
    with pytest.raises(
        GalleryError, match=r"^Old 00, .*, Old 09 and 2 more: known by old-1 alone, .* new photos"
    ):
        drop_model(upgraded, OLD, [NEW], untold)
    assert upgraded.templates_by_model()[OLD] == 18 + 12 + 1
    # Nor where the serving model only compares with it.
    with pytest.raises(GalleryError, match="known by old-1 alone"):
        drop_model(upgraded, OLD, [NEW, OLD], untold)


def test_what_serves_is_not_erased(upgraded: Store) -> None:
    with pytest.raises(GalleryError, match="new-1 serves; switch to another"):
        drop_model(upgraded, NEW, [NEW], untold)
    assert len(described(upgraded)) == 18


def test_a_drop_that_was_ended_goes_on(upgraded: Store) -> None:
    def end(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drop_model(upgraded, OLD, [NEW], end)
    assert upgraded.templates_by_model() == {NEW: 18, OLD: 14}
    assert drop_model(upgraded, OLD, [NEW], untold) == 14
    assert upgraded.problems() == ()
