"""`search`: where was a face seen before?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
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
    text_given,
)
from pipeline.commands.moment import parse_moment
from pipeline.commands.verify import largest_of
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.gallery.past.past_index import PastFilter
    from pipeline.gallery.past.past_ranking import Probe
    from pipeline.gallery.sightings.stranger_book import Reach
    from pipeline.gallery.storage.store import Store

NOTHING = 1

FARTHEST = 4.0
"""squared L2 between opposite vectors"""


def search(
    image: Annotated[
        Path | None,
        typer.Argument(metavar="[IMAGE]", parser=path_given, help="A photo; its largest face is looked for."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="WHEN", help="Only since a time (2026-05-01T09:00:00Z), or since 10m, 1h30m, 2d ago."
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help="Only until a time, or until so long ago.")
    ] = None,
    camera: Annotated[
        list[str] | None,
        typer.Option(metavar="CAMERA", parser=text_given, help="Only by this camera; repeatable."),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="WHO", parser=text_given, help="Only of this person, by name or id."),
    ] = None,
    stranger: Annotated[
        str | None,
        typer.Option(metavar="ID", parser=text_given, help="Only of this stranger, by id or its beginning."),
    ] = None,
    count: Annotated[int, typer.Option(metavar="N", min=1, max=10_000, help="Sightings shown at most.")] = 20,
    max_distance: Annotated[
        float | None,
        typer.Option(
            metavar="D", min=0.0, max=4.0, help="Show what is nearer than this. [by strangers.max_fpir]"
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show the nearest, however far they are.")] = False,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Rank past sightings, of known people and of strangers, by their distance to the face of a photo.

    Without a photo, with --person or --stranger, they are listed by time, the latest first. Exit code 0 where
    something was found, 1 where nothing was.

    Example: python run_pipeline.py search suspect.jpg --since 7d --camera door
    """
    from pipeline.clock import SystemClock

    wanted = Wanted(
        since=_moment("--since", since, now := SystemClock().now()),
        until=_moment("--until", until, now),
        cameras=frozenset(camera or ()),
        person=person,
        stranger=stranger,
        count=count,
        max_distance=FARTHEST if all_ else max_distance,
    )
    check(wanted, image, all_ and max_distance is not None)
    context = make_context(config, data, set_, json_, debug)
    raise typer.Exit(run(context, image, wanted))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    since: datetime | None = None
    until: datetime | None = None
    cameras: frozenset[str] = frozenset()
    person: str | None = None
    stranger: str | None = None
    count: int = 20
    max_distance: float | None = None
    """squared L2; None: derived from strangers.max_fpir"""


def check(wanted: Wanted, image: Path | None, twice: bool) -> None:
    """Raise BadInputError for what contradicts itself. `twice`: --all and --max-distance are both given."""
    if twice:
        raise BadInputError("--all shows all distances: leave out --max-distance, or --all")
    if wanted.max_distance is not None and math.isnan(wanted.max_distance):
        raise BadInputError("--max-distance nan: give a number from 0 to 4")
    if wanted.person is not None and wanted.stranger is not None:
        raise BadInputError("--person and --stranger: a sighting is of one of them; give one")
    if image is None and wanted.person is None and wanted.stranger is None:
        raise BadInputError(
            "give a photo to look for, or list somebody's sightings by --person or --stranger"
        )
    if image is None and wanted.max_distance is not None:
        raise BadInputError("without a photo there are no distances: leave out --max-distance and --all")
    if wanted.since is not None and wanted.until is not None and wanted.until < wanted.since:
        raise BadInputError("--until lies before --since: nothing was seen then")


def run(context: Context, image: Path | None, wanted: Wanted) -> int:
    """Open what is needed, search or list; the exit code. A bad photo is told of before the models are loaded."""
    from pipeline.assemble.gallery import open_store
    from pipeline.assemble.recognition import open_recognition
    from pipeline.capture.photo import read_photo
    from pipeline.commands.output import model_progress
    from pipeline.gallery.past.past_ranking import Probe

    pixels = None if image is None else read_photo(image)
    with open_store(context.config, context.data) as store:
        asked = asked_for(context, store, wanted)
        if image is None or pixels is None:
            return run_list(context, store, asked, wanted.count)
        with (
            model_progress(context) as on_progress,
            open_recognition(context.config, context.models, on_progress) as recognition,
        ):
            vector = largest_of(context, image, pixels, recognition).vector
            probe = Probe(vector, recognition.comparable)
        return run_search(context, store, probe, asked, wanted)


