"""Changing a cameras file: what was not meant stays as it is, character for character."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.cameras import check_camera, parse_cameras
from config.cameras_text import NEW_FILE, with_camera, with_key, without_camera
from config.errors import ConfigError

TEXT = """\
# our cameras
cameras:
- id: door     # main
  url: x

# the lobby, moved in May
- id: lobby
  url: y
  region: [[[0,0],
            [1,0],[1,1]]]
  # url: old

# garage
-   id: garage
    enabled: yes # for now
    url: z
# the end
"""


def changed(before: str, after: str) -> list[str]:
    """Lines that went (-) and came (+), without empty ones."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0))[2:]
    return [line for line in lines if line[0] in "+-" and len(line) > 1]


def ids(text: str) -> list[str]:
    return [camera.id for camera in parse_cameras(text, "c").cameras]


def test_a_new_camera_comes_behind_the_others_and_looks_like_them() -> None:
    after = with_camera(TEXT, "c", {"id": "no", "url": "rtsp://a:b@c/1", "watchlists": ["no", "x"]})
    assert changed(TEXT, after) == [
        "+- id: 'no'",
        "+  url: rtsp://a:b@c/1",
        "+  watchlists: ['no', x]",
    ]
    assert after.endswith("# the end\n")


def test_a_removed_camera_takes_its_heading_along() -> None:
    assert changed(TEXT, without_camera(TEXT, "c", "lobby")) == [
        "-# the lobby, moved in May",
        "-- id: lobby",
        "-  url: y",
        "-  region: [[[0,0],",
        "-            [1,0],[1,1]]]",
        "-  # url: old",
    ]
    assert changed(TEXT, without_camera(TEXT, "c", "garage"))[:2] == ["-# garage", "--   id: garage"]
    assert without_camera(TEXT, "c", "garage").endswith("# url: old\n\n# the end\n")


def test_a_key_is_set_where_it_stands_or_below_the_url() -> None:
    assert changed(TEXT, with_key(TEXT, "c", "garage", "enabled", False)) == [
        "-    enabled: yes # for now",
        "+    enabled: false # for now",
    ]
    assert changed(TEXT, with_key(TEXT, "c", "lobby", "enabled", False)) == ["+  enabled: false"]
    assert changed(TEXT, with_key(TEXT, "c", "lobby", "region", ())) == [
        "-  region: [[[0,0],",
        "-            [1,0],[1,1]]]",
        "+  region: []",
    ]


@pytest.mark.parametrize(
    ("text", "added", "without"),
    [
        ("", "cameras:\n  - id: n\n    url: u\n", None),
        ("# x", "# x\ncameras:\n  - id: n\n    url: u\n", None),
        (NEW_FILE, f"{NEW_FILE}  - id: n\n    url: u\n", None),
        ("cameras:", "cameras:\n  - id: n\n    url: u\n", None),
        ("cameras: [] # none", "cameras: # none\n  - id: n\n    url: u\n", None),
        ("cameras: ~\n# foot\n", "cameras:\n# foot\n  - id: n\n    url: u\n", None),
        ("cameras: [{id: a, url: b}]", "cameras: [{id: a, url: b}, {id: n, url: u}]", "cameras: []"),
        ("{cameras: [{id: a, url: b}]}", "{cameras: [{id: a, url: b}, {id: n, url: u}]}", "{cameras: []}"),
        (
            "cameras:\r\n  - id: a\r\n    url: b\r\n",
            "cameras:\r\n  - id: a\r\n    url: b\r\n  - id: n\r\n    url: u\r\n",
            "cameras:\r\n",
        ),
        (
            "cameras:\n  -\n    id: a\n    url: b",
            "cameras:\n  -\n    id: a\n    url: b\n  - id: n\n    url: u\n",
            "cameras:\n",
        ),
        (
            "---\ncameras:\n- {id: a, url: b}\n...\n",
            "---\ncameras:\n- {id: a, url: b}\n- id: n\n  url: u\n...\n",
            "---\ncameras:\n...\n",
        ),
    ],
)
def test_forms_of_the_list(text: str, added: str, without: str | None) -> None:
    assert with_camera(text, "c", {"id": "n", "url": "u"}) == added
    if without is not None:
        assert without_camera(text, "c", "a") == without
        (camera,) = parse_cameras(with_key(text, "c", "a", "rotate", 90), "c").cameras
        assert camera.rotate == 90


