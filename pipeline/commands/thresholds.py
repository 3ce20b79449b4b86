"""The distances a command decides by: those that the configuration gives, or else derived from the rates it states.

How a distance follows from a rate is pipeline.gallery.calibration's part; here is what it is given. Statistics of
strangers are, if there are any, those of the data folder (`calibrate --strangers`), which know the place's own people,
else those that the model's entry of config/models.yaml names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import BadInputError

if TYPE_CHECKING:
    from config.schema import Config
    from engines.strangers import Strangers
    from engines.zoo.description import ModelDescription
    from pipeline.gallery.calibration import Calibration, OwnPairs

FOLDER = "strangers"
"""below the data folder"""


@dataclass(frozen=True, slots=True)
class Naming:
    """Below which distance names are given, and why."""

    max_distance: float
    """squared L2"""
    calibration: Calibration | None
    """what it was derived by; None where matching.max_distance gives it"""

    def __str__(self) -> str:
        """One line for the log."""
        found = self.calibration
        if found is None:
            return f"names are given below {self.max_distance:.2f} (matching.max_distance)"
        rate = "fewer than 0.01 %" if found.promised_fpir < 1e-4 else percent(found.promised_fpir)
        whom = "1 person" if found.people == 1 else f"{found.people} people"
        distance = f"{found.max_distance:.2f}"
        return f"names are given below {distance}: {rate} of strangers in a gallery of {whom} (calibrated)"


def percent(share: float) -> str:
    """A share in words.

    >>> percent(0.01), percent(0.0032), percent(0.975)
    ('1 %', '0.32 %', '98 %')
    """
    return f"{100 * share:.2g} %"


def four_digits(rate: float) -> float:
    """A rate for JSON: with four significant digits, however small."""
    return float(f"{rate:.4g}")


def naming(config: Config, data: Path, own: OwnPairs) -> Naming:
    """The distance for names in a gallery with these pairs. Raises BadInputError, CatalogueError."""
    from pipeline.gallery.calibration import calibrated

    given = config.matching.max_distance
    if given is not None:
        return Naming(given, None)
    strangers = needed_strangers(config, data, "matching.max_distance")
    found = calibrated(strangers, own, config.matching.max_fpir, ceiling(config, strangers))
    return Naming(found.max_distance, found)


def verification_distance(config: Config, data: Path) -> float:
    """The distance for the same person on two photos. Raises BadInputError, CatalogueError."""
    given = config.verification.max_distance
    if given is not None:
        return given
    if config.matching.max_distance is not None and strangers_of(config, data) is None:
        # what is near enough for a name among many people is near enough for two photos
        return config.matching.max_distance
    return ceiling(config, needed_strangers(config, data, "verification.max_distance"))


def ceiling(config: Config, strangers: Strangers) -> float:
    """The same where the statistics are at hand; no name among many people is given beyond it."""
    given = config.verification.max_distance
    return round(strangers.distance_at(config.verification.max_far), 4) if given is None else given


def needed_strangers(config: Config, data: Path, key: str | None = None) -> Strangers:
    """The statistics for the configured embedder. Raises BadInputError where there are none.

    `key`: that could be set instead; None where nothing could.
    """
    found = strangers_of(config, data)
    if found is None:
        missing = f"for {config.embedding.model} there are no statistics of strangers"
        remedy = "run: python run_pipeline.py calibrate --strangers FOLDER_OF_PEOPLE"
        if key is not None:
            raise BadInputError(f"{key}: {missing} to derive it from; {remedy}; or set it")
        raise BadInputError(f"{missing}; {remedy}")
    return found


def strangers_of(config: Config, data: Path) -> Strangers | None:
    """The statistics for the configured embedder, if there are any. Raises CatalogueError."""
    from engines.errors import CatalogueError
    from engines.strangers import REMAKE, Strangers

    model = described(config)
    path = own_file(data, model.model_id)
    if not path.exists():
        if model.strangers is None:
            return None
        path = model.strangers
    found = Strangers.read(path)
    if found.model_id != model.model_id:
        raise CatalogueError(f"{path} is of {found.model_id}, and {model.name} is {model.model_id}; {REMAKE}")
    return found


def described(config: Config) -> ModelDescription:
    """The configured embedder. Raises CatalogueError."""
    from engines.zoo.catalogue import read_catalogue
    from pipeline.assemble.recognition import CATALOGUE_FILE
    from pipeline.commands.context import models_folder

    return read_catalogue(CATALOGUE_FILE, models_folder()).model(config.embedding.model)


def comparable_of(config: Config) -> tuple[str, ...]:
    """Whose vectors the configured embedder's may be compared with, its own first. Raises CatalogueError."""
    model = described(config)
    return (model.model_id, *model.compatible_with)


def own_file(data: Path, model_id: str) -> Path:
    """Where `calibrate --strangers` keeps the statistics of a place's own strangers."""
    safe = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in model_id)
    return data / FOLDER / f"{safe}.json"
