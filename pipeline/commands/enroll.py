"""`enroll`: adds a person to the gallery from photos, and says of each photo why it was accepted or not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from pipeline.commands.merge_people import merge_command
from pipeline.commands.model_rules import left_behind_on_photos
from pipeline.commands.thresholds import naming, verification_distance
from pipeline.errors import SourceError

if TYPE_CHECKING:
    from pipeline.assemble.left_behind import OlderPhotos
    from pipeline.gallery.enroll import Enrolment, EnrolmentRules, Photo, PhotoVerdict
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.recogniser import Recogniser
    from pipeline.gallery.storage.store import Store

NOTHING_ACCEPTED = 2


@dataclass(frozen=True, slots=True)
class EnrollRequest:
    """What `enroll` was asked to do."""

    name: str
    """or the id of somebody who is in the gallery"""
    images: tuple[Path, ...]
    """files, no folders"""
    largest: bool = False
    force: bool = False


def enroll(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The person's name; an existing one gets more photos.")
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE_OR_FOLDER...", parser=path_given, help="Photos of them, or folders of photos."
        ),
    ],
    largest: Annotated[bool, typer.Option("--largest", help="Take the largest of several faces.")] = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Accept photos that do not look like the person's others, or cut the face off."
        ),
    ] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Add a person to the gallery from photos. Exit code 0 when at least one photo was accepted, else 2.

    Example: python run_pipeline.py enroll "Ann Lee" ann.jpg photos/ann/
    """
    from pipeline.assemble.gallery import load_gallery, open_store
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.given_photos import given_photos
    from pipeline.commands.output import model_progress
    from pipeline.gallery.names import clean_name

    context = make_context(config, data, set_, json_, debug)
    request = EnrollRequest(name, given_photos(context, images), largest, force)
    with open_store(context.config, context.data) as store:
        if store.known(name) is None:
            clean_name(name)  # before the models are loaded
        with (
            model_progress(context) as on_progress,
            open_recognition(context.config, context.models, on_progress) as recognition,
        ):
            replica = load_gallery(context.config, store, recognition, context.data)
            with left_behind_on_photos(context, store, recognition, replica) as older:
                code = run_enroll(context, request, store, replica, recognition, older)
    raise typer.Exit(code)


def run_enroll(
    context: Context,
    request: EnrollRequest,
    store: Store,
    replica: Replica,
    recogniser: Recogniser,
    older: OlderPhotos | None = None,
) -> int:
    """Judge the photos, add those accepted, print the verdicts; the exit code."""
    from pipeline.gallery.enroll import enroll_photos

    rule = naming(context.config, context.data, replica.own_pairs)
    rules = rules_of(context, request, rule.max_distance)
    rules = replace(rules, one_person_distance=one_person(context, replica))
    with context.progress() as bars:
        photos = bars.track(
            read_photos(request.images), total=len(request.images), description=f"looking at {request.name}"
        )
        enrolment = enroll_photos(
            store,
            replica,
            request.name,
            photos,
            recogniser.detect,
            recogniser.describe,
            recogniser.comparable,
            rules,
            older,
        )
    for verdict in enrolment.verdicts:
        warning = warning_of(verdict, enrolment)
        if warning is not None:
            context.say(f"{verdict.path}: {warning}")
    if context.json:
        for verdict in enrolment.verdicts:
            context.print_json(document(verdict, enrolment))
    else:
        show(context, request.name, enrolment, store)
    return 0 if enrolment.person is not None else NOTHING_ACCEPTED


def rules_of(
    context: Context, request: EnrollRequest, look_alike_distance: float | None = None
) -> EnrolmentRules:
    """What the configuration and the options say about photos.

    `look_alike_distance`: below which a newcomer is warned of, the one for names; none: that of two photos.
    """
    from pipeline.gallery.enroll import EnrolmentRules

    config = context.config
    same_person_distance = verification_distance(config, context.data)
    return EnrolmentRules(
        min_face_px=config.enrolment.min_face_px,
        min_quality=config.enrolment.min_quality,
        same_person_distance=same_person_distance,
        look_alike_distance=same_person_distance if look_alike_distance is None else look_alike_distance,
        largest=request.largest,
        force=request.force,
    )


