"""Which part of a camera's frame is looked at next: where faces were, where something changed, and now and then all.

One `Gaze` a camera. What it asks for depends on the frames it was shown and on the faces found in them, on nothing
else, so that a replay repeats itself whatever the batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.arrays import F32, Bools
from pipeline.detection.letterbox import Placement
from pipeline.detection.look import Look, Patch
from pipeline.detection.motion import CELL_PX, changed_cells, grey_picture
from pipeline.detection.packing import TILE_PX, Packed, pack, rectangles
from pipeline.geometry import iou_matrix
from pipeline.types import Faces, Frame

MAX_SHARE = 0.6
"""of the whole input: a canvas larger than this saves less than looking twice costs"""
FACE_MARGIN = 0.3
"""of a face's longer side, looked at around where it was"""
CONTEXT_PX = 16.0
"""pixels of the scaled frame looked at around faces and changes: the network judges a face by what surrounds it"""
REMEMBERED_S = 0.5
"""how long a place is looked at where a face was and is no more: somebody turned or walked behind somebody"""
CUT_MARGIN = 0.1
"""of a face's longer side: a box that comes nearer to an inner border of its patch may be cut off there"""
SAME_IOU = 0.3
"""a face that overlaps a remembered one so much is that one, found again"""
MAX_CHANGED = 0.4
"""of the picture's cells: more is a cut or a camera that moves, and a whole frame is looked at"""
BUSY_S = 0.3
"""between two whole frames where changes are all over the picture: in between faces alone are followed"""
MAX_WAIT = 8
"""looks at whole frames before regions are tried again, where they did not pay"""
PTS_TOLERANCE_S = 0.001
"""containers round pts, Matroska to milliseconds: what comes early by this much is still in time"""


@dataclass(frozen=True, slots=True)
class GazeRules:
    """When whole frames are looked at."""

    full_look_s: float
    """the longest time between two whole frames, unless a look comes later than those before it let expect"""
    min_score: float
    """of a face that is worth a look at the whole frame when it is cut off"""

    def __post_init__(self) -> None:
        if self.full_look_s <= 0.0:
            raise ValueError(f"full_look_s must be positive, got {self.full_look_s}")


