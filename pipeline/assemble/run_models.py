"""The models of a run as the configuration and the gallery say: opened, followed, given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.schema import Config
from engines.backends.choose import EngineChoice
from engines.zoo.catalogue import BEFORE_ANY_SWITCH, read_catalogue
from pipeline.assemble.embedders import Eye, Eyes, open_eye
from pipeline.assemble.gallery import AnyGallery, open_gallery
from pipeline.assemble.left_behind import LeftBehindFinder, ModelRules, Names, OlderPhotos
from pipeline.assemble.model_following import ModelFollower, Wanted
from pipeline.assemble.recognition import CATALOGUE_FILE, Recognition, engine_choice
from pipeline.gallery.calibration import OwnPairs
from pipeline.gallery.memory.left_behind_search import with_left_behind
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.left_behind import left_behind


@dataclass(frozen=True, slots=True)
class Folders:
    """Where a run reads and writes."""

    models: Path
    data: Path


def model_follower(
    config: Config,
    folders: Folders,
    store: Store,
    recognition: Recognition,
    choice: EngineChoice,
    rules: ModelRules,
    *,
    live: bool,
    auto: bool,
) -> ModelFollower:
    """What opens the models of a run, and changes them where it goes on. Begin it with the configured embedder.

    Args:
        recognition: the networks that the run begins with, open.
        live: whether the run is in real time: its gallery is followed then. Else everything stays as it is now.
        auto: whether the gallery says which model serves; False: the configuration does.
    """
    first = Eye(config.embedding.model, recognition)
    eyes = Eyes(first, lambda model: open_eye(rules.config_of(model), folders.models, recognition, choice))

    @contextmanager
    def gallery_of(eye: Eye) -> Iterator[AnyGallery]:
        derive = rules.derive(eye.model)

        def derived(own: OwnPairs) -> float:
            """A stranger is compared with those who are left behind, too."""
            with store.database.reading() as connection:
                left = left_behind(connection, eye.recognition.comparable)
            return derive(with_left_behind(own, len(left)))

        own_config = rules.config_of(eye.model)
        opened = open_gallery(own_config, store, eye.recognition, folders.data, derived, follow=live)
        with opened as gallery:
            yield gallery

    catalogue = read_catalogue(CATALOGUE_FILE, folders.models)
    finder = LeftBehindFinder(store.database, catalogue, eyes, rules)
    unswitched = Wanted(BEFORE_ANY_SWITCH, catalogue.model(BEFORE_ANY_SWITCH).model_id)
    return ModelFollower(store.database, eyes, gallery_of, finder, follow=auto, unswitched=unswitched)


@contextmanager
def older_photos(
    config: Config,
    folders: Folders,
    store: Store,
    recognition: Recognition,
    rules: ModelRules,
    names: Names,
) -> Iterator[OlderPhotos | None]:
    """What finds people who are left behind on photos; None where nobody is. Raises StoreError, GalleryError.

    `names`: everybody's by id.
    """
    choice = engine_choice(config)
    first = Eye(config.embedding.model, recognition)
    eyes = Eyes(first, lambda model: open_eye(rules.config_of(model), folders.models, recognition, choice))
    finder = LeftBehindFinder(store.database, read_catalogue(CATALOGUE_FILE, folders.models), eyes, rules)
    try:
        behind = finder.find(recognition, first.model, names)
        yield None if behind is None else OlderPhotos(behind)
    finally:
        eyes.keep({first.model})
