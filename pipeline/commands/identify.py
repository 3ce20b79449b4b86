"""`identify`: who is on photos?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
    path_given,
)
from pipeline.commands.model_rules import left_behind_on_photos
from pipeline.commands.thresholds import naming
from pipeline.errors import SourceError

if TYPE_CHECKING:
    from rich.table import Table

    from pipeline.assemble.left_behind import OlderPhotos
    from pipeline.gallery.identify import IdentifiedFace, Searched
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.recogniser import Recogniser

log = logging.getLogger(__name__)

UNREADABLE = 2


def identify(
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE...", parser=path_given, help="Photos, or folders of photos."),
    ],
    watchlist: Annotated[
        str | None,
        typer.Option("--watchlist", metavar="LIST", help="Look only among the people of this list."),
    ] = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Say who is on photos, by the rule that cameras follow. Exit code 2 when a photo could not be read.

    Example: python run_pipeline.py identify party.jpg --json
    """
    from pipeline.assemble.gallery import load_gallery, open_store
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.given_photos import given_photos
    from pipeline.commands.output import model_progress

    context = make_context(config, data, set_, json_, debug)
    paths = given_photos(context, images)
    with (
        open_store(context.config, context.data) as store,
        model_progress(context) as on_progress,
        open_recognition(context.config, context.models, on_progress) as recognition,
    ):
        replica = load_gallery(context.config, store, recognition, context.data)
        with left_behind_on_photos(context, store, recognition, replica, watchlist) as older:
            code = run_identify(context, paths, replica, recognition, watchlist, older)
    raise typer.Exit(code)


def run_identify(
    context: Context,
    paths: Sequence[Path],
    replica: Replica,
    recogniser: Recogniser,
    watchlist: str | None = None,
    older: OlderPhotos | None = None,
) -> int:
    """Print who is on each photo; the exit code. A photo that cannot be read does not stop the others.

    `watchlist`: look only among the people of this list; None: of matching.watchlist, or everybody. `older`: finds
    those who are left behind; None: nobody is.
    """
    from rich.table import Table

    from pipeline.gallery.memory.among_list import AmongList
    from pipeline.gallery.memory.left_behind_search import with_left_behind
    from pipeline.gallery.memory.pinned import PinnedGallery

    if not replica.people:
        context.say("nobody is enrolled, so everybody is unknown; see 'enroll --help'")
    left = 0 if older is None else older.behind.people
    rule = naming(context.config, context.data, with_left_behind(replica.own_pairs, left))
    log.info("%s", rule)
    searched: Searched = replica
    wanted = context.config.matching.watchlist if watchlist is None else watchlist
    if wanted is not None:
        searched = AmongList(PinnedGallery(replica, rule.max_distance), wanted)
    table = Table("photo", "face", "who", "distance", "quality", "next")
    code = 0
    with context.progress() as bars:
        for path in bars.track(paths, description="looking"):
            try:
                faces = look(context, path, searched, recogniser, rule.max_distance, older)
            except SourceError as error:
                code = UNREADABLE
                context.say(str(error))
                if context.json:
                    context.print_json({"image": str(path), "error": str(error)})
                continue
            if context.json:
                context.print_json({"image": str(path), "faces": [document(face) for face in faces]})
            else:
                add_rows(table, path, faces)
    if not context.json and table.row_count:
        context.print(table)
    return code


def look(
    context: Context,
    path: Path,
    searched: Searched,
    recogniser: Recogniser,
    max_distance: float,
    older: OlderPhotos | None = None,
) -> tuple[IdentifiedFace, ...]:
    """The faces of one photo, named below this distance. Raises SourceError."""
    from pipeline.capture.photo import read_photo
    from pipeline.gallery.identify import identify_faces

    rules = context.config.matching
    return identify_faces(
        read_photo(path), recogniser, searched, max_distance, rules.min_margin, rules.candidates, older
    )


def document(face: IdentifiedFace) -> dict[str, object]:
    """A face in the JSON line."""
    identity, distance = face.decision.identity, face.decision.distance
    return {
        "box": [round(edge, 4) for edge in face.box],
        "quality": round(face.quality, 4),
        "identity": None if identity is None else {"id": identity.person_id, "name": identity.name},
        "distance": None if distance is None else round(distance, 4),
        "candidates": [
            {"id": one.person_id, "name": one.name, "distance": round(one.distance, 4)}
            for one in face.candidates
        ],
    }


def add_rows(table: Table, path: Path, faces: Sequence[IdentifiedFace]) -> None:
    """A row a face, numbered from the left."""
    from rich.text import Text

    from pipeline.commands.report import visible

    if not faces:
        table.add_row(Text(visible(str(path))), "", "no face")
    for number, face in enumerate(faces, 1):
        who, distance = face.decision.identity, face.decision.distance
        others = [one for one in face.candidates if who is None or one.person_id != who.person_id]
        table.add_row(
            Text(visible(str(path))),
            str(number),
            Text("unknown" if who is None else who.name),
            "" if distance is None else f"{distance:.2f}",
            f"{face.quality:.2f}",
            Text("" if not others else f"{others[0].name} at {others[0].distance:.2f}"),
        )
