"""The run of a folder's import: what it shows, what it prints, how it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING

from rich.progress import Progress

from pipeline.commands.context import Context
from pipeline.commands.enroll import EnrollRequest, rules_of
from pipeline.commands.import_folder import FolderImport, ImportedPart, NewPeople, asked_photos, parts_of
from pipeline.commands.import_people import ImportRequest
from pipeline.commands.import_photos import LookedAt, PhotoLooker
from pipeline.commands.import_report import RejectWriter, reject_report
from pipeline.commands.report import INTERRUPTED, visible
from pipeline.runtime.signals import ended_by_signals

if TYPE_CHECKING:
    from pipeline.assemble.recognition import Recognition
    from pipeline.capture.people_folder import PeopleFolder
    from pipeline.gallery.comparable import Comparable
    from pipeline.gallery.enroll import EnrolmentRules, PhotoVerdict
    from pipeline.gallery.storage.store import Store

NOTHING_ACCEPTED = 2
NAMED = 20
"""rejects, and pairs of look-alikes, that are printed; --report has all of the first"""


class Stop:
    """Whether the run was asked to end. It does so behind the photo and the transaction at hand."""

    def __init__(self) -> None:
        self._asked = Event()

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self._asked.is_set()

    def drain(self) -> None:
        """End soon."""
        self._asked.set()

    def stop(self) -> None:
        """End soon: what is left is short."""
        self._asked.set()


@dataclass(slots=True)
class Totals:
    """An import so far."""

    folders: int = 0
    photos: int = 0
    accepted: int = 0
    enrolled: int = 0
    rejected: int = 0
    no_photos: int = 0
    people: set[str] = field(default_factory=set)
    """ids of those who got templates"""
    first_rejects: list[PhotoVerdict] = field(default_factory=list)
    """up to NAMED"""

    def add(self, one: ImportedPart) -> None:
        """Count what came of a part."""
        self.folders += one.part.number == 0
        self.accepted += one.accepted
        self.enrolled += one.enrolled
        self.rejected += len(one.rejected)
        self.no_photos += one.no_photos
        self.photos += one.accepted + one.enrolled + len(one.rejected)
        if one.accepted and one.person is not None:
            self.people.add(one.person.id)
        self.first_rejects += one.rejected[: NAMED - len(self.first_rejects)]


def run_folder(
    context: Context, request: ImportRequest, folder: PeopleFolder, store: Store, recognition: Recognition
) -> int:
    """Import the people of a folder, tell of each, and of those who look alike; the exit code."""
    from pipeline.gallery.portable.enrolled_images import EnrolledImages
    from pipeline.gallery.portable.kept_rejects import KeptRejects

    rules = rules_of(context, EnrollRequest("", (), request.largest, request.force))
    images = EnrolledImages.load(store, recognition.comparable)
    rejects = KeptRejects.open(context.data, recipe_of(recognition, rules))
    new = NewPeople(request.watchlist, request.consent, request.retain_until)
    totals, stop = Totals(), Stop()
    with (
        reject_report(request.report) as report,
        closing(PhotoLooker(recognition, rules, images, rejects)) as looker,
        context.progress() as bars,
        ended_by_signals(stop),
    ):

        def tell(one: ImportedPart) -> None:
            totals.add(one)
            write_part(context, report, one)

        for skipped in folder.skipped:
            report.write(str(skipped.path), "", skipped.reason)
        importing = FolderImport(store, looker, images, rejects, rules, new, tell)
        looks = shown(bars, folder, looker.look_at(asked_photos(folder.people, images)), stop)
        for part in parts_of(looks):
            if stop.asked:
                break
            importing.take(part)
        importing.flush()
    say_what_was_skipped(context, folder, totals)
    if not context.json:
        print_totals(context, request, totals)
    if totals.people:
        tell_look_alikes(context, store, recognition.comparable, totals.people)
    if stop.asked:
        context.say("ended before all were looked at; the same command goes on where it was")
        return INTERRUPTED
    return 0 if totals.accepted or totals.enrolled else NOTHING_ACCEPTED


def recipe_of(recognition: Recognition, rules: EnrolmentRules) -> str:
    """Everything that decides whether a photo is refused; empty where that is not known."""
    recipe = recognition.networks.recipe
    limits = (rules.min_face_px, rules.min_quality, rules.same_person_distance, rules.largest, rules.force)
    return f"{recipe} {limits}" if recipe else ""


def shown(bars: Progress, folder: PeopleFolder, looks: Iterator[LookedAt], stop: Stop) -> Iterator[LookedAt]:
    """The same until `stop` is asked, with a bar of files, people and photos a second."""
    task = bars.add_task("counting photos", total=None)
    if not bars.disable:
        bars.update(task, total=count_files(folder))
    people, begun, last = 0, time.monotonic(), None
    for number, look in enumerate(looks, 1):
        if stop.asked:
            return
        people += look.photo.part.folder != last
        last = look.photo.part.folder
        rate = number / max(time.monotonic() - begun, 1e-3)
        told = f"{people} of {len(folder.people)} people, {rate:.0f} photos/s"
        bars.update(task, advance=1, description=told)
        yield look


def count_files(folder: PeopleFolder) -> int:
    """How many files and folders stand for themselves there; nothing is read."""
    from pipeline.capture.people_folder import files_below

    return sum(max(1, sum(1 for _ in files_below(one))) for one in folder.people)


def write_part(context: Context, report: RejectWriter, one: ImportedPart) -> None:
    """The JSON line of a person, and the rows of their rejects."""
    for verdict in one.rejected:
        report.write(verdict.path, one.part.folder.name, verdict.reason or "")
    if context.json:
        person = one.person
        context.print_json(
            {
                "folder": visible(str(one.part.folder)),
                "person": None if person is None else {"id": person.id, "name": person.name},
                "accepted": one.accepted,
                "enrolled_before": one.enrolled,
                "rejected": [
                    {"image": visible(verdict.path), "reason": verdict.reason} for verdict in one.rejected
                ],
            }
        )


def say_what_was_skipped(context: Context, folder: PeopleFolder, totals: Totals) -> None:
    """What lay there and was no photo of anybody, in a line each."""
    if folder.skipped:
        first = folder.skipped[0]
        more = f", and {len(folder.skipped) - 1} more" if len(folder.skipped) > 1 else ""
        context.say(f"skipped {first.path}: {first.reason}{more}")
    if totals.no_photos:
        context.say(f"skipped files that are no photos: {totals.no_photos}")


def print_totals(context: Context, request: ImportRequest, totals: Totals) -> None:
    """The rejects, or the first of them, and the sum of it all."""
    from rich.table import Table
    from rich.text import Text

    if totals.first_rejects:
        table = Table("rejected photo", "reason")
        for verdict in totals.first_rejects:
            table.add_row(Text(visible(verdict.path)), Text(verdict.reason or ""))
        context.print(table)
        if totals.rejected > len(totals.first_rejects):
            more = totals.rejected - len(totals.first_rejects)
            where = f"see {request.report}" if request.report is not None else "--report FILE lists them"
            context.print(f"and {more} more; {where}")
    before = f", {totals.enrolled} enrolled before" if totals.enrolled else ""
    context.print(
        f"{request.source}: {totals.folders} folders, {totals.photos} photos: {totals.accepted} accepted of "
        f"{len(totals.people)} people{before}, {totals.rejected} rejected"
    )


def tell_look_alikes(context: Context, store: Store, comparable: Comparable, people: set[str]) -> None:
    """Warn of each new person who is as near to another as two photos of one person, in the gallery as it is now."""
    from pipeline.commands.thresholds import naming
    from pipeline.gallery.calibration import own_pairs
    from pipeline.gallery.look_alikes import look_alikes

    contents = store.contents(comparable)
    rule = naming(context.config, context.data, own_pairs(contents.person_ids, contents.vectors))
    pairs = look_alikes(contents, people, rule.max_distance)
    named = {one.id: one.name for one in contents.people}
    for pair in pairs if context.json else pairs[:NAMED]:
        a, b = ({"id": one, "name": named[one]} for one in (pair.a, pair.b))
        if context.json:
            context.print_json({"look_alikes": [a, b], "distance": round(pair.distance, 4)})
        else:
            context.say(
                f"{a['name']} ({pair.a}) and {b['name']} ({pair.b}) look alike (distance {pair.distance:.2f}): "
                f"if they are one person, people merge {pair.a} {pair.b}"
            )
    if not context.json and len(pairs) > NAMED:
        context.say(f"and {len(pairs) - NAMED} more pairs who look alike; --json lists them")
