"""A trained network becomes a model: its files, its entry, and the same vectors."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from engines.backends.choose import choose
from engines.errors import CatalogueError
from engines.networks.family import member
from engines.networks.head import FEATURES, HeadOrigin, make_head, read_head
from engines.prepare import prepare
from engines.strangers import Strangers
from engines.training.export import Provenance, check_name, export_head, export_network
from engines.zoo.catalogue import OWN_FILE, Catalogue, read_catalogue
from engines.zoo.description import ModelDescription

ABOUT = Provenance(terms="painted people, for a test: ünïcode")
CONFIG = Path(__file__).resolve().parents[3] / "config" / "models.yaml"


def export_tiny(models: Path, name: str = "mine", seed: int = 0) -> ModelDescription:
    torch.manual_seed(seed)
    tiny = member("tiny")
    return export_network(tiny.make(16), tiny.input, 16, name, models, ABOUT)


def test_the_exported_model_gives_the_networks_vectors(tmp_path: Path) -> None:
    made = export_tiny(tmp_path)
    torch.manual_seed(0)
    network = member("tiny").make(16).eval()
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    planes = torch.from_numpy((crops.transpose(0, 3, 1, 2).astype(np.float32) - 127.5) / 128.0)
    with torch.inference_mode():
        wanted = network(planes).numpy()
    catalogue = read_catalogue(CONFIG, tmp_path)
    with prepare("mine", catalogue, tmp_path, choose("torch")).engine as engine:
        (found,) = engine.infer({engine.inputs[0].name: crops}).values()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert catalogue.model("mine").model_id == made.model_id
    assert catalogue.model("mine").terms == ABOUT.terms


def test_other_weights_have_another_model_id(tmp_path: Path) -> None:
    first = export_tiny(tmp_path)
    again = export_tiny(tmp_path, seed=1)
    assert first.model_id != again.model_id
    assert [model.model_id for model in read_catalogue(CONFIG, tmp_path).models][-1] == again.model_id


def test_other_entries_stay(tmp_path: Path) -> None:
    export_tiny(tmp_path)
    (tmp_path / OWN_FILE).write_text((tmp_path / OWN_FILE).read_text() + "broken: {role: embedding}\n")
    export_tiny(tmp_path, "second")
    entries = yaml.safe_load((tmp_path / OWN_FILE).read_text())
    assert list(entries) == ["mine", "broken", "second"]
    assert entries["broken"] == {"role": "embedding"}


def test_strangers_are_kept_under_the_models_own_id(tmp_path: Path) -> None:
    measured = Strangers("tiny", "a test", 3, 3, 3, (0.1, 0.5), (1.0, 1.5), 0, (), ())
    tiny = member("tiny")
    made = export_network(
        tiny.make(8), tiny.input, 8, "mine", tmp_path, Provenance("x", ("old-1",), measured)
    )
    found = read_catalogue(CONFIG, tmp_path).model("mine")
    assert found.strangers is not None
    assert Strangers.read(found.strangers).model_id == made.model_id
    assert found.compatible_with == ("old-1",)


def test_a_head_stands_on_the_trunks_own_file(tmp_path: Path) -> None:
    trunk, file = trunk_at(tmp_path)
    random = np.random.default_rng(0)
    head = make_head(
        random.normal(size=(8, FEATURES)).astype(np.float32),
        random.normal(size=8).astype(np.float32),
        HeadOrigin(trunk.name, trunk.files[0].sha256, "train", "painted", 0, "none"),
    )
    export_head(head, trunk, file, "mine", tmp_path, ABOUT)
    found = read_catalogue(CONFIG, tmp_path).model("mine")
    assert found.head == tmp_path / "mine" / "head.safetensors"
    assert found.int8 == tmp_path / "mine" / "int8.npz"
    assert (found.dimension, found.network) == (8, "inception_resnet_v1")
    assert (found.centre, found.strangers) == (None, None)
    np.testing.assert_array_equal(read_head(found.head, 8, found.files[0].sha256).weight, head.weight)
    kept = tmp_path / "mine" / file.name
    assert os.path.samefile(kept, file)


def trunk_at(models: Path) -> tuple[ModelDescription, Path]:
    """The model that ships, and a file in the place of its own."""
    trunk = read_catalogue(CONFIG).model("facenet-20180408")
    file = models / trunk.name / trunk.files[0].file_name
    file.parent.mkdir()
    file.write_bytes(b"weights")
    return trunk, file


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("facenet-20180408", "facenet-20180408 is the name of a model that ships"),
        ("mine", "mine is there already, in .*; replace it with --force"),
        ("../x", "cannot be the name of a model"),
        ("built", "cannot be the name of a model"),
    ],
)
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str, message: str) -> None:
    export_tiny(tmp_path)
    with pytest.raises(CatalogueError, match=message):
        check_name(name, CONFIG, tmp_path, replace_own=False)


def test_an_own_model_may_be_replaced_where_that_is_asked(tmp_path: Path) -> None:
    export_tiny(tmp_path)
    check_name("mine", CONFIG, tmp_path, replace_own=True)
    check_name("other", CONFIG, tmp_path, replace_own=False)


def test_an_own_file_that_is_none_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / OWN_FILE).write_text("- a list\n")
    with pytest.raises(CatalogueError, match=r"own\.yaml must map names of models"):
        check_name("mine", CONFIG, tmp_path, replace_own=False)
    assert isinstance(read_catalogue(CONFIG, tmp_path), Catalogue)