def test_an_entry_between_others_of_a_line() -> None:
    text = "cameras: [{id: a, url: b}, {id: c, url: d}, {id: e, url: f}]"
    assert without_camera(text, "c", "a") == "cameras: [{id: c, url: d}, {id: e, url: f}]"
    assert without_camera(text, "c", "c") == "cameras: [{id: a, url: b}, {id: e, url: f}]"
    assert without_camera(text, "c", "e") == "cameras: [{id: a, url: b}, {id: c, url: d}]"
    assert "'x, y'" in with_key(text, "c", "c", "url", "x, y")


def test_what_cannot_be_changed_safely_is_left_to_a_person() -> None:
    text = "cameras:\n- &a {id: a, url: b}\n- {<<: *a, id: b}\n"
    assert ids(with_camera(text, "c", {"id": "n", "url": "u"})) == ["a", "b", "n"]
    with pytest.raises(ConfigError, match="edit it by hand"):
        without_camera(text, "c", "a")
    with pytest.raises(ConfigError, match="edit it by hand"):
        with_key(text, "c", "a", "rotate", 90)
    with pytest.raises(ConfigError, match="edit it by hand"):
        with_camera("{}", "c", {"id": "n", "url": "u"})


def test_refusals() -> None:
    calls: list[tuple[Callable[[], str], str]] = [
        (lambda: with_camera(TEXT, "c", {"id": "door", "url": "u"}), "camera door: is in c already"),
        (lambda: with_camera(TEXT, "c", {"id": "n"}), "camera n: url: is missing"),
        (
            lambda: without_camera(TEXT, "c", "dor"),
            "camera 'dor': is not in c; there are door, lobby, garage",
        ),
        (lambda: without_camera("", "c", "a"), "there is none yet"),
        (lambda: with_key(TEXT, "c", "door", "rotate", 1), "camera door: rotate: expected one of"),
        (lambda: with_key("cameras: 1", "c", "door", "rotate", 90), "cameras: expected a list"),
    ]
    for call, says in calls:
        with pytest.raises(ConfigError, match=says):
            call()


IDS = st.sampled_from(["a", "b", "no", "1e3", "x.y", "null", "0x10", "-", "front-door"])
TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=12)
KEYS = st.fixed_dictionaries(
    {"id": IDS, "url": TEXTS.map(str.strip).filter(lambda text: bool(text) and text.isprintable())},
    optional={
        "rotate": st.sampled_from([0, 90, 180, 270]),
        "rate_hz": st.floats(0.1, 30.0),
        "watchlists": st.lists(TEXTS.filter(lambda text: bool(text.strip())), unique=True, max_size=3),
        "mask": st.just([[[0.0, 0.0], [1.0, 0.0], [0.25, 1.0]]]),
    },
)


@settings(max_examples=40, deadline=None)
@given(st.lists(KEYS, max_size=6, unique_by=lambda keys: keys["id"]), st.booleans(), st.data())
def test_a_file_that_commands_wrote_says_what_they_were_told(
    cameras: list[dict[str, Any]], in_one_line: bool, data: st.DataObject
) -> None:
    text = "cameras: [{id: first, url: u}]" if in_one_line else "cameras:\n - id: first\n   url: u\n"
    expected = [check_camera({"id": "first", "url": "u"})]
    for keys in cameras:
        text = with_camera(text, "c", keys)
        expected.append(check_camera(keys))
    assert list(parse_cameras(text, "c").cameras) == expected
    gone = data.draw(st.sampled_from(expected))
    text = without_camera(text, "c", gone.id)
    expected.remove(gone)
    assert list(parse_cameras(text, "c").cameras) == expected
    if expected:
        turned = data.draw(st.sampled_from(expected))
        text = with_key(text, "c", turned.id, "rotate", 270)
        rotations = {camera.id: camera.rotate for camera in parse_cameras(text, "c").cameras}
        assert rotations == {camera.id: camera.rotate for camera in expected} | {turned.id: 270}
