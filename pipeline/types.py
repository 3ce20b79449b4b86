"""The values that flow from stage to stage.

Each step makes a new type, one item a frame, also when there is no face in it. Faces are rows: row i is the
same face in every array of one item. A value checks itself once, when it is made. A camera that ends sends
one `StreamEnd` through the same channels, behind its last frame.

    Frame -> Detected -> Tracked -> Aligned -> Embedded -> Matched -> IdentityEvent
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from pipeline.arrays import F32, I64, Bools, check_array, check_rows
from pipeline.pixels import Crops, Pixels


@dataclass(frozen=True, slots=True)
class FrameInfo:
    """Which frame this is."""

    camera: str
    index: int
    """decoded frames of this camera before this one"""
    pts_s: float
    """seconds since the recording or the run began, never decreasing"""
    at: datetime
    """UTC"""
    width: int
    """pixels, after rotation"""
    height: int
    """pixels, after rotation"""
    captured_ns: int
    """time.monotonic_ns() when the frame was decoded; only for latency, never in a replay's events"""


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame."""

    info: FrameInfo
    pixels: Pixels
    """(H, W, 3) RGB uint8, upright"""


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces of one frame, one a row."""

    boxes: F32
    """(N, 4) x0 y0 x1 y1 pixels of the frame, far edge exclusive"""
    landmarks: F32
    """(N, 5, 2) x y pixels: eye, eye, nose, mouth corner, mouth corner, image left first"""
    scores: F32
    """(N,) the detector's own score in [0, 1]; not a probability, and not a quality"""

    def __post_init__(self) -> None:
        check_array("boxes", self.boxes, np.float32, ("N", 4))
        check_array("landmarks", self.landmarks, np.float32, ("N", 5, 2))
        check_array("scores", self.scores, np.float32, ("N",))
        check_rows(len(self.boxes), landmarks=self.landmarks, scores=self.scores)

    def __len__(self) -> int:
        return len(self.boxes)

    def take(self, rows: I64 | Bools) -> Faces:
        """The faces of these rows."""
        return Faces(self.boxes[rows], self.landmarks[rows], self.scores[rows])

    @staticmethod
    def none() -> Faces:
        """No face."""
        return Faces(
            np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros((0,), np.float32)
        )


@dataclass(frozen=True, slots=True)
class Detected:
    """A frame and the faces the detector found in it."""

    frame: Frame
    faces: Faces
    looked: bool
    """False when the detector was not run on this frame (detection.rate_hz); `faces` is empty then"""


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame and the tracks that are alive in it."""

    frame: Frame
    faces: Faces
    """found in this frame or, where `observed` is False, predicted; a predicted face's landmarks moved with it"""
    track_ids: I64
    """(N,) unique within a camera's run, counted from 1"""
    observed: Bools
    """(N,) True where the detector found the face in this frame"""
    large: Bools
    """(N,) True once the face was found as large as one must be to count; until then it is only followed"""

    def __post_init__(self) -> None:
        check_array("track_ids", self.track_ids, np.int64, ("N",))
        check_array("observed", self.observed, np.bool_, ("N",))
        check_array("large", self.large, np.bool_, ("N",))
        check_rows(len(self.faces), track_ids=self.track_ids, observed=self.observed, large=self.large)

    def counted(self) -> Tracked:
        """Without those that are only followed."""
        if self.large.all():
            return self
        faces, ids, observed, large = self.faces, self.track_ids, self.observed, self.large
        return Tracked(self.frame, faces.take(large), ids[large], observed[large], large[large])


QUALITY_PARTS = ("size", "sharpness", "pose", "exposure", "detection", "occlusion")
"""what spoils a face, the columns of `parts` below (alignment/quality.py)"""


@dataclass(frozen=True, slots=True)
class Aligned:
    """Faces that count, with quality, and upright crops of those that earn an embedding; the frame ends here."""

    info: FrameInfo
    faces: Faces
    track_ids: I64
    """(N,)"""
    observed: Bools
    """(N,)"""
    quality: F32
    """(N,) in [0, 1]; 0 where the face was not observed"""
    rows: I64
    """(M,) the face that each crop is of, ascending"""
    crops: Crops
    """(M, S, S, 3) RGB uint8, S the embedder's input side"""
    parts: F32 | None = None
    """(N, P) QUALITY_PARTS, whose product the quality is; None from a judge that knows none"""

    def __post_init__(self) -> None:
        check_array("quality", self.quality, np.float32, ("N",))
        check_array("rows", self.rows, np.int64, ("M",))
        check_rows(len(self.faces), track_ids=self.track_ids, observed=self.observed, quality=self.quality)
        _check_parts(self.parts, len(self.faces))
        if self.crops.shape[0] != len(self.rows) or len(self.crops.shape) != 4:
            raise ValueError(f"crops must be ({len(self.rows)}, S, S, 3), got {self.crops.shape}")


