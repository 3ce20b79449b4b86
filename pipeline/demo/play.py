"""What the demo's camera sees: two people cross, leave, nobody for a while, then a stranger and two returns.

The photos are those of face-recognition 1.3.0 (tests/test_images) and scikit-image (astronaut.png: Eileen
Collins, NASA). obama2.jpg is not in the play: it is the photo that Obama is enrolled from. There is only one
photo of Biden, so he is enrolled from it and plays in it mirrored, scaled and in another light.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.demo.script import Appearance, Figure, Point, Script, Waypoint

OBAMA, BIDEN = "Barack Obama", "Joe Biden"

ENROLLED = ((OBAMA, "obama2.jpg"), (BIDEN, "biden.jpg"))
"""who is known to the demo, and from which photo"""


def _tenths(*numbers: float) -> tuple[Point, ...]:
    """x y x y ... in tenths of the photo's width and height, as points in fractions."""
    return tuple((x / 10, y / 10) for x, y in zip(numbers[::2], numbers[1::2], strict=True))


# fmt: off
_OBAMA_SMILING = Figure("obama.jpg", (910, 1137), (0.409, 0.074, 0.676, 0.378), _tenths(
    5.2, .2, 4.5, .42, 4.1, .9, 3.95, 1.6, 3.7, 1.72, 3.75, 2.2, 3.95, 2.6, 4.2, 2.65, 4.3, 3.0, 4.45, 3.45,
    4.3, 3.75, 3.2, 4.2, 2.1, 4.6, 1.9, 5.3, 1.4, 6.0, 1.1, 7.0, .65, 8.0, .6, 8.7, 1.0, 9.4, 2.1, 9.7, 2.2, 10,
    8.3, 10, 8.4, 9.2, 9.0, 8.0, 9.1, 7.0, 9.2, 5.5, 9.2, 4.7, 8.7, 4.3, 7.0, 3.8, 6.45, 3.3, 6.4, 3.1, 6.6, 2.7,
    6.7, 2.5, 7.0, 2.2, 7.05, 1.75, 6.85, 1.72, 6.8, 1.2, 6.5, .6, 5.9, .28,
))
_OBAMA_SERIOUS = Figure("obama3.jpg", (1434, 2333), (0.450, 0.111, 0.645, 0.269), _tenths(
    5.3, .95, 4.6, 1.1, 4.25, 1.5, 4.1, 1.8, 4.15, 2.15, 4.4, 2.25, 4.5, 2.5, 4.4, 2.75, 4.2, 3.0, 3.3, 3.2,
    2.3, 3.3, 2.1, 3.8, 1.9, 4.5, 1.65, 5.2, 1.8, 5.9, 2.6, 6.1, 2.7, 6.5, 2.3, 7.5, 1.75, 8.9, 2.4, 9.0, 2.5, 10,
    7.7, 10, 7.75, 9.0, 8.1, 8.9, 8.0, 7.5, 7.6, 6.1, 8.2, 5.7, 8.5, 5.0, 8.1, 4.2, 7.95, 3.4, 7.2, 3.2, 5.9, 2.9,
    5.85, 2.6, 6.1, 2.35, 6.4, 2.1, 6.4, 1.85, 6.3, 1.5, 6.0, 1.1,
))
_BIDEN = Figure("biden.jpg", (970, 2204), (0.455, 0.077, 0.749, 0.260), _tenths(
    5.6, .42, 4.6, .6, 4.1, 1.1, 4.0, 1.5, 4.0, 1.85, 4.2, 1.95, 4.3, 2.3, 4.1, 2.5, 3.5, 2.7, 1.4, 2.85, .6, 3.1,
    .45, 3.8, .4, 5.0, .8, 5.8, 1.0, 6.1, .7, 7.0, .3, 9.0, .8, 9.3, .8, 10, 9.0, 10, 9.0, 9.2, 9.8, 9.1, 9.6, 8.0,
    9.0, 6.6, 8.7, 5.7, 9.6, 5.55, 9.95, 5.1, 9.9, 4.6, 9.6, 3.9, 9.3, 3.45, 8.9, 3.25, 7.6, 3.0, 6.7, 2.7, 6.7, 2.5,
    6.9, 2.4, 7.2, 2.2, 7.5, 1.75, 7.7, 1.5, 7.6, .9, 7.2, .55, 6.4, .4,
))
_ASTRONAUT = Figure("astronaut.png", (512, 512), (0.355, 0.123, 0.525, 0.340), _tenths(
    4.6, .3, 4.0, .4, 3.5, .7, 3.05, 1.2, 3.0, 1.8, 3.2, 2.1, 3.45, 2.55, 3.6, 2.85, 3.2, 2.9, 2.7, 3.1, 2.4, 3.5,
    2.2, 3.7, 2.2, 4.1, 1.5, 4.6, 1.0, 5.0, .8, 5.6, .6, 6.5, .4, 7.5, .5, 8.2, .55, 9.2, .6, 10, 9.6, 10, 9.7, 9.2,
    9.6, 8.3, 9.2, 7.4, 8.5, 6.9, 7.8, 6.7, 7.1, 6.85, 7.0, 6.2, 6.8, 5.3, 6.0, 4.7, 5.95, 4.2, 5.5, 3.7, 4.95, 3.35,
    5.0, 3.0, 5.2, 2.65, 5.6, 2.35, 5.85, 1.8, 5.85, 1.3, 5.5, .7, 5.1, .4,
))
# fmt: on