def one_person(context: Context, replica: Replica) -> float:
    """Below which distance two of these people are perhaps one; 0 where there is nothing to tell it by."""
    from pipeline.commands.thresholds import strangers_of
    from pipeline.gallery.calibration import one_person_distance

    strangers = strangers_of(context.config, context.data)
    return 0.0 if strangers is None else one_person_distance(strangers, replica.own_pairs)


def warning_of(verdict: PhotoVerdict, enrolment: Enrolment) -> str | None:
    """Who else an accepted photo looks like, and what to do where that is the same person; None for nobody."""
    if not verdict.look_alikes or enrolment.person is None:
        return None
    nearest, person = verdict.look_alikes[0], enrolment.person
    who = f"{nearest.name} ({nearest.id}, distance {nearest.distance:.2f})"
    merging = merge_command(person.name, nearest.name, person.id, nearest.id)
    if nearest.one_person:
        return f"looks like {who}, as near as two people hardly come: twins, or one person; if one: {merging}"
    return f"looks like {who}; if it is the same person under two names: {merging}"


def read_photos(paths: Sequence[Path]) -> Iterator[Photo | PhotoVerdict]:
    """Each photo, or the verdict on one that cannot be read."""
    from pipeline.capture.photo import read_photo
    from pipeline.gallery.enroll import Photo, PhotoVerdict

    for path in paths:
        try:
            image = read_photo(path)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        except (SourceError, OSError) as error:
            yield PhotoVerdict(str(path), reason=str(error).removeprefix(f"{path}: "))
            continue
        # A file's name may hold bytes that are no text, which no database takes.
        file_name = path.name.encode("utf-8", "backslashreplace").decode("utf-8")
        yield Photo(str(path), file_name, sha256, image)


def document(verdict: PhotoVerdict, enrolment: Enrolment) -> dict[str, object]:
    """The JSON line of one photo."""
    person = enrolment.person if verdict.accepted else None
    return {
        "image": verdict.path,
        "accepted": verdict.accepted,
        "reason": verdict.reason,
        "warning": warning_of(verdict, enrolment),
        "look_alikes": [
            {"id": one.id, "name": one.name, "distance": round(one.distance, 4), "one_person": one.one_person}
            for one in verdict.look_alikes
        ],
        "redundant": verdict.redundant,
        "faces": verdict.faces,
        "box": None if verdict.box is None else [round(edge, 4) for edge in verdict.box],
        "quality": None if verdict.quality is None else round(verdict.quality, 4),
        "quality_parts": _rounded(verdict.quality_parts),
        "person": None if person is None else {"id": person.id, "name": person.name},
    }


def _rounded(parts: Mapping[str, float] | None) -> dict[str, float] | None:
    return None if parts is None else {name: round(value, 4) for name, value in parts.items()}


def show(context: Context, name: str, enrolment: Enrolment, store: Store) -> None:
    """Print the verdicts as a table, and what came of them."""
    from rich.table import Table
    from rich.text import Text

    from pipeline.commands.report import visible

    table = Table("photo", "faces", "quality", "verdict")
    for verdict in enrolment.verdicts:
        quality = "" if verdict.quality is None else f"{verdict.quality:.2f}"
        said = verdict.reason or ("accepted, redundant" if verdict.redundant else "accepted")
        table.add_row(Text(visible(verdict.path)), str(verdict.faces), quality, Text(said))
    context.print(table)
    accepted = sum(verdict.accepted for verdict in enrolment.verdicts)
    counted = f"{accepted} of {len(enrolment.verdicts)} photos accepted"
    if enrolment.person is None:
        context.print(f"{name}: {counted}; nobody was enrolled")
    else:
        templates = len(store.templates_of(enrolment.person.id))
        context.print(
            f"{enrolment.person.name} ({enrolment.person.id}): {counted}, templates now: {templates}"
        )
        if enrolment.redundant:
            all_of_them = enrolment.kept + enrolment.redundant
            context.print(
                f"kept {enrolment.kept} of {all_of_them} templates: {enrolment.redundant} were redundant"
            )
