"""A hardware decoder of a fake GPU, for tests here and in programs built on this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from engines.backends.cuda.driver import DeviceMemory
from engines.backends.cuda.fake_driver import FakeDriver
from pipeline.arrays import U8
from pipeline.capture.hardware import DecodedAt, RefusedPacketError


class FakeNvdec:
    """A decoder of a fake GPU: FFmpeg's, whose pictures are put into the fake's memory."""

    def __init__(self, codec: str, driver: FakeDriver, spare_bytes: int = 64) -> None:
        """`spare_bytes` are added to each row, as hardware aligns them."""
        context = VideoCodecContext.create(codec, "r")
        assert isinstance(context, VideoCodecContext)
        self._context = context
        self._context.thread_count = 1
        self._driver = driver
        self._spare_bytes = spare_bytes
        self._held: list[DeviceMemory] = []

    def decode(self, data: bytes, key: int) -> Sequence[DecodedAt]:
        """See `HardwareDecoder`."""
        packet: av.Packet[Any] = av.Packet(data)
        packet.pts = packet.dts = key
        return self._given(packet)

    def flush(self) -> Sequence[DecodedAt]:
        """See `HardwareDecoder`."""
        return self._given(None)

    def close(self) -> None:
        """Give the last pictures' memory back."""
        with self._driver.current():
            self._drop()

    def _given(self, packet: av.Packet[Any] | None) -> list[DecodedAt]:
        self._drop()
        try:
            frames = self._context.decode(packet)
        except av.EOFError:
            return []
        except av.FFmpegError as error:
            raise RefusedPacketError(f"FFmpeg: {error.strerror}") from error
        return [self._put(frame) for frame in frames]

    def _put(self, frame: av.VideoFrame) -> DecodedAt:
        y, cb, cr = (_plane(frame, row) for row in range(3))
        height, width = y.shape
        pitch = width + width % 2 + self._spare_bytes
        stored = np.zeros((height + len(cb), pitch), np.uint8)
        stored[:height, :width] = y
        stored[height:, : 2 * cb.shape[1]] = np.stack([cb, cr], -1).reshape(len(cb), -1)
        memory = self._driver.allocate_device(stored.nbytes)
        self._held.append(memory)
        self._driver.device.bytes_at(memory.pointer, stored.nbytes)[:] = stored.reshape(-1)
        assert frame.pts is not None  # every packet has its key
        return DecodedAt(frame.pts, memory.pointer, memory.pointer + height * pitch, pitch)

    def _drop(self) -> None:
        while self._held:
            self._driver.free_device(self._held.pop())


def _plane(frame: av.VideoFrame, row: int) -> U8:
    """A plane of a yuv420p frame (h, w)."""
    plane = frame.planes[row]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[
        : plane.height, : plane.width
    ]