def _right_of(figure: Figure, photo: str, column: int) -> Figure:
    """The same figure in a photo that is `figure`'s from this column on."""
    width, height = figure.size_px
    part = width - column

    def move(x: float) -> float:
        return (x * width - column) / part

    x0, y0, x1, y1 = figure.face
    outline = tuple((move(x), y) for x, y in figure.outline)
    return replace(
        figure, photo=photo, size_px=(part, height), face=(move(x0), y0, move(x1), y1), outline=outline
    )


# the cut goes through the cheek and the outer corner of an eye
_OBAMA_HALF = _right_of(_OBAMA_SMILING, "obama_partial_face.jpg", column=419)

PILLAR = (540.0, 730.0)
"""wide enough to hide a whole half figure"""
_PEEK = PILLAR[1] + 29
"""where the half face comes to: the photo's cut edge stays 3 px behind the pillar"""
_HIDDEN = PILLAR[0] + 38
"""where neither edge of the half figure can be seen"""

PLAY = Script(
    width=1280,
    height=720,
    rate=25,
    duration_s=20.0,
    figures=(_OBAMA_SMILING, _OBAMA_SERIOUS, _OBAMA_HALF, _BIDEN, _ASTRONAUT),
    appearances=(
        # from the right, and behind the next: they cross at about 3.6 s
        Appearance(
            "biden.jpg",
            BIDEN,
            (
                Waypoint(1.6, 1400, 330, 104, 0.85),
                Waypoint(3.4, 850, 325, 110, 1.10),
                Waypoint(6.7, -140, 320, 118, 0.95),
            ),
            mirrored=True,
        ),
        # from the left, in front
        Appearance(
            "obama.jpg",
            OBAMA,
            (
                Waypoint(0.5, -190, 415, 140, 0.95),
                Waypoint(2.0, 290, 400, 145, 1.0),
                Waypoint(3.4, 660, 380, 152, 1.05),
                Waypoint(5.4, 1480, 345, 166, 0.95),
            ),
        ),
        # a stranger: in from the left, stops, goes out to the right; before her, nobody for three seconds
        Appearance(
            "astronaut.png",
            None,
            (
                Waypoint(10.0, -280, 390, 112, 0.95),
                Waypoint(11.6, 300, 380, 124, 1.0),
                Waypoint(12.5, 370, 376, 130, 1.05),
                Waypoint(15.2, 1500, 370, 132, 0.9),
            ),
        ),
        # back in another photo: looks in from the right, turns and goes
        Appearance(
            "obama3.jpg",
            OBAMA,
            (
                Waypoint(10.9, 1440, 300, 88, 0.95),
                Waypoint(12.1, 1010, 290, 98, 1.05),
                Waypoint(12.9, 980, 286, 102, 1.05),
                Waypoint(14.2, 1460, 290, 98, 0.95),
            ),
        ),
        # and once more, half hidden: looks out from behind the pillar
        Appearance(
            "obama_partial_face.jpg",
            OBAMA,
            (
                Waypoint(16.7, _HIDDEN, 405, 146, 0.95),
                Waypoint(17.1, _PEEK, 402, 148, 1.0),
                Waypoint(19.2, _PEEK, 398, 148, 1.0),
                Waypoint(19.8, _HIDDEN, 405, 146, 0.95),
            ),
            behind_pillar=True,
            sway_deg=0.0,
        ),
    ),
    pillar=PILLAR,
    seed=7,
)
