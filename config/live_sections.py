"""Sections of the configuration that only live cameras have: sources, cameras, pictures, the spool, HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.section import Count, Seconds, Section


class Spool(Section):
    """Where live events wait until Redis has them, and a while longer (docs/operate.md)."""

    keep_s: Seconds = 300.0
    """events stay so long after they were published: a Redis that is killed forgets its last second, or what it
    was restored to, and is told again"""
    max_mb: Count = 1024
    """on disk; the oldest go first, and are counted. About a million events"""


class Snapshots(Section):
    """Pictures of sightings: the best shot's face and its frame."""

    live: bool = True
    """of cameras"""
    replay: bool = False
    """of recordings, which can be looked at again"""
    frame_px: Annotated[int, Field(ge=64, le=8192)] = 1280
    """longer side of the kept frame; larger ones are scaled down"""
    jpeg_quality: Annotated[int, Field(ge=30, le=100)] = 85
    """85 is hard to tell from the original, at a third of the bytes of 95"""


class Capture(Section):
    """What decodes, and of live sources when they count as gone and when they are tried again."""

    decoder: Literal["software", "nvdec", "auto"] = "software"
    """of recordings; nvdec: on the GPU that TensorRT runs on, through PyNvVideoCodec, or an error; auto: there where
    that is possible. The frames are expected to be the same ones (docs/gpu.md). Live cameras are always decoded in
    software"""
    connect_timeout_s: Annotated[float, Field(gt=0.0, le=60.0)] = 5.0
    """until a source has answered; cameras that wake from standby take two or three"""
    read_timeout_s: Annotated[float, Field(gt=0.0, le=10.0)] = 5.0
    """without a frame, and the stream counts as stalled. A drain waits for a read, so it must end well within 10 s"""
    max_backoff_s: Annotated[float, Field(ge=1.0, le=300.0)] = 30.0
    """longest wait between two tries, which begin half a second apart and become twice as long each time"""
    park_after_s: Seconds = 300.0
    """without a frame, and a camera is shown as parked: somebody should look at it. It is still tried"""


class Cameras(Section):
    """Which cameras are watched."""

    file: str | None = None
    """YAML, watched while monitor runs (config/cameras.example.yaml); null: cameras.yaml in the data folder"""


class Http(Section):
    """What monitor tells and takes by HTTP."""

    listen: str = "127.0.0.1:8470"
    """address and port, 0 for any that is free. What is not loopback is refused: metrics name cameras, and put a
    proxy with authentication in front where others must read them"""
