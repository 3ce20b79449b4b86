"""Made-up sightings for the tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.gallery.sightings.sighting_records import RunOfCamera, Sighting
from pipeline.gallery.sightings.stranger_naming import NamingRules
from tests.gallery.people import MODEL, face

RULES = NamingRules(max_distance=1.2, min_quality=0.4, max_templates=3)
LIVE = RunOfCamera("door", "k3f9")
BEGUN = datetime(2026, 5, 1, 9, tzinfo=UTC)


def sighting(
    number: int,
    stranger: str | None = None,
    *,
    person: str | None = None,
    face_of: int = 1,
    run: RunOfCamera = LIVE,
    seq: int = 2,
    stands: bool = True,
    quality: float = 0.7,
    over: bool = True,
) -> Sighting:
    """The sighting of this number: of a stranger, of a person, or of the stranger who is new in it.

    One of a run whose name begins with film is a replay's.
    """
    sighting_id = f"{run.camera}:{run.run}:{number}"
    if stranger is None and person is None:
        stranger = f"s_{face_of:012x}"
    return Sighting(
        sighting_id=sighting_id,
        camera=run.camera,
        run=run.run,
        mode="replay" if run.run.startswith("film") else "live",
        seq=seq,
        person_id=person,
        stranger_id=stranger,
        distance=None if person is None else 0.61,
        threshold=1.0,
        frames_fused=4,
        quality=quality,
        box=(0.25, 0.25, 0.5, 0.75),
        frame_index=25 * number,
        pts_s=float(number),
        width=1280,
        height=720,
        first_seen_at=BEGUN + timedelta(seconds=number),
        seen_at=BEGUN + timedelta(seconds=number, milliseconds=500),
        detector="centerface",
        model_id=MODEL,
        gallery_version=3,
        snapshot=None,
        vector=face(face_of, number),
        stands=stands,
        over=over,
    )
