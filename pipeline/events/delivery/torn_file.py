"""The end of an append-only file of a redis-server that lost its power, mended before the server reads it.

Redis cuts off a command that was not written whole. A transaction that was not written whole it leaves open in the
file, without its end, and carries it out when it starts the next time but one; at least 6.2 and 7.0 do. Events that
were added again meanwhile would be there twice. `redis-check-aof`, which every redis-server is when it is called so,
says where the last whole transaction ends.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from pathlib import Path

CHECK_TIMEOUT_S = 60.0
MOST_TORN_BYTES = 2**26
"""a longer end is no transaction of ours"""
_ANALYZED = re.compile(r"AOF analyzed: (?:filename=(\S+), )?size=(\d+), ok_up_to=(\d+)")
_COUNT = re.compile(rb"([*$])(\d+)\r\n")

log = logging.getLogger(__name__)


def mend_torn_file(folder: Path, server: Path) -> int:
    """Cut off a transaction that is not whole at the end of the file in this folder; how many bytes.

    What is damaged in any other way is left as it is: Redis itself says what to do about that. Raises OSError.
    """
    target = folder / "appendonlydir" / "appendonly.aof.manifest"  # since Redis 7, before that one file
    target = target if target.exists() else folder / "appendonly.aof"
    if not target.exists():
        return 0
    try:
        checked = subprocess.run(
            ["redis-check-aof", target.name],
            executable=server,
            cwd=target.parent,
            capture_output=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 0
    found = _ANALYZED.findall(checked.stdout.decode(errors="replace"))
    if not found:
        return 0
    name, size, whole = found[-1]
    return _cut(target.parent / (name or target.name), int(size), int(whole))


def _cut(file: Path, size: int, whole: int) -> int:
    torn = size - whole
    if not 0 < torn <= MOST_TORN_BYTES:
        return 0
    with file.open("rb") as content:
        content.seek(whole)
        if not breaks_off(content.read()):
            return 0
    os.truncate(file, whole)
    log.warning("%s: cut off %d bytes at its end, of what was not written whole", file, torn)
    return torn


def breaks_off(data: bytes) -> bool:
    """Whether these bytes are commands, as far as they go, the last of which may not be whole.

    >>> breaks_off(b"*1\\r\\n$5\\r\\nMULTI\\r\\n*2\\r\\n$3\\r\\nSE")
    True
    >>> breaks_off(b"rubbish")
    False
    """
    at = 0
    while at < len(data):
        command = _COUNT.match(data, at)
        if command is None or command[1] != b"*":
            return _is_begun(data[at:], b"*")
        at = command.end()
        for _ in range(int(command[2])):
            part = _COUNT.match(data, at)
            if part is None or part[1] != b"$":
                return _is_begun(data[at:], b"$")
            at = part.end() + int(part[2]) + 2
            if at > len(data):
                return True
            if data[at - 2 : at] != b"\r\n":
                return False
    return True


def _is_begun(rest: bytes, kind: bytes) -> bool:
    """Whether a count begins here and the data ends within it."""
    return re.fullmatch(rb"(?:[%b]\d*\r?)?" % re.escape(kind), rest) is not None
