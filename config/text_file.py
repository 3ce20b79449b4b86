"""Reading a text file that a person wrote, and showing its values in an error."""

from __future__ import annotations

import reprlib
from pathlib import Path

from config.errors import ConfigError
from config.secrets import mask

MAX_BYTES = 1 << 20
"""what people write by hand is a page of text; more is the wrong file"""


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


def shown(value: object) -> str:
    """A value for an error: short, on one line, secrets masked."""
    text = value if isinstance(value, str) and value.isprintable() else reprlib.repr(value)
    text = mask(text if text.isprintable() else repr(text))
    return text if len(text) <= 60 else f"{text[:57]}..."