class Gaze:
    """Directs the looks at one camera: `look` for a frame, then `found` with what the detector found in it."""

    def __init__(self, rules: GazeRules) -> None:
        self._rules = rules
        self._placement: Placement | None = None
        self._whole_at_s = -np.inf
        """pts of the last look at a whole frame"""
        self._looked_at_s = -np.inf
        self._apart_s = 0.0
        """the longest time between two looks since that one"""
        self._picture: F32 | None = None
        """grey, each cell as it was when last looked at"""
        self._boxes = np.zeros((0, 4), np.float32)
        """of faces, in pixels of the frame"""
        self._seen_s = np.zeros(0, np.float64)
        """pts at which each was last found"""
        self._wait = 0
        """looks at whole frames until regions are tried again"""
        self._next_wait = 1
        self._cut = False
        """a face was cut off by the border of a patch"""

    def look(self, frame: Frame, placed: Placement) -> Look | None:
        """How to look at this frame, later than all before; None: there is nothing to see that is new."""
        pts_s = frame.info.pts_s
        if self._placement != placed:
            self._placement, self._picture = placed, None
        whole = self._whole_is_due(pts_s)
        self._looked_at_s = pts_s
        if self._wait > 0:
            self._wait -= 1
            # Changes are told from the last of these looks on; the others are spared the picture.
            self._picture = None if self._wait else grey_picture(frame.pixels.to_host(), placed)
            return Look(frame.pixels, placed)
        before, self._picture = self._picture, grey_picture(frame.pixels.to_host(), placed)
        if whole or before is None:
            return Look(frame.pixels, placed)
        packed = self._packed(changed_cells(before, self._picture), placed, pts_s)
        if packed is None:
            return Look(frame.pixels, placed)
        self._picture = _renewed(before, self._picture, packed.patches, placed)
        return Look(frame.pixels, placed, packed.patches, packed.canvas) if packed.patches else None

    def _packed(self, changed: Bools, placed: Placement, pts_s: float) -> Packed | None:
        """What is looked at of a frame; None: the whole of it."""
        if np.mean(changed) > MAX_CHANGED:
            return None  # a cut, or a camera that moves
        faces = self._face_tiles(placed)
        packed = pack(rectangles(faces | _changed_tiles(changed, placed)), MAX_SHARE * faces.size)
        if packed is None and pts_s < self._whole_at_s + BUSY_S - PTS_TOLERANCE_S:
            packed = pack(rectangles(faces), MAX_SHARE * faces.size)
            if packed is None:
                self._wait, self._next_wait = self._next_wait, min(MAX_WAIT, 2 * self._next_wait)
        if packed is not None:
            self._next_wait = 1
        return packed

    def found(self, look: Look | None, faces: Faces, pts_s: float) -> Faces:
        """Take in what the detector found, and say what of it counts: no box that a patch's border has cut."""
        if look is not None and look.patches:
            cut = cut_off(faces.boxes, look)
            self._cut = bool(np.any(faces.scores[cut] >= self._rules.min_score))
            faces = faces.take(~cut)
        elif look is not None:
            self._whole_at_s, self._apart_s, self._cut = pts_s, 0.0, False
        self._remember(faces.boxes, pts_s)
        return faces

    def _whole_is_due(self, pts_s: float) -> bool:
        """Whether the next look, as late as any since the last whole one, would come too late."""
        self._apart_s = max(self._apart_s, pts_s - self._looked_at_s)
        next_s = pts_s + self._apart_s
        return self._cut or next_s > self._whole_at_s + self._rules.full_look_s + PTS_TOLERANCE_S

    def _remember(self, boxes: F32, pts_s: float) -> None:
        stays = (pts_s - self._seen_s <= REMEMBERED_S) & (iou_matrix(self._boxes, boxes) < SAME_IOU).all(
            axis=1
        )
        self._boxes = np.concatenate([boxes, self._boxes[stays]])
        self._seen_s = np.concatenate([np.full(len(boxes), pts_s), self._seen_s[stays]])

    def _face_tiles(self, placed: Placement) -> Bools:
        """Tiles (rows, columns) of the scaled frame in which faces are looked for where they were."""
        tiles = _no_tiles(placed)
        corners = self._boxes / np.tile(np.asarray(placed.to_image, np.float32), 2)
        sides = (corners[:, 2:] - corners[:, :2]).max(axis=1, initial=0.0)
        margins = (FACE_MARGIN * sides + CONTEXT_PX)[:, None]
        low = np.maximum((corners[:, :2] - margins) // TILE_PX, 0).astype(np.int64)
        high = ((corners[:, 2:] + margins) // TILE_PX).astype(np.int64) + 1
        for (left, top), (right, bottom) in zip(low, high, strict=True):
            tiles[top:bottom, left:right] = True
        return tiles


def _no_tiles(placed: Placement) -> Bools:
    return np.zeros((placed.input_height // TILE_PX, placed.input_width // TILE_PX), np.bool_)


def _changed_tiles(changed: Bools, placed: Placement) -> Bools:
    """Tiles (rows, columns) of the scaled frame with changed cells (h, w) in or near them."""
    tiles = _no_tiles(placed)
    reach = 2 * round(CONTEXT_PX / CELL_PX) + 1
    near = cv2.dilate(changed.astype(np.uint8), np.ones((reach, reach), np.uint8))
    y, x = _cell_centres(changed.shape, placed)
    rows, columns = np.nonzero(near)
    tiles[y[rows].astype(np.int64) // TILE_PX, x[columns].astype(np.int64) // TILE_PX] = True
    return tiles


def cut_off(boxes: F32, look: Look) -> Bools:
    """Which boxes (N, 4), in pixels of the frame, a border of their patch inside the frame may have cut off."""
    placed = look.placement
    corners = boxes / np.tile(np.asarray(placed.to_image, np.float32), 2)
    margins = CUT_MARGIN * (corners[:, 2:] - corners[:, :2]).max(axis=1, initial=0.0)
    centres = (corners[:, :2] + corners[:, 2:]) / 2
    cut = np.ones(len(boxes), np.bool_)
    for patch in look.patches:
        low = np.array([patch.x, patch.y], np.float32)
        high = low + np.array([patch.width, patch.height], np.float32)
        inside = np.all((centres >= low) & (centres < high), axis=1)
        # The frame's own edge cuts nothing that a look at the whole frame would not cut.
        low = np.where(low > 0, low, -np.inf)
        high = np.where(high < (placed.width, placed.height), high, np.inf)
        whole = (corners[:, :2] - margins[:, None] >= low) & (corners[:, 2:] + margins[:, None] <= high)
        cut[inside & whole.all(axis=1)] = False
    return cut


def _renewed(before: F32, now: F32, patches: tuple[Patch, ...], placed: Placement) -> F32:
    """The reference: as it is now where it was looked at, and as before elsewhere."""
    y, x = _cell_centres(now.shape, placed)
    renewed = before.copy()
    for patch in patches:
        rows = (y >= patch.y) & (y < patch.y + patch.height)
        columns = (x >= patch.x) & (x < patch.x + patch.width)
        cells = np.ix_(rows, columns)
        renewed[cells] = now[cells]
    return renewed


def _cell_centres(shape: tuple[int, ...], placed: Placement) -> tuple[F32, F32]:
    """y (h,) and x (w,) of the cells of a grey picture (h, w), in pixels of the scaled frame."""
    y, x = (
        ((np.arange(cells) + 0.5) * (side / cells)).astype(np.float32)
        for cells, side in zip(shape, (placed.height, placed.width), strict=True)
    )
    return y, x
