"""The run of an upgrade: prepare, compare, switch; back again; and the end of the old templates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.commands.context import Context
from pipeline.commands.import_run import Stop
from pipeline.commands.report import INTERRUPTED
from pipeline.commands.serving_model import with_model
from pipeline.commands.thresholds import comparable_of, described, naming, needed_strangers
from pipeline.commands.upgrade import UpgradeRequest
from pipeline.commands.upgrade_report import tell_agreement, tell_left_behind, tell_switched
from pipeline.errors import BadInputError, GalleryError, OutsideError
from pipeline.runtime.signals import ended_by_signals

if TYPE_CHECKING:
    from config.schema import Config
    from engines.zoo.description import ModelDescription
    from pipeline.arrays import F32
    from pipeline.assemble.recognition import Recognition
    from pipeline.gallery.storage.records import Serving
    from pipeline.gallery.storage.store import Store
    from pipeline.gallery.upgrade.agreement import Agreement
    from pipeline.gallery.upgrade.re_embedding import EmbedFaces, FaceImage, Target

FOLDER = "upgrade"
"""below the data folder: the lock, and the last report for each model"""


@dataclass(frozen=True, slots=True)
class Change:
    """From which embedder to which."""

    context: Context
    store: Store
    config: Config
    """with the new embedder"""
    new: ModelDescription
    before: Serving | None
    """the switch that is in force"""


@contextmanager
def alone_here(context: Context, store: Store) -> Iterator[None]:
    """One upgrade at a time. Raises GalleryError where another one runs, StoreError, OutsideError."""
    from pipeline.events.file_lock import locked
    from pipeline.gallery.upgrade.alone import ANOTHER, alone

    folder = context.data / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with locked(folder / "lock"), alone(store.database):
            yield
    except TimeoutError as error:
        raise GalleryError(ANOTHER) from error
    except OSError as error:
        reason = (error.strerror or "not usable").lower()
        raise OutsideError(f"{folder}: {reason}; make it writable, or free some space") from error


def check_serves_still(context: Context, store: Store) -> None:
    """Raise GalleryError where another upgrade has switched the gallery since this command read what serves.

    Else it would compare with a model that serves no more, or erase the templates of the one that does.
    """
    from engines.zoo.catalogue import BEFORE_ANY_SWITCH

    last = store.serving()
    name = BEFORE_ANY_SWITCH if last is None else last.model
    if name != context.config.embedding.model:
        raise GalleryError(f"the gallery was just switched to {name}; look with: upgrade --status")


def change_to(context: Context, store: Store, name: str, request: UpgradeRequest) -> int:
    """`upgrade --to`; the exit code. Raises BadInputError, GalleryError, StoreError, EngineError, BackendError."""
    change = _change(context, store, name)
    old = described(context.config)
    if old.model_id == change.new.model_id:
        return _describe_the_rest(change)
    _check_derivable(change)
    if old.model_id in change.new.compatible_with and old.dimension == change.new.dimension:
        return _switch_at_once(change, old, request)
    with _opened(change) as recognition, _stoppable() as stop:
        from pipeline.gallery.upgrade.re_embedding import ReEmbedding

        with _bar(context, f"describing faces by {name}") as advance:
            run = ReEmbedding(store, _target(change, recognition), advance, lambda: stop.asked)
            prepared = run.prepare()
        if not prepared:
            return _interrupted(context)
        found = _compare(change)
        tell_agreement(context, store, change.new, found)
        if request.dry_run:
            context.say(f"nothing was switched: {context.config.embedding.model} serves")
            return 0
        if 100.0 * found.share > request.max_changes and not request.force:
            raise GalleryError(
                f"worse for {100.0 * found.share:.1f} % of the people compared, more than {request.max_changes:g} %: "
                f"nothing was switched; give --force, or --max-changes PERCENT"
            )
        done = run.switch(change.before)
    if done is None:
        return _interrupted(context)
    tell_switched(context, done, len(run.progress.unreadable))
    tell_left_behind(context, store, comparable_of(change.config))
    return 0


def change_back(context: Context, store: Store) -> int:
    """`upgrade --back`; the exit code. Raises GalleryError where nothing served before, and as `change_to`."""
    from pipeline.gallery.upgrade.re_embedding import ReEmbedding

    change = _change(context, store, _served_before(store))
    with (
        _opened(change) as recognition,
        _stoppable() as stop,
        _bar(context, f"describing faces by {change.new.name}") as advance,
    ):
        run = ReEmbedding(store, _target(change, recognition), advance, lambda: stop.asked)
        done = run.switch(change.before)
    if done is None:
        return _interrupted(context)
    tell_switched(context, done, len(run.progress.unreadable))
    tell_left_behind(context, store, comparable_of(change.config))
    return 0


def drop_templates(context: Context, store: Store, name: str) -> int:
    """`upgrade --drop`; the exit code. Raises GalleryError where it serves, or somebody would be lost."""
    from pipeline.gallery.upgrade.dropping import drop_model

    model_id = _model_id(name, store)
    with _bar(context, f"erasing templates of {model_id}") as advance:
        erased = drop_model(store, model_id, comparable_of(context.config), advance)
    if context.json:
        context.print_json({"dropped": model_id, "templates": erased})
    else:
        context.print(f"{model_id}: {erased} templates erased")
    return 0


def _model_id(name: str, store: Store) -> str:
    """Of an entry of models.yaml, or itself one that the gallery has templates of: the entry may be gone by then."""
    if name in store.templates_by_model():
        return name
    return _embedder(name).model_id


def _embedder(name: str) -> ModelDescription:
    """The entry of models.yaml. Raises CatalogueError, BadInputError where it is no embedder."""
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.recognition import CATALOGUE_FILE
    from pipeline.commands.context import models_folder

    catalogue = read_catalogue(CATALOGUE_FILE, models_folder())
    found = catalogue.model(name)
    if found.role != "embedding":
        known = ", ".join(each.name for each in catalogue.of_role("embedding"))
        raise BadInputError(f"{name} is no embedder, its role is {found.role}; embedders are {known}")
    return found


def _change(context: Context, store: Store, name: str) -> Change:
    new = _embedder(name)
    return Change(context, store, with_model(context.config, new.name), new, store.serving())


def _served_before(store: Store) -> str:
    """The entry that served last before the one that serves. Raises GalleryError where there is none."""
    from engines.zoo.catalogue import BEFORE_ANY_SWITCH
    from pipeline.gallery.storage.serving import switches

    with store.database.reading() as connection:
        made = switches(connection)
    if not made:
        raise GalleryError("the gallery was never switched, so there is nothing to go back to")
    now = made[-1].model
    return next((each.model for each in reversed(made) if each.model != now), BEFORE_ANY_SWITCH)


def _check_derivable(change: Change) -> None:
    """Raise BadInputError where no distance for names can be derived for the new model, before hours of work."""
    if change.config.matching.max_distance is not None:
        return
    try:
        needed_strangers(change.config, change.context.data, "matching.max_distance")
    except BadInputError as error:
        raise BadInputError(f"{error} (with --set embedding.model={change.new.name})") from error


def _switch_at_once(change: Change, old: ModelDescription, request: UpgradeRequest) -> int:
    """The old templates are searched with the new model's probes as they are."""
    context, new = change.context, change.new
    with _opened(change):
        pass  # it is there, built, and as good as it should be
    if request.dry_run:
        context.say(f"{new.name} is compatible with {old.name}: it would serve at once, no template changes")
        return 0
    done = change.store.serve(new.name, new.model_id)
    tell_switched(context, done, 0)
    context.say(
        f"templates of {old.model_id} are compared as they are; to describe their faces by {new.name} too: "
        f"upgrade --to {new.name}"
    )
    tell_left_behind(context, change.store, comparable_of(change.config))
    return 0