@dataclass(frozen=True, slots=True)
class OlderVectors:
    """What the embedder that served before says of the same crops, while there are people whom it alone knows."""

    vectors: F32
    """(M, D) unit length"""
    model_id: str

    def __post_init__(self) -> None:
        check_array("older vectors", self.vectors, np.float32, ("M", "D"))


@dataclass(frozen=True, slots=True)
class Embedded:
    """Aligned faces with the vectors of their crops."""

    aligned: Aligned
    vectors: F32
    """(M, D) unit length, one a crop of `aligned.rows`"""
    model_id: str
    """vectors of two model_ids are never compared unless one is declared compatible. In a run that goes on while the
    model is changed it changes once, between two frames, for good"""
    older: OlderVectors | None = None
    """None where nobody is left behind"""
    kept: Literal["float32", "int8"] = "float32"
    """what the model's vectors are kept as (gallery/int8_grid.py)"""

    def __post_init__(self) -> None:
        check_array("vectors", self.vectors, np.float32, ("M", "D"))
        check_rows(len(self.aligned.rows), vectors=self.vectors)
        if self.older is not None:
            check_rows(len(self.aligned.rows), older=self.older.vectors)


@dataclass(frozen=True, slots=True)
class GalleryState:
    """What the gallery's answers to a frame were made of."""

    version: int
    """the last change they take into account"""
    max_distance: float
    """squared L2; a name was given only below it. A growing gallery needs a smaller one for the same rate"""
    people: int | None = field(default=None, compare=False)
    """in the gallery; None where that is not known"""
    comparable: int | None = field(default=None, compare=False)
    """of them, with a template that can be compared"""
    listed: bool = field(default=False, compare=False)
    """whether only people on watchlists were asked about, so that the two numbers are of them"""
    model_id: str = field(default="", compare=False)
    """of the vectors that were searched with; empty where the run has one model"""


@dataclass(frozen=True, slots=True)
class Watchlist:
    """A named list of people, and what it is for."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person of the gallery that a probe may be."""

    person_id: str
    name: str
    distance: float
    """squared L2 between unit vectors, in [0, 4]"""
    label: int = field(default=-1, compare=False)
    """of their nearest template; -1 where it is not known"""
    watchlists: tuple[Watchlist, ...] = field(default=(), compare=False)
    """that the person is on, in order of name"""

    @property
    def similarity(self) -> float:
        """cosine, 1 - distance / 2"""
        return 1.0 - self.distance / 2.0


@dataclass(frozen=True, slots=True)
class Match:
    """What a track's template, fused from its best shots up to this frame, found in the gallery."""

    track_id: int
    template: F32
    """(D,) unit length"""
    frames_fused: int
    weight: float
    """sum of the fused shots' qualities: how much evidence this is"""
    quality: float
    """of the track's best shot"""
    candidates: tuple[Candidate, ...]
    """different people, nearest first"""
    model_id: str = ""
    """of the template; empty where the run has one model"""


@dataclass(frozen=True, slots=True)
class Matched:
    """A frame's faces, and a match for each track that got a new embedding in it."""

    info: FrameInfo
    faces: Faces
    track_ids: I64
    """(N,); a track that another face took over has another id than before (matching/stage.py)"""
    observed: Bools
    """(N,)"""
    quality: F32
    """(N,)"""
    matches: tuple[Match, ...]
    """one a crop of this frame, in row order"""
    gallery: GalleryState
    parts: F32 | None = None
    """(N, P) as in `Aligned`"""

    def __post_init__(self) -> None:
        check_rows(len(self.faces), track_ids=self.track_ids, observed=self.observed, quality=self.quality)
        _check_parts(self.parts, len(self.faces))


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """A camera has no more frames, or none for now. Stages flush what they hold of it and pass this on."""

    camera: str
    frames: int
    """frames decoded in all"""
    problem: str | None = None
    """why the recording broke off, or None when it ended as it should"""
    pause: bool = False
    """a live camera that is away for now: its open sightings end, and frames may follow, later ones with higher pts"""


def _check_parts(parts: F32 | None, rows: int) -> None:
    if parts is not None:
        check_array("parts", parts, np.float32, ("N", len(QUALITY_PARTS)))
        check_rows(rows, parts=parts)
