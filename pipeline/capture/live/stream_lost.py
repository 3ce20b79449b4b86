"""Why a camera gives no pictures, in one line for whoever has to repair it."""

from __future__ import annotations

import errno
import socket

import av

from pipeline.capture.live.address import Address, Kind
from pipeline.capture.live.live_options import LiveOptions
from pipeline.errors import OutsideError


class StreamLostError(OutsideError):
    """A camera cannot be reached, or no longer. The message holds no secret: it is made of our own words."""


def why_no_connection(error: Exception, address: Address, options: LiveOptions) -> str:
    """Why opening a camera failed with this."""
    if address.kind is Kind.DEVICE:
        return _why_no_device(error, address)
    said = _said_by_server(error)
    if said is not None:
        return said
    where = f"port {address.port} of {address.host}"
    code = getattr(error, "errno", None)
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens on {where}; is the camera on, and the port right?"
    if isinstance(error, av.error.ProtocolNotFoundError) or code == errno.EPROTONOSUPPORT:
        return f"the camera does not send by {options.transport}; set its transport to auto"
    if isinstance(error, av.InvalidDataError):
        return "what the camera sends is not a video that FFmpeg reads; check the path of its address"
    if isinstance(error, av.EOFError | ConnectionResetError | BrokenPipeError):
        return "the camera hung up before it sent video"
    return _why_unreachable(address, where) or (
        f"no video came from {where} within {options.connect_timeout_s:g} s"
        if isinstance(error, av.error.ExitError | TimeoutError)
        else f"{where} answers, but not with video ({_words(error)}); check the path of its address"
    )


def why_no_more(error: Exception, options: LiveOptions) -> str:
    """Why reading a stream failed with this."""
    if isinstance(error, av.error.ExitError | TimeoutError):
        return f"no data came for {options.read_timeout_s:g} s"
    code = getattr(error, "errno", None)
    if (
        isinstance(error, ConnectionResetError | BrokenPipeError | ConnectionAbortedError)
        or code == errno.EIO
    ):
        return "the connection was cut"
    if code == errno.ENODEV:
        return "the device is gone; is the camera plugged in?"
    return _said_by_server(error) or f"the stream cannot be read further ({_words(error)})"


def _said_by_server(error: Exception) -> str | None:
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return "the camera refuses this user and password (401); check them in its address"
    if isinstance(error, av.error.HTTPForbiddenError):
        return "the camera does not allow this (403); check the user's rights in the camera"
    if isinstance(error, av.error.HTTPNotFoundError):
        return "the camera has nothing at this path (404); check the path of its address"
    if isinstance(error, av.error.HTTPClientError):
        return "the camera refuses the request (4xx); check the path of its address"
    if isinstance(error, av.error.HTTPServerError):
        return "the camera failed to answer (5xx); it may be starting, or serve too many viewers"
    return None


def _why_unreachable(address: Address, where: str) -> str | None:
    """What a plain connection says where FFmpeg only says that something went wrong; None when it succeeds."""
    assert address.host is not None
    assert address.port is not None
    try:
        socket.create_connection((address.host, address.port), timeout=1.0).close()
    except (socket.gaierror, UnicodeError):
        return f"no host is called {address.host}; check the address, or the name server"
    except ConnectionRefusedError:
        return f"nothing listens on {where}; is the camera on, and the port right?"
    except TimeoutError:
        return f"{address.host} does not answer; is the camera on, and in this network?"
    except OSError as error:
        return f"{address.host} cannot be reached ({error.strerror})"
    return None


def _why_no_device(error: Exception, address: Address) -> str:
    if isinstance(error, FileNotFoundError):
        return f"there is no {address.shown}; is the camera plugged in?"
    if isinstance(error, PermissionError):
        return f"{address.shown} may not be opened; add the user to the group 'video'"
    if getattr(error, "errno", None) == errno.EBUSY:
        return f"another program uses {address.shown}"
    if getattr(error, "errno", None) in (errno.ENODEV, errno.ENOTTY, errno.EINVAL):
        return f"{address.shown} is not a camera, or one that gives no video"
    return f"{address.shown} could not be opened ({_words(error)})"


def _words(error: Exception) -> str:
    """FFmpeg's or the system's words for a kind of error, which name no address."""
    return getattr(error, "strerror", None) or type(error).__name__
