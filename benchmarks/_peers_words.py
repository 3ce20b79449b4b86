"""What `bench peers` and a peer's process say to each other: JSON lines on the process's standard input and output.

The process runs in the peers' own environment (requirements-peers.txt), so this module imports nothing but Python's
own. One question, one answer; nothing is timed while nobody has asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Open:
    """The first question: load this peer."""

    peer: str
    weights: str
    """.npz file of FaceNet's convolutions, in the order of the network; for the peer that cannot fetch its own"""
    gallery: int
    """people to compare each face with"""


@dataclass(frozen=True, slots=True)
class Opened:
    """It is ready."""

    loop: str
    """what it does with a frame, in words"""
    packages: dict[str, str]
    """the versions that matter"""


@dataclass(frozen=True, slots=True)
class Watch:
    """Work through every `step`-th frame of a video, from frame `first` on."""

    video: str
    first: int
    step: int


@dataclass(frozen=True, slots=True)
class Watched:
    """What was done with them."""

    seconds: float
    """for these frames, the decoding of each included; not for those between them"""
    cpu_seconds: float
    """of all threads, for the same"""
    boxes: list[list[list[float]]]
    """a frame, a face: x0 y0 x1 y1 in pixels"""
    embedded: int


@dataclass(frozen=True, slots=True)
class Embed:
    """Run the embedding network alone."""

    planes: str
    """.npy file, float32 (N, 3, 160, 160), standardised"""
    batch: int
    times: int


@dataclass(frozen=True, slots=True)
class Embedding:
    """How long it took, and what came out."""

    seconds: list[float]
    """one a time, for all N"""
    first: list[float]
    """vector of the first, unit length"""


@dataclass(frozen=True, slots=True)
class Failed:
    """The process cannot do it, and ends."""

    reason: str


Word = Open | Opened | Watch | Watched | Embed | Embedding | Failed
WORDS = {word.__name__: word for word in (Open, Opened, Watch, Watched, Embed, Embedding, Failed)}


def to_line(word: Word) -> str:
    """One line, with its end.

    >>> to_line(Watch("a.mp4", 0, 5))
    '{"say": "Watch", "video": "a.mp4", "first": 0, "step": 5}\\n'
    """
    return json.dumps({"say": type(word).__name__} | asdict(word)) + "\n"


def from_line(line: str) -> Word:
    """What a line says. Raises ValueError for anything that is none."""
    said: Mapping[str, Any] = json.loads(line)
    if not isinstance(said, dict) or said.get("say") not in WORDS:
        raise ValueError(f"not a word of this conversation: {line[:80]!r}")
    try:
        return WORDS[said["say"]](**{name: value for name, value in said.items() if name != "say"})
    except TypeError as error:
        raise ValueError(f"not a whole word of this conversation: {line[:80]!r}") from error
