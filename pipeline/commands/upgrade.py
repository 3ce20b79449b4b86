"""`upgrade`: changes the gallery to another embedder without a gap, and back."""

from __future__ import annotations

from dataclasses import dataclass
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
    text_given,
)
from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from pipeline.gallery.storage.store import Store

MAX_CHANGES = 5.0
"""per cent of the people. From the 512 numbers of facenet-20180408 to 128 of them, a change for size and not for
accuracy, something is worse for about one in a hundred; a wrong model, or wrong statistics, changes most"""


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """What is asked for beside the model."""

    dry_run: bool = False
    force: bool = False
    max_changes: float = MAX_CHANGES
    """per cent of the people compared"""


def upgrade(
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="MODEL", parser=text_given, help="Embedder of models.yaml to change to."
        ),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Change to what served before.")] = False,
    status: Annotated[bool, typer.Option("--status", help="What serves, and how far an upgrade is.")] = False,
    drop: Annotated[
        str | None,
        typer.Option("--drop", metavar="MODEL", parser=text_given, help="Erase another model's templates."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Prepare and compare, do not switch.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Switch however much changes.")] = False,
    max_changes: Annotated[
        float,
        typer.Option("--max-changes", min=0.0, max=100.0, help="Per cent of people it may be worse for."),
    ] = MAX_CHANGES,
    config: ConfigOption = None,
    data: DataOption = None,
    set_: SetOption = None,
    json_: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Change the gallery to another embedder, while everything goes on.

    Every kept face is described by MODEL while the old one serves; then it is said who would be recognised
    differently, and the gallery is switched in one step. Killed or ended, the same command goes on where it was.

    Example: python run_pipeline.py upgrade --to facenet-128
    """
    if sum((to is not None, back, status, drop is not None)) != 1:
        raise typer.BadParameter("give one of --to MODEL, --back, --status and --drop MODEL")
    if (dry_run or force) and to is None:
        raise typer.BadParameter("--dry-run and --force go with --to MODEL")
    from pipeline.assemble.gallery import open_store

    context = make_context(config, data, set_, json_, debug)
    request = UpgradeRequest(dry_run, force, max_changes)
    with open_store(context.config, context.data) as store:
        code = 0
        if status:
            from pipeline.commands.upgrade_status import tell_status

            tell_status(context, store)
        else:
            check_switchable(context)
            code = _change(context, store, to, drop, request)
    raise typer.Exit(code)


def check_switchable(context: Context) -> None:
    """Raise BadInputError where the configuration names the embedder: a switch would change nothing here."""
    if not context.auto_model:
        raise BadInputError(
            f"embedding.model: {context.config.embedding.model} is set and used whatever serves; take it out, or "
            "write auto, and run this again"
        )


def _change(context: Context, store: Store, to: str | None, drop: str | None, request: UpgradeRequest) -> int:
    from pipeline.commands.upgrade_run import (
        alone_here,
        change_back,
        change_to,
        check_serves_still,
        drop_templates,
    )

    with alone_here(context, store):
        check_serves_still(context, store)
        if to is not None:
            return change_to(context, store, to, request)
        if drop is not None:
            return drop_templates(context, store, drop)
        return change_back(context, store)
