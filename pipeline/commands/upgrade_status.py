"""`upgrade --status`: which embedder serves, which others have templates, who is left behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.thresholds import comparable_of, described
from pipeline.commands.upgrade_report import show_left_behind

if TYPE_CHECKING:
    from pipeline.gallery.storage.records import Serving
    from pipeline.gallery.storage.store import Store
    from pipeline.gallery.upgrade.state import ModelState


def tell_status(context: Context, store: Store) -> None:
    """Print it. Raises CatalogueError, StoreError."""
    from pipeline.gallery.storage.serving import serving
    from pipeline.gallery.upgrade.left_behind import left_behind
    from pipeline.gallery.upgrade.state import model_states

    model, comparable = described(context.config), comparable_of(context.config)
    with store.database.reading() as connection:
        last = serving(connection)
        states = model_states(connection)
        behind = left_behind(connection, comparable)
    since = None if last is None else last.since.strftime("%Y-%m-%dT%H:%M:%SZ")
    if context.json:
        context.print_json(
            {
                "serving": model.name,
                "model_id": model.model_id,
                "given": not context.auto_model,
                "since": since,
                "models": [
                    {
                        "model_id": each.model_id,
                        "templates": each.templates,
                        "people": each.people,
                        "waiting": each.waiting,
                    }
                    for each in states
                ],
                "left_behind": [{"id": each.person_id, "name": each.name} for each in behind],
            }
        )
        return
    context.print(f"{model.name} serves ({_why(context, last)})")
    from rich.table import Table

    table = Table("model_id", "templates", "people", "kept faces not described", "")
    for each in states:
        table.add_row(
            each.model_id,
            str(each.templates),
            str(each.people),
            str(each.waiting),
            _said(each, model.model_id, comparable),
        )
    context.print(table)
    context.print(f"left behind: {len(behind)}")
    show_left_behind(context, behind)


def _why(context: Context, last: Serving | None) -> str:
    if not context.auto_model:
        return "embedding.model is set"
    return "since ever" if last is None else f"since {last.since.astimezone():%Y-%m-%d %H:%M}"


def _said(state: ModelState, serving_id: str, comparable: tuple[str, ...]) -> str:
    """What a model's templates are there for."""
    if state.model_id == serving_id:
        return "serves"
    if state.model_id in comparable:
        return "compared with the one that serves"
    if state.waiting:
        return "in part: upgrade --to goes on"
    return "ready: upgrade --to changes to it at once; --drop erases it"
