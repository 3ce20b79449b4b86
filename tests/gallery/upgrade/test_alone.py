"""One upgrade of a gallery at a time."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.errors import GalleryError
from pipeline.gallery.storage.store import Store
from pipeline.gallery.upgrade.alone import alone


def test_a_second_one_is_refused_on_a_server(
    store: Store, make_store: Callable[[], Store], database_url: str | None
) -> None:
    with alone(store.database), make_store() as other:
        if database_url is None:
            with alone(other.database):  # programs with a file lock one beside it
                pass
        else:
            with pytest.raises(GalleryError, match="another upgrade"), alone(other.database):
                pass
        assert other.serve("two", "two-1").number == 1  # everybody else goes on
    with alone(store.database):
        pass
