"""A program that changes a gallery to another model until it is killed, and tells of each step."""

from __future__ import annotations

from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.arrays import F32
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade import re_embedding
from pipeline.gallery.upgrade.re_embedding import FaceImage, ReEmbedding, Target
from tests.gallery.upgrade.kept import NEW, embed

PIECE = 3


def upgrade_until_killed(data: Path, url: str | None, told: Connection) -> None:
    """Run one upgrade; `told` gets how many faces are described, each time before some are and at the end."""
    re_embedding.PIECE = PIECE
    done = 0

    def telling(faces: Sequence[FaceImage]) -> F32:
        nonlocal done
        told.send(done)
        done += len(faces)
        return embed(faces)

    with Store(data, url) as store:
        told.send(0)
        ReEmbedding(store, Target("new", NEW, telling)).switch(store.serving())
        told.send(done)