def asked_for(context: Context, store: Store, wanted: Wanted) -> PastFilter:
    """Which sightings are meant. Raises GalleryError for a person or stranger who is not there."""
    from pipeline.gallery.past.past_index import PastFilter
    from pipeline.gallery.sightings.strangers import Strangers

    person_id = None if wanted.person is None else store.find(wanted.person).id
    stranger_id = None
    if wanted.stranger is not None:
        found = Strangers(store.database).find(wanted.stranger)
        person_id = found.person_id
        stranger_id = found.id if person_id is None else None
        if person_id is not None:
            context.say(f"{found.id} is {store.find(person_id).name} by now")
    return PastFilter(wanted.since, wanted.until, wanted.cameras, person_id, stranger_id)


def run_list(context: Context, store: Store, asked: PastFilter, count: int) -> int:
    """Print somebody's sightings, the latest first; the exit code. Raises StoreError."""
    from pipeline.commands.search_output import listed, print_found
    from pipeline.gallery.past.past_ranking import latest
    from pipeline.gallery.storage.lookups import names_of

    with store.database.reading() as connection:
        found = latest(connection, asked, count)
        names = names_of(connection, [each.person_id for each in found if each.person_id is not None])
    print_found(context, listed(found, names))
    if not found:
        context.say("no such sighting is kept")
    _say_undated(context, store, asked)
    return 0 if found else NOTHING


def run_search(context: Context, store: Store, probe: Probe, asked: PastFilter, wanted: Wanted) -> int:
    """Print the past sightings of this face; the exit code. Raises StoreError, BadInputError, CatalogueError."""
    from pipeline.commands.search_output import print_found, ranked
    from pipeline.gallery.comparable import own_model
    from pipeline.gallery.past.past_search import Past

    reach = _reach(context, required=wanted.max_distance is None)
    past = Past(store.database, context.data, probe.comparable)
    answer = past.search(probe, asked, wanted.count)
    threshold = None if reach is None else math.floor(1e4 * reach(answer.compared)) / 1e4
    limit = threshold if wanted.max_distance is None else wanted.max_distance
    assert limit is not None
    near = [each for each in answer.matches if each.distance < limit or limit == FARTHEST]
    print_found(context, ranked(near, threshold))
    rule = "" if wanted.max_distance is not None else " (strangers.max_fpir)"
    shown = "the nearest are shown" if limit == FARTHEST else f"those nearer than {limit:.2f} are shown{rule}"
    context.say(f"compared with {_sightings(answer.compared)}; {shown}")
    if answer.matches and not near:
        nearest = answer.matches[0].distance
        context.say(
            f"none is so near; the nearest is {nearest:.2f} away: ask for less by --since or --camera, or --all"
        )
    if others := past.not_comparable():
        context.say(
            f"of all that are kept, {_sightings(others)} cannot be compared: no shot was good enough, the vector's "
            f"time is over, or it is of another model than {own_model(probe.comparable)}"
        )
        for model_id, count in sorted(past.models_left_out().items()):
            context.say(
                f"{_sightings(count)} of model {model_id} not searched: seen before the model was changed; to search "
                "them, give that model with --set embedding.model=..."
            )
    if not answer.compared:
        _say_cameras(context, store, asked)
    _say_undated(context, store, asked)
    return 0 if near else NOTHING


def _reach(context: Context, required: bool) -> Reach | None:
    """The distance for so many comparisons; None where it cannot be derived and is not required."""
    from pipeline.commands.stranger_reach import stranger_reach

    try:
        return stranger_reach(context.config, context.data)
    except BadInputError:
        if required:
            raise
    return None


def _say_cameras(context: Context, store: Store, asked: PastFilter) -> None:
    """Who misspelt a camera is told which there are."""
    from pipeline.gallery.past.past_ranking import cameras_of

    with store.database.reading() as connection:
        there = cameras_of(connection)
    unknown = sorted(asked.cameras - set(there))
    if unknown:
        context.say(f"no sighting by {', '.join(unknown)}; there are cameras {', '.join(there) or 'none'}")


def _say_undated(context: Context, store: Store, asked: PastFilter) -> None:
    """What --since hides by surprise: recordings without a date begin in 1970."""
    from pipeline.gallery.past.past_ranking import count_undated

    with store.database.reading() as connection:
        hidden = count_undated(connection, asked)
    if hidden:
        context.say(
            f"--since leaves out {_sightings(hidden)} in recordings without a date, which begin in 1970; leave it "
            "out, or replay them with --start-time"
        )


def _sightings(count: int) -> str:
    return "1 sighting" if count == 1 else f"{count:,} sightings"


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    return None if text is None else parse_moment(option, text, now)
