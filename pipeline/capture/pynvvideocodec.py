"""NVDEC by PyNvVideoCodec; the only place that imports it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from pipeline.capture.hardware import DecodedAt, RefusedPacketError
from pipeline.errors import OutsideError

PACKAGE = "PyNvVideoCodec"
CODECS = {"h264": "H264", "hevc": "HEVC"}
"""FFmpeg's names to cudaVideoCodec's"""


def nvdec_missing() -> str | None:
    """Why there is no hardware decoder in the software installed here, or None; nothing is imported."""
    return None if find_spec(PACKAGE) else f"{PACKAGE} is not installed: pip install {PACKAGE}"


class NvdecDecoder:
    """NVDEC by PyNvVideoCodec 2.2, in the GPU's primary context, which all of this process shares."""

    def __init__(self, codec: str, gpu: int = 0) -> None:
        """Raises OutsideError where the package or the driver is missing, or the GPU does not decode this."""
        try:
            # Its import asks the driver for its version, and raises RuntimeError without one.
            self._library: Any = import_module(PACKAGE)
        except (ImportError, RuntimeError) as error:
            raise _unusable(error) from error
        # PyNvVideoCodec's two errors are no RuntimeError, and have no common base of their own.
        own = (self._library.PyNvVCException, self._library.PyNvVCExceptionUnsupported)
        self._refusals = (RuntimeError, *own)
        kind = getattr(self._library.cudaVideoCodec, CODECS[codec])
        try:
            self._decoder = self._library.CreateDecoder(gpuid=gpu, codec=kind, usedevicememory=True)
        except self._refusals as error:
            raise _unusable(error) from error

    def decode(self, data: bytes, key: int) -> Sequence[DecodedAt]:
        """See `HardwareDecoder`."""
        # The decoder reads from the address while Decode runs; this name keeps the bytes until then.
        kept = np.frombuffer(data, np.uint8)
        packet = self._library.PacketData()
        packet.bsl_data, packet.bsl, packet.pts = kept.ctypes.data, kept.nbytes, key
        return self._given(packet)

    def flush(self) -> Sequence[DecodedAt]:
        """See `HardwareDecoder`."""
        return self._given(self._library.PacketData())

    def close(self) -> None:
        """The decoder goes with its last reference."""
        self._decoder = None

    def _given(self, packet: Any) -> list[DecodedAt]:
        try:
            frames = self._decoder.Decode(packet)
            self._decoder.SyncOnCUStream()  # copied out of the decoder, so that any stream may read them
        except self._refusals as error:
            raise RefusedPacketError(f"NVDEC: {error}") from error
        return [_where(frame) for frame in frames]


def _unusable(error: Exception) -> OutsideError:
    first = next(iter(str(error).splitlines()), type(error).__name__)
    return OutsideError(f"NVDEC cannot be used: {first}; set capture.decoder=software")


def _where(frame: Any) -> DecodedAt:
    """Of a frame of PyNvVideoCodec, whose planes are CUDA arrays (height, width, channels)."""
    luma, chroma = (plane.__cuda_array_interface__ for plane in frame.cuda()[:2])
    return DecodedAt(frame.getPTS(), luma["data"][0], chroma["data"][0], luma["strides"][0])
