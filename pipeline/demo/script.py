"""A play for a camera: who walks where and when, and what a viewer can truly see of it.

Positions are stage pixels: pixels of the frame while the camera rests. Nothing here needs a photo, so the truth
of a recording (`who_at`, `visits`) can be had without making it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np
from scipy.interpolate import PchipInterpolator

from pipeline.arrays import F32, F64

STEP_HZ = 0.95
"""double steps a second of somebody strolling: one sway to each side"""

BOB = 0.02
"""rise and fall of a head at every step, in face heights"""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A person in a photo, and where to cut."""

    photo: str
    """file name"""
    size_px: tuple[int, int]
    """width and height of the photo as its outline was drawn; only their ratio counts"""
    face: tuple[float, float, float, float]
    """x0 y0 x1 y1 of the face as fractions of the photo, chin to hairline"""
    outline: tuple[Point, ...]
    """the silhouette, about, as fractions of the photo; it is fitted to the pixels when cut"""

    @property
    def face_centre_px(self) -> Point:
        """x y in pixels of the photo."""
        x0, y0, x1, y1 = self.face
        return (x0 + x1) / 2 * self.size_px[0], (y0 + y1) / 2 * self.size_px[1]

    @property
    def face_height_px(self) -> float:
        """Height of the face in pixels of the photo."""
        return (self.face[3] - self.face[1]) * self.size_px[1]


@dataclass(frozen=True, slots=True)
class Waypoint:
    """Where a face is at a moment; positions in between are interpolated smoothly and never overshoot."""

    t_s: float
    x: float
    """of the face's centre, stage pixels"""
    y: float
    """of the face's centre, stage pixels"""
    face_px: float
    """height of the face: larger is nearer"""
    light: float = 1.0
    """gain on the photo's brightness"""


@dataclass(frozen=True, slots=True)
class Pose:
    """A figure at one moment."""

    x: float
    y: float
    face_px: float
    light: float
    angle_deg: float
    """anticlockwise lean"""


@dataclass(frozen=True, slots=True)
class Appearance:
    """One person's way through the picture."""

    photo: str
    person: str | None
    """None: nobody in the gallery, a stranger"""
    path: tuple[Waypoint, ...]
    mirrored: bool = False
    behind_pillar: bool = False
    sway_deg: float = 1.5

    def __post_init__(self) -> None:
        times = [point.t_s for point in self.path]
        if len(times) < 2 or any(b <= a for a, b in pairwise(times)):
            raise ValueError(f"a path needs two or more waypoints, later ones later, got times {times}")

    @property
    def from_s(self) -> float:
        return self.path[0].t_s

    @property
    def to_s(self) -> float:
        return self.path[-1].t_s

    def pose_at(self, t_s: float) -> Pose | None:
        """The figure at this time, or None before and after its path."""
        if not self.from_s <= t_s <= self.to_s:
            return None
        x, y, face_px, light = map(float, _interpolator(self.path)(t_s))
        phase = 2 * math.pi * STEP_HZ * (t_s - self.from_s)
        bob = BOB * face_px * abs(math.sin(phase))
        return Pose(x, y - bob, face_px, light, self.sway_deg * math.sin(phase))


@dataclass(frozen=True, slots=True)
class Visit:
    """A stretch in which somebody can be seen."""

    person: str | None
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A face that can be seen."""

    person: str | None
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1, stage pixels"""


