"""The cameras file: what it takes, what it refuses, and that no password is ever shown."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.cameras import (
    Camera,
    CamerasFile,
    cameras_path,
    check_camera,
    exposed,
    load_cameras,
    parse_cameras,
)
from config.errors import ConfigError
from config.secrets import Secret

ROOT = Path(__file__).parents[2]
PASSWORD = "geheim"
DOOR = f"cameras:\n  - id: door\n    url: rtsp://ann:{PASSWORD}@10.0.0.5/1\n"


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_cameras(text, "c.yaml")
    said = str(caught.value)
    assert PASSWORD not in said
    assert said.isprintable()
    assert len(said) < 400
    return said


def test_a_camera_has_defaults() -> None:
    (door,) = parse_cameras(DOOR, "c.yaml").cameras
    assert door == Camera(id="door", url=Secret(f"rtsp://ann:{PASSWORD}@10.0.0.5/1"))
    assert (door.enabled, door.transport, door.rotate, door.region, door.watchlists) == (
        True,
        "auto",
        0,
        (),
        (),
    )
    assert door.address == "rtsp://*****@10.0.0.5/1"
    assert PASSWORD not in f"{door!r} {door.model_dump_json()} {door.model_dump()}"


def test_all_keys() -> None:
    keys = (
        "rotate: 90\nenabled: no\ntransport: udp\nmin_face_px: 60\nrate_hz: 2.5\nwatchlists: [vip, staff]\n"
    )
    keys += "region: [[[0, 0], [1, 0], [0.5, 1]]]\nmask:\n"
    text = DOOR + "".join(f"    {line}\n" for line in keys.splitlines())
    (door,) = parse_cameras(text, "c.yaml").cameras
    assert door.region == (((0.0, 0.0), (1.0, 0.0), (0.5, 1.0)),)
    assert (door.enabled, door.rotate, door.min_face_px, door.rate_hz) == (False, 90, 60, 2.5)
    assert (door.mask, door.watchlists) == ((), ("vip", "staff"))


def test_the_example_is_right_and_says_every_key() -> None:
    path = ROOT / "config" / "cameras.example.yaml"
    found = load_cameras(path)
    assert [camera.id for camera in found] == ["front-door", "lobby", "desk", "yard", "rehearsal"]
    assert found[1].model_fields_set == set(Camera.model_fields)


@pytest.mark.parametrize("text", ["", "# nothing", "cameras:", "cameras: []", "\ufeff", "---\n"])
def test_no_cameras(text: str) -> None:
    assert parse_cameras(text.lstrip("\ufeff"), "c.yaml") == CamerasFile()


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: text.rstrip("\n")])
def test_line_ends_and_a_mark_at_the_beginning_change_nothing(tmp_path: Path, change: object) -> None:
    assert callable(change)
    path = tmp_path / "cameras.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + change(DOOR).encode())
    assert load_cameras(path) == parse_cameras(DOOR, "c.yaml").cameras


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("rotate: 45", "line 4: camera door: rotate: expected one of 0, 90, 180, 270, got 45"),
        ("rotate:", "rotate: expected one of 0, 90, 180, 270, got nothing"),
        ("enabled: 1", "enabled: expected true or false, got 1"),
        ("transport: rtp", "transport: expected one of auto, tcp, udp, got rtp"),
        ("rate_hz: .inf", "rate_hz: expected a number above 0"),
        ("rate_hz: .nan", "rate_hz: expected a number above 0"),
        ("rate_hz: 0", "rate_hz: expected a number above 0"),
        ("min_face_px: 4", "min_face_px: expected a whole number from 8 to 8192, or null, got 4"),
        ("min_face_px: '40'", "min_face_px: expected a whole number"),
        ("minfacepx: 40", "minfacepx: unknown key; did you mean min_face_px?"),
        ("7: 1", "7: unknown key; known are id, url"),
        ("watchlists: vip", "watchlists: expected a list of names, as [vip, staff], got vip"),
        ("watchlists: [no]", "watchlists: expected names of watchlists, got False; write it in quotes"),
        ("watchlists: [a, a]", "watchlists: a name is given twice"),
        ("region: [[0, 0], [1, 0], [1, 1]]", "region: polygon 1: expected a list of polygons"),
        ("region: [[[0, 0], [1, 0]]]", "region: polygon 1: has 2 points; give from 3 to 200"),
        ("region: [[[0, 0], [1, 0], [1, 1.5]]]", "point 3: expected [x, y], each from 0 to 1, got [1, 1.5]"),
        ("region: [[[0, 0], [1, 0], [true, 1]]]", "point 3: expected [x, y]"),
        ("mask: [[[0, 0], [0.5, 0.5], [1, 1]]]", "mask: polygon 1: covers nothing"),
        ("mask: everything", "mask: expected a list of polygons"),
        (f"mask: rtsp://ann:{PASSWORD}@h", "mask: expected a list of polygons"),
        ("url: again", "url is given twice, first on line 3"),
    ],
)
def test_what_a_camera_must_not_say(keys: str, says: str) -> None:
    said = refused(f"{DOOR}    {keys}\n")
    assert said.startswith("c.yaml: line 4: ")
    assert says in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"rtsp://ann:{PASSWORD}@h", "expected 'cameras:' with a list below it"),
        (f"- id: a\n  url: rtsp://ann:{PASSWORD}@h", "expected 'cameras:' with a list below it"),
        (f"cameras: [rtsp://ann:{PASSWORD}@h]", "camera 1: expected '- id: ...'"),
        (f"rtsp://ann:{PASSWORD}@h: 1", "unknown key; there is only 'cameras'"),
        ("camera:\n  - id: a", "camera: unknown key; there is only 'cameras'"),
        ("cameras: {a: 1}", "cameras: expected a list"),
        ("cameras:\n  - url: x", "line 2: camera 1: id: is missing"),
        ("cameras:\n  - id: a", "line 2: camera a: url: is missing"),
        ("cameras:\n  - id: a\n    url:", "line 3: camera a: url: expected an address"),
        ("cameras:\n  - id: a\n    url: 7", "url: expected an address"),
        (f"cameras:\n  - id: a\n    url: ' rtsp://ann:{PASSWORD}@h'", "is a secret and not shown"),
        (f'cameras:\n  - id: a\n    url: "rtsp://ann:{PASSWORD}@h\\n"', "is a secret and not shown"),
        (f"cameras:\n  - id: a\n    url: rtsp://ann:{PASSWORD}@{'h' * 5000}", "is a secret and not shown"),
        ("cameras:\n  - id: 7\n    url: x", "id: expected a text, got 7; write it in quotes"),
        ("cameras:\n  - id: no\n    url: x", "id: expected a text, got False; write it in quotes"),
        ("cameras:\n  - id: a b\n    url: x", "camera a b: id: expected up to 64 letters"),
        ("cameras:\n  - id: ..\n    url: x", "id: expected up to 64 letters"),
        (f"cameras:\n  - id: {'a' * 65}\n    url: x", "id: expected up to 64 letters"),
        ('cameras:\n  - id: "a\\e[31m"\n    url: x', "id: expected up to 64 letters"),
        (DOOR + "  - id: door\n    url: x", "line 4: camera door: id: is another camera's already"),
        ("\tcameras:", "line 1: found character '\\t'"),
        ("cameras:\n  - id: a\n   url: x", "line 3: "),
        ("cameras: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("cameras: &a [*a]", "an alias that holds itself"),
        ("[" * 5000, "nested too deeply"),
        ("? [a]\n: 1", "unhashable key"),
        ("cameras: 2024-13-45", "month must be in 1..12"),
        ("cameras:\n" + "- {id: a, url: x}\n" * 1001, "1001 cameras; at most 1000"),
    ],
)
def test_what_a_file_must_not_say(text: str, says: str) -> None:
    assert says in refused(text)


@pytest.mark.parametrize("form", ["[{}]", "{{<<: [{}]}}"])
def test_aliases_that_unfold_to_more_than_a_memory_holds_are_refused_at_once(form: str) -> None:
    lines = ["a: &a {x: 1}"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} {form.format(', '.join([f'*{before}'] * 10))}")
    began = time.monotonic()
    assert "unfolds to more than" in refused("\n".join(lines))
    assert time.monotonic() - began < 1.0


def test_aliases_of_a_person_are_welcome() -> None:
    text = "cameras:\n  - &door {id: a, url: x, rotate: 90}\n  - {<<: *door, id: b}\n"
    assert [camera.rotate for camera in parse_cameras(text, "c.yaml").cameras] == [90, 90]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=80), st.integers(0, len(DOOR)), st.integers(0, 20))
def test_whatever_is_written_is_cameras_or_one_line(noise: str, at: int, cut: int) -> None:
    text = DOOR[:at] + noise + DOOR[at + cut :]
    try:
        found = parse_cameras(text, "c.yaml")
    except ConfigError:
        refused(text)
    else:
        assert PASSWORD not in repr(found)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"#" * ((1 << 20) + 1))
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff")
    for name, says in [
        ("none", "no such file; add a camera with: cameras add"),
        (".", "is a folder"),
        ("pipe", "is no file"),
        ("large", "more than 1 MB"),
        ("picture", "no UTF-8 text"),
    ]:
        with pytest.raises(ConfigError, match=says):
            load_cameras(tmp_path / name)


def test_where_the_file_is() -> None:
    assert cameras_path(None, Path("data")) == Path("data/cameras.yaml")
    assert cameras_path("/etc/cameras.yaml", Path("data")) == Path("/etc/cameras.yaml")


def test_a_file_of_passwords_that_everybody_may_read(tmp_path: Path) -> None:
    path = tmp_path / "cameras.yaml"
    path.write_text(DOOR)
    path.chmod(0o644)
    cameras = load_cameras(path)
    said = exposed(path, cameras)
    assert said is not None
    assert "chmod 600" in said
    assert exposed(path, [check_camera({"id": "a", "url": "/dev/video0"})]) is None
    path.chmod(0o640)
    assert exposed(path, cameras) is None
    assert exposed(tmp_path / "gone", cameras) is None


def test_keys_of_a_command_line_are_checked_alike() -> None:
    with pytest.raises(ConfigError, match=r"^camera a: rotate: expected one of 0, 90, 180, 270, got 7$"):
        check_camera({"id": "a", "url": "x", "rotate": 7})
