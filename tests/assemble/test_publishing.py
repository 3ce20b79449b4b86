"""Where a run's events go, by the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.load import load
from pipeline.assemble.publishing import redis_broker, redis_sink, spooled_sink
from pipeline.errors import BadInputError
from pipeline.events.delivery.redis_server import EmbeddedRedis


def test_without_an_address_it_is_our_own_server(tmp_path: Path) -> None:
    config = load(None, {}, [])
    assert isinstance(redis_broker(config, tmp_path), EmbeddedRedis)
    redis_sink(config, tmp_path)
    spooled_sink(config, tmp_path)
    assert list(tmp_path.iterdir()) == [], "nothing is opened yet"


def test_an_address_is_shown_without_its_password(tmp_path: Path) -> None:
    config = load(None, {}, ["redis.url=redis://ann:secret@far/0"])
    assert redis_broker(config, tmp_path).shown == "redis://*****@far/0"
    spooled_sink(config, tmp_path)


@pytest.mark.parametrize("address", ["http://ann:secret@far", "redis://far:port", "redis://far/0?nonsense=1"])
def test_an_address_that_is_none_is_refused_at_once(tmp_path: Path, address: str) -> None:
    config = load(None, {}, [f"redis.url={address}"])
    with pytest.raises(BadInputError, match=r"redis\.url: .* is no address of a Redis") as error:
        spooled_sink(config, tmp_path)
    assert "secret" not in str(error.value)


def test_the_spool_lies_in_the_data_folder(tmp_path: Path) -> None:
    config = load(None, {}, [f"redis.url=unix://{tmp_path}/nobody"])
    sink = spooled_sink(config, tmp_path)
    sink.open()
    sink.close()
    assert (tmp_path / "spool" / "lock").exists()
