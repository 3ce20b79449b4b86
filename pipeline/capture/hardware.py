"""What is asked of a hardware decoder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.errors import OutsideError


class RefusedPacketError(OutsideError):
    """A packet that the decoder does not take."""


@dataclass(frozen=True, slots=True)
class DecodedAt:
    """Where a picture in NV12 lies on the device, until the decoder's next call."""

    key: int
    """of the packet that it came in"""
    pointer: int
    """of the plane of brightness"""
    chroma_pointer: int
    pitch_bytes: int
    """from row to row, of both planes"""


class HardwareDecoder(Protocol):
    """Packets in, pictures on the GPU out, in the order of display. Called inside the driver's context."""

    def decode(self, data: bytes, key: int) -> Sequence[DecodedAt]:
        """Pictures that are done with this packet (Annex B). Raises RefusedPacketError."""
        ...

    def flush(self) -> Sequence[DecodedAt]:
        """Pictures that are still inside, when no packet follows."""
        ...

    def close(self) -> None:
        """Let go of the decoder; never raises."""
        ...


MakeHardware = Callable[[str], HardwareDecoder]
"""for a codec by FFmpeg's name, "h264" or "hevc"; raises OutsideError"""
