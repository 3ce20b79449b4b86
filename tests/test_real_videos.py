"""Named people out of real video, through the command line: what the product is for."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import pytest

from run_pipeline import main

pytestmark = [pytest.mark.models, pytest.mark.data, pytest.mark.redis]

PEOPLE = {
    "Lin-Manuel Miranda": ("lin-manuel-miranda.png",),
    "Alex Lacamoire": ("alex-lacamoire.png", "alex-lacamoire-2.jpg"),
    "Barack Obama": ("obama.jpg",),
    "Joe Biden": ("biden.jpg",),
}


@pytest.fixture(scope="module")
def data(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in whose gallery four people are enrolled."""
    folder = tmp_path_factory.mktemp("data")
    for name, files in PEOPLE.items():
        assert main(["enroll", name, *(str(photos / file) for file in files), "--data", str(folder)]) == 0
    return folder


def replay(
    capsys: pytest.CaptureFixture[str], data: Path, *videos: Path, options: Sequence[str] = (), code: int = 0
) -> list[dict[str, Any]]:
    """The events of these videos."""
    capsys.readouterr()
    assert main(["replay", *map(str, videos), "--data", str(data), "--json", *options]) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def names(events: list[dict[str, Any]]) -> set[str]:
    """Everybody who was named in any event, also if it was withdrawn later."""
    return {event["identity"]["name"] for event in events if event["identity"] is not None}


def test_hamilton_names_miranda_and_nobody_wrongly(
    data: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = replay(capsys, data, videos / "hamilton_640x360.mp4")
    assert "Lin-Manuel Miranda" in names(events)
    # the Obamas sit in the audience and Lacamoire at the piano: they may be named, Biden is not there
    assert names(events) <= {"Lin-Manuel Miranda", "Alex Lacamoire", "Barack Obama"}
    close_up = [e for e in events if e["type"] == "end" and 3.0 < e["frame"]["pts_s"] < 7.2 and e["identity"]]
    assert [e["identity"]["name"] for e in close_up] == ["Lin-Manuel Miranda"]
    assert "Joe Biden" not in json.dumps(events)  # enrolled, not there, and like nobody who is


def test_passers_by_stay_unknown_and_are_not_split(
    data: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = replay(capsys, data, videos / "opera_1080p.mp4")
    assert names(events) == set()
    assert 3 <= sum(event["type"] == "new" for event in events) <= 10


def test_whoever_steps_in_front_of_a_face_is_a_sighting_of_his_own(
    data: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A man with glasses hides the one behind him and takes his track along; a second later both are seen."""
    events = replay(capsys, data, videos / "opera_1080p.mp4")
    there = [e for e in events if e["type"] == "end" and 0.55 < e["box"][0] < 0.65]
    behind, behind_again, in_front = sorted(there, key=lambda e: e["first_seen_at"])
    assert behind["frame"]["pts_s"] < 2.5 < 4.0 < in_front["frame"]["pts_s"]
    assert behind_again["frame"] == in_front["frame"]


def test_an_empty_room_says_nothing(data: Path, videos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert replay(capsys, data, videos / "no_face.mp4") == []


@pytest.mark.parametrize("number", [10, 11, 12, 14, 19, 20])
def test_one_person_in_front_of_a_camera_is_one_sighting(
    data: Path, videos: Path, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    events = replay(capsys, data, videos / f"person_d{number}.mp4", options=["--end", "10"])
    assert names(events) == set()
    assert [event["type"] for event in events if event["type"] != "update"] == ["new", "end"]


def test_a_replay_of_three_cameras_repeats_itself_byte_for_byte(
    data: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cameras = [videos / name for name in ("hamilton_640x360.mp4", "opera_1080p.mp4", "corridor_480x270.gif")]
    first = replay(capsys, data, *cameras)
    again = replay(capsys, data, *cameras, options=["--set", "runtime.items_queued=3"])
    assert json.dumps(first) == json.dumps(again)
    assert {event["camera"] for event in first} == {"hamilton_640x360", "opera_1080p", "corridor_480x270"}


def test_a_summary_and_an_annotated_video_are_written(
    data: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary, video = tmp_path / "out.json", tmp_path / "out.mp4"
    options = ["--end", "2", "--summary", str(summary), "--annotate", str(video)]
    capsys.readouterr()
    assert (
        main(["replay", str(videos / "hamilton_640x360.mp4"), "--data", str(data), "--json", *options]) == 0
    )
    printed = capsys.readouterr()
    events = [json.loads(line) for line in printed.out.splitlines()]
    assert printed.err.splitlines()[-1] == f"hamilton_640x360 with boxes and names: {video}"
    counted = json.loads(summary.read_text())
    assert counted["frames"] == 60
    assert counted["drops"] == {}
    assert counted["sightings"] == sum(event["type"] == "new" for event in events)
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 60


def test_a_video_cut_in_the_middle_gives_its_events_and_exit_code_3(
    data: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (videos / "hamilton_640x360.mp4").read_bytes()
    cut = tmp_path / "cut.mkv"
    remux(videos / "hamilton_640x360.mp4", cut)
    cut.write_bytes(cut.read_bytes()[: len(whole) // 2])
    capsys.readouterr()
    assert main(["replay", str(cut), "--data", str(data), "--json"]) == 3
    printed = capsys.readouterr()
    assert printed.out.count('"type": "end"') == printed.out.count('"type": "new"') > 0
    assert "cut.mkv" in printed.err
    assert "frame" in printed.err


def remux(source: Path, target: Path) -> None:
    """The same packets in another container."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
