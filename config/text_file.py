"""Reading a text file that a person wrote, and showing its values in an error."""

from __future__ import annotations

import re
import reprlib
from pathlib import Path

from config.errors import ConfigError
from config.secrets import STARS, mask

MAX_BYTES = 1 << 20
"""what people write by hand is a page of text; more is the wrong file"""

_BEFORE_AT = re.compile(r"[^\s'\"\[]*@")


def read_text(file: Path, missing: str) -> str:
    """The UTF-8 text of a file, without a byte order mark.

    `missing` says what to do when there is no such file. Raises ConfigError.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file; {missing}") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{file}: is a folder; name a YAML file") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{file}: cannot be read: {reason}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{file}: more than {MAX_BYTES >> 20} MB; this is not the file that was meant")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: no UTF-8 text (byte {error.start}); name a YAML file") from error


def hidden(text: str) -> str:
    """`text` masked, and whatever else stands before an @: of an address cut in half too, nobody reads the password.

    >>> hidden("got ann:secret@10.0.0.5")
    'got *****@10.0.0.5'
    """
    return _BEFORE_AT.sub(f"{STARS}@", mask(text))


def shown(value: object) -> str:
    """A value for an error: short, on one line, secrets masked."""
    text = value if isinstance(value, str) and value.isprintable() else reprlib.repr(value)
    text = hidden(text if text.isprintable() else repr(text))
    return text if len(text) <= 60 else f"{text[:57]}..."
