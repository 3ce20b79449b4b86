"""Reading a portable file of people, which may come from anybody: everything is checked, nothing is believed."""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np
from pydantic import ValidationError

from pipeline.errors import GalleryError
from pipeline.gallery.portable.portable_array import VectorFile
from pipeline.gallery.portable.portable_format import (
    FORMAT,
    MANIFEST,
    MAX_CROP_BYTES,
    MAX_CROP_PX,
    MAX_LINE_BYTES,
    MAX_MANIFEST_BYTES,
    PEOPLE,
    TEMPLATES,
    VERSION,
    WATCHLISTS,
    CropLine,
    Line,
    Manifest,
    PersonLine,
    TemplateLine,
    WatchlistLine,
    crop_file,
    vectors_file,
)
from pipeline.gallery.portable.portable_person import (
    PortablePerson,
    PortableTemplate,
    check_images,
    check_kept,
    check_person,
)
from pipeline.gallery.storage.records import Crop, NewTemplate
from pipeline.gallery.storage.watchlists import clean_list_name, clean_purpose

DAMAGE = (
    zipfile.BadZipFile,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    OverflowError,
    RuntimeError,
    struct.error,
    NotImplementedError,
)
"""what reading a damaged archive raises"""
READ_BYTES = 1 << 20
PNG = b"\x89PNG\r\n\x1a\n"

_CROP = re.compile(r"crops/[0-9a-f]{64}\.png")

AnyLine = TypeVar("AnyLine", bound=Line)