def _describe_the_rest(change: Change) -> int:
    """The model serves already: describe kept faces that it has not, of people who came otherwise."""
    from pipeline.gallery.upgrade.re_embedding import ReEmbedding
    from pipeline.gallery.upgrade.waiting import waiting

    context, name = change.context, change.new.name
    with change.store.database.reading() as connection:
        left = waiting(connection, change.new.model_id)
    if left:
        with (
            _opened(change) as recognition,
            _stoppable() as stop,
            _bar(context, f"describing faces by {name}") as advance,
        ):
            run = ReEmbedding(change.store, _target(change, recognition), advance, lambda: stop.asked)
            if not run.prepare():
                return _interrupted(context)
        context.say(f"{name} serves already; faces described now: {run.progress.added}")
    else:
        context.say(f"{name} serves already, and every kept face is described by it")
    tell_left_behind(context, change.store, comparable_of(change.config))
    return 0


@contextmanager
def _opened(change: Change) -> Iterator[Recognition]:
    """The new embedder: fetched, built and held to its reference before anything is written."""
    from pipeline.assemble.recognition import open_recognition
    from pipeline.commands.output import model_progress

    with (
        model_progress(change.context) as on_progress,
        open_recognition(change.config, change.context.models, on_progress) as recognition,
    ):
        yield recognition


def _target(change: Change, recognition: Recognition) -> Target:
    from pipeline.gallery.upgrade.re_embedding import Target

    return Target(change.new.name, change.new.model_id, embed_by(recognition))


def embed_by(recognition: Recognition) -> EmbedFaces:
    """Cuts kept faces as cameras' are cut, and describes them in batches."""
    import numpy as np

    from pipeline.types import Faces

    networks = recognition.networks

    def embed(faces: Sequence[FaceImage]) -> F32:
        ones = np.ones(1, np.float32)
        crops = [
            networks.crop.crops(one.image, Faces(one.box[None], one.landmarks[None], ones)) for one in faces
        ]
        return networks.embedder.embed(np.concatenate(crops))

    return embed


def _compare(change: Change) -> Agreement:
    """Who would be recognised differently, each model by its own distance for names."""
    from pipeline.gallery.calibration import own_pairs
    from pipeline.gallery.upgrade.agreement import Rule, agreement
    from pipeline.gallery.upgrade.state import read_compared

    config, data = change.context.config, change.context.data
    with change.store.database.reading() as connection:
        compared = read_compared(connection, comparable_of(config), change.new.model_id)
    rules = [
        Rule(
            naming(each, data, own_pairs(compared.person_ids, vectors)).max_distance, each.matching.min_margin
        )
        for each, vectors in ((config, compared.old), (change.config, compared.new))
    ]
    return agreement(compared, *rules)


@contextmanager
def _bar(context: Context, what: str) -> Iterator[Callable[[int, int], None]]:
    with context.progress() as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def _stoppable() -> Iterator[Stop]:
    stop = Stop()
    with ended_by_signals(stop):
        yield stop


def _interrupted(context: Context) -> int:
    context.say(
        f"ended before all were described, {context.config.embedding.model} serves; the same command goes on"
    )
    return INTERRUPTED
