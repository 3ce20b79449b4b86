"""By which distance evidence is judged: that of the gallery it was compared with.

While a run goes on the model may be changed. A sighting that is open then has evidence of the earlier model until its
face is embedded again, and distances of two models mean different things: each is held to its own.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.events.sighting import Sighting, SightingRules
from pipeline.types import GalleryState


class Judging:
    """The rules of one camera's sightings, with the distance for names of each model as its gallery last said it."""

    def __init__(self, rules: SightingRules) -> None:
        self.now = GalleryState(0, rules.max_distance)
        """of the last frame"""
        self._rules = rules
        self._of_model: dict[str, SightingRules] = {}
        self._galleries: dict[str, GalleryState] = {}

    def follow(self, gallery: GalleryState) -> None:
        """Judge by the distance that this gallery asks for what was compared with it."""
        self.now = self._galleries[gallery.model_id] = gallery
        rules = self._of_model.get(gallery.model_id, self._rules)
        if rules.max_distance != gallery.max_distance:
            rules = replace(rules, max_distance=gallery.max_distance)
        self._of_model[gallery.model_id] = rules

    def gallery_of(self, sighting: Sighting) -> GalleryState:
        """What the sighting's evidence was compared with; the last frame's gallery where there is none."""
        evidence = sighting.evidence
        return self.now if evidence is None else self._galleries.get(evidence.model_id, self.now)

    def rules_of(self, sighting: Sighting) -> SightingRules:
        """The rules with the distance for names of the model that the sighting's evidence is of."""
        return self._of_model.get(self.gallery_of(sighting).model_id, self._rules)
