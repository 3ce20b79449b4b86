"""Where in a run an item belongs: its camera and frame, for drop counts and failure messages."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.types import Aligned, Detected, Embedded, Frame, Matched, StreamEnd, Tracked


@dataclass(frozen=True, slots=True)
class Place:
    """A camera, and a frame of it where there is one."""

    camera: str
    frame_index: int | None

    def __str__(self) -> str:
        return self.camera if self.frame_index is None else f"{self.camera}, frame {self.frame_index}"


def place_of(item: object) -> Place:
    """The place of anything that flows between stages; an item of a type not known here needs a `camera`."""
    match item:
        case Frame(info=info) | Aligned(info=info) | Matched(info=info):
            return Place(info.camera, info.index)
        case Detected(frame=frame) | Tracked(frame=frame):
            return Place(frame.info.camera, frame.info.index)
        case Embedded(aligned=aligned):
            return Place(aligned.info.camera, aligned.info.index)
        case StreamEnd(camera=camera):
            return Place(camera, None)
    return Place(str(getattr(item, "camera", "?")), None)
