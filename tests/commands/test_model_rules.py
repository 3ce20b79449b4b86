"""What a command decides by, for any embedder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.strangers import Strangers
from pipeline.commands.context import Context, make_context
from pipeline.commands.model_rules import CommandRules
from pipeline.commands.thresholds import own_file
from pipeline.errors import BadInputError
from tests.conftest import ROOT

MODEL = "facenet-20180408"
ENTRY = """
plain:
  role: embedding
  model_id: plain-1
  network: onnx
  licence: none
  terms: made by a test
  path: plain.onnx
  files:
    - {name: plain.onnx, sha256: "0000000000000000000000000000000000000000000000000000000000000000"}
  input: {side_px: 32}
  dimension: 8
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    models = tmp_path / "models"
    models.mkdir()
    (models / "own.yaml").write_text(ENTRY)
    monkeypatch.setenv("FACESTREAM_MODELS", str(models))
    return tmp_path / "data"


def context(data: Path, *sets: str) -> Context:
    return make_context(None, data, list(sets), False, False)


def test_the_configuration_of_a_model_differs_in_it_alone(data: Path) -> None:
    given = context(data)
    own = CommandRules(given).config_of("plain")
    assert own.embedding.model == "plain"
    assert own.matching == given.config.matching
    assert own.embedding.max_batch == given.config.embedding.max_batch


def test_with_the_statistics_of_both_as_many_strangers_are_accepted(data: Path) -> None:
    shipped = Strangers.read(ROOT / "config" / "statistics" / "facenet-20180408-strangers.json")
    wide = Strangers(
        *("plain-1", "made up", shipped.people, shipped.photos, shipped.pairs, shipped.rates),
        tuple(min(4.0, 1.5 * each) for each in shipped.distances),
        *(0, (), ()),
    )
    wide.write(own_file(data, "plain-1"))
    told = CommandRules(context(data)).scale("plain", MODEL)
    assert told(1.5) == pytest.approx(1.0, abs=1e-3)


def test_without_them_distances_go_in_proportion_of_those_for_two_photos(data: Path) -> None:
    told = CommandRules(context(data, "matching.max_distance=0.5")).scale("plain", MODEL)
    far = Strangers.read(ROOT / "config" / "statistics" / "facenet-20180408-strangers.json").distance_at(1e-3)
    assert told(0.5) == pytest.approx(far, abs=1e-3)


def test_with_nothing_to_go_by_it_says_what_to_do(data: Path) -> None:
    with pytest.raises(BadInputError, match="calibrate --strangers"):
        CommandRules(context(data)).scale("plain", MODEL)


def test_distances_for_names_and_strangers_are_the_model_s_own(data: Path) -> None:
    with pytest.raises(BadInputError, match="for plain there are no statistics"):
        CommandRules(context(data)).reach("plain")
    assert CommandRules(context(data)).reach(MODEL)(10.0) > 0.5
