"""The stage that cuts crops: quality for every face that was found, a crop for each that earns an embedding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from pipeline.alignment.gate import EmbedGate, GateRules
from pipeline.alignment.quality import JudgeParts, no_parts
from pipeline.arrays import F32, I64, U8
from pipeline.pixels import Crops, HostPixels, Pixels
from pipeline.stage import EngineStage, Reopen
from pipeline.types import QUALITY_PARTS, Aligned, Faces, Frame, StreamEnd, Tracked

Cut = Callable[[Pixels, Faces], Crops]
"""a frame (H, W, 3), N faces -> upright crops (N, S, S, 3), wherever they are"""
Judge = Callable[[U8, Faces], F32]
"""crops (N, S, S, 3), their faces -> quality (N,) in [0, 1]"""


class Feedback(Protocol):
    """What later stages have decided, as of a given frame and no other, so that a replay repeats itself."""

    def state_at(self, camera: str, frame_index: int) -> frozenset[int]:
        """Tracks recognised after this frame; waits for it. Empty before the first frame."""
        ...


class OffersShots(Protocol):
    """Where frames are left that may become pictures."""

    def offer(self, frame: Frame, track_ids: I64, quality: F32, found: I64, embedded: I64) -> None:
        """A frame with its tracks (N,), their quality (N,), the rows that were found, and those of them that earn an
        embedding. Keeps what is worth it, by reference; never waits."""
        ...


class AlignmentStage(EngineStage[Tracked, Aligned]):
    """Crops, quality and the embed gate; a frame's pixels end here, unless they may become a picture."""

    name = "align"
    together = False

    def __init__(
        self,
        cut: Cut,
        judge: Judge,
        rules: GateRules,
        feedback: Feedback,
        lag_frames: int,
        crop_px: int,
        parts: JudgeParts = no_parts,
        shots: OffersShots | None = None,
        reopen: Reopen | None = None,
    ) -> None:
        """
        Args:
            parts: what `judge` multiplies; where it knows them, it is asked instead.
            shots: None where no pictures are kept.
            reopen: makes what `cut` works with anew after a failure; None where it cuts on the processor.
        """
        super().__init__(reopen)
        self._shots = shots
        self._cut = cut
        self._judge = judge
        self._parts = parts
        self._rules = rules
        self._feedback = feedback
        self._lag_frames = lag_frames
        self._no_crops = HostPixels(np.zeros((0, crop_px, crop_px, 3), np.uint8))
        self._gates: dict[str, EmbedGate] = {}

    def process(self, batch: Sequence[Tracked]) -> Sequence[Aligned]:
        return [self._align(item) for item in batch]

    def end(self, end: StreamEnd) -> Sequence[Aligned]:
        self._gates.pop(end.camera, None)
        return ()

    def lost(self, camera: str) -> None:
        """The gate may count a crop that was never embedded: begin anew, which costs an embedding a face."""
        self._gates.pop(camera, None)

    def _align(self, item: Tracked) -> Aligned:
        item = item.counted()
        info = item.frame.info
        found = np.flatnonzero(item.observed)
        quality = np.zeros(len(item.faces), np.float32)
        rows = found[:0]
        crops: Crops = self._no_crops
        parts = None
        if len(found):
            faces = item.faces.take(found)
            cuts = self._cut(item.frame.pixels, faces)
            judged = cuts.to_host()
            told = self._parts(judged, faces)
            quality[found] = self._judge(judged, faces) if told is None else told.overall
            if told is not None and told.names == QUALITY_PARTS:
                parts = np.zeros((len(item.faces), len(told.names)), np.float32)
                parts[found] = told.values
            gate = self._gates.setdefault(info.camera, EmbedGate(self._rules))
            known = self._feedback.state_at(info.camera, info.index - self._lag_frames)
            rows = gate.due(info.pts_s, item.track_ids, item.observed, quality, known)
            crops = cuts.take(np.searchsorted(found, rows))
            if self._shots is not None:
                self._shots.offer(item.frame, item.track_ids, quality, found, rows)
        return Aligned(info, item.faces, item.track_ids, item.observed, quality, rows, crops, parts)
