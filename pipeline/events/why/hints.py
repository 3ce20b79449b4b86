"""What to change about a camera, or the gallery, so that more faces get their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.events.why.funnel import CameraFunnel
from pipeline.events.why.shortfall import Reason
from pipeline.geometry import FaceSizes

MIN_SIGHTINGS = 20
"""a camera with fewer gets no hint: six of 20 may be anything from 15 to 52 % (Wilson, 95 %)"""
MIN_SHARE = 0.25
"""of a camera's sightings: a reason that is rarer is no property of the camera"""
MIN_FACES = 200
"""faces found by the detector, before their sizes say something: 20 seconds of one face at ten looks a second"""
MIN_SMALL = 0.5
"""of the faces found: when so many are too small to be followed, that comes before everything else"""

ADVICE: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.TOO_SMALL: "move the camera closer or use a longer lens, or give it a stream with more pixels "
        "(detection.input_px must keep up where it is a number; auto does, up to 1920 px)",
        Reason.BLURRED: "more light or a shorter exposure (1/100 s or less where people walk); clean and focus the "
        "lens; a higher bit rate",
        Reason.TURNED_AWAY: "mount it lower and in front of people: at eye height where they walk towards it, or "
        "where they look at something",
        Reason.BAD_LIGHT: "light on the faces, not behind them: no window or lamp in the picture, or turn on the "
        "camera's backlight compensation",
        Reason.DOUBTFUL: "look at the pictures: statues, posters, screens and heads half in the picture are found "
        "as faces; a mask or region in the cameras file leaves them out",
        Reason.COVERED: "masks, sunglasses, hands, door frames: choose a place where people take them off, or where "
        "nothing stands in between",
        Reason.UNCLEAR: "closer, brighter, and from the front",
        Reason.EMPTY_GALLERY: "enroll people: python run_pipeline.py enroll NAME PHOTOS",
        Reason.EMPTY_WATCHLIST: "add people to the camera's watchlist, or take the list away from the camera: "
        "python run_pipeline.py watchlists",
        Reason.NOT_COMPARABLE: "the gallery's templates are of another model than the one that runs: enroll again "
        "with it, or set embedding.model to theirs",
        Reason.TOO_FAR: "nothing where it is a stranger; whom you know, enroll with pictures like this camera's, "
        "from the same side and in the same light",
        Reason.MARGIN_TOO_SMALL: "two people who look alike, or one who was enrolled twice: python run_pipeline.py "
        "people merge; more photos of both; matching.min_margin",
        Reason.FEW_SHOTS: "people are seen too shortly: let the camera see more of their way, or raise its looks a "
        "second; sightings.min_shots",
        Reason.NAME_TAKEN: "somebody else in the picture was nearer to the same person: mirrors, screens and posters "
        "in view, or two who look alike",
        Reason.ENDED_EARLY: "people are seen too shortly: let the camera see more of their way; "
        "sightings.min_seen_s",
    }
)
"""by reason, for a camera and for one sighting"""

IN_WORDS: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.TOO_SMALL: "too small",
        Reason.BLURRED: "too blurred",
        Reason.TURNED_AWAY: "turned away",
        Reason.BAD_LIGHT: "badly lit",
        Reason.DOUBTFUL: "hardly a face",
        Reason.COVERED: "something in front",
        Reason.UNCLEAR: "not clear enough",
        Reason.EMPTY_GALLERY: "nobody in the gallery",
        Reason.EMPTY_WATCHLIST: "nobody on the watchlist",
        Reason.NOT_COMPARABLE: "nobody to compare with",
        Reason.TOO_FAR: "near nobody",
        Reason.MARGIN_TOO_SMALL: "between two people",
        Reason.FEW_SHOTS: "too few shots",
        Reason.NAME_TAKEN: "name taken",
        Reason.ENDED_EARLY: "gone too soon",
    }
)
"""as a column of a table says it"""


def hint(funnel: CameraFunnel, found: FaceSizes | None = None, min_face_px: float = 0.0) -> str | None:
    """What to change about a camera with these counts, in one line; None where nothing stands out.

    Args:
        found: all faces that the detector found, also those too small to be followed; None where that is not known.
        min_face_px: smaller ones are not followed.
    """
    if found is not None and found.total >= MIN_FACES:
        small = found.below(min_face_px)
        if small >= MIN_SMALL * found.total:
            return (
                f"{_percent(small, found.total)} of the faces are below {min_face_px:.0f} px, most of all "
                f"{in_px(found)}, and are not followed: move the camera closer or use a longer lens, or set "
                "min_face_px (and detection.input_px where it is a number)"
            )
    if funnel.faces < MIN_SIGHTINGS:
        return None
    for each in funnel.unnamed:
        # That strangers are strangers says something only where nobody at all gets a name.
        expected = each.reason is Reason.TOO_FAR and funnel.named > 0
        if each.sightings >= MIN_SHARE * funnel.faces and not expected:
            told = f"{_percent(each.sightings, funnel.faces)} {IN_WORDS[each.reason]}"
            if each.reason is Reason.TOO_SMALL:
                told += f" (most faces are {in_px(funnel.sizes)})"
            return f"{told}: {ADVICE[each.reason]}"
    return None


def in_px(sizes: FaceSizes) -> str:
    """Where the middle half of these sizes lies.

    >>> in_px(FaceSizes.of([18.0, 21.0, 22.0, 30.0, 33.0, 70.0]))
    '20 to 36 px'
    """
    low, high = sizes.middle_half
    return f"{low:.0f} px and more" if high is None else f"{low:.0f} to {high:.0f} px"


def _percent(part: int, of: int) -> str:
    return f"{100 * part / of:.0f} %"