class PortableFile:
    """A file that `export_people` wrote, or that says so."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._close = ExitStack()

    def __enter__(self) -> Self:
        """Read the directory and the manifest. Raises GalleryError with what is wrong."""
        with self._told(), ExitStack() as opened:
            self._archive = opened.enter_context(zipfile.ZipFile(self._path))
            self._check_members()
            self.manifest = self._manifest()
            self._check_files()
            self._close = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close.close()

    def verify(self, advance: Callable[[int], None] = lambda count: None) -> None:
        """Read all of it, and hold it to its checksums and to the format. Raises GalleryError.

        `advance` is told how many people were read since it was told last.
        """
        with self._told():
            for name, entry in self.manifest.files.items():
                self._check_hash(name, entry.sha256)
        people = templates = 0
        pictures: set[str] = set()
        for person in self.people():
            people += 1
            templates += len(person.templates)
            pictures |= {one.line.crop.sha256 for one in person.templates if one.line.crop is not None}
            advance(1)
        with self._told():
            counts = self.manifest.counts
            found = (people, templates, len(pictures), len(self.watchlists()))
            said = (counts.people, counts.templates, counts.crops, counts.watchlists)
            if found != said:
                raise ValueError(f"people, templates, crops, lists are {found}, and {said} by the manifest")
            spare = sorted(
                name
                for name in self._archive.namelist()
                if _CROP.fullmatch(name) and name[6:70] not in pictures
            )
            if spare:
                raise ValueError(f"{spare[0]} belongs to nobody")

    def watchlists(self) -> tuple[WatchlistLine, ...]:
        """The lists, in order of name. Raises GalleryError."""
        with self._told():
            found = tuple(self._lines(WATCHLISTS, WatchlistLine))
            names = [one.name for one in found]
            if names != sorted(set(names)):
                raise ValueError(f"{WATCHLISTS}: its lists are not in order, or one comes twice")
            for one in found:
                check_kept(one.name, clean_list_name)
                check_kept(one.purpose, clean_purpose)
            return found

    def people(self) -> Generator[PortablePerson, None, None]:
        """Everybody, one at a time, in order of id. Raises GalleryError."""
        with self._told(), ExitStack() as opened:
            lists = {one.name for one in self.watchlists()}
            arrays = [
                opened.enter_context(
                    VectorFile.open(self._archive, entry.file, entry.templates, entry.dimension)
                )
                for entry in self.manifest.models
            ]
            templates = opened.enter_context(closing(self._lines(TEMPLATES, TemplateLine)))
            everybody = opened.enter_context(closing(self._lines(PEOPLE, PersonLine)))
            ahead = next(templates, None)
            names: set[str] = set()
            last = ""
            for person in everybody:
                check_person(person, last, names, lists)
                last = person.id
                theirs: list[PortableTemplate] = []
                while ahead is not None and ahead.person == person.id:
                    theirs.append(self._template(ahead, arrays))
                    ahead = next(templates, None)
                check_images(person, theirs)
                yield PortablePerson(person, tuple(theirs))
            if ahead is not None:
                raise ValueError(f"{TEMPLATES}: {ahead.person} comes out of turn, or is nobody of {PEOPLE}")
            for array in arrays:
                array.check_end()

    def _template(self, line: TemplateLine, arrays: list[VectorFile]) -> PortableTemplate:
        if line.model >= len(arrays):
            raise ValueError(f"{TEMPLATES}: there is no model {line.model}")
        vector = arrays[line.model].row(line.row)
        new = NewTemplate(
            model_id=self.manifest.models[line.model].model_id,
            vector=vector,
            quality=line.quality,
            source=line.source,
            image_sha256=line.image_sha256,
            crop=None if line.crop is None else self._crop(line.crop),
        )
        return PortableTemplate(new, line)

    def _crop(self, line: CropLine) -> Crop:
        name = crop_file(line.sha256)
        png = self._archive.read(name)
        if hashlib.sha256(png).hexdigest() != line.sha256:
            raise ValueError(f"{name} is not what it was")
        if png[:8] != PNG or png[12:16] != b"IHDR" or max(struct.unpack(">2I", png[16:24])) > MAX_CROP_PX:
            raise ValueError(f"{name} is no PNG, or larger than {MAX_CROP_PX} pixels")
        landmarks = np.array(line.landmarks, np.float32).reshape(5, 2)
        return Crop(png, np.array(line.box, np.float32), landmarks)

    def _lines(self, name: str, kind: type[AnyLine]) -> Generator[AnyLine, None, None]:
        with self._archive.open(name) as member:
            number = 0
            while line := member.readline(MAX_LINE_BYTES):
                number += 1
                if not line.endswith(b"\n"):
                    raise ValueError(f"{name}: line {number} is cut off, or too long")
                try:
                    yield kind.model_validate_json(line)
                except ValidationError as error:
                    problem = error.errors(include_url=False)[0]
                    where = ".".join(map(str, problem["loc"]))
                    raise ValueError(f"{name}: line {number}: {where}: {problem['msg']}") from None

    def _check_members(self) -> None:
        """Raise ValueError for members that such a file does not have, or that are not as long as they say."""
        total = 0
        names: set[str] = set()
        for info in self._archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError(f"{info.filename!r} is compressed, and ours are not")
            if info.flag_bits & 0x1:
                raise ValueError(f"{info.filename!r} is encrypted")
            if info.filename in names:
                raise ValueError(f"{info.filename!r} comes twice")
            if _CROP.fullmatch(info.filename) and info.file_size > MAX_CROP_BYTES:
                raise ValueError(f"{info.filename} is larger than a crop may be")
            names.add(info.filename)
            total += info.file_size
        if total > self._path.stat().st_size:
            raise ValueError("its members share their bytes")  # a bomb: one member read many times
        if MANIFEST not in names:
            raise ValueError(f"it has no {MANIFEST}: it is something else")

    def _manifest(self) -> Manifest:
        if self._archive.getinfo(MANIFEST).file_size > MAX_MANIFEST_BYTES:
            raise ValueError(f"{MANIFEST} is too large")
        data = self._archive.read(MANIFEST)
        try:
            said = json.loads(data)
        except RecursionError as error:
            raise ValueError(f"{MANIFEST} is nested too deeply") from error
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise ValueError(f"{MANIFEST} is not one of people")
        version = said.get("version")
        if isinstance(version, int) and version > VERSION:
            raise GalleryError(
                f"{self._path}: written by a newer Facestream (version {version}, this one reads {VERSION}); "
                "update Facestream"
            )
        try:
            return Manifest.model_validate_json(data)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            where = ".".join(map(str, problem["loc"]))
            raise ValueError(f"{MANIFEST}: {where}: {problem['msg']}") from None

    def _check_files(self) -> None:
        """Raise ValueError unless the archive has the files of the manifest, those of the format, and crops."""
        models = self.manifest.models
        if len({one.model_id for one in models}) != len(models):
            raise ValueError(f"{MANIFEST}: a model comes twice")
        needed = {PEOPLE, TEMPLATES, WATCHLISTS, *(vectors_file(number) for number in range(len(models)))}
        if set(self.manifest.files) != needed or any(
            one.file != vectors_file(number) for number, one in enumerate(models)
        ):
            raise ValueError(f"{MANIFEST}: its files are not those of this format")
        for name in self._archive.namelist():
            if name not in needed and name != MANIFEST and not _CROP.fullmatch(name):
                raise ValueError(f"{name!r} is no part of this format")
        for name, entry in self.manifest.files.items():
            if self._archive.getinfo(name).file_size != entry.bytes:
                raise ValueError(f"{name} is not as long as it was")

    def _check_hash(self, name: str, sha256: str) -> None:
        digest = hashlib.sha256()
        with self._archive.open(name) as member:
            while part := member.read(READ_BYTES):
                digest.update(part)
        if digest.hexdigest() != sha256:
            raise ValueError(f"{name} is not what it was")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what a damaged or foreign file leads to into one line."""
        try:
            yield
        except (GalleryError, GeneratorExit):
            raise
        except OSError as error:
            raise GalleryError(
                f"{self._path}: cannot be read ({error.strerror}); check it, or copy it again"
            ) from error
        except DAMAGE as error:
            said = str(error).strip("'\"").partition("\n")[0] or type(error).__name__
            raise GalleryError(
                f"{self._path}: is no whole file of 'people export' ({said}); nothing was imported, export it again"
            ) from error
