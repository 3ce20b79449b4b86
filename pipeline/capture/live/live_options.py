"""How a live source is opened, and when it counts as gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transport = Literal["auto", "tcp", "udp"]
TRANSPORTS: tuple[Transport, ...] = ("auto", "tcp", "udp")


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """What one live camera's source is told. The defaults' reasons stand in config/schema.py."""

    transport: Transport = "auto"
    """of RTSP's pictures; auto: TCP, and UDP where the camera refuses it"""
    rotate: int = 0
    """degrees clockwise that pictures are turned by: 0, 90, 180 or 270"""
    connect_timeout_s: float = 5.0
    """until the camera has answered, and again until its first picture's data came"""
    read_timeout_s: float = 5.0
    """without data, and the stream counts as gone"""
    max_backoff_s: float = 30.0
    """longest wait between two tries"""
    park_after_s: float = 300.0
    """without a picture, and the camera shows as parked"""
    threads: int = 1
    """of the decoder; 0: as FFmpeg likes. Each one more delays pictures by one"""

    def __post_init__(self) -> None:
        if self.transport not in TRANSPORTS:
            raise ValueError(f"transport must be auto, tcp or udp, got {self.transport!r}")
        if self.rotate not in (0, 90, 180, 270):
            raise ValueError(f"rotate must be 0, 90, 180 or 270 degrees, got {self.rotate}")
        for name in ("connect_timeout_s", "read_timeout_s", "max_backoff_s", "park_after_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
