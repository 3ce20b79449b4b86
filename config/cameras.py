"""The cameras file: which cameras are watched, and how each is.

    cameras:
      - id: front-door
        url: rtsp://user:password@10.0.0.5:554/stream1
        watchlists: [staff]

Addresses hold passwords: they are Secrets, and no error shows them. What changes the file is config.cameras_text.
"""

from __future__ import annotations

import difflib
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from config.camera_fields import Address, CameraId, Names, Polygons
from config.describe import describe_allowed
from config.errors import ConfigError
from config.secrets import mask_address
from config.text_file import hidden, read_text, shown
from config.yaml_places import Places, read_places
from config.yaml_text import parse_mapping

FILE_NAME = "cameras.yaml"
"""in the data folder, where cameras.file names no other"""
MAX_CAMERAS = 1000


class Camera(BaseModel):
    """One camera of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: CameraId
    """what events, metrics and commands call it"""
    url: Address
    """rtsp(s)://, http(s)://, /dev/video0, or a file, which is played again and again"""
    enabled: bool = True
    """false: it stays in the file and is not watched; what `cameras pause` writes"""
    transport: Literal["auto", "tcp", "udp"] = "auto"
    """of RTSP"""
    rotate: Literal[0, 90, 180, 270] = 0
    """degrees clockwise that put the picture upright: lying faces are not found"""
    region: Polygons = ()
    """only what is in one of these is looked at; none: everything"""
    mask: Polygons = ()
    """what is in one of these is left out: a screen, a poster, the neighbour's garden"""
    min_face_px: Annotated[int, Field(ge=8, le=8192)] | None = None
    """shorter side, in the frame; None: detection.min_face_px"""
    rate_hz: Annotated[float, Field(gt=0.0, le=240.0)] | None = None
    """looks a second, while there is no more work than can be done; None: detection.rate_hz"""
    watchlists: Names = ()
    """only people of these lists are searched; none: everybody"""

    @property
    def address(self) -> str:
        """The url without user, password and what its query may hold: for people."""
        return mask_address(self.url.reveal())


class CamerasFile(BaseModel):
    """All cameras, in the file's order; their ids are different."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    cameras: tuple[Camera, ...] = ()

    @model_validator(mode="after")
    def _different(self) -> CamerasFile:
        if len({camera.id for camera in self.cameras}) != len(self.cameras):
            raise ValueError("two cameras have one id")
        return self


def cameras_path(file: str | None, data: Path) -> Path:
    """Where the cameras file is: what cameras.file says, else in the data folder."""
    return Path(file) if file else data / FILE_NAME


def load_cameras(path: Path) -> tuple[Camera, ...]:
    """The cameras of a file, in its order. Raises ConfigError: one line with file, line, camera, key and repair."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ConfigError(f"{path}: is no file; name a YAML file")  # a pipe would be waited for
    return parse_cameras(read_text(path, "add a camera with: cameras add ID URL"), str(path)).cameras


def parse_cameras(text: str, name: str) -> CamerasFile:
    """The cameras of a text; `name` is the file's, for errors. Raises ConfigError."""
    places = read_places(text, name)
    if not places.is_mapping:
        raise ConfigError(
            f"{name}: expected 'cameras:' with a list below it; see config/cameras.example.yaml"
        )
    try:
        content = parse_mapping(text, name)
    except ConfigError as error:
        # The cause may quote an address.
        raise ConfigError(f"{hidden(str(error))}; put addresses in quotes, and indent with spaces") from None
    for key in content:
        if key != "cameras":
            line = places.line(str(key))
            raise ConfigError(f"{name}: line {line}: {shown(key)}: unknown key; there is only 'cameras'")
    listed = content.get("cameras")
    if listed is None:
        return CamerasFile()
    if not isinstance(listed, list):
        line = places.line("cameras")
        raise ConfigError(
            f"{name}: line {line}: cameras: expected a list, each '- id: ...' and its keys below"
        )
    if len(listed) > MAX_CAMERAS:
        raise ConfigError(f"{name}: {len(listed)} cameras; at most {MAX_CAMERAS}")
    found: dict[str, Camera] = {}
    for number, keys in enumerate(listed):
        entry = _Entry(name, places, number)
        camera = entry.read(keys)
        if camera.id in found:
            raise entry.refused(camera.id, "id", "is another camera's already; give each its own")
        found[camera.id] = camera
    return CamerasFile(cameras=tuple(found.values()))


def check_camera(keys: Mapping[str, object]) -> Camera:
    """A camera of these keys. Raises ConfigError with camera, key and value."""
    return _Entry(None, Places(None), 0).read(keys)


def exposed(path: Path, cameras: Iterable[Camera]) -> str | None:
    """What to say where others may read the passwords in the file; None where they may not, or there are none."""
    if all(camera.address == camera.url.reveal() for camera in cameras):
        return None
    try:
        readable = stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH
    except OSError:
        return None
    return f"{path} holds passwords, and every user may read it; run: chmod 600 {path}" if readable else None


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of the list, with its place for errors."""

    name: str | None
    """of the file; None: the keys come from elsewhere"""
    places: Places
    number: int

    def read(self, keys: object) -> Camera:
        """The camera. Raises ConfigError."""
        if not isinstance(keys, Mapping):
            raise self.refused(None, None, "expected '- id: ...' and the other keys below it")
        given = keys.get("id")
        label = shown(given) if isinstance(given, str) and given else None
        for key in keys:
            if key not in Camera.model_fields:
                raise self.refused(label, key, f"unknown key; {_nearest(str(key), Camera.model_fields)}")
        try:
            return Camera.model_validate(dict(keys), strict=True)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            key = str(first["loc"][0])
            raise self.refused(label, key, _reason(first, key, keys.get(key))) from None

    def refused(self, camera: str | None, key: object, reason: str) -> ConfigError:
        """The error: file, line, camera, key, what is wrong."""
        line = self.places.line("cameras", self.number, *(() if key is None else (str(key),)))
        place = [] if self.name is None else [self.name, f"line {line}"]
        place.append(f"camera {self.number + 1 if camera is None else camera}")
        return ConfigError(": ".join([*place, *([] if key is None else [shown(key)]), reason]))


def _reason(detail: Mapping[str, Any], key: str, value: object) -> str:
    """What is wrong with a key's value, in words."""
    if detail["type"] == "missing":
        return "is missing; give each camera an id and a url"
    if detail["type"] == "value_error":
        return str(detail["msg"]).removeprefix("Value error, ")
    expected = f"expected {describe_allowed(Camera.model_fields[key])}"
    return f"{expected}, got {'nothing' if value is None else shown(value)}"


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
