"""What is measured of an engine against its reference; kept in the engine's manifest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VectorParity:
    """Embeddings of the same crops."""

    crops: int
    worst_cosine: float
    """between the two vectors of one crop, unit and centred as the product compares them"""
    mean_cosine: float
    max_squared_l2: float
    """largest squared L2 between the networks' own vectors of one crop"""
    max_distance: float | None
    """squared L2 below which a pair is one person; None: no threshold is known, and no decision was compared"""
    pairs: int
    """of crops; 0 without a threshold"""
    changed_decisions: int
    """pairs that are one person for one engine and not for the other"""

    @property
    def changed_share(self) -> float:
        """Of all pairs."""
        return self.changed_decisions / self.pairs if self.pairs else 0.0


@dataclass(frozen=True, slots=True)
class FaceParity:
    """Faces found in the same frames."""

    frames: int
    faces: int
    """that the reference found"""
    found: int
    """of those, the ones that the engine found too (IoU 0.5)"""
    spurious: int
    """faces that the engine found and the reference did not"""
    landmark_error: float
    """mean distance of the landmarks of faces found by both, as a fraction of the face's width"""
    landmark_error_px: float
    """the same in pixels of the frame"""
    worst_landmark_px: float
    """of a single landmark"""

    @property
    def recall(self) -> float:
        """Of the reference's faces; 1 where there are none."""
        return self.found / self.faces if self.faces else 1.0


@dataclass(frozen=True, slots=True)
class LfwParity:
    """Accuracy by LFW's View 2 on the same crops."""

    pairs: int
    accuracy: float
    reference_accuracy: float
    reference: str
    """what ran the reference: OpenVINO at fp32, as torch would take an hour"""

    @property
    def loss(self) -> float:
        """Of accuracy; below 0 where the engine is the better one."""
        return self.reference_accuracy - self.accuracy
