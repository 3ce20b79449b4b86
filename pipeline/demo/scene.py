"""Films a script: the lobby, the people cut out of photos, a hand-held camera, a sensor that is not quite clean.

The same script and photos give the same frames, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from pipeline.arrays import F64, U8, check_array
from pipeline.capture.recorder import Recorder
from pipeline.demo.cutout import Cutout, cut_out
from pipeline.demo.lobby import Lobby, paint_lobby, paint_pillar
from pipeline.demo.script import Appearance, Figure, Pose, Script, affine_at

NOISE = 2.0
"""standard deviation of the sensor's noise, grey levels of 255: an indoor camera at a modest gain"""

NOISE_TILE = 64
"""the noise is one field larger than the frame by this much, laid at another place in every frame"""

PAN = ((0.030, 13.0, 0.0), (0.007, 3.7, 1.0), (0.0011, 0.83, 2.0))
"""Left and right: amplitude as a fraction of the width, period in seconds, phase. A slow pan, a hand, a tremor."""

TILT = ((0.022, 9.0, 2.2), (0.008, 2.9, 0.4), (0.0016, 0.71, 1.3))
"""Up and down, as a fraction of the height."""


class Scene:
    """A script with its photos, ready to be filmed."""

    def __init__(self, script: Script, photos: Mapping[str, U8]) -> None:
        """`photos` by file name, (H, W, 3) RGB; raises ValueError where one that the script shows is missing."""
        missing = sorted({appearance.photo for appearance in script.appearances} - set(photos))
        if missing:
            raise ValueError(f"photos missing: {', '.join(missing)}")
        self.script = script
        self._photos = photos
        self._cutouts: dict[str, Cutout] = {}
        self._lobby: Lobby | None = None
        self._pillar: U8 | None = None
        self._noise: U8 | None = None

    def frames(self) -> Iterator[U8]:
        """Every frame (H, W, 3) RGB, freshly made, in order."""
        for index in range(self.script.frames):
            yield self.frame(index)

    def frame(self, index: int) -> U8:
        """One frame (H, W, 3) RGB; frames may be asked for in any order."""
        lobby = self._build_lobby()
        t_s = index / self.script.rate
        camera = self.camera_at(t_s)
        size = (self.script.width, self.script.height)
        shift = np.array([[1.0, 0.0, camera[0] + lobby.margin_x], [0.0, 1.0, camera[1] + lobby.margin_y]])
        picture = _warp(lobby.wall, shift, size, inverse=True)
        painted = self.script.painted
        for behind in (True, False):
            for appearance in painted:
                pose = appearance.pose_at(t_s) if appearance.behind_pillar == behind else None
                if pose is not None:
                    self._paint(picture, appearance, pose, camera)
            if behind and self._pillar is not None:
                self._paint_pillar(picture, self._pillar, camera)
        return self._add_noise(picture, index)

    def camera_at(self, t_s: float) -> tuple[float, float]:
        """How far right and down the camera looks from where it rests, pixels."""
        x = sum(a * math.sin(2 * math.pi * t_s / period + phase) for a, period, phase in PAN)
        y = sum(a * math.sin(2 * math.pi * t_s / period + phase) for a, period, phase in TILT)
        return x * self.script.width, y * self.script.height

    def _build_lobby(self) -> Lobby:
        if self._lobby is None:
            script = self.script
            self._lobby = paint_lobby(script.width, script.height, script.seed)
            if script.pillar is not None:
                left, right = script.pillar
                self._pillar = paint_pillar(round(right - left), self._lobby.wall.shape[0])
            rng = np.random.default_rng(script.seed)
            field = rng.normal(0.0, NOISE, (script.height + NOISE_TILE, script.width + NOISE_TILE))
            self._noise = np.clip(np.rint(field) + 128, 0, 255).astype(np.uint8)
        return self._lobby

    def _cutout(self, figure: Figure) -> Cutout:
        if figure.photo not in self._cutouts:
            photo = self._photos[figure.photo]
            check_array("photo", photo, np.uint8, ("H", "W", 3))
            self._cutouts[figure.photo] = cut_out(photo, figure)
        return self._cutouts[figure.photo]

    def _paint(self, picture: U8, appearance: Appearance, pose: Pose, camera: tuple[float, float]) -> None:
        figure = self.script.figure(appearance.photo)
        matrix = affine_at(figure, appearance.mirrored, pose)
        matrix[:, 2] -= camera
        # outline's corners and the photo's: what is inside is all there is to paint
        width, height = figure.size_px
        corners = (
            np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ matrix[:, :2].T + matrix[:, 2]
        )
        limit = (self.script.width, self.script.height)
        x0, y0 = (max(0, math.floor(v)) for v in corners.min(axis=0))
        x1, y1 = (min(full, math.ceil(v)) for v, full in zip(corners.max(axis=0), limit, strict=True))
        if x1 <= x0 or y1 <= y0:
            return
        level, own = self._cutout(figure).level_for(pose.face_px / figure.face_height_px)
        matrix[:, :2] /= own
        # pixel centres lie at halves: (x + 0.5) * own - 0.5 is pixel x of the photo in the level
        matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - (x0 + 0.5, y0 + 0.5)
        warped = _warp(level, matrix, (x1 - x0, y1 - y0), inverse=False)
        region = picture[y0:y1, x0:x1]
        region[:] = _blend(region, warped[..., :3], warped[..., 3], pose.light)

    def _paint_pillar(self, picture: U8, pillar: U8, camera: tuple[float, float]) -> None:
        assert self.script.pillar is not None
        left = self.script.pillar[0] - camera[0]
        whole = math.floor(left)
        grown = cv2.copyMakeBorder(pillar, 0, 0, 2, 2, cv2.BORDER_REPLICATE)
        opacity = np.zeros(grown.shape[:2], np.uint8)
        opacity[:, 2:-2] = 255
        layer = np.dstack([grown, opacity])[: self.script.height]
        moved = _warp(
            layer, np.array([[1.0, 0.0, left - whole], [0.0, 1.0, 0.0]]), layer.shape[1::-1], inverse=False
        )
        x0, x1 = max(0, whole - 2), min(self.script.width, whole - 2 + moved.shape[1])
        if x1 > x0:
            part = moved[:, x0 - (whole - 2) : x1 - (whole - 2)]
            region = picture[:, x0:x1]
            region[:] = _blend(region, part[..., :3], part[..., 3], 1.0)

    def _add_noise(self, picture: U8, index: int) -> U8:
        assert self._noise is not None
        rng = np.random.default_rng((self.script.seed, index))
        y, x = rng.integers(0, NOISE_TILE, 2).tolist()
        noise = self._noise[y : y + self.script.height, x : x + self.script.width]
        noisy = cv2.addWeighted(picture, 1.0, cv2.cvtColor(noise, cv2.COLOR_GRAY2RGB), 1.0, -128.0)
        return np.asarray(noisy, dtype=np.uint8)


def record(
    script: Script, photos: Mapping[str, U8], path: Path, on_progress: Callable[[int], None] | None = None
) -> None:
    """Film `script` into a video file; `on_progress` is told the frames done. Raises what Recorder raises."""
    scene = Scene(script, photos)
    with Recorder(path, script.width, script.height, Fraction(script.rate), on_progress) as recorder:
        for frame in scene.frames():
            recorder.write(frame)


def _warp(image: U8, matrix: F64, size: tuple[int, int], *, inverse: bool) -> U8:
    """`image` through a (2, 3) matrix into (width, height) pixels; `inverse`: it leads from target to source."""
    flags = cv2.INTER_LINEAR | (cv2.WARP_INVERSE_MAP if inverse else 0)
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=flags), dtype=np.uint8)


def _blend(below: U8, colour: U8, opacity: U8, light: float) -> U8:
    """`colour` times `light` over `below`, both (H, W, 3), by opacity (H, W)."""
    weight = (opacity.astype(np.float32) / 255.0)[..., None]
    mixed = below + (np.minimum(colour * np.float32(light), 255.0) - below) * weight
    return np.asarray(np.rint(mixed), dtype=np.uint8)
