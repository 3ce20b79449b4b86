"""`search`: past sightings by distance, exit 0 where any is shown, 1 where none is, 2 for what cannot be asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.schema import Config
from pipeline.capture.photo import read_photo
from pipeline.commands.search import FARTHEST, Wanted, asked_for, check, run_list, run_search
from pipeline.commands.verify import largest_of
from pipeline.errors import BadInputError, GalleryError
from pipeline.gallery.painted import PaintedFace
from pipeline.gallery.past.past_ranking import Probe
from pipeline.gallery.sightings.sightings import Sightings
from pipeline.gallery.sightings.strangers import Strangers
from pipeline.gallery.storage.store import Store
from run_pipeline import main
from tests.commands.painted_photos import RECOGNISER, enroll_people, make, write_photo
from tests.gallery.made_sightings import BEGUN, RULES, sighting
from tests.gallery.made_sightings import LIVE as DOOR

REACH = Config.model_validate({"strangers": {"max_distance": 0.6}})
YARD = replace(DOOR, camera="yard")
OF_ANN, OF_STRANGER = 1, 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Ann was seen at the door and in the yard, a stranger at the door, and in a recording without a date."""
    with Store(tmp_path) as opened:
        enroll_people(opened, [("Ann", OF_ANN)])
        ann = opened.find("Ann").id
        film = replace(DOOR, camera="film", run="b7")
        undated = datetime(1970, 1, 1, tzinfo=UTC)
        found = [
            sighting(1, person=ann, run=DOOR),
            sighting(2, person=ann, run=YARD),
            sighting(3, f"s_{OF_STRANGER:012x}", run=DOOR),
            replace(
                sighting(4, f"s_{OF_STRANGER:012x}", run=film),
                mode="replay",
                first_seen_at=undated,
                seen_at=undated + timedelta(seconds=2),
            ),
        ]
        people = [OF_ANN, OF_ANN, OF_STRANGER, OF_STRANGER]
        Sightings(opened.database).write(
            [
                replace(one, vector=RECOGNISER.vector(person, shot), model_id=RECOGNISER.model_id)
                for shot, (one, person) in enumerate(zip(found, people, strict=True), 1)
            ]
        )
        yield opened


def run(
    tmp_path: Path,
    store: Store,
    person: int,
    wanted: Wanted | None = None,
    *,
    as_json: bool = True,
    config: Config = REACH,
) -> int:
    context = replace(make(tmp_path, as_json), config=config)
    given = wanted or Wanted()
    asked = asked_for(context, store, given)
    photo = write_photo(tmp_path / "photo.png", PaintedFace(person))
    probe = Probe(largest_of(context, photo, read_photo(photo), RECOGNISER).vector, RECOGNISER.model_id)
    return run_search(context, store, probe, asked, given)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_json_lines(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, store, OF_ANN) == 0
    printed = capsys.readouterr()
    found = [json.loads(line) for line in printed.out.splitlines()]
    distances = [float(np.sum((RECOGNISER.vector(1) - RECOGNISER.vector(1, shot)) ** 2)) for shot in (1, 2)]
    assert [one["distance"] for one in found] == pytest.approx(sorted(distances), abs=6e-5)
    assert {one["sighting_id"] for one in found} == {"door:k3f9:1", "yard:k3f9:2"}
    best = found[0]
    number = int(best["sighting_id"].rpartition(":")[2])
    assert best == {
        "rank": 1,
        "sighting_id": best["sighting_id"],
        "camera": "door" if number == 1 else "yard",
        "identity": {"id": store.find("Ann").id, "name": "Ann"},
        "stranger_id": None,
        "distance": pytest.approx(min(distances), abs=6e-5),
        "similarity": pytest.approx(1 - min(distances) / 2, abs=6e-5),
        "threshold": 0.6,
        "same": True,
        "first_seen_at": f"2026-05-01T09:00:0{number}.000Z",
        "seen_at": f"2026-05-01T09:00:0{number}.500Z",
        "mode": "live",
        "quality": 0.7,
        "box": [0.25, 0.25, 0.5, 0.75],
        "frame": {"index": 25 * number, "pts_s": float(number), "width": 1280, "height": 720},
        "snapshot": None,
    }
    assert list(best)[:9] == [
        *("rank", "sighting_id", "camera", "identity", "stranger_id"),
        *("distance", "similarity", "threshold", "same"),
    ]
    assert printed.err == "compared with 4 sightings; those nearer than 0.60 are shown (strangers.max_fpir)\n"


def test_strangers_are_found_and_recordings(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, store, OF_STRANGER) == 0
    found = lines(capsys)
    assert [one["identity"] for one in found] == [None, None]
    assert {one["stranger_id"] for one in found} == {f"s_{OF_STRANGER:012x}"}
    assert {one["mode"] for one in found} == {"live", "replay"}


def test_nobody_is_exit_code_1_and_all_shows_who_is_nearest(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, store, 9) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "none is so near; the nearest is " in printed.err
    assert run(tmp_path, store, 9, Wanted(max_distance=FARTHEST)) == 0
    found = lines(capsys)
    assert [one["same"] for one in found] == [False] * 4
    assert run(tmp_path, store, 9, Wanted(max_distance=FARTHEST, count=3)) == 0
    assert [one["rank"] for one in lines(capsys)] == [1, 2, 3]
    assert run(tmp_path, store, OF_ANN, Wanted(max_distance=0.01)) == 1


