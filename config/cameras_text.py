"""A cameras file's text with one camera added, removed or changed; every other character stays what it was.

Writing the parsed file anew would lose or move comments (ruamel.yaml leaves a removed camera's heading above the next
one). So only the characters of what changes are replaced, found by the marks of the parser, and the outcome is parsed
again: where it says anything but what was wanted, the text is refused and a person has to edit it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import yaml

from config.cameras import Camera, check_camera, parse_cameras
from config.errors import ConfigError

NEW_FILE = "# Which cameras are watched; all keys are in config/cameras.example.yaml. Keep it: chmod 600.\ncameras:\n"
"""of a file that is begun by a command"""


def with_camera(text: str, name: str, keys: Mapping[str, object]) -> str:
    """The text with a camera of these keys behind the others; `name` is the file's, for errors.

    Raises ConfigError where the text or the keys are wrong, or there is a camera with this id.
    """
    added = check_camera(keys)
    before = parse_cameras(text, name).cameras
    if any(camera.id == added.id for camera in before):
        raise ConfigError(f"camera {added.id}: is in {name} already; remove it first, or take another id")
    listed = _listed(text)
    if isinstance(listed, yaml.SequenceNode) and listed.value:
        if listed.flow_style:
            entry = ", ".join(f"{key}: {_written(value, True)}" for key, value in keys.items())
            made = _inserted(text, _end(listed.value[-1]), f", {{{entry}}}")
        else:
            first = listed.value[0]
            dash, column = listed.start_mark.column, first.start_mark.column
            at = _behind_comments(text, _line_end(text, _end(listed)), column)
            made = _inserted(text, at, _block(text, keys, dash, column))
    elif listed is not None:
        # `cameras:` with nothing, or with [] or null, behind it
        text = text[: listed.start_mark.index].rstrip(" ") + text[_end(listed) :]
        at = _line_end(text, min(listed.start_mark.index, len(text)))
        made = _inserted(text, at, _block(text, keys, 2, 4))
    else:
        newline = _newline(text)
        joint = newline if text and not text.endswith("\n") else ""
        made = f"{text}{joint}cameras:{newline}{_block(text, keys, 2, 4)}"
    return _checked(made, name, (*before, added))


def without_camera(text: str, name: str, id_: str) -> str:
    """The text without this camera and the comment right above it. Raises ConfigError where there is none."""
    before = parse_cameras(text, name).cameras
    number = _number(before, id_, name)
    listed = _listed(text)
    assert isinstance(listed, yaml.SequenceNode)
    entries = listed.value
    if listed.flow_style:
        start, end = entries[number].start_mark.index, _end(entries[number])
        if number + 1 < len(entries):
            end = entries[number + 1].start_mark.index
        elif number:
            start = _end(entries[number - 1])
    else:
        start = _above_comments(text, _line_start(text, entries[number].start_mark.index))
        end = _line_end(text, _end(entries[number]))
        end = _behind_comments(text, end, entries[number].start_mark.column)
        if text[:start].endswith(("\n\n", "\r\n\r\n")) and text[end:].startswith(("\n", "\r\n")):
            end = _line_end(text, end)
    return _checked(text[:start] + text[end:], name, (*before[:number], *before[number + 1 :]))


def with_key(text: str, name: str, id_: str, key: str, value: object) -> str:
    """The text with one key of a camera set. Raises ConfigError where there is no such camera, or it cannot be so."""
    before = parse_cameras(text, name).cameras
    number = _number(before, id_, name)
    changed = check_camera({**_given(before[number]), key: value})
    listed = _listed(text)
    assert isinstance(listed, yaml.SequenceNode)
    entry = listed.value[number]
    assert isinstance(entry, yaml.MappingNode)
    pairs = {each.value: (each, found) for each, found in entry.value}
    if key in pairs:
        _, old = pairs[key]
        start = old.start_mark.index
        space = " " if text[start - 1] == ":" else ""
        made = text[:start] + space + _written(value, bool(entry.flow_style)) + text[_end(old) :]
    elif entry.flow_style:
        made = _inserted(text, _end(entry.value[-1][1]), f", {key}: {_written(value, True)}")
    else:
        _, above = pairs.get("url", entry.value[-1])
        column = entry.value[0][0].start_mark.column
        line = f"{' ' * column}{key}: {_written(value, False)}{_newline(text)}"
        made = _inserted(text, _line_end(text, _end(above)), line)
    return _checked(made, name, (*before[:number], changed, *before[number + 1 :]))


def _given(camera: Camera) -> dict[str, object]:
    return {key: getattr(camera, key) for key in camera.model_fields_set}


def _number(cameras: Sequence[Camera], id_: str, name: str) -> int:
    ids = [camera.id for camera in cameras]
    if id_ not in ids:
        known = f"there are {', '.join(ids)}" if ids else "there is none yet"
        raise ConfigError(f"camera {id_!r}: is not in {name}; {known}")
    return ids.index(id_)


def _checked(text: str, name: str, wanted: Iterable[Camera]) -> str:
    """The text, if it says what is wanted. Raises ConfigError."""
    try:
        found = parse_cameras(text, name).cameras
    except ConfigError:
        found = None
    if found != tuple(wanted):
        raise ConfigError(f"{name}: is written in a way that this command cannot change; edit it by hand")
    return text


def _listed(text: str) -> yaml.Node | None:
    """The value of `cameras`; None where the key is missing."""
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        return None
    return next((value for key, value in root.value if key.value == "cameras"), None)


def _written(value: object, in_flow: bool) -> str:
    """A value as YAML on one line; `in_flow` between others, where a comma or bracket would end it."""
    plain = _plain(value)
    wrapped = [plain] if in_flow else plain
    text: str = yaml.safe_dump(wrapped, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return text.strip()[1:-1] if in_flow else text.removesuffix("...\n").strip()


def _plain(value: object) -> object:
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _block(text: str, keys: Mapping[str, object], dash: int, column: int) -> str:
    """The lines of an entry, with its dash and its keys in these columns."""
    first = f"{' ' * dash}-{' ' * max(column - dash - 1, 1)}"
    starts = [first, *[" " * len(first)] * (len(keys) - 1)]
    lines = [
        f"{start}{key}: {_written(value, False)}"
        for start, (key, value) in zip(starts, keys.items(), strict=True)
    ]
    return "".join(line + _newline(text) for line in lines)


def _inserted(text: str, at: int, piece: str) -> str:
    """The text with a piece in it; a last line without an end gets one, where whole lines follow it."""
    if piece.endswith("\n") and at and text[at - 1] != "\n":
        piece = _newline(text) + piece
    return text[:at] + piece + text[at:]


def _end(node: yaml.Node) -> int:
    """Where the node's last character is; a block ends with its last value, before comments and empty lines."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    index: int = node.end_mark.index
    # A text of several lines (|, >) ends where the next line begins.
    return index - 1 if index > node.start_mark.index and node.end_mark.column == 0 else index


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Where the next line begins."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _behind_comments(text: str, index: int, column: int) -> int:
    """Behind the comment lines from here that are as far to the right as the keys above them: they are of those."""
    while text[index : (end := _line_end(text, index))].lstrip(" ").startswith("#"):
        line = text[index:end]
        if len(line) - len(line.lstrip(" ")) < column:
            break
        index = end
    return index


def _above_comments(text: str, index: int) -> int:
    """Before the comment lines, and a dash that stands alone, right above this line: they head it."""
    while index:
        above = _line_start(text, index - 1)
        line = text[above:index].strip()
        if not (line.startswith("#") or line == "-"):
            break
        index = above
    return index


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
