"""What a run was asked to do, kept in its folder, so that it goes on with the same people and photos."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_type_hints

from engines.training.split import TEST
from pipeline.errors import BadInputError, OutsideError

if TYPE_CHECKING:
    from config.schema import Config

FOLDER = "training"
"""below the data folder; a folder a run in it, and `faces`"""
RUN_FILE = "run.json"
RESULT_FILE = "result.json"
STRANGERS_FILE = "strangers.json"
"""how far apart people of the test half are to what was trained"""
RESERVED = "faces"
HEAD = "head"
"""as a network: a layer on the frozen trunk of the default model"""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """Everything that decides who is learnt from, and what learns. How it learns is in settings.json beside it."""

    network: str
    dimension: int
    sets: tuple[str, ...]
    """paths of the photos"""
    fingerprints: tuple[str, ...]
    """of the photos, in the same order; empty while they have not been looked at"""
    test: float
    """share of the people who are for the test"""
    validation: float
    seed: int
    augmentation: str
    min_face_px: int
    min_quality: float
    same_person_distance: float
    embedder: str
    """entry of models.yaml whose vectors tell rejects and leaks"""
    compatible_with: str = ""
    """entry of models.yaml into whose space it is trained; empty: into its own"""
    folders: tuple[str, ...] = ()
    """names of the cut faces' folders, in the order of the sets; empty while they are not cut"""
    embedded: int = 0
    """numbers of the embedder's vectors"""
    other_person: float = 0.0
    """squared L2 of the embedder beyond which photos were taken for two people's, which a later calibration moves; 0
    while nobody was parted"""

    def write(self, folder: Path) -> None:
        """Raises OutsideError."""
        write_json(folder / RUN_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> Self:
        """What `write` wrote. Raises BadInputError."""
        try:
            value = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
            value = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
            run = cls(**value)
            _check_types(run)
        except OSError as error:
            raise BadInputError(f"{folder}: is no training run; {runs_there(folder.parent)}") from error
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadInputError(
                f"{folder / RUN_FILE}: is damaged; start again with another --run, the cut faces are kept"
            ) from error
        return run

    @property
    def photos(self) -> tuple[Path, ...]:
        """The sets, as paths."""
        return tuple(map(Path, self.sets))


def new_run(
    config: Config,
    network: str,
    dimension: int,
    sets: Sequence[Path],
    test: float | None = None,
    compatible_with: str = "",
) -> TrainingRun:
    """A run of these photos by the keys of the configuration, nothing of it looked at yet.

    `test`: share of the people; None: split.TEST.
    """
    keys = config.training
    return TrainingRun(
        network=network,
        dimension=dimension,
        sets=tuple(map(str, sets)),
        fingerprints=(),
        test=TEST if test is None else test,
        validation=keys.validation,
        seed=keys.seed,
        augmentation=keys.augmentation,
        min_face_px=keys.min_face_px,
        min_quality=keys.min_quality,
        same_person_distance=keys.same_person_distance,
        embedder=config.embedding.model,
        compatible_with=compatible_with,
    )


def run_folder(data: Path, name: str) -> Path:
    """The folder of a run. Raises BadInputError for a name that is none of a folder."""
    if not name or name in (".", "..", RESERVED) or Path(name).name != name or name.startswith("."):
        raise BadInputError(f"{name!r} cannot be the name of a run; give one like nn4-second")
    return data / FOLDER / name


def new_run_name(data: Path, network: str) -> str:
    """The network's name, with a number where there are such runs already."""
    number, name = 1, network
    while (data / FOLDER / name).exists():
        number += 1
        name = f"{network}-{number}"
    return name


def runs_there(folder: Path) -> str:
    """The names of the runs in a folder, in words."""
    names = sorted(each.parent.name for each in folder.glob(f"*/{RUN_FILE}"))
    return f"there is: {', '.join(names)}" if names else "there is none yet; start one with a DATASET"


def check_config(config: Config, run: TrainingRun) -> None:
    """Raise BadInputError where another embedder would judge the photos than the one that did."""
    if config.embedding.model != run.embedder:
        raise BadInputError(
            f"the run's photos were judged by {run.embedder}, and embedding.model is {config.embedding.model}; "
            f"go on with --set embedding.model={run.embedder}"
        )


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write it whole or not at all. Raises OutsideError."""
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(value, indent=1, ensure_ascii=False) + "\n"
        # A byte of a path that is no text is a lone surrogate, whose Python escape is JSON's.
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
        os.replace(part, path)
    except OSError as error:
        raise OutsideError(
            f"{path}: cannot be written ({error.strerror}); make room, or name another folder with --data"
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _check_types(run: TrainingRun) -> None:
    """Raise TypeError where a text is none, or a number, ValueError for a share that is none."""
    hints = get_type_hints(TrainingRun)
    for field in fields(run):
        kind = {float: (int, float)}.get(
            hints[field.name], getattr(hints[field.name], "__origin__", hints[field.name])
        )
        if not isinstance(getattr(run, field.name), kind):
            raise TypeError(f"{field.name} must be {kind}")
    if not (0.0 <= run.test < 1.0 and 0.0 <= run.validation < 1.0):
        raise ValueError(f"shares must be from 0 to 1, got {run.test} and {run.validation}")
