"""The run of an import of a portable file: verify all of it, then add its people, then say what is not searched."""

from __future__ import annotations

import zipfile
from collections import Counter
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.import_people import ImportRequest
from pipeline.commands.thresholds import comparable_of
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.gallery.portable.portable_file import PortableFile
    from pipeline.gallery.portable.portable_import import ImportedPerson
    from pipeline.gallery.storage.store import Store


def run_file(context: Context, request: ImportRequest, store: Store) -> int:
    """Import the people of a file; the exit code. Raises BadInputError, GalleryError, StoreError, OSError."""
    from pipeline.gallery.portable.portable_file import PortableFile
    from pipeline.gallery.portable.portable_import import Outcome, import_portable
    from pipeline.gallery.storage.watchlists import Watchlists

    if request.watchlist is not None:
        Watchlists(store.database).find(request.watchlist)
    if not request.source.is_file() or not zipfile.is_zipfile(request.source):
        raise BadInputError(
            f"{request.source}: neither a folder of people nor a whole file of 'people export'; check the path"
        )
    outcomes: Counter[Outcome] = Counter()
    templates = 0
    with PortableFile(request.source) as file, context.progress() as bars:
        people = file.manifest.counts.people
        task = bars.add_task("checking the file", total=people)
        file.verify(lambda count: bars.advance(task, count))
        task = bars.add_task("adding people", total=people)
        for one in import_portable(store.database, file, merge=request.merge, watchlist=request.watchlist):
            bars.advance(task)
            outcomes[one.outcome] += 1
            templates += one.templates
            if context.json:
                context.print_json(document(one))
        if not context.json:
            context.print(
                f"{request.source}: new people: {outcomes[Outcome.NEW]}, merged: {outcomes[Outcome.MERGED]}, "
                f"here already: {outcomes[Outcome.UNCHANGED]}; templates added: {templates}"
            )
        say_what_is_not_searched(context, file)
    return 0


def document(one: ImportedPerson) -> dict[str, object]:
    """The JSON line of a person."""
    person = {"id": one.person.id, "name": one.person.name}
    return {"person": person, "outcome": one.outcome.value, "templates": one.templates}


def say_what_is_not_searched(context: Context, file: PortableFile) -> None:
    """Templates of other models are kept, and found by nobody until their model is configured."""
    comparable = comparable_of(context.config)
    others = [one for one in file.manifest.models if one.model_id not in comparable]
    if others:
        names = ", ".join(f"{one.templates} of {one.model_id}" for one in others)
        context.say(
            f"templates of other models than {comparable[0]} are kept and not searched: {names}; to describe "
            f"kept faces by it: upgrade --to {context.config.embedding.model}"
        )
