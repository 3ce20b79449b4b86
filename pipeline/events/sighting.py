"""A sighting: one person seen by one camera without a long gap, and the evidence for who it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.arrays import F32
from pipeline.events.pictures.shots import Kept, Shot, best_shot
from pipeline.events.why.shortfall import BestLook, Facts, Limits, Near
from pipeline.gallery.decision import Decision, decide
from pipeline.gallery.vectors import MAX_DISTANCE
from pipeline.types import Candidate, FrameInfo, GalleryState, Match, Matched


@dataclass(frozen=True, slots=True)
class SightingRules:
    """When a sighting is named, published and closed; see config.schema for the reasons."""

    max_distance: float
    """until the gallery asks for another (types.GalleryState)"""
    min_margin: float
    keep_margin: float
    decide_after_s: float
    min_shots: int
    gap_s: float
    rejoin_distance: float
    min_seen_s: float
    update_quality_by: float
    min_quality: float
    """of a look that is embedded; only told of here (embedding.min_quality)"""

    @property
    def limits(self) -> Limits:
        """Those of them that a name depends on."""
        return Limits(
            self.max_distance,
            self.min_margin,
            self.keep_margin,
            self.min_shots,
            self.min_quality,
            self.min_seen_s,
        )


@dataclass(slots=True, eq=False)
class Sighting:
    """What is known of one sighting so far. Written by its book alone."""

    order: int
    """counts every sighting of a camera, also those that are never published"""
    first: FrameInfo
    last: FrameInfo
    """the frame it was last found in"""
    box: F32
    """(4,) pixels of `last`"""
    tracks: list[int]
    """all its tracks, also those that are gone"""
    matches: dict[int, Match] = field(default_factory=dict)
    """the latest match of each track that is still followed; none before its first embedding"""
    gone: Match | None = None
    """the match with most evidence of the tracks that are gone: weeks of lost tracks leave no more than this"""
    named: Candidate | None = None
    """whom the sighting is taken for now"""
    number: int | None = None
    """counts a camera's published sightings from 1; None before `new`"""
    seq: int = 0
    """events published so far"""
    published_quality: float = 0.0
    apart: set[int] = field(default_factory=set)
    """orders of open sightings that shared a frame with this one: they are other people"""
    barred: set[str] = field(default_factory=set)
    """people whom closed sightings that shared a frame with this one were taken for"""
    shots: dict[int, Shot] = field(default_factory=dict)
    """the best shot of each track that is still followed, for a picture"""
    gone_shot: Shot | None = None
    """the best of the tracks that are gone"""
    kept: Kept | None = None
    """the picture that was promised last"""
    looks: int = 0
    """frames that it was found in"""
    best: BestLook | None = None
    """the clearest of them"""
    model_id: str = ""
    """of the last match: what earlier models said counts only while it has said nothing"""
    carries: bool = False
    """whether its name was given by an earlier model, and this one has not seen enough of it yet"""

    @property
    def evidence(self) -> Match | None:
        """The match of the track with most evidence: a short blurred track does not overrule a long clear one."""
        return self._strongest(*self.matches.values(), self.gone)

    def see(self, item: Matched, row: int) -> None:
        """It is this face of this frame."""
        self.last, self.box = item.info, item.faces.boxes[row]
        self.looks += 1
        if self.best is None or item.quality[row] > self.best.quality:
            shorter_px = float(np.min(self.box[2:] - self.box[:2]))
            parts = () if item.parts is None else tuple(item.parts[row].tolist())
            self.best = BestLook(float(item.quality[row]), shorter_px, parts)

    def facts(self, rules: SightingRules, gallery: GalleryState, *, over: bool) -> Facts:
        """What its name depends on. `over`: whether no more looks will come."""
        evidence = self.evidence
        return Facts(
            looks=self.looks,
            best=self.best,
            shots=0 if evidence is None else evidence.frames_fused,
            nearest=()
            if evidence is None
            else tuple(Near(one.person_id, one.distance, one.name) for one in evidence.candidates[:2]),
            seen_s=self.last.pts_s - self.first.pts_s,
            over=over,
            published=self.number is not None,
            limits=rules.limits,
            people=gallery.people,
            comparable=gallery.comparable,
            listed=gallery.listed,
        )

    @property
    def best_shot(self) -> Shot | None:
        """What its picture should show."""
        return best_shot((*self.shots.values(), self.gone_shot))

    def learn(self, match: Match, shot: Shot | None = None) -> None:
        """Take in a track's latest match, and the shot that it was made with.

        A shot is a picture of this face only where the template took it in: of one that is set aside, because it may
        be of another face (matching/fusion.py), neither number grows.
        """
        track, before = match.track_id, self.matches.get(match.track_id)
        if match.model_id != self.model_id:
            self.carries = self.named is not None and self.evidence is not None
            self.model_id = match.model_id
        self.matches[track] = match
        if before is None:
            self.shots.pop(track, None)  # a blurred glimpse, before there was a template to hold it to
        elif (before.frames_fused, before.weight) == (match.frames_fused, match.weight):
            return
        self._take(track, shot)

    def glimpse(self, track: int, shot: Shot) -> None:
        """A shot of a track that no embedding was made of: better than no picture, while there is no template."""
        if track not in self.matches:
            self._take(track, shot)

    def decide(self, rules: SightingRules, *, last_chance: bool = False) -> Decision:
        """Who this is, by its evidence alone.

        After a change of the model a name stays until the new one has seen min_shots: one shot renames nobody.
        """
        evidence = self.evidence
        if (
            self.carries
            and evidence is not None
            and evidence.frames_fused < rules.min_shots
            and not last_chance
        ):
            return replace(decide(evidence.candidates, 0.0, 0.0), identity=self.named)
        self.carries = self.carries and (evidence is None or evidence.frames_fused < rules.min_shots)
        return decided(evidence, self.named, rules, last_chance=last_chance)

    def let_go(self, track: int) -> None:
        """This track is gone for good; what it showed still counts."""
        self.gone = self._strongest(self.matches.pop(track, None), self.gone)
        self.gone_shot = best_shot((self.gone_shot, self.shots.pop(track, None)))

    def absorb(self, later: Sighting) -> None:
        """Go on as this later sighting, which turned out to be the same person."""
        self.last, self.box = later.last, later.box
        self.looks += later.looks
        self.best = max((self.best, later.best), key=lambda look: -1.0 if look is None else look.quality)
        self.tracks += later.tracks
        self.matches |= later.matches
        if later.evidence is not None and later.model_id != self.model_id:
            self.carries, self.model_id = self.named is not None, later.model_id
        self.gone = self._strongest(self.gone, later.gone)
        self.shots |= later.shots
        self.gone_shot = best_shot((self.gone_shot, later.gone_shot))
        self.apart |= later.apart
        self.barred |= later.barred

    def part(self, track: int, leaver: Sighting) -> None:
        """This track is another person's after all: it leaves, with all that it showed.

        A picture of tracks that are gone could be of either, so it is of neither.
        """
        self.tracks.remove(track)
        if (match := self.matches.pop(track, None)) is not None:
            leaver.matches[track] = match
        if (shot := self.shots.pop(track, None)) is not None:
            leaver.shots[track] = shot
        self.gone_shot = None
        leaver.barred |= self.barred
        leaver.apart |= self.apart
        leaver.model_id = self.model_id

    def _strongest(self, *matches: Match | None) -> Match | None:
        """The match with most evidence, of the earlier track on a tie; of the model of the last match, if any is."""
        there = [match for match in matches if match is not None]
        return max(there, key=lambda m: (m.model_id == self.model_id, m.weight, -m.track_id), default=None)

    def _take(self, track: int, shot: Shot | None) -> None:
        """Keep a shot if it is the best of its track."""
        if shot is not None and best_shot((self.shots.get(track), shot)) is shot:
            self.shots[track] = shot
            shot.is_taken = True


