"""The section of finding faces."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.section import Count, Fraction, Seconds, Section


class Detection(Section):
    """Finding faces in frames."""

    model: str = "centerface"
    """entry of models.yaml"""
    input_px: Literal["auto"] | Annotated[int, Field(ge=64, le=4096)] = "auto"
    """longer side of the detector's input; larger frames are scaled down to it, smaller ones never up. auto: as
    small as still finds min_face_px, or the camera's own smallest face, and at most 1920: 960 for 1080p, 320 for
    640x360. A face is found from 20 px of the input on (docs/detection.md)"""
    rate_hz: Seconds = 10.0
    """frames a second that the detector looks at, by pts; tracks are predicted in between. People need about
    a second to pass, so ten looks are plenty"""
    regions: bool = True
    """between looks at whole frames, look where faces were and where something has changed; on a processor alone. Of
    the work 0.47 to 0.7 is left in a quiet picture, 0.64 in a busy one, and all of it where faces fill the picture
    (docs/detection.md)"""
    full_look_s: Seconds = 1.0
    """the whole frame at least so often, by pts: no face that it would have shown is missed for longer, nor, where a
    look comes later than expected, beyond that look. Half as long costs up to a fifth more in a quiet picture, twice
    as long saves nothing more: what changes is looked at anyway"""
    min_score: Fraction = 0.5
    """a track starts and is counted seen at this detector score; CenterFace's authors' own operating point"""
    low_score: Fraction = 0.3
    """weaker boxes only prolong a track that already exists (two-stage association)"""
    max_iou: Fraction = 0.3
    """non-maximum suppression, as published with CenterFace"""
    min_face_px: Annotated[int, Field(ge=8)] = 40
    """shorter side in the frame; smaller faces are not tracked. They could be recognised (of faces of 24 to 40 px
    92 % are accepted against a clean photo at FAR 0.001, of 20 to 24 px 82 %; docs/evaluate.md), but in video the
    detector finds them off and on: at 32 px the passers-by of one recording are 11 sightings and not 8"""
    max_batch: Count = 4
    """frames of several cameras in one run of the detector"""
    min_rate_hz: Seconds = 0.5
    """live only: what the looks a second of a camera fall to at least when there is too much work for all"""
