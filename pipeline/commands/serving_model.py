"""Which embedder `embedding.model: auto` is: the one that `upgrade` switched the gallery to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.schema import AUTO_MODEL, Config
from engines.zoo.catalogue import BEFORE_ANY_SWITCH
from pipeline.errors import FacestreamError


@dataclass(frozen=True, slots=True)
class Settled:
    """A configuration whose embedder has a name."""

    config: Config
    doubt: str | None = None
    """why the gallery could not be asked for it, in a line for whoever loads the model"""


def with_serving(config: Config, data: Path) -> Settled:
    """The configuration with a model's name in place of `auto`.

    A gallery that cannot be asked stops nobody here: whatever needs it says so itself, and `doctor` and `models` need
    none.
    """
    if config.embedding.model != AUTO_MODEL:
        return Settled(config)
    try:
        return Settled(with_model(config, serving_name(config, data)))
    except FacestreamError as error:
        doubt = f"embedding.model is {BEFORE_ANY_SWITCH}, as the gallery does not say what serves: {error}"
        return Settled(with_model(config, BEFORE_ANY_SWITCH), doubt)


def with_model(config: Config, name: str) -> Config:
    """The configuration with this embedder."""
    return config.model_copy(update={"embedding": config.embedding.model_copy(update={"model": name})})


def serving_name(config: Config, data: Path) -> str:
    """The entry of models.yaml that serves the gallery; there need not be one yet. Raises StoreError, GalleryError."""
    from pipeline.gallery.storage.database import Database
    from pipeline.gallery.storage.serving import look_what_serves
    from pipeline.gallery.storage.store import DATABASE_FILE

    url, file = config.gallery.url, data / DATABASE_FILE
    if url is None and not file.exists():
        return BEFORE_ANY_SWITCH
    found = look_what_serves(Database(file if url is None else url.reveal()))
    return BEFORE_ANY_SWITCH if found is None else found.model
