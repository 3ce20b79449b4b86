"""Photos of many people as data sets have them: a folder a person, on disk or in a tar archive."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path, PurePosixPath

from pipeline.arrays import U8
from pipeline.capture.photo import MAX_BYTES, decode_photo, photos_under, read_photo
from pipeline.errors import SourceError

PICTURES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".gif", ".ppm", ".pgm"}
)
"""endings that count in an archive, whose files are not looked into before they are read"""
DAMAGE = (OSError, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)
"""what reading a damaged archive raises, compressed or not"""


@dataclass(frozen=True, slots=True)
class PhotoEntry:
    """A photo of a set, not yet read."""

    name: str
    """its place below the set's root: Ann_Lee/1/0003.jpg. Where an archive holds a name again, #2 is added"""
    person: str
    """the first folder of the name"""
    group: str
    """the name's folders: what lies between person and file is a video that it is a frame of"""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """Photos of many people."""

    source: Path
    entries: tuple[PhotoEntry, ...]
    fingerprint: str
    """changes with the names and bytes of the files, and with which of them are taken"""
    _rows: tuple[int, ...]
    """of the entries among everything that the source holds"""
    _read: Callable[[Sequence[int]], Iterator[U8 | SourceError]]

    def photos(self) -> Iterator[tuple[PhotoEntry, U8 | SourceError]]:
        """Each entry with its picture (H, W, 3) RGB, or with what is wrong with it."""
        return zip(self.entries, self._read(self._rows), strict=True)

    def only(self, wanted: Callable[[PhotoEntry], bool]) -> PhotoSet:
        """The photos that are wanted; this set itself where all are. The others are not read."""
        kept = [place for place, entry in enumerate(self.entries) if wanted(entry)]
        if len(kept) == len(self.entries):
            return self
        entries = tuple(self.entries[place] for place in kept)
        mark = _fingerprint([self.fingerprint, *(entry.name for entry in entries)])
        return PhotoSet(self.source, entries, mark, tuple(self._rows[place] for place in kept), self._read)


def open_photo_set(source: Path) -> PhotoSet:
    """The photos below a folder or in a tar archive, sorted by name in a folder, in an archive's own order.

    Folders that hold everything, as `lfw/`, are passed over; the next ones are the people. Raises SourceError
    where there is nothing to read or a photo lies in no person's folder.
    """
    if not source.exists():
        raise SourceError(f"{source}: no such folder or archive; check the path")
    return _folder(source) if source.is_dir() else _archive(source)


def _folder(source: Path) -> PhotoSet:
    files = photos_under([source]).photos
    names = [file.relative_to(source).as_posix() for file in files]
    marks = [f"{name} {_digest(file)}" for name, file in zip(names, files, strict=True)]

    def read(rows: Sequence[int]) -> Iterator[U8 | SourceError]:
        for row in rows:
            try:
                yield read_photo(files[row])
            except SourceError as error:
                yield error

    return _whole(source, names, marks, read)


def _archive(source: Path) -> PhotoSet:
    try:
        with tarfile.open(source) as tar:
            members = [member for member in tar if _is_picture(member)]
    except DAMAGE as error:
        reason = str(error).partition("\n")[0].rstrip(" :")  # the rest is a line a compression tried
        raise SourceError(
            f"{source}: is no folder and no whole tar archive ({reason}); fetch it again"
        ) from error

    def read(rows: Sequence[int]) -> Iterator[U8 | SourceError]:
        with tarfile.open(source) as tar:
            for row in rows:
                yield _extracted(tar, members[row], source)

    return _whole(source, [member.name for member in members], [_digest(source)], read)


def _whole(
    source: Path,
    names: Sequence[str],
    marks: Sequence[str],
    read: Callable[[Sequence[int]], Iterator[U8 | SourceError]],
) -> PhotoSet:
    entries = _entries(source, names)
    return PhotoSet(source, entries, _fingerprint(marks), tuple(range(len(entries))), read)


def _is_picture(member: tarfile.TarInfo) -> bool:
    path = PurePosixPath(member.name)
    return member.isfile() and path.suffix.lower() in PICTURES and not path.name.startswith(".")


def _extracted(tar: tarfile.TarFile, member: tarfile.TarInfo, source: Path) -> U8 | SourceError:
    if member.size > MAX_BYTES:
        return SourceError(f"{source}: {member.name} is larger than 1 GiB; make it smaller")
    try:
        stream = tar.extractfile(member)
        data = b"" if stream is None else stream.read()
        return decode_photo(data, f"{source}: {member.name}")
    except DAMAGE as error:
        return SourceError(f"{source}: {member.name} cannot be read ({error}); fetch the archive again")
    except SourceError as error:
        return error


def _entries(source: Path, names: Sequence[str]) -> tuple[PhotoEntry, ...]:
    if not names:
        raise SourceError(f"{source}: holds no photo; give a folder or tar archive with a folder a person")
    paths = [PurePosixPath(name).parts for name in names]
    depth = 0
    while len({parts[depth] for parts in paths}) == 1 and min(map(len, paths)) > depth + 2:
        depth += 1
    entries = []
    seen: Counter[str] = Counter()
    for parts in paths:
        below = parts[depth:]
        if len(below) < 2:
            raise SourceError(
                f"{source}: {'/'.join(parts)} lies in no person's folder; move it to PERSON/..."
            )
        name = "/".join(below)
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name}#{seen[name]}"
        entries.append(PhotoEntry(name, below[0], "/".join(below[:-1])))
    return tuple(entries)


def _digest(file: Path) -> str:
    """Of all its bytes: a file that was replaced may have the size and the time of the one before."""
    try:
        with file.open("rb") as data:
            return file_digest(data, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"


def _fingerprint(marks: Sequence[str]) -> str:
    return sha256("\n".join(marks).encode("utf-8", "surrogateescape")).hexdigest()
