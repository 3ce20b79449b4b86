"""Where in a run an item belongs: its camera and frame, for drop counts and failure messages."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.types import Detected, Embedded, FrameInfo, Tracked


@dataclass(frozen=True, slots=True)
class Place:
    """A camera, and a frame of it where there is one."""

    camera: str
    frame_index: int | None

    def __str__(self) -> str:
        return self.camera if self.frame_index is None else f"{self.camera}, frame {self.frame_index}"


def place_of(item: object) -> Place:
    """The place of anything that flows between stages: what has no FrameInfo as its `info` needs a `camera`."""
    match item:
        case Detected(frame=inner) | Tracked(frame=inner) | Embedded(aligned=inner):
            return Place(inner.info.camera, inner.info.index)
    info = getattr(item, "info", None)
    if isinstance(info, FrameInfo):
        return Place(info.camera, info.index)
    return Place(str(getattr(item, "camera", "?")), None)