def decided(
    evidence: Match | None, named: Candidate | None, rules: SightingRules, *, last_chance: bool = False
) -> Decision:
    """Who a sighting is that has this evidence, and was taken for `named` until now.

    A name is given under max_distance and with min_margin; one that was given is kept a little beyond, so
    that it does not flicker. `last_chance` names with fewer than min_shots, because no more will come.
    """
    if evidence is None or not evidence.candidates:
        return Decision(None, None, None)
    decision = decide(evidence.candidates, rules.max_distance, rules.min_margin)
    nearest = evidence.candidates[0]
    if named is not None and nearest.person_id == named.person_id:
        keep = nearest.distance < rules.max_distance + rules.keep_margin
        return replace(decision, identity=nearest if keep else None)
    if evidence.frames_fused < rules.min_shots and not last_chance:
        return replace(decision, identity=None)
    return decision


def same_person(a: Candidate | None, b: Candidate | None) -> bool:
    """Whether two decisions name the same person, or both nobody."""
    return (a and a.person_id) == (b and b.person_id)


def distance_between(a: Match, b: Match) -> float:
    """Squared L2 between two templates; 4, as far as can be, for those of two models, which are not compared."""
    if a.model_id != b.model_id:
        return MAX_DISTANCE
    return float(np.sum((a.template.astype(np.float64) - b.template) ** 2))
