"""models.yaml: what it says, and what is said about mistakes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.errors import CatalogueError
from engines.zoo.catalogue import Catalogue, read_catalogue
from tests.engines.tiny import sha256

ENTRY = f"""
mine:
  role: embedding
  model_id: mine-1
  network: onnx
  licence: ours
  terms: ours
  path: mine.onnx
  files:
    - {{name: mine.onnx, sha256: {sha256(b"")}}}
  input: {{side_px: 112, colour: bgr, mean: [1, 2, 3], scale: 0.5}}
  dimension: 128
"""


def written(folder: Path, text: str) -> Path:
    (folder / "models.yaml").write_text(text, encoding="utf-8")
    return folder / "models.yaml"


def test_an_entry_of_the_users(tmp_path: Path) -> None:
    model = read_catalogue(written(tmp_path, ENTRY)).model("mine")

    assert model.path == tmp_path / "mine.onnx"
    assert model.input is not None
    assert (model.input.mean, model.input.scale) == ((1, 2, 3), (0.5, 0.5, 0.5))
    assert (model.dimension, model.crop) == (128, None)


def test_a_fitted_crop(tmp_path: Path) -> None:
    text = ENTRY + "  crop: {coefficients: [[1, 2.5], [3, 4]], fitted_on: seeded numbers}\n"
    crop = read_catalogue(written(tmp_path, text)).model("mine").crop

    assert crop is not None
    assert crop.coefficients == ((1.0, 2.5), (3.0, 4.0))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("licence: ours", "license: ours", "mine.*license.*unknown key; did you mean licence"),
        ("side_px: 112", "side: 112", r"mine\.input\.side: unknown key; did you mean side_px"),
        ("role: embedding", "role: embeding", r"mine\.role.*'embedding'"),
        ("  path: mine.onnx\n", "", "exactly one of package, url and path"),
        ("  path: mine.onnx\n", "  path: mine.onnx\n  url: https://example.org/x\n", "exactly one of"),
        ("  dimension: 128\n", "", "needs dimension and input.side_px"),
        (sha256(b""), "abc", r"mine\.files\.0\.sha256"),
        ("mine:", "../mine:", "name"),
        ("mean: [1, 2, 3]", "mean: [1, 2]", r"mine\.input\.mean"),
    ],
)
def test_mistakes_are_named_with_file_model_and_key(tmp_path: Path, old: str, new: str, message: str) -> None:
    source = written(tmp_path, ENTRY.replace(old, new))

    with pytest.raises(CatalogueError, match=message) as caught:
        read_catalogue(source)

    assert str(caught.value).startswith(f"{source}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "a: 3\n", "\x00"])
def test_what_is_not_a_list_of_models(tmp_path: Path, text: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(written(tmp_path, text))

    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="No such file"):
        read_catalogue(tmp_path / "models.yaml")


def test_an_unknown_name_names_the_nearest(catalogue: Catalogue) -> None:
    with pytest.raises(
        CatalogueError, match=r"no model 'centreface'; did you mean centerface\?; known: facenet"
    ):
        catalogue.model("centreface")


def test_the_projects_own_models(catalogue: Catalogue) -> None:
    facenet, centerface = catalogue.model("facenet-20180408"), catalogue.model("centerface")

    assert [model.name for model in catalogue.of_role("embedding")] == ["facenet-20180408", "facenet-128"]
    assert facenet.dimension == 512
    assert facenet.input is not None
    assert facenet.input.scale == (1 / 128,) * 3
    assert "research" in facenet.terms
    assert centerface.input is not None
    assert centerface.input.multiple_px == 32
    assert {file.file_name for file in catalogue.model("mtcnn").files} == {
        "pnet.onnx",
        "rnet.onnx",
        "onet.onnx",
    }
    assert sum(len(model.files) for model in catalogue.of_role("photos")) == 7


def with_own(folder: Path, text: str) -> Catalogue:
    (folder / "models").mkdir()
    (folder / "models" / "own.yaml").write_text(text, encoding="utf-8")
    return read_catalogue(written(folder, ENTRY), folder / "models")


def test_own_models_stand_behind_those_that_ship_and_their_paths_begin_in_their_folder(
    tmp_path: Path,
) -> None:
    found = with_own(
        tmp_path, ENTRY.replace("mine:", "trained:").replace("path: mine.onnx", "path: t/t.onnx")
    )

    assert [model.name for model in found.models] == ["mine", "trained"]
    assert found.model("trained").path == tmp_path / "models" / "t" / "t.onnx"
    assert found.problems == ()


def test_without_own_models_there_is_no_problem(tmp_path: Path) -> None:
    assert read_catalogue(written(tmp_path, ENTRY), tmp_path / "nowhere").problems == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "own.yaml is not YAML"),
        ("[" * 3000, "own.yaml is not YAML"),
        ("", "own.yaml must map names of models"),
        (ENTRY, "own.yaml: mine is the name of a model that ships; give it another"),
        ("bad: {role: embedding}\n", "own.yaml: bad"),
    ],
)
def test_a_bad_own_file_is_one_line_and_hides_nothing(tmp_path: Path, text: str, problem: str) -> None:
    good = ENTRY.replace("mine:", "good:") if text.startswith("bad") else ""
    found = with_own(tmp_path, text + good)

    assert [model.name for model in found.models] == ["mine"] + ["good"] * bool(good)
    (line,) = found.problems
    assert problem in line
    assert "\n" not in line
    with pytest.raises(CatalogueError, match=r"no model 'bad'.*left out: .*own\.yaml"):
        found.model("bad")
