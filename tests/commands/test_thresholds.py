"""The distances of a command: as given, or derived; of the place's own strangers before those that ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.load import load
from config.schema import Config
from engines.errors import CatalogueError
from engines.strangers import Strangers
from pipeline.commands import thresholds
from pipeline.commands.serving_model import with_model
from pipeline.commands.thresholds import (
    described,
    naming,
    needed_strangers,
    own_file,
    percent,
    verification_distance,
)
from pipeline.errors import BadInputError
from pipeline.gallery.calibration import OwnPairs


def gallery(people: int) -> OwnPairs:
    return OwnPairs(people, people, float(people), 0, np.zeros(0, np.float32), ())


def configured(*assignments: str) -> Config:
    return load(None, {}, assignments)


def shipped() -> Strangers:
    path = described(Config()).strangers
    assert path is not None
    return Strangers.read(path)


def test_a_distance_that_is_given_is_taken_as_it_is(tmp_path: Path) -> None:
    config = configured("matching.max_distance=1.3", "verification.max_distance=0.7")
    rule = naming(config, tmp_path, gallery(5000))
    assert (rule.max_distance, rule.calibration) == (1.3, None)
    assert str(rule) == "names are given below 1.30 (matching.max_distance)"
    assert verification_distance(config, tmp_path) == 0.7


def test_a_rate_gives_a_distance(tmp_path: Path) -> None:
    rule = naming(Config(), tmp_path, gallery(100))
    assert 0.85 < rule.max_distance < 0.95
    assert str(rule) == (
        f"names are given below {rule.max_distance:.2f}: 1 % of strangers in a gallery of 100 people (calibrated)"
    )
    assert (
        naming(configured("matching.max_fpir=0.1"), tmp_path, gallery(100)).max_distance > rule.max_distance
    )
    assert naming(Config(), tmp_path, gallery(1000)).max_distance < rule.max_distance


def test_names_are_never_laxer_than_two_photos_are(tmp_path: Path) -> None:
    rule = naming(Config(), tmp_path, gallery(1))
    assert rule.max_distance == pytest.approx(verification_distance(Config(), tmp_path), abs=1e-4)
    assert str(rule).endswith("0.1 % of strangers in a gallery of 1 person (calibrated)")
    strict = configured("verification.max_distance=0.5")
    assert naming(strict, tmp_path, gallery(10)).max_distance == 0.5


def test_a_verification_rate_gives_a_distance(tmp_path: Path) -> None:
    assert verification_distance(Config(), tmp_path) == round(shipped().distance_at(0.001), 4)
    assert verification_distance(configured("verification.max_far=0.1"), tmp_path) > 1.5


def test_the_places_own_strangers_come_first(tmp_path: Path) -> None:
    own = replace(shipped(), distances=tuple(distance / 2 for distance in shipped().distances))
    own.write(own_file(tmp_path, own.model_id))
    there, elsewhere = (verification_distance(Config(), place) for place in (tmp_path, tmp_path / "other"))
    assert there == pytest.approx(elsewhere / 2, abs=1e-3)


def test_statistics_of_another_model_are_refused(tmp_path: Path) -> None:
    replace(shipped(), model_id="another").write(own_file(tmp_path, shipped().model_id))
    with pytest.raises(
        CatalogueError, match="is of another, and facenet-20180408 is facenet-20180408-centred"
    ):
        verification_distance(Config(), tmp_path)


def test_a_model_without_statistics_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = described(Config()).model_copy(update={"name": "mine", "strangers": None})
    monkeypatch.setattr(thresholds, "described", lambda config: bare)
    with pytest.raises(
        BadInputError,
        match=r"matching\.max_distance: .* run: .* calibrate --strangers .*; or set it",
    ):
        naming(Config(), tmp_path, gallery(3))
    assert naming(configured("matching.max_distance=1"), tmp_path, gallery(3)).max_distance == 1.0
    with pytest.raises(BadInputError, match=r"verification\.max_distance"):
        verification_distance(Config(), tmp_path)
    with pytest.raises(BadInputError, match=r"^for facenet-20180408 there are no .*FOLDER_OF_PEOPLE$"):
        needed_strangers(with_model(Config(), "facenet-20180408"), tmp_path)  # where there is nothing to set


def test_without_statistics_the_distance_for_names_serves_for_two_photos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = described(Config()).model_copy(update={"name": "mine", "strangers": None})
    monkeypatch.setattr(thresholds, "described", lambda config: bare)
    config = configured("matching.max_distance=0.9")
    assert verification_distance(config, tmp_path) == 0.9
    shipped_ones = replace(shipped(), model_id=bare.model_id)
    shipped_ones.write(own_file(tmp_path, bare.model_id))
    assert verification_distance(config, tmp_path) == round(shipped_ones.distance_at(0.001), 4)


def test_a_model_id_gives_no_path(tmp_path: Path) -> None:
    assert own_file(tmp_path, "../a b").parent == tmp_path / "strangers"


@pytest.mark.parametrize(
    ("share", "text"), [(0.01, "1 %"), (0.0012, "0.12 %"), (0.356, "36 %"), (0.0, "0 %")]
)
def test_shares_in_words(share: float, text: str) -> None:
    assert percent(share) == text
