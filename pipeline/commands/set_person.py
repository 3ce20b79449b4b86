"""`people set`: what a person agreed to, and until when they may be kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from pipeline.commands.context import (
    ConfigOption,
    Context,
    DataOption,
    DebugOption,
    JsonOption,
    SetOption,
    make_context,
)
from pipeline.errors import BadInputError

NEVER = "never"

ConsentOption = Annotated[
    str | None,
    typer.Option("--consent", metavar="TEXT", help="What they agreed to; an empty text takes it away."),
]
RetainOption = Annotated[
    str | None,
    typer.Option(
        "--retain-until",
        metavar="DATE",
        help="Not to be kept from then on: 2027-05-01, its beginning in UTC, or a time; never: no limit.",
    ),
]


def set_person(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Exact name, or id.")],
    consent: ConsentOption = None,
    retain_until: RetainOption = None,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Note what a person agreed to, and until when they may be kept.

    Example: python run_pipeline.py people set "Ann Lee" --consent "signed 2026-05-01" --retain-until 2027-05-01
    """
    from pipeline.commands.people import day, opened, utc
    from pipeline.gallery.storage.records import Unchanged

    if consent is None and retain_until is None:
        raise BadInputError("nothing to note: give --consent or --retain-until")
    until = Unchanged.UNCHANGED if retain_until is None else date_given(retain_until)
    with opened(make_context(config, data, set_, json_, debug)) as (context, store):
        person = store.find(name)
        if isinstance(until, datetime):
            say_if_past(context, until)
        note = Unchanged.UNCHANGED if consent is None else consent or None
        person = store.set_person(person.id, consent=note, retain_until=until)
        if context.json:
            context.print_json(
                {
                    "id": person.id,
                    "name": person.name,
                    "consent": person.consent,
                    "retain_until": None if person.retain_until is None else utc(person.retain_until),
                }
            )
            return
        agreed = "none noted" if person.consent is None else person.consent
        kept = "no limit" if person.retain_until is None else day(person.retain_until)
        context.print(f"{person.name} ({person.id}): consent: {agreed}; kept until: {kept}")


def say_if_past(context: Context, until: datetime) -> None:
    """A year mistyped costs somebody's templates: it is said while it can still be set right."""
    from pipeline.clock import SystemClock

    if until <= SystemClock().now():
        context.say(
            f"--retain-until: {until:%Y-%m-%d} is past: the next run, or expire, forgets them for good"
        )


def date_given(text: str) -> datetime | None:
    """The time of a date or time in ISO 8601, in UTC where it names no zone; None for `never`.

    >>> date_given("2027-05-01").isoformat()
    '2027-05-01T00:00:00+00:00'

    Raises BadInputError.
    """
    if text == NEVER:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInputError(f"--retain-until {text!r}: give a date as 2027-05-01, or {NEVER}") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
