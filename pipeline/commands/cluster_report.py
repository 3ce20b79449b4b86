"""What `cluster` says about the groups it found: JSON lines, a table, the contact sheet."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline.commands.contact_sheet import SheetFace, SheetSection, write_sheet
from pipeline.commands.context import Context
from pipeline.commands.report import visible

if TYPE_CHECKING:
    from pipeline.arrays import F32

NAMED = 4
"""photos of a group that the table names"""


@dataclass(frozen=True, slots=True)
class PhotoFace:
    """A face of a photo."""

    photo: Path
    number: int
    """from the left, from 1"""
    box: tuple[float, float, float, float]
    """x0 y0 x1 y1 as fractions of the photo"""
    quality: float
    """in [0, 1]"""
    vector: F32 = field(repr=False)
    """(D,) unit length"""
    jpeg: bytes = field(repr=False)
    """of the face, for the sheet; empty without one"""


@dataclass(frozen=True, slots=True)
class UnreadablePhoto:
    """A photo that could not be read."""

    photo: Path
    error: str


@dataclass(frozen=True, slots=True)
class SeenPhotos:
    """What was found in the photos; grows while they are read."""

    faces: list[PhotoFace] = field(default_factory=list)
    faceless: list[Path] = field(default_factory=list)
    """photos without a face"""
    unreadable: list[UnreadablePhoto] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grouping:
    """The faces, grouped."""

    photos: int
    """that could be read"""
    groups: tuple[tuple[PhotoFace, ...], ...]
    """of two faces or more, the largest first"""
    singles: tuple[PhotoFace, ...]
    """people seen once"""
    unclear: tuple[PhotoFace, ...]
    """too poor to say who they are like; in no group"""
    faceless: tuple[Path, ...]
    unreadable: tuple[UnreadablePhoto, ...]
    max_distance: float
    """squared L2; groups were merged below it"""
    linkage: str

    @classmethod
    def of(
        cls,
        photos: int,
        seen: SeenPhotos,
        clear: Sequence[PhotoFace],
        numbers: Sequence[int],
        max_distance: float,
        linkage: str,
    ) -> Self:
        """From the group of each clear face, numbered from 0 with the largest first."""
        members: defaultdict[int, list[PhotoFace]] = defaultdict(list)
        for face, number in zip(clear, numbers, strict=True):
            members[number].append(face)
        groups = [tuple(members[number]) for number in sorted(members)]
        known = set(map(id, clear))
        return cls(
            photos=photos,
            groups=tuple(group for group in groups if len(group) > 1),
            singles=tuple(group[0] for group in groups if len(group) == 1),
            unclear=tuple(face for face in seen.faces if id(face) not in known),
            faceless=tuple(seen.faceless),
            unreadable=tuple(seen.unreadable),
            max_distance=max_distance,
            linkage=linkage,
        )


def report(context: Context, grouping: Grouping) -> None:
    """Print it: JSON lines with --json, else a table and a sentence."""
    if not context.json:
        print_table(context, grouping)
        return
    for photo in grouping.unreadable:
        context.print_json({"image": str(photo.photo), "error": photo.error})
    for path in grouping.faceless:
        context.print_json({"image": str(path), "faces": []})
    everybody = [*grouping.groups, *((face,) for face in grouping.singles)]
    for number, group in enumerate(everybody, 1):
        context.print_json({"group": number, **document(group)})
    if grouping.unclear:
        context.print_json({"group": None, **document(grouping.unclear)})
    context.print_json(
        {
            "photos": grouping.photos,
            "unreadable": len(grouping.unreadable),
            "without_face": len(grouping.faceless),
            "groups": len(grouping.groups),
            "singles": len(grouping.singles),
            "unclear": len(grouping.unclear),
            "max_distance": grouping.max_distance,
            "linkage": grouping.linkage,
        }
    )


def document(faces: Sequence[PhotoFace]) -> dict[str, object]:
    """The faces of a group in its JSON line."""
    return {
        "photos": len({face.photo for face in faces}),
        "faces": [
            {
                "image": str(face.photo),
                "face": face.number,
                "box": [round(edge, 4) for edge in face.box],
                "quality": round(face.quality, 4),
            }
            for face in faces
        ],
    }


def print_table(context: Context, grouping: Grouping) -> None:
    """A row a group of two faces or more, then the others in words."""
    from rich.table import Table
    from rich.text import Text

    if grouping.groups:
        table = Table("group", "faces", "photos", "in")
        for number, group in enumerate(grouping.groups, 1):
            photos = list(dict.fromkeys(str(face.photo) for face in group))
            more = f" and {len(photos) - NAMED} more" if len(photos) > NAMED else ""
            listed = ", ".join(visible(photo) for photo in photos[:NAMED])
            table.add_row(str(number), str(len(group)), str(len(photos)), Text(listed + more))
        context.print(table)
    for sentence in sentences(grouping):
        context.print(sentence)


def sentences(grouping: Grouping) -> list[str]:
    """What came of the photos, and what decided."""
    faces = sum(map(len, grouping.groups)) + len(grouping.singles) + len(grouping.unclear)
    found = (
        f"{counted(faces, 'face')} in {counted(grouping.photos, 'photo')}: "
        f"{counted(len(grouping.groups), 'group')}, {len(grouping.singles)} seen once"
    )
    if grouping.unclear:
        found += f", {len(grouping.unclear)} too unclear to group"
    if grouping.faceless:
        found += f"; {counted(len(grouping.faceless), 'photo')} without a face"
    if grouping.unreadable:
        found += f"; {counted(len(grouping.unreadable), 'photo')} could not be read"
    rule = f"Groups were merged below a distance of {grouping.max_distance:.2f} (squared L2, {grouping.linkage})."
    return [f"{found}.", rule]


def counted(count: int, noun: str) -> str:
    """1 photo, 2 photos."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def write_groups(path: Path, grouping: Grouping) -> None:
    """The contact sheet, with the largest group first and who was seen once at the end. Raises OutsideError."""
    folder = common_folder(
        [face.photo for face in chain(*grouping.groups, grouping.singles, grouping.unclear)]
    )
    sections = [
        SheetSection(f"Group {number}", about(group), on_sheet(group, folder))
        for number, group in enumerate(grouping.groups, 1)
    ]
    for title, faces in (("Seen once", grouping.singles), ("Too unclear to group", grouping.unclear)):
        if faces:
            sections.append(SheetSection(title, counted(len(faces), "face"), on_sheet(faces, folder)))
    write_sheet(path, "Faces grouped by person", sentences(grouping), sections)


def about(group: Sequence[PhotoFace]) -> str:
    """5 faces, or, where a photo has several of them, in how many photos."""
    photos = len({face.photo for face in group})
    faces = counted(len(group), "face")
    return faces if photos == len(group) else f"{faces} in {counted(photos, 'photo')}"


def on_sheet(faces: Sequence[PhotoFace], folder: Path) -> tuple[SheetFace, ...]:
    """The faces as the sheet shows them, the best shots first; photos are called by their place in the folder."""
    best_first = sorted(faces, key=lambda face: -face.quality)
    return tuple(
        SheetFace(os.path.relpath(face.photo, folder), str(face.photo), face.quality, face.jpeg)
        for face in best_first
    )


def common_folder(photos: Sequence[Path]) -> Path:
    """The deepest folder that all photos are in; the working folder where there are none."""
    return Path(os.path.commonpath([photo.absolute().parent for photo in photos] or [Path.cwd()]))
