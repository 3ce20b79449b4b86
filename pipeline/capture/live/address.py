"""Where a live camera is: what may be written for one, what FFmpeg is given, and what people are shown."""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from pipeline.capture.readable import check_readable
from pipeline.errors import SourceError

STARS = "*****"

EXAMPLE = "rtsp://user:password@host:554/path"

PORTS = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443}
"""where each scheme's servers listen unless the address says so (RFC 7826, section 20.1; RFC 9110, section 4.2)"""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/?/?")
USB = re.compile(r"usb:(\d{1,3})")


class Kind(Enum):
    """How a camera's pictures come."""

    RTSP = "rtsp"
    HTTP = "http"
    DEVICE = "device"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Address:
    """A camera's address, taken apart. Its password shows nowhere but in `url`."""

    kind: Kind
    url: str = field(repr=False)
    """what FFmpeg opens: user and password percent-encoded; of a device or a file, its path"""
    shown: str
    """what people may see: no user, no password, no query"""
    host: str | None = None
    """None of devices and files"""
    port: int | None = None
    """None of devices and files"""


def parse_address(text: str) -> Address:
    """What a camera's address means.

    User and password may hold any character but a raw `/`, `?` or `#`, which end the host: those are written
    %2F, %3F and %23, and a % that two hexadecimal digits follow is written %25.

    >>> parse_address("rtsp://ann:p@ss word@10.0.0.5/main?channel=1").shown
    'rtsp://*****@10.0.0.5/main?*****'

    Raises:
        SourceError: nothing can ever come from it: an unknown scheme, no host, a folder, a file that is not there.
    """
    text = text.strip()
    if not text or not text.isprintable():
        raise SourceError(f"a camera's address must be one line of visible characters; write {EXAMPLE}")
    if usb := USB.fullmatch(text):
        return _device(f"/dev/video{int(usb[1])}")
    if text.startswith("/dev/"):
        return _device(text)
    scheme = SCHEME.match(text)
    if scheme is None or ("://" not in text and Path(text).exists()):
        check_readable(Path(text), "recording")
        return Address(Kind.FILE, text, text)
    name = scheme[1].lower()
    if name not in PORTS:
        raise SourceError(
            f"{_shown(text)}: {name!r} is no kind of camera; write rtsp://, rtsps://, http://, https://, "
            "/dev/video0, usb:0 or the path of a file"
        )
    return _network(text, name, text[scheme.end() :])


def _device(path: str) -> Address:
    """A device that is not there is no mistake: a USB camera may be plugged in later."""
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return Address(Kind.DEVICE, path, path)
    if not stat.S_ISCHR(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a file"
        raise SourceError(f"{path}: is {what}, not a camera; write /dev/video0 or usb:0")
    return Address(Kind.DEVICE, path, path)


def _network(text: str, scheme: str, rest: str) -> Address:
    shown = _shown(text)
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    userinfo, at, where = authority.rpartition("@")
    try:
        parts = urlsplit(f"{scheme}://{where}")
        host, port = parts.hostname, parts.port or PORTS[scheme]
    except ValueError:
        host, port = None, 0
    if not host or re.search(r"[\s\\\"<>|^`{}]", host):
        if not at and "@" in rest:
            raise SourceError(
                f"{shown}: user and password hold a '/', '?' or '#'; write them %2F, %3F and %23 there"
            )
        raise SourceError(f"{shown}: names no host or a wrong port; write {EXAMPLE}")
    user, colon, password = userinfo.partition(":")
    login = f"{_encoded(user)}{colon}{_encoded(password)}{at}"
    # What is encoded already stays; blanks and the like would end the line of a request.
    path = quote(rest[len(authority) :].split("#")[0], safe="/?&=;:@!$'()*+,~%[]")
    bracketed = f"[{host}]" if ":" in host else host
    kind = Kind.RTSP if scheme.startswith("rtsp") else Kind.HTTP
    return Address(kind, f"{scheme}://{login}{bracketed}:{port}{path}", shown, host, port)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="")


def _shown(text: str) -> str:
    """An address without what may be a secret: everything before its last @, and its query."""
    scheme, _, rest = text.partition("://") if "://" in text else text.partition(":")
    rest, question, _ = (STARS + rest[rest.rindex("@") :] if "@" in rest else rest).partition("?")
    return f"{scheme}://{rest}{question and question + STARS}"
