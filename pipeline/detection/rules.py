"""What one camera is asked for: how often it is looked at, from what size a face counts, and where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F32, Bools
from pipeline.types import Faces

Point = tuple[float, float]
"""x to the right, y down, fractions of the upright frame"""
Polygon = tuple[Point, ...]
"""at least three points; the last is joined to the first"""


@dataclass(frozen=True, slots=True)
class CameraRules:
    """One camera's rules."""

    rate_hz: float
    """looks a second that are wanted; fewer under too much work"""
    min_face_px: float
    """shorter side in the frame; smaller faces are ignored"""
    region: tuple[Polygon, ...] = ()
    """faces count whose box is centred in one of these, border included; none: everywhere"""
    mask: tuple[Polygon, ...] = ()
    """faces whose box is centred in one of these, border included, never count"""

    def __post_init__(self) -> None:
        if self.rate_hz <= 0.0:
            raise ValueError(f"rate_hz must be positive, got {self.rate_hz}")
        for polygon in (*self.region, *self.mask):
            if len(polygon) < 3:
                raise ValueError(f"a polygon has at least three points, got {len(polygon)}")

    def counted(self, faces: Faces, width: int, height: int) -> Faces:
        """The faces, found in a frame of this size in pixels, that are where somebody wants to see them."""
        if not len(faces) or not (self.region or self.mask):
            return faces
        corners = faces.boxes.reshape(-1, 2, 2)
        centres = corners.mean(axis=1) / np.array([width, height], np.float32)
        wanted = inside(centres, self.region) if self.region else np.ones(len(faces), np.bool_)
        return faces.take(wanted & ~inside(centres, self.mask))


RulesOf = Callable[[str], CameraRules]
"""a camera's rules as they are now; on any thread, and quick"""


class RuleBook:
    """The rules of all cameras, which may change while they are watched. Reading takes no lock."""

    def __init__(self, usual: CameraRules) -> None:
        """`usual` goes for every camera without rules of its own."""
        self._usual = usual
        self._writing = threading.Lock()
        self._rules: dict[str, CameraRules] = {}

    def of(self, camera: str) -> CameraRules:
        """This camera's rules."""
        return self._rules.get(camera, self._usual)

    def put(self, camera: str, rules: CameraRules) -> None:
        """Give a camera these rules, from its next frame on."""
        with self._writing:
            self._rules = {**self._rules, camera: rules}

    def remove(self, camera: str) -> None:
        """Forget a camera's own rules, where it has some."""
        with self._writing:
            self._rules = {name: rules for name, rules in self._rules.items() if name != camera}


def inside(points: F32, polygons: tuple[Polygon, ...]) -> Bools:
    """Which points (N, 2) are in one of the polygons, or on its border."""
    outlines = [np.array(polygon, np.float32) for polygon in polygons]
    return np.array(
        [
            any(cv2.pointPolygonTest(outline, (float(x), float(y)), False) >= 0.0 for outline in outlines)
            for x, y in points
        ],
        dtype=np.bool_,
    )
