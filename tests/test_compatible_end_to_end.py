"""A gallery enrolled with one model, searched with another that is compatible with it: through the command line.

Both embedders are ours and tiny, exported as `train --export` does it: v2 is v1 with a little noise on its weights, so
that its vectors lie beside v1's, as harmonic training has it; a stranger is another network drawn anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from torch import nn

from engines.networks.family import member
from engines.training.export import Provenance, export_network
from pipeline.gallery.storage.store import Store
from run_pipeline import main

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.redis]

DIMENSION, NOISE = 32, 0.01
NEAR = ("--set", "matching.max_distance=0.05", "--set", "verification.max_distance=0.05")
"""networks that learnt nothing tell photos apart, not people: the very same photo is near"""

BEHIND = "left behind"
"""said of people whose templates cannot be compared with the embedder's vectors: their own model is asked too"""


def tiny(seed: int, noise: float = 0.0) -> nn.Module:
    torch.manual_seed(seed)
    network = member("tiny").make(DIMENSION).eval()
    with torch.no_grad():
        for each in network.parameters():
            each.add_(noise * each.std(correction=0) * torch.randn_like(each))
    return network


@pytest.fixture(scope="module")
def ids(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A folder of models with the real detector and three embedders; their model_ids by name."""
    folder = tmp_path_factory.mktemp("models")
    os.symlink((models_dir / "centerface").resolve(), folder / "centerface")
    input_, found = member("tiny").input, dict[str, str]()
    for name, network in (("old", tiny(1)), ("new", tiny(1, NOISE)), ("apart", tiny(2))):
        about = Provenance("made by a test", (found["old"],) if name == "new" else ())
        found[name] = export_network(network, input_, DIMENSION, name, folder, about).model_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FACESTREAM_MODELS", str(folder))
        yield found


@pytest.fixture(scope="module")
def data(ids: dict[str, str], photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, enrolled with the old model."""
    folder = tmp_path_factory.mktemp("data")
    for name, file in (("Joe", "biden.jpg"), ("Lin", "lin-manuel-miranda.png")):
        assert run("enroll", name, str(photos / file), data=folder, model="old") == 0
    return folder


def run(*arguments: str, data: Path, model: str) -> int:
    return main([*arguments, "--data", str(data), "--set", f"embedding.model={model}", *NEAR])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def identified(
    data: Path, photos: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> list[tuple[str | None, float | None]]:
    """Whom a model sees on both photos, and how far they are."""
    capsys.readouterr()
    files = (str(photos / "biden.jpg"), str(photos / "lin-manuel-miranda.png"))
    assert run("identify", *files, "--json", data=data, model=model) == 0
    faces = [line["faces"][0] for line in lines(capsys.readouterr().out)]
    return [(each["identity"] and each["identity"]["name"], each["distance"]) for each in faces]


def test_the_new_model_finds_whom_the_old_one_enrolled(
    data: Path, photos: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert identified(data, photos, "old", capsys) == [("Joe", 0.0), ("Lin", 0.0)]
    found = identified(data, photos, "new", capsys)
    assert [name for name, _ in found] == ["Joe", "Lin"]
    assert all(distance is not None and 0.0 < distance < 0.05 for _, distance in found)
    assert BEHIND not in caplog.text
    identified(data, photos, "apart", capsys)
    assert f"{BEHIND} under old" in caplog.text


def test_a_replay_with_the_new_model_names_them_and_embeds_once(
    data: Path,
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    video = film_of(photos / "biden.jpg", tmp_path / "door.mkv")
    capsys.readouterr()
    assert run("replay", str(video), "--json", data=data, model="new") == 0
    ends = [event for event in lines(capsys.readouterr().out) if event["type"] == "end"]
    assert [event["identity"]["name"] for event in ends] == ["Joe"]
    assert BEHIND not in caplog.text


def test_what_the_new_model_enrolls_the_old_one_does_not_see(
    data: Path,
    ids: dict[str, str],
    photos: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Store(data) as store:
        joe = [(one.model_id, one.image_sha256) for one in templates(store, "Joe")]
    assert run("enroll", "Joe", str(photos / "biden.jpg"), data=data, model="new") == 2
    assert "the same image is already enrolled for Joe" in capsys.readouterr().out
    assert joe[0][0] == ids["old"]
    own = tmp_path / "own"
    assert run("enroll", "Joe", str(photos / "biden.jpg"), data=own, model="new") == 0
    assert [name for name, _ in identified(own, photos, "new", capsys)] == ["Joe", None]
    assert BEHIND not in caplog.text
    identified(own, photos, "old", capsys)
    assert f"{BEHIND} under new" in caplog.text


def templates(store: Store, name: str) -> Sequence[Any]:
    return store.templates_of(store.find(name).id)


def test_doctor_and_import_know_what_can_be_searched(
    data: Path, ids: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, searched in (("new", True), ("apart", False)):
        capsys.readouterr()
        run("doctor", data=data, model=model)
        assert ("nobody can be recognised" in capsys.readouterr().out) != searched
        exported, other = tmp_path / f"{model}.people", tmp_path / model
        assert run("people", "export", str(exported), data=data, model=model) == 0
        assert run("people", "import", str(exported), data=other, model=model) == 0
        said = f"are kept and not searched: 2 of {ids['old']}"
        assert (said in capsys.readouterr().err) != searched


def film_of(photo: Path, path: Path) -> Path:
    """A recording of two seconds in which a photo stands still, without loss."""
    image = cv2.imread(str(photo))
    assert image is not None
    scale = 480 / max(image.shape[:2])
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    picture = np.ascontiguousarray(
        small[: small.shape[0] // 2 * 2, : small.shape[1] // 2 * 2, ::-1], np.uint8
    )
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=15)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "bgr0"
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path
