"""Which files are recordings, what is said of those that are not, and when they began."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.capture.container import Promise, open_container, video_stream
from pipeline.capture.file import FileSource
from pipeline.errors import SourceError
from tests.capture.films import FRAMES, MP4, RATE, Film


def refusal(path: Path) -> str:
    """The one line that a file is refused with."""
    source = FileSource(path, "door")
    with pytest.raises(SourceError) as refused:
        source.open()
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2020-05-06T07:08:09Z", datetime(2020, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("2020-05-06T07:08:09+02:00", datetime(2020, 5, 6, 5, 8, 9, tzinfo=UTC)),
        ("1904-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("last summer", datetime(1970, 1, 1, tzinfo=UTC)),
    ],
)
def test_creation_time(written: str, read: datetime, tmp_path: Path) -> None:
    # NUT keeps the tag as it is written; MP4 and Matroska write a number, and drop what is none.
    path = Film("film.nut", metadata={"creation_time": written}).make(tmp_path)
    assert FileSource(path, "door").open().started_at == read
    told = datetime(2026, 1, 1, tzinfo=UTC)
    assert FileSource(path, "door", started_at=told).open().started_at == told


def test_bad_files_get_one_clear_line(tmp_path: Path) -> None:
    assert refusal(tmp_path / "missing.mp4").startswith("no such file")
    assert refusal(tmp_path).startswith("is a folder")
    assert refusal(Path(os.devnull)).startswith("is not a regular file")
    for name, content, says in (
        ("empty.mp4", b"", "is empty"),
        ("text.mp4", b"hello world\n" * 99, "is not a video"),
        ("text.txt", b"hello world\n" * 99, "is text"),
        ("random.mp4", np.random.default_rng(1).bytes(9999), "is not a video"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert refusal(path).startswith(says)


def test_a_path_through_a_file_or_beyond_all_length(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refusal(tmp_path / "file" / "film.mp4")
    refusal(tmp_path / ("x" * 5000))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = MP4.make(tmp_path)
    path.chmod(0)
    assert refusal(path).startswith("may not be read")


def test_an_index_that_was_never_written(tmp_path: Path) -> None:
    path = Film("film.mp4").make(tmp_path)
    path.write_bytes(path.read_bytes()[:-1500])
    assert "index at its end (moov) is missing" in refusal(path)


def test_audio_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48_000)
        assert isinstance(stream, av.AudioStream)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.rate = 48_000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    assert refusal(path).startswith("holds only audio")


def test_a_video_without_a_frame(tmp_path: Path) -> None:
    path = MP4.make(tmp_path)
    data = path.read_bytes()
    media = data.index(b"mdat") + 4
    path.write_bytes(data[:media] + bytes(len(data) - media))
    assert refusal(path).startswith("not one frame of its video can be decoded")


def test_a_playlist_opens_nothing_else(tmp_path: Path) -> None:
    MP4.make(tmp_path)
    path = tmp_path / "list.m3u8"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    assert refusal(path).startswith("is not a video")


# Promises


@pytest.mark.parametrize(("lacks", "broken"), [(0, False), (3, False), (4, True)])
def test_a_few_frames_less_than_counted_are_nothing(lacks: int, broken: bool, tmp_path: Path) -> None:
    container = open_container(MP4.make(tmp_path))
    promise = Promise(container, video_stream(container, tmp_path))
    for packet in islice(container.demux(), FRAMES - lacks):
        promise.count(packet)
    container.close()
    assert promise.packets == FRAMES
    said = promise.broken_by(last_s=FRAMES / RATE)
    assert said == (f"{lacks} of the {FRAMES} frames in its header are missing" if broken else None)


@pytest.mark.parametrize(("lacks_s", "broken"), [(0.0, False), (0.9, False), (1.1, True)])
def test_less_than_a_second_short_is_nothing(lacks_s: float, broken: bool, tmp_path: Path) -> None:
    container = open_container(Film("film.mkv").make(tmp_path))
    promise = Promise(container, video_stream(container, tmp_path))
    container.close()
    assert promise.packets == 0
    assert (promise.broken_by(last_s=FRAMES / RATE - lacks_s) is not None) is broken


def test_a_transport_stream_promises_nothing(tmp_path: Path) -> None:
    container = open_container(Film("film.ts").make(tmp_path))
    promise = Promise(container, video_stream(container, tmp_path))
    container.close()
    assert not promise.judges
    assert promise.broken_by(last_s=0.0) is None