def test_by_camera_time_and_person(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, store, OF_ANN, Wanted(cameras=frozenset({"yard"}))) == 0
    assert [one["camera"] for one in lines(capsys)] == ["yard"]
    assert run(tmp_path, store, OF_ANN, Wanted(until=BEGUN + timedelta(seconds=1.2))) == 0
    assert [one["camera"] for one in lines(capsys)] == ["door"]
    assert run(tmp_path, store, OF_ANN, Wanted(person="Ann", max_distance=FARTHEST)) == 0
    assert len(lines(capsys)) == 2
    assert run(tmp_path, store, OF_ANN, Wanted(stranger="s_00", max_distance=FARTHEST)) == 0
    assert {one["identity"] for one in lines(capsys)} == {None}


def test_since_says_which_recordings_it_hides(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, store, OF_STRANGER, Wanted(since=BEGUN)) == 0
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == 1
    assert "--since leaves out 1 sighting in recordings without a date, which begin in 1970" in printed.err


def test_a_camera_nobody_has_is_named(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, store, OF_ANN, Wanted(cameras=frozenset({"dor"}))) == 1
    assert "no sighting by dor; there are cameras door, film, yard\n" in capsys.readouterr().err


def test_other_models_and_poor_shots_are_counted(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    Sightings(store.database).write(
        [sighting(8, run=YARD), replace(sighting(9, run=YARD), vector=None, stands=False)]
    )
    assert run(tmp_path, store, OF_ANN) == 0
    printed = capsys.readouterr()
    assert "of all that are kept, 2 sightings cannot be compared: no shot was good enough" in printed.err
    assert "of another model than painted" in printed.err


def test_somebody_s_sightings_without_a_photo(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    context = make(tmp_path, json=True)
    assert run_list(context, store, asked_for(context, store, Wanted(person="Ann")), 20) == 0
    found = lines(capsys)
    assert [one["sighting_id"] for one in found] == ["yard:k3f9:2", "door:k3f9:1"]
    assert {(one["distance"], one["similarity"], one["threshold"], one["same"]) for one in found} == {
        (None, None, None, None)
    }
    wanted = Wanted(stranger="s_00", cameras=frozenset({"roof"}))
    assert run_list(context, store, asked_for(context, store, wanted), 20) == 1
    assert "no such sighting is kept" in capsys.readouterr().err


def test_a_stranger_who_has_a_name_by_now(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    old = f"s_{OF_STRANGER:012x}"
    Strangers(store.database).name(old, "Bob", RULES)
    context = make(tmp_path, json=True)
    assert run_list(context, store, asked_for(context, store, Wanted(stranger=old)), 20) == 0
    printed = capsys.readouterr()
    assert printed.err == f"{old} is Bob by now\n"
    assert json.loads(printed.out.splitlines()[0])["identity"]["name"] == "Bob"


def test_the_table(
    tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.rename(store.find("Ann").id, "Ann [bold] Lee")
    assert run(tmp_path, store, OF_ANN, as_json=False) == 0
    printed = capsys.readouterr().out
    assert "Ann [bold] Lee" in printed
    assert "same" not in printed
    assert run(tmp_path, store, OF_ANN, Wanted(max_distance=FARTHEST), as_json=False) == 0
    printed = capsys.readouterr().out
    assert "same" in printed
    assert f"s_{OF_STRANGER:012x}" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_what_cannot_be_asked() -> None:
    photo, later = Path("a.jpg"), BEGUN + timedelta(days=1)
    for wanted, image, twice, words in (
        (Wanted(), None, False, "give a photo"),
        (Wanted(person="Ann", stranger="s_1"), photo, False, "give one"),
        (Wanted(person="Ann", max_distance=1.0), None, False, "there are no distances"),
        (Wanted(since=later, until=BEGUN), photo, False, "--until lies before --since"),
        (Wanted(max_distance=float("nan")), photo, False, "--max-distance nan"),
        (Wanted(max_distance=FARTHEST), photo, True, "leave out --max-distance, or --all"),
    ):
        with pytest.raises(BadInputError, match=words):
            check(wanted, image, twice)
    check(Wanted(person="Ann"), None, False)
    check(Wanted(since=BEGUN, until=later), photo, False)


def test_who_is_not_there(tmp_path: Path, store: Store) -> None:
    context = make(tmp_path)
    with pytest.raises(GalleryError, match="nobody is called 'Bob'"):
        asked_for(context, store, Wanted(person="Bob"))
    with pytest.raises(GalleryError):
        asked_for(context, store, Wanted(stranger="s_ffff"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give a photo to look for"),
        (("gone.jpg",), "no such file"),
        (("gone.jpg", "--since", "yesterday"), "--since yesterday: give a time"),
        (("gone.jpg", "--max-distance", "5"), "less than or equal to 4"),
        (("gone.jpg", "--count", "0"), "greater than or equal to 1"),
        (("--person", "Nobody"), "nobody is called 'Nobody'"),
    ],
)
def test_bad_input_is_one_line_before_any_model_is_loaded(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setenv("FACESTREAM_MODELS", str(tmp_path / "models"))
    assert main(["search", *arguments, "--data", str(tmp_path / "data")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    line = printed.err.splitlines()[-1]
    assert line.startswith("facestream: ")
    assert words in line
    assert not (tmp_path / "models").exists()
