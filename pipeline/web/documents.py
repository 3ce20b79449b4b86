"""A monitor's answers as JSON, and back."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import OutsideError
from pipeline.web.monitored import CamerasApplied, CameraStatus, MonitorStatus


def status_to_json(status: MonitorStatus) -> bytes:
    """One JSON object; times are UTC with milliseconds, numbers that are none are null."""
    return _status().dump_json(status)


def status_from_json(text: bytes) -> MonitorStatus:
    """The status; keys that are not known are left out, so that a newer monitor can be read.

    Raises OutsideError where it is none.
    """
    try:
        return _status().validate_json(text)
    except ValidationError as error:
        raise OutsideError(_not_understood(error)) from error


def cameras_to_json(cameras: tuple[CameraStatus, ...]) -> bytes:
    """A JSON list of the status's cameras."""
    return _cameras().dump_json(cameras)


def applied_to_json(applied: CamerasApplied) -> bytes:
    """One JSON object."""
    return _applied().dump_json(applied)


def applied_from_json(text: bytes) -> CamerasApplied:
    """What was applied. Raises OutsideError where it is none."""
    try:
        return _applied().validate_json(text)
    except ValidationError as error:
        raise OutsideError(_not_understood(error)) from error


@cache
def _status() -> TypeAdapter[MonitorStatus]:
    return TypeAdapter(MonitorStatus)


@cache
def _cameras() -> TypeAdapter[tuple[CameraStatus, ...]]:
    return TypeAdapter(tuple[CameraStatus, ...])


@cache
def _applied() -> TypeAdapter[CamerasApplied]:
    return TypeAdapter(CamerasApplied)


def _not_understood(error: ValidationError) -> str:
    place = ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"])
    return f"the monitor's answer is not understood ({place or 'no JSON'}); is it of another version?"
