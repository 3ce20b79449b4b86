"""Which shot is a sighting's picture, and when another takes its place.

The picture of a sighting is one file: the best shot so far, which a better one replaces when the next event is told.
So `new` names a picture as soon as there is one, and at the `end` it is the best of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from pipeline.events.pictures.shots import Kept, Offered, Shot, Still
from pipeline.events.pictures.snapshot_paths import snapshot_path
from pipeline.events.sighting import Sighting
from pipeline.gallery.keeping.picture_about import About
from pipeline.geometry import fraction_box
from pipeline.types import Matched


class OffersFrames(Protocol):
    """Where frames wait that are worth a picture. pipeline.events.pictures.shots.ShotBoard is one."""

    def take(self, camera: str, frame_index: int) -> Offered | None:
        """This frame, if it is there; what is older of its camera is let go."""
        ...

    def finish(self, camera: str, frames: int) -> None:
        """The camera has ended or is away after so many frames: let go of them."""
        ...


class KeepsPictures(Protocol):
    """Where pictures are written. pipeline.events.pictures.snapshots.SnapshotWriter is one. Live, no call waits."""

    def has_room(self, still_bytes: int) -> bool:
        """Whether a frame of so many bytes may be developed."""
        ...

    def develop(self, still: Still, shots: list[Shot]) -> None:
        """Make the pictures of these shots in memory."""
        ...

    def put(self, path: str, shot: Shot, about: About) -> Kept | None:
        """Promise this picture; None where that cannot be done."""
        ...

    def erase(self, path: str) -> None:
        """Delete a picture."""
        ...


class Pictures:
    """The pictures of a run's sightings. One thread calls it."""

    def __init__(self, board: OffersFrames, keeper: KeepsPictures) -> None:
        self._board = board
        self._keeper = keeper

    def shots_of(self, item: Matched) -> Mapping[int, Shot]:
        """Shots of this frame that may become pictures, by track."""
        offered = self._board.take(item.info.camera, item.info.index)
        if offered is None or offered.frame.info != item.info or not self._keeper.has_room(offered.bytes):
            return {}
        still = Still(item.info, offered.frame.pixels)
        return {
            int(item.track_ids[row]): Shot(still, item.faces.boxes[row], float(item.quality[row]))
            for row in offered.rows.tolist()
        }

    def develop(self, shots: Mapping[int, Shot], parted: Sequence[Sighting] = ()) -> None:
        """Make pictures of those that sightings took, and correct those of sightings that somebody has left."""
        for sighting in parted:
            self._correct(sighting)
        taken = [shot for shot in shots.values() if shot.is_taken]
        if taken:
            self._keeper.develop(taken[0].still, taken)

    def promise(self, sighting: Sighting, sighting_id: str) -> str | None:
        """Where the picture of a sighting is, or soon will be, below the data folder; None: there is none."""
        kept, best = sighting.kept, sighting.best_shot
        is_new = kept is None or kept.is_missed or kept.shot is not best
        if best is not None and is_new and not (kept is not None and kept.is_erased):
            sighting.kept = kept = self._put(sighting, sighting_id, best) or kept
        return None if kept is None or kept.is_absent or kept.is_erased else kept.path

    def _correct(self, sighting: Sighting) -> None:
        """Somebody has left this sighting who was somebody else: its picture must not be theirs."""
        kept, best = sighting.kept, sighting.best_shot
        if kept is None or kept.shot in (*sighting.shots.values(), sighting.gone_shot):
            return
        sighting.kept = None if best is None else self._put(sighting, kept.sighting_id, best)
        if sighting.kept is None:
            self._keeper.erase(kept.path)

    def finish(self, camera: str, frames: int) -> None:
        """The camera has ended or is away after so many frames."""
        self._board.finish(camera, frames)

    def _put(self, sighting: Sighting, sighting_id: str, shot: Shot) -> Kept | None:
        info = shot.still.info
        box = fraction_box(shot.box, info.width, info.height)
        about = About(info.camera, sighting_id, info.at, info.index, info.pts_s, shot.quality, box)
        return self._keeper.put(snapshot_path(sighting_id, sighting.first.at), shot, about)
