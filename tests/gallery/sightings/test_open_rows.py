"""Sightings that are not over, of one data folder's runs alone."""

from __future__ import annotations

from pipeline.gallery.sightings.sighting_records import RunOfCamera
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.storage.store import Store
from tests.gallery.made_sightings import LIVE, sighting

OTHER = RunOfCamera("hall", "k3f9")


def test_open_ones_of_these_runs_are_found_and_closed(store: Store) -> None:
    kept = Sightings(store.database)
    kept.write([sighting(1, over=False), sighting(2), sighting(3, run=OTHER, over=False)])
    (row,) = kept.left_open({LIVE})
    assert (row.sighting.sighting_id, row.sighting.over, row.told_seq) == ("door:k3f9:1", False, 2)
    assert row.sighting.vector is not None
    kept.close(["door:k3f9:1", "door:k3f9:2", "nobody:x:1"])
    assert kept.left_open({LIVE}) == ()
    assert [each.sighting.camera for each in kept.left_open({LIVE, OTHER})] == ["hall"]
    assert kept.left_open(()) == ()
