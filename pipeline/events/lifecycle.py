"""The life of a sighting: tracks become sightings, sightings are named, published, revised and closed.

One `SightingBook` a camera. It is shown every frame's matches in order and answers with the events that are
due. Time is the frames' own: what it says depends on what it is shown, never on a clock.

    track seen ─> sighting ─┬─ named: `new` ──────────┬─> `update` (named, revised, withdrawn, better shot)
                            ├─ decide_after_s: `new`  ┘        │
                            └─ gone before min_seen_s: nothing └─> unseen for gap_s: `end`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from pipeline.arrays import F32
from pipeline.events.event import EventType, IdentityEvent
from pipeline.events.judging import Judging
from pipeline.events.pictures.shots import Shot
from pipeline.events.sighting import Sighting, SightingRules, distance_between, same_person
from pipeline.events.why.explanation import Explanation, explain
from pipeline.gallery.decision import Decision, assign_names
from pipeline.types import Candidate, FrameInfo, GalleryState, Matched


@dataclass(frozen=True, slots=True)
class Statement:
    """What an event is to say about a sighting at this moment."""

    type: EventType
    sighting: Sighting
    previous: Candidate | None
    """whom it was taken for before this event"""
    gallery: GalleryState


Write = Callable[[Statement], IdentityEvent]

NO_SHOTS: Mapping[int, Shot] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Closed:
    """A sighting that is over."""

    tracks: tuple[int, ...]
    number: int | None
    """None: it was never published"""
    identity: Candidate | None
    explanation: Explanation | None = None
    """of the name, or of why there is none"""


class SightingBook:
    """The open sightings of one camera."""

    def __init__(self, rules: SightingRules, write: Write) -> None:
        self._rules = rules
        self._write = write
        self._open: dict[int, Sighting] = {}
        self._by_track: dict[int, Sighting] = {}
        """the sighting of each track that is still followed"""
        self._orders = 0
        self._numbers = 0
        self._last_look_s = float("-inf")
        self.said: list[IdentityEvent] = []
        """events of the last call: where it raised, they were stated and not returned"""
        self._judging = Judging(rules)
        self.parted: list[Sighting] = []
        """those that turned out in the last frame to have been two people: their picture may be of the other"""

    @property
    def named_tracks(self) -> dict[int, str]:
        """Whom the tracks that are still followed are taken for: the person's id, of those that have a name."""
        return {t: s.named.person_id for t, s in self._by_track.items() if s.named is not None}

    def advance(
        self, item: Matched, shots: Mapping[int, Shot] = NO_SHOTS
    ) -> tuple[list[IdentityEvent], list[Closed]]:
        """Take in one frame; returns the events due and the sightings that are over.

        A track that is missing is gone: its id must not come back. `shots`: of this frame, by track.
        """
        self.parted, self.said = [], []
        self._judging.follow(item.gallery)
        for track in sorted(self._by_track.keys() - set(item.track_ids.tolist())):
            self._by_track.pop(track).let_go(track)
        self._observe(item)
        for match in item.matches:
            self._by_track[match.track_id].learn(match, shots.get(match.track_id))
        for track, shot in shots.items():
            self._by_track[track].glimpse(track, shot)
        self._rejoin()
        events = self._name(self._in_frame(item), item.info.pts_s)
        over = [s for s in self._open.values() if item.info.pts_s - s.last.pts_s > self._rules.gap_s]
        ended, closed = self._close(over)
        return events + ended, closed

    def finish(self) -> tuple[list[IdentityEvent], list[Closed]]:
        """The camera has ended or is away: close every open sighting. Numbers go on counting if it comes back."""
        self.said = []
        return self._close(list(self._open.values()))

    @property
    def going_on(self) -> int:
        """Sightings that are open and were told of."""
        return sum(sighting.number is not None for sighting in self._open.values())

    def state_of(self, number: int, write: Write) -> IdentityEvent | None:
        """What an event would say now of the open sighting of this number; None where there is none."""
        for sighting in self._open.values():
            if sighting.number == number:
                event = write(self._stated(EventType.UPDATE, sighting, sighting.named))
                return replace(event, explanation=self._explain(sighting, over=False))
        return None

    # taking in a frame

    def _observe(self, item: Matched) -> None:
        """Open a sighting for each new track; note where the others were found, and who shared this frame."""
        found = np.flatnonzero(item.observed)
        for row in found[np.argsort(item.track_ids[found])].tolist():
            track = int(item.track_ids[row])
            sighting = self._by_track.get(track)
            if sighting is None:
                sighting = self._open_sighting(track, item.info, item.faces.boxes[row])
            elif sighting.last.index == item.info.index:
                sighting = self._part(sighting, track, item.info, item.faces.boxes[row])
            sighting.see(item, row)
            self._last_look_s = item.info.pts_s
        here = [s for s in self._open.values() if s.last.index == item.info.index]
        for sighting in here:
            sighting.apart.update(other.order for other in here if other is not sighting)

    def _open_sighting(self, track: int, info: FrameInfo, box: F32) -> Sighting:
        self._orders += 1
        sighting = Sighting(self._orders, info, info, box, [track])
        self._open[sighting.order] = sighting
        self._by_track[track] = sighting
        return sighting

    def _part(self, joined: Sighting, track: int, info: FrameInfo, box: F32) -> Sighting:
        """Two tracks of one sighting in one frame are two people after all: this one leaves.

        Which of the two shared earlier frames with somebody is not known, so both stay apart from them.
        """
        leaver = self._open_sighting(track, info, box)
        joined.part(track, leaver)
        self.parted.append(joined)
        for order in joined.apart:
            self._open[order].apart.add(leaver.order)
        return leaver

    def _in_frame(self, item: Matched) -> list[Sighting]:
        """Sightings visible in this frame: found in it, or predicted and not missed by the latest look."""
        here = {s.order: s for t in item.track_ids.tolist() if (s := self._by_track.get(t)) is not None}
        return [here[order] for order in sorted(here) if here[order].last.pts_s >= self._last_look_s]

    def _rejoin(self) -> None:
        """Let a sighting that is not yet published continue one that was lost a moment ago."""
        fresh = [s for s in self._open.values() if s.number is None and s.last.pts_s >= self._last_look_s]
        for sighting in fresh:
            lost = [
                s for s in self._open.values() if s.last.pts_s < min(self._last_look_s, sighting.first.pts_s)
            ]
            likeness = [(d, s.order) for s in lost if (d := self._likeness(sighting, s)) is not None]
            if likeness:
                self._merge(self._open[min(likeness)[1]], sighting)

    def _likeness(self, fresh: Sighting, lost: Sighting) -> float | None:
        """Squared L2 between two sightings' templates where they may be one person, else None."""
        ours, theirs = fresh.evidence, lost.evidence
        if ours is None or theirs is None or lost.order in fresh.apart:
            return None
        if lost.named is not None and lost.named.person_id in self._ruled_out(fresh):
            return None
        who = fresh.decide(self._judging.rules_of(fresh)).identity
        distance = distance_between(ours, theirs)
        if who is not None and lost.named is not None:
            return None if who.person_id != lost.named.person_id else distance
        return distance if distance < self._rules.rejoin_distance else None

    def _merge(self, lost: Sighting, fresh: Sighting) -> None:
        lost.absorb(fresh)
        del self._open[fresh.order]
        for track in fresh.tracks:
            if track in self._by_track:
                self._by_track[track] = lost
        for other in self._open.values():
            if fresh.order in other.apart:
                other.apart.discard(fresh.order)
                other.apart.add(lost.order)

    # deciding

    def _name(self, here: list[Sighting], pts_s: float) -> list[IdentityEvent]:
        """Decide on every visible sighting together, and state what changed: names are taken before they are given."""
        allowed = [self._allowed(s, s.decide(self._judging.rules_of(s)), here) for s in here]
        statements = []
        for sighting, decision in zip(here, self._one_by_one(here, assign_names(allowed)), strict=True):
            previous, sighting.named = sighting.named, decision.identity
            kind = self._due(sighting, previous, pts_s)
            if kind is not None:
                statements.append(self._stated(kind, sighting, previous))
        statements.sort(key=lambda s: (s.sighting.named is not None, s.previous is None, s.sighting.order))
        return [self._publish(statement) for statement in statements]

    def _one_by_one(self, here: list[Sighting], decisions: Sequence[Decision]) -> list[Decision]:
        """Refuse, for this frame, a change from one name to another that somebody else here had until now.

        Two who were mixed up could not exchange their names event by event without one name being told of both
        in between. So both lose the wrong name in this frame and get the right one in the next.
        """
        holders = {s.named.person_id: s for s in here if s.named is not None}
        agreed = []
        for sighting, decision in zip(here, decisions, strict=True):
            who = decision.identity
            held = who is not None and holders.get(who.person_id, sighting) is not sighting
            exchange = held and sighting.named is not None
            agreed.append(replace(decision, identity=None) if exchange else decision)
        return agreed

    def _allowed(self, sighting: Sighting, decision: Decision, here: Iterable[Sighting]) -> Decision:
        """Refuse a name that a sighting which once shared a frame with this one carries out of sight."""
        who = decision.identity
        refused = who is not None and who.person_id in self._ruled_out(sighting, here)
        return replace(decision, identity=None) if refused else decision

    def _ruled_out(self, sighting: Sighting, but: Iterable[Sighting] = ()) -> set[str]:
        """Whom this sighting cannot be: who shared a frame with it, but for these, is or was taken for them."""
        others = (self._open[order] for order in sighting.apart.difference(s.order for s in but))
        return sighting.barred | {other.named.person_id for other in others if other.named is not None}

    def _due(self, sighting: Sighting, previous: Candidate | None, pts_s: float) -> EventType | None:
        """Which event, if any, this sighting owes now."""
        evidence = sighting.evidence
        if sighting.number is None:
            waited = pts_s - sighting.first.pts_s >= self._rules.decide_after_s
            ready = sighting.named is not None or waited
            return EventType.NEW if ready else None
        if not same_person(previous, sighting.named):
            return EventType.UPDATE
        if evidence is None or evidence.quality <= sighting.published_quality * self._rules.update_quality_by:
            return None
        return EventType.UPDATE

    def _stated(self, kind: EventType, sighting: Sighting, previous: Candidate | None) -> Statement:
        return Statement(kind, sighting, previous, self._judging.gallery_of(sighting))

    def _publish(self, statement: Statement) -> IdentityEvent:
        sighting = statement.sighting
        before = sighting.number, sighting.seq
        if sighting.number is None:
            self._numbers += 1
            sighting.number = self._numbers
        sighting.seq += 1
        evidence = sighting.evidence
        sighting.published_quality = evidence.quality if evidence is not None else 0.0
        try:
            why = self._explain(sighting, over=statement.type is EventType.END)
            self.said.append(replace(self._write(statement), explanation=why))
        except Exception:
            sighting.number, sighting.seq = before  # not told after all: no `end` without a `new`
            raise
        return self.said[-1]

    def _explain(self, sighting: Sighting, *, over: bool) -> Explanation:
        rules, gallery = self._judging.rules_of(sighting), self._judging.gallery_of(sighting)
        facts = sighting.facts(rules, gallery, over=over)
        return explain(facts, named=sighting.named is not None)

    # closing

    def _close(self, over: list[Sighting]) -> tuple[list[IdentityEvent], list[Closed]]:
        events: list[IdentityEvent] = []
        closed: list[Closed] = []
        for sighting in over:
            if sighting.number is None and self._worth_telling(sighting):
                decision = sighting.decide(self._judging.rules_of(sighting), last_chance=True)
                sighting.named = self._allowed(sighting, decision, ()).identity
                events.append(self._publish(self._stated(EventType.NEW, sighting, None)))
            if sighting.number is not None:
                end = self._stated(EventType.END, sighting, sighting.named)
                events.append(self._publish(end))
            why = self._explain(sighting, over=True)
            closed.append(Closed(tuple(sighting.tracks), sighting.number, sighting.named, why))
            self._forget(sighting)
        return events, closed

    def _worth_telling(self, sighting: Sighting) -> bool:
        """Too long for a passing false detection; a face never clear enough for one embedding has to stay longer."""
        seen_s = sighting.last.pts_s - sighting.first.pts_s
        unclear = sighting.evidence is None
        return seen_s >= (self._rules.decide_after_s if unclear else self._rules.min_seen_s)

    def _forget(self, sighting: Sighting) -> None:
        del self._open[sighting.order]
        for track in sighting.tracks:
            self._by_track.pop(track, None)
        for other in self._open.values():
            if sighting.order in other.apart:
                other.apart.discard(sighting.order)
                if sighting.named is not None:
                    other.barred.add(sighting.named.person_id)
