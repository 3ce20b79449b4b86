"""The networks that can be trained: the FaceNet paper's six, the trunk of the public weights, and a tiny one.

Every member takes float planes (N, 3, side_px, side_px), (pixel - 127.5) / 128, RGB, and gives vectors of unit length
in as many dimensions as asked for. Its weights are drawn when it is made, from torch's generator.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from engines.errors import CatalogueError
from engines.networks.inception import NN2, NN4
from engines.networks.mini import NNS1, NNS2
from engines.networks.tiny import Tiny
from engines.networks.trainable_resnet import TrainableResnet
from engines.networks.zeiler_fergus import NN1
from engines.zoo.description import InputFormat

DIMENSION = 128
"""the paper's choice, its table 5"""
MEAN, SCALE = 127.5, 1.0 / 128.0
"""a pixel becomes (pixel - MEAN) * SCALE, as for the public weights"""


@dataclass(frozen=True, slots=True)
class PaperFigures:
    """What the FaceNet paper (arXiv:1503.03832v3) says of a network: tables 1 to 3 and section 3.3."""

    input: str
    """columns and rows of the crops"""
    parameters: int | None
    """None: not stated"""
    multiply_adds: tuple[int, int] | None
    """FLOPS, from and to; the same twice where the paper gives one figure"""
    val: float | None
    """share of the same person's pairs that are accepted at a FAR of 1e-3, on the paper's 1 M images"""


@dataclass(frozen=True, slots=True)
class Member:
    """A network of the family."""

    name: str
    title: str
    side_px: int
    """width and height of the crops it takes"""
    paper: PaperFigures | None
    """None: not one of the paper's"""
    make: Callable[[int], nn.Module]
    """a new network whose vectors have this many dimensions, with weights of chance"""

    @property
    def input(self) -> InputFormat:
        """As models.yaml describes the input of what was exported."""
        return InputFormat(side_px=self.side_px, mean=(MEAN,) * 3, scale=(SCALE,) * 3)


MEMBERS: tuple[Member, ...] = (
    Member(
        "inception-resnet-v1", "Inception-ResNet-v1, with batch norm to train it", 160, None, TrainableResnet
    ),
    Member(
        "nn1",
        "NN1: Zeiler and Fergus with 1x1 convolutions",
        220,
        PaperFigures("220x220", 140_000_000, (1_600_000_000, 1_600_000_000), 0.879),
        NN1,
    ),
    Member(
        "nn2",
        "NN2: Inception",
        224,
        PaperFigures("224x224", 7_500_000, (1_600_000_000, 1_600_000_000), 0.894),
        NN2,
    ),
    Member(
        "nn3",
        "NN3: NN2 at 160 pixels",
        160,
        PaperFigures("160x160", None, (500_000_000, 1_600_000_000), 0.883),
        NN2,
    ),
    Member(
        "nn4",
        "NN4: NN2 at 96 pixels, no 5x5 in the higher layers",
        96,
        PaperFigures("96x96", None, (285_000_000, 285_000_000), 0.820),
        NN4,
    ),
    Member(
        "nns1",
        "NNS1: mini Inception, designed to the paper's figures",
        165,
        PaperFigures("165x165", 26_000_000, (220_000_000, 220_000_000), 0.824),
        NNS1,
    ),
    Member(
        "nns2",
        "NNS2: tiny Inception, designed to the paper's figures",
        140,
        PaperFigures("140x116", 4_300_000, (20_000_000, 20_000_000), 0.519),
        NNS2,
    ),
    Member("tiny", "a network for tests", 32, None, Tiny),
)


def member(name: str) -> Member:
    """The member of this name. Raises CatalogueError that names the nearest."""
    for each in MEMBERS:
        if each.name == name:
            return each
    names = [each.name for each in MEMBERS]
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    raise CatalogueError(f"no network {name!r}{meant}; known: {', '.join(names)}")
