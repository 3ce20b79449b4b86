"""The mean vector of an embedder, taken off every vector so that strangers point in no common direction.

A network trained with softmax gives all faces a part in common. It makes any two people look alike, and by more
the fewer the network is sure of. Taken off, distances between strangers gather around 2, and at few false accepts
more pairs of one person are accepted (docs/evaluate.md has the figures). davidsandberg/facenet's `--subtract_mean`
does the same in its LFW test, with a mean of the test's own training folds; ours is of people in no test.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engines.arrays import F32
from engines.errors import CatalogueError


def read_centre(path: Path, dimension: int) -> F32:
    """The mean vector (D,) of unit vectors, from a JSON object's `centre`. Raises CatalogueError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        centre = np.asarray(value["centre"], dtype=np.float32)
    except OSError as error:
        raise CatalogueError(
            f"{path} cannot be read ({error.strerror}); bring it back, or drop `centre`"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise CatalogueError(f"{path} holds no centre; make it anew with: bench centre --fit") from error
    if centre.shape != (dimension,) or not np.all(np.isfinite(centre)) or np.linalg.norm(centre) >= 1.0:
        raise CatalogueError(
            f"{path}: the centre must be {dimension} numbers, shorter than 1, got {centre.shape}"
        )
    return centre
