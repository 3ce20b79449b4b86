"""One live camera from its address, whatever kind it is."""

from __future__ import annotations

from functools import partial

from pipeline.capture.live.address import parse_address
from pipeline.capture.live.connection import connect
from pipeline.capture.live.live import LiveSource
from pipeline.capture.live.live_options import LiveOptions
from pipeline.capture.live.port import Port
from pipeline.clock import Clock


def open_source(
    url: str, camera: str, options: LiveOptions | None = None, clock: Clock | None = None
) -> LiveSource:
    """The source of a camera; nothing is called before its `frames` are asked for.

        for each in open_source("rtsp://ann:secret@10.0.0.5/main", "door").frames():
            ...

    Args:
        url: rtsp://, rtsps://, http:// or https:// (motion JPEG, HLS), /dev/video0 or usb:0, or the path of a file,
            which is played in real time over and over.
        camera: name that frames carry.
        options: timeouts, transport, rotation.
        clock: wall time of frames, and what waits between tries go by.

    Raises:
        SourceError: nothing can ever come from this address; the message shows no password.
    """
    address = parse_address(url)
    options = options or LiveOptions()
    port = None
    if address.host is not None and address.port is not None:
        port = Port(address.host, address.port)
    return LiveSource(
        camera, address.shown, partial(connect, address, options), options, port=port, clock=clock
    )
