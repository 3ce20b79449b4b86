"""A real RTSP camera: GStreamer's server with a test picture or a recording.

Run by the system's own Python, which GStreamer's bindings belong to (Debian: gir1.2-gst-rtsp-server-1.0,
python3-gi, gstreamer1.0-plugins-good, -bad and -ugly); imports nothing of this project. Prints its port, then
serves rtsp://127.0.0.1:PORT/live until it is killed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import gi  # type: ignore[import-not-found,unused-ignore]

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # type: ignore[import-not-found,unused-ignore] # noqa: E402

ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max={keyframe_every} ! h264parse",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={keyframe_every} log-level=none ! h265parse",
    "jpeg": "jpegenc",
}
PARSERS = {"h264": "h264parse", "h265": "h265parse"}


def pipeline(options: argparse.Namespace) -> str:
    """What GStreamer's gst_parse_launch(3) makes a stream of."""
    # Parameter sets every second, so that who comes late can begin; -1 would put them between two slices of one
    # picture, which makes two halves of it.
    interval = "" if options.codec == "jpeg" else " config-interval=1"
    pay = f"rtp{options.codec}pay name=pay0 pt=96{interval}"
    if options.file is not None:
        return f'( filesrc location="{options.file}" ! matroskademux ! {PARSERS[options.codec]} ! {pay} )'
    width, height = options.size.split("x")
    picture = f"video/x-raw,format=I420,width={width},height={height},framerate={options.rate}/1"
    encoder = ENCODERS[options.codec].format(keyframe_every=options.keyframe_every)
    return f"( videotestsrc is-live=true pattern={options.pattern} ! {picture} ! {encoder} ! {pay} )"


def media(options: argparse.Namespace) -> GstRtspServer.RTSPMediaFactory:
    """What is served at /live."""
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(options))
    # One encoder for all who watch, but a recording begins anew for each.
    factory.set_shared(options.file is None)
    transports = {"tcp": GstRtsp.RTSPLowerTrans.TCP, "udp": GstRtsp.RTSPLowerTrans.UDP}
    if options.transport != "both":
        factory.set_protocols(transports[options.transport])
    if options.user:
        factory.add_role_from_structure(
            Gst.Structure.from_string(
                "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"
            )[0]
        )
    return factory


def demand_password(server: GstRtspServer.RTSPServer, user: str, password: str, basic: bool) -> None:
    """Let nobody in but this user; by Digest (RFC 2617), as most cameras do, or Basic."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    if basic:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        auth.add_digest(user, password, token)
    server.set_auth(auth)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="0")
    parser.add_argument("--codec", default="h264", choices=sorted(ENCODERS))
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--rate", type=int, default=25)
    parser.add_argument("--keyframe-every", type=int, default=25)
    parser.add_argument("--pattern", default="smpte")
    parser.add_argument("--file", type=Path, help="a Matroska file to play instead of a test picture")
    parser.add_argument("--transport", default="both", choices=["both", "tcp", "udp"])
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--basic", action="store_true")
    options = parser.parse_args()
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    if options.user:
        demand_password(server, options.user, options.password, options.basic)
    server.get_mount_points().add_factory("/live", media(options))
    if not server.attach(None):
        sys.exit(f"port {options.port} is taken")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
