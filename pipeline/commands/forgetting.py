"""`people forget` and `strangers forget`, and what other commands have in common with them: progress and report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import Context
from pipeline.errors import GalleryError, OutsideError

if TYPE_CHECKING:
    from pipeline.gallery.keeping.backup_manifest import OnProgress
    from pipeline.gallery.keeping.forgetting import Forgotten
    from pipeline.gallery.storage.store import Store

NOTHING_ERASED = 1

NoScanOption = Annotated[
    bool, typer.Option("--no-scan", help="Do not look for traces afterwards: quicker, but nothing is proved.")
]


def run_forget(context: Context, store: Store, asked: str, yes: bool, no_scan: bool) -> None:
    """Erase a person and tell what was erased, and what nobody could erase.

    Raises GalleryError where nobody is or was called so, StoreError where it fails, OutsideError where something of
    them is left.
    """
    from pipeline.gallery.keeping.forgetting import forget

    person_id = _id_of(store, asked)
    person = store.known(person_id)
    if person is not None and not confirmed(
        context, yes, f"Erase {person.name} ({person.id}) and everything of them for good?"
    ):
        raise typer.Exit(NOTHING_ERASED)
    with steps(context) as on_progress:
        forgotten = forget(store.database, context.data, person_id, look=not no_scan, on_progress=on_progress)
    tell(context, forgotten)


def run_forget_stranger(context: Context, store: Store, stranger_id: str, yes: bool, no_scan: bool) -> None:
    """Erase an unknown person as `run_forget` does a known one; raises the same."""
    from pipeline.gallery.keeping.forgetting import forget_stranger

    if not confirmed(context, yes, f"Erase {stranger_id} and every sighting of them for good?"):
        raise typer.Exit(NOTHING_ERASED)
    with steps(context) as on_progress:
        forgotten = forget_stranger(
            store.database, context.data, stranger_id, look=not no_scan, on_progress=on_progress
        )
    tell(context, forgotten)


def confirmed(context: Context, yes: bool, question: str) -> bool:
    """Whether it is to be done: asked at a terminal, unless --yes was given."""
    if yes or not sys.stdin.isatty() or typer.confirm(question, err=True):
        return True
    context.say("nothing was erased")
    return False


def tell(context: Context, forgotten: Forgotten) -> None:
    """What was erased. Raises OutsideError where something of them is left."""
    from pipeline.gallery.keeping.forgetting import counts

    proof = forgotten.proof
    if context.json:
        context.print_json(
            {
                "id": forgotten.id,
                "name": forgotten.name,
                "erased": dict(counts(forgotten)),
                "proved": forgotten.proved,
                "searched": None if proof is None else {"files": proof.files, "bytes": proof.bytes},
                "left": list(forgotten.left),
                "unseen": [] if proof is None else list(proof.unseen),
            }
        )
    else:
        context.print("\n".join(_lines(forgotten)))
    for line in forgotten.left:
        context.say(f"left: {line}")
    if forgotten.left:
        raise OutsideError(
            f"{forgotten.id} is erased from the gallery, but not everywhere: see above, and forget that id again"
        )


def _lines(forgotten: Forgotten) -> list[str]:
    from pipeline.gallery.keeping.forgetting import counts

    called = forgotten.id if forgotten.name is None else f"{forgotten.name} ({forgotten.id})"
    erased = [f"{name.replace('_', ' ')}: {count}" for name, count in counts(forgotten).items() if count]
    lines = [f"forgot {called}: erased {', '.join(erased) or 'nothing, nothing was left'}"]
    proof = forgotten.proof
    if proof is None:
        lines.append("nobody looked whether anything is left (--no-scan)")
    elif forgotten.proved:
        size = f"{proof.files} files, {proof.bytes / 1e6:.1f} MB"
        lines.append(f"proved: no row, no search and no byte of {size} has anything of them")
    if proof is not None:
        lines += [f"nobody can look from here into {place}" for place in proof.unseen]
    return lines


def _id_of(store: Store, asked: str) -> str:
    """Whom is meant, also by the id of somebody who was forgotten before. Raises GalleryError."""
    from pipeline.gallery.keeping.forgetting import was_forgotten

    try:
        return store.find(asked).id
    except GalleryError:
        if was_forgotten(store.database, asked.strip()):
            return asked.strip()
        raise


@contextmanager
def steps(context: Context) -> Iterator[OnProgress]:
    """A progress bar for work in several steps, a step at a time."""
    with context.progress() as bars:
        task = bars.add_task("", total=None)

        def show(what: str, done: int, total: int) -> None:
            bars.update(task, description=what, completed=done, total=total or None)

        yield show
