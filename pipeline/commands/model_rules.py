"""What a command decides by for any embedder, not only the one that its run begins with."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.commands.serving_model import with_model
from pipeline.commands.stranger_reach import stranger_reach
from pipeline.commands.thresholds import naming, strangers_of, verification_distance

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from config.schema import Config
    from pipeline.assemble.left_behind import OlderPhotos
    from pipeline.assemble.recognition import Recognition
    from pipeline.commands.context import Context
    from pipeline.gallery.calibration import OwnPairs
    from pipeline.gallery.memory.following import Derive
    from pipeline.gallery.memory.left_behind_search import Scale
    from pipeline.gallery.memory.replica import Replica
    from pipeline.gallery.sightings.stranger_book import Reach
    from pipeline.gallery.storage.store import Store

log = logging.getLogger(__name__)


class CommandRules:
    """The configuration's rates and distances, for each model by its own statistics. Implements `ModelRules`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def config_of(self, model: str) -> Config:
        """The configuration with this embedder."""
        return with_model(self._context.config, model)

    def derive(self, model: str) -> Derive:
        """The distance for names in a gallery of its vectors, with a line in the log on why."""
        of_model = replace(self._context, config=self.config_of(model))
        return lambda own: distance_for_names(of_model, own)

    def reach(self, model: str) -> Reach:
        """The distance at which a face is a stranger who was seen before. Raises BadInputError, CatalogueError."""
        return stranger_reach(self.config_of(model), self._context.data)

    def scale(self, older: str, serving: str) -> Scale:
        """What a distance of the older model means to the serving one: where as many strangers are accepted.

        Where one of them has no statistics, in proportion of the distances for two photos of one person. Raises
        BadInputError where there is nothing to tell those by.
        """
        from pipeline.gallery.memory.left_behind_search import equal_far, in_proportion

        data = self._context.data
        before, now = self.config_of(older), self.config_of(serving)
        old_curve, new_curve = strangers_of(before, data), strangers_of(now, data)
        if old_curve is not None and new_curve is not None:
            return equal_far(old_curve, new_curve)
        return in_proportion(verification_distance(before, data), verification_distance(now, data))


def distance_for_names(context: Context, own: OwnPairs) -> float:
    """The squared L2 distance for names in a gallery with these pairs, and a line in the log on why."""
    rule = naming(context.config, context.data, own)
    log.info("%s", rule)
    return rule.max_distance


def left_behind_on_photos(
    context: Context,
    store: Store,
    recognition: Recognition,
    replica: Replica,
    watchlist: str | None = None,
) -> AbstractContextManager[OlderPhotos | None]:
    """What finds people who are left behind on photos; None where nobody is. Raises StoreError, GalleryError.

    `watchlist`: look only among the people of this list; None: of matching.watchlist, or everybody.
    """
    from pipeline.assemble.run_models import Folders, older_photos

    config = context.config
    if watchlist is not None:
        matching = config.matching.model_copy(update={"watchlist": watchlist})
        config = config.model_copy(update={"matching": matching})
    rules = CommandRules(replace(context, config=config))
    folders = Folders(context.models, context.data)
    return older_photos(config, folders, store, recognition, rules, lambda: replica.people)
