"""Clips through the whole pipeline, and each sighting held against who is seen there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines.evaluation.sightings import JudgedSighting, Said, majority
from pipeline.commands.context import Context
from pipeline.commands.evaluations.clip_truth import Clip, Truth
from pipeline.errors import OutsideError
from pipeline.geometry import fraction_box

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.assemble.recognition import Recognition
    from pipeline.events.event import IdentityEvent
    from pipeline.events.stage import Outcome
    from pipeline.gallery.memory.replica import Replica


@dataclass(frozen=True, slots=True)
class ClipSighting:
    """A sighting of a clip, judged."""

    clip: str
    number: int
    """counts the clip's published sightings from 1"""
    faces: int
    """times that it was found by the detector"""
    distance: float | None
    """squared L2 to the nearest person of the gallery, at its end"""
    threshold: float
    """squared L2 below which a name was given"""
    judged: JudgedSighting


@dataclass(frozen=True, slots=True)
class Unseen:
    """Somebody is in the watched part of a clip, and no sighting tells of it."""

    clip: str
    who: str


@dataclass(frozen=True, slots=True)
class Watching:
    """What a run over some clips said."""

    sightings: tuple[ClipSighting, ...]
    unseen: tuple[Unseen, ...]
    """enrolled or not"""


class Places:
    """Observes whose face was found where, by the truth, and which sighting its track became."""

    def __init__(self, clips: Mapping[str, Clip]) -> None:
        """`clips` by camera."""
        self._clips = clips
        self._shown: dict[tuple[str, int], list[str | None]] = {}
        """by camera and track: whom each found face shows"""
        self._tracks: dict[tuple[str, int], tuple[int, ...]] = {}
        """by camera and sighting"""

    def __call__(self, outcome: Outcome) -> None:
        """Take in one frame."""
        info, clip = outcome.info, self._clips[outcome.camera]
        for row in np.flatnonzero(outcome.observed).tolist():
            x0, y0, x1, y1 = fraction_box(outcome.boxes[row], info.width, info.height)
            who = clip.who(info.pts_s, (x0 + x1) / 2, (y0 + y1) / 2)
            self._shown.setdefault((info.camera, int(outcome.track_ids[row])), []).append(who)
        for closed in outcome.closed:
            if closed.number is not None:
                self._tracks[info.camera, closed.number] = closed.tracks

    def shown(self, camera: str, number: int) -> list[str | None]:
        """Whom each face of a sighting that is over shows; None for nobody."""
        tracks = self._tracks[camera, number]
        return [who for track in tracks for who in self._shown.get((camera, track), ())]


def watch(
    context: Context,
    recognition: Recognition,
    gallery: Replica,
    truth: Truth,
    videos: Path,
    clips: Sequence[str],
    enrolled: frozenset[str],
) -> Watching:
    """Run the watched parts of these clips at once, each a camera, and judge what was said.

    `enrolled`: the truth's people whom the gallery knows. Raises SourceError for a clip that cannot be read,
    OutsideError for one that breaks off.
    """
    from pipeline.assemble.run import RunPlan, build_run
    from pipeline.capture.file import FileSource
    from pipeline.capture.naming import name_cameras
    from pipeline.commands.thresholds import naming
    from pipeline.events.event import Mode
    from pipeline.events.memory_sink import MemorySink
    from pipeline.gallery.memory.pinned import PinnedGallery

    names = {
        camera: clip
        for clip, (camera, _) in zip(clips, name_cameras([str(videos / clip) for clip in clips]), strict=True)
    }
    parts = {camera: truth.clips[clip] for camera, clip in names.items()}
    places, sink = Places(parts), MemorySink()
    with ExitStack() as opened:
        sources, starts, runs = [], {}, {}
        for camera, clip in names.items():
            span = parts[camera].watched
            source = FileSource(videos / clip, camera, start_s=span.from_s, end_s=span.to_s)
            opened.callback(source.close)
            info = source.open()
            sources.append(source)
            starts[camera], runs[camera] = info.started_at, info.recording_id
        max_distance = naming(context.config, context.data, gallery.own_pairs).max_distance
        plan = RunPlan(Mode.REPLAY, runs, True, [sink], [places])
        pinned = PinnedGallery(gallery, max_distance)
        with build_run(context.config, recognition, pinned, plan).supervisor as supervisor:
            supervisor.start(sources)
            report = supervisor.wait()
    for problem in report.problems:
        raise OutsideError(str(problem.error))
    return _judge(sink.events, names, starts, places, truth, enrolled)


def _judge(
    events: Sequence[IdentityEvent],
    names: Mapping[str, str],
    starts: Mapping[str, datetime],
    places: Places,
    truth: Truth,
    enrolled: frozenset[str],
) -> Watching:
    """The events of all clips, a sighting each, against the truth."""
    told: dict[str, list[IdentityEvent]] = {}
    for event in events:
        told.setdefault(event.sighting_id, []).append(event)
    seen: set[tuple[str, str | None]] = set()
    sightings = []
    for its in told.values():
        camera, number = its[0].camera, int(its[0].sighting_id.rpartition(":")[2])
        shown = places.shown(camera, number)
        most = majority(shown)
        judged = JudgedSighting(
            person=most.person,
            enrolled=most.person in enrolled,
            purity=most.share,
            from_s=(its[0].first_seen_at - starts[camera]).total_seconds(),
            said=tuple(
                Said(e.frame.pts_s, e.frame.index, None if e.identity is None else e.identity.name)
                for e in its
            ),
        )
        clip, last = names[camera], its[-1]
        seen.add((clip, most.person))
        sightings.append(ClipSighting(clip, number, len(shown), last.distance, last.threshold, judged))
    there = [(clip, who) for clip in names.values() for who in truth.clips[clip].people]
    unseen = tuple(Unseen(clip, who) for clip, who in there if (clip, who) not in seen)
    return Watching(tuple(sightings), unseen)