@dataclass(frozen=True, slots=True)
class Script:
    """A whole play. Later appearances walk in front of earlier ones; the pillar hides those behind it."""

    width: int
    height: int
    rate: int
    """frames a second"""
    duration_s: float
    figures: tuple[Figure, ...]
    appearances: tuple[Appearance, ...]
    pillar: tuple[float, float] | None = None
    """left and right edge, stage pixels; it stands from floor to ceiling"""
    seed: int = 0
    """of camera shake and sensor noise"""

    def __post_init__(self) -> None:
        known = {figure.photo for figure in self.figures}
        strange = sorted({appearance.photo for appearance in self.appearances} - known)
        if strange:
            raise ValueError(f"no figure for {', '.join(strange)}; there are {', '.join(sorted(known))}")

    @property
    def frames(self) -> int:
        """Frames of the whole play."""
        return round(self.duration_s * self.rate)

    def figure(self, photo: str) -> Figure:
        """The figure cut out of this photo. Raises KeyError."""
        return {figure.photo: figure for figure in self.figures}[photo]

    def seen_at(self, t_s: float) -> tuple[Seen, ...]:
        """The faces whose centre is in the picture of a resting camera and that nothing covers."""
        posed = [(a, pose) for a in self.painted if (pose := a.pose_at(t_s)) is not None]
        seen = []
        for row, (appearance, pose) in enumerate(posed):
            figure = self.figure(appearance.photo)
            inside = 0 <= pose.x < self.width and 0 <= pose.y < self.height
            in_front = [
                outline_at(self.figure(other.photo), other.mirrored, other_pose)
                for other, other_pose in posed[row + 1 :]
            ]
            if appearance.behind_pillar and self.pillar is not None:
                (left, right), far = self.pillar, float(self.height)
                in_front.append(
                    np.array([(left, -far), (right, -far), (right, 2 * far), (left, 2 * far)], np.float32)
                )
            covered = any(cv2.pointPolygonTest(shape, (pose.x, pose.y), False) >= 0 for shape in in_front)
            if inside and not covered:
                seen.append(Seen(appearance.person, _face_box(figure, pose)))
        return tuple(seen)

    def who_at(self, t_s: float) -> tuple[str | None, ...]:
        """Who can be seen at this time, from back to front; None is a stranger."""
        return tuple(face.person for face in self.seen_at(t_s))

    def visits(self, gap_s: float) -> tuple[Visit, ...]:
        """Who can be seen from when to when, by beginning. Shorter absences than `gap_s` do not end a visit."""
        times: dict[str | None, list[float]] = {}
        for index in range(self.frames):
            for person in self.who_at(index / self.rate):
                times.setdefault(person, []).append(index / self.rate)
        found = [Visit(person, *span) for person, seen in times.items() for span in _spans(seen, gap_s)]
        return tuple(sorted(found, key=lambda visit: (visit.from_s, visit.person or "")))

    @property
    def painted(self) -> tuple[Appearance, ...]:
        """Appearances in the order they are painted, from back to front."""
        return tuple(sorted(self.appearances, key=lambda appearance: not appearance.behind_pillar))


def affine_at(figure: Figure, mirrored: bool, pose: Pose) -> F64:
    """(2, 3) matrix that takes pixels of the photo to stage pixels: the face's centre to the pose's, then lean."""
    cx, cy = figure.face_centre_px
    scale = pose.face_px / figure.face_height_px
    angle = math.radians(pose.angle_deg)
    c, s = math.cos(angle) * scale, math.sin(angle) * scale
    matrix = np.array([[c, s], [-s, c]])
    if mirrored:
        matrix = matrix @ np.diag([-1.0, 1.0])
    offset = np.array([pose.x, pose.y]) - matrix @ np.array([cx, cy])
    return np.hstack([matrix, offset[:, None]])


def outline_at(figure: Figure, mirrored: bool, pose: Pose) -> F32:
    """The silhouette (N, 2) in stage pixels."""
    points = np.array(figure.outline) * np.array(figure.size_px)
    matrix = affine_at(figure, mirrored, pose)
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def _face_box(figure: Figure, pose: Pose) -> tuple[float, float, float, float]:
    x0, _, x1, _ = figure.face
    half_h = pose.face_px / 2
    half_w = half_h * (x1 - x0) * figure.size_px[0] / figure.face_height_px
    return pose.x - half_w, pose.y - half_h, pose.x + half_w, pose.y + half_h


@lru_cache(maxsize=64)
def _interpolator(path: tuple[Waypoint, ...]) -> PchipInterpolator:
    values = [(point.x, point.y, point.face_px, point.light) for point in path]
    return PchipInterpolator([point.t_s for point in path], values)


def _spans(times: list[float], gap_s: float) -> list[tuple[float, float]]:
    """First and last time of each run of ascending times that lie no more than `gap_s` apart."""
    spans = [(times[0], times[0])]
    for time in times[1:]:
        begin, last = spans[-1]
        if time - last > gap_s:
            spans.append((time, time))
        else:
            spans[-1] = (begin, time)
    return spans
