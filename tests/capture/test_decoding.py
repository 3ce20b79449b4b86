"""Damage and broken ends: what is passed over, what ends a recording, and what is no damage at all."""

from __future__ import annotations

import logging
from pathlib import Path

import av
import pytest

from pipeline.capture.file import FileSource
from pipeline.errors import BrokenRecordingError
from pipeline.types import Frame
from tests.capture.films import FILMS, FRAMES, Film, indices, read_all

INTRA = Film("intra.mp4", codec_options={"g": "1", "crf": "4"}, container_options={"movflags": "faststart"})
"""every frame stands alone, so that damage stays where it is"""

COUNTED = (
    "film.mp4",
    "fragments.mp4",
    "sound.mov",
    "film.avi",
    "mjpeg.avi",
    "film.mkv",
    "film.webm",
    "film.gif",
)
"""containers that say how many frames or bytes there should be, or where each one lies"""

TIMED = ("film.flv",)
"""those that say how long they are; what lacks less than SHORT_BY_S is not missed"""

UNTOLD = ("film.ts", "film.mpg", "film.h264")
"""those that may end anywhere"""


def film(name: str) -> Film:
    return next(film for film in FILMS if film.name == name)


def video_packets(path: Path) -> list[tuple[int, int]]:
    """Place and size in bytes of every video packet, in storage order."""
    with av.open(str(path)) as container:
        return [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]


def cut_in(path: Path, packet: int) -> Path:
    """The file up to the middle of this video packet."""
    pos, size = video_packets(path)[packet]
    path.write_bytes(path.read_bytes()[: pos + size // 2])
    return path


def spoil(path: Path, first: int, last: int | None = None) -> Path:
    """The file with zeros in the video packets from `first` to `last`, counted in storage order."""
    data = bytearray(path.read_bytes())
    for pos, size in video_packets(path)[first : (first if last is None else last) + 1]:
        data[pos : pos + size] = bytes(size)
    path.write_bytes(data)
    return path


def until_broken(path: Path) -> tuple[list[Frame], str]:
    """Frames before the recording breaks off, and what is said then."""
    source = FileSource(path, "door")
    source.open()
    frames: list[Frame] = []
    with pytest.raises(BrokenRecordingError) as broken:
        frames.extend(source.frames())
    return frames, str(broken.value)


@pytest.mark.parametrize("name", COUNTED + TIMED)
def test_a_file_that_was_cut_is_broken_after_its_last_whole_frame(name: str, tmp_path: Path) -> None:
    # Five frames a second, so that ten frames are two seconds.
    times = (lambda index: index * 5) if name in TIMED else None
    frames, said = until_broken(cut_in(film(name).make(tmp_path, times=times), 20))
    assert 18 <= len(frames) <= 20
    shown = indices(frames)
    # A frame that others were predicted from is stored, and so kept, before them.
    assert shown[:-2] == list(range(len(frames) - 2))
    assert shown == sorted(set(shown))
    assert f"breaks off after frame {len(frames) - 1} at {frames[-1].info.pts_s:.2f} s" in said


@pytest.mark.parametrize("name", UNTOLD)
def test_a_file_that_may_end_anywhere_just_ends(name: str, tmp_path: Path) -> None:
    path = film(name).make(tmp_path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 7 // 10])
    frames = read_all(FileSource(path, "door"))
    assert 0 < len(frames) < FRAMES
    assert indices(frames[:-1]) == list(range(len(frames) - 1))


def test_every_whole_packet_before_the_cut_is_given(tmp_path: Path) -> None:
    frames, _ = until_broken(cut_in(INTRA.make(tmp_path), 20))
    assert len(frames) == 20


def test_the_end_that_was_asked_for_is_not_a_break(tmp_path: Path) -> None:
    path = cut_in(INTRA.make(tmp_path), 20)
    assert len(read_all(FileSource(path, "door", end_s=18 / 25))) == 18


def test_an_edit_list_is_not_a_loss(tmp_path: Path) -> None:
    """A trimmed film: its header counts all samples, its index those that the edit shows."""
    source = Film("long.mp4", codec_options={"g": "10"}).make(tmp_path)
    trimmed = tmp_path / "trimmed.mp4"
    with av.open(str(source)) as container, av.open(str(trimmed), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.dts is not None and packet.pts is not None:
                packet.pts, packet.dts = packet.pts - 10 * 512, packet.dts - 10 * 512
                packet.stream = stream
                out.mux(packet)
    frames = read_all(FileSource(trimmed, "door"))
    assert indices(frames) == list(range(FRAMES - len(frames), FRAMES))


def test_sound_that_lasts_longer_is_not_a_loss(tmp_path: Path) -> None:
    assert len(read_all(FileSource(Film("sound.mkv", audio=True).make(tmp_path), "door"))) == FRAMES


@pytest.mark.parametrize("codec", ["mpeg4", "mjpeg"])
def test_frames_that_an_avi_leaves_out_are_not_a_loss(codec: str, tmp_path: Path) -> None:
    """An AVI has a fixed rate: a frame that lasts longer leaves the places after it empty."""
    pixels = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    path = Film("slow.avi", codec, pixels, codec_options={}).make(tmp_path, times=lambda index: 5 * index)
    assert len(read_all(FileSource(path, "door"))) == FRAMES
    frames, said = until_broken(cut_in(path, 20))
    assert len(frames) == 20
    assert "breaks off after frame 19 at 3.80 s" in said


def test_a_damaged_packet_is_passed_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = FileSource(spoil(INTRA.make(tmp_path), 12, 14), "door")
    source.open()
    with caplog.at_level(logging.WARNING):
        frames = list(source.frames())
    assert indices(frames) == [*range(12), *range(15, FRAMES)]
    assert [frame.info.index for frame in frames] == list(range(FRAMES - 3))
    assert frames[12].info.pts_s == pytest.approx(15 / 25)
    assert source.damage.packets == 3
    assert source.damage.first_frame == 12
    warnings = [record.getMessage() for record in caplog.records]
    assert sum("damaged at frame 12, after 0.44 s" in line for line in warnings) == 1


def test_nothing_decodable_up_to_the_end_is_a_break(tmp_path: Path) -> None:
    frames, said = until_broken(spoil(INTRA.make(tmp_path), 12, FRAMES - 1))
    assert indices(frames) == list(range(12))
    assert "the 18 packets after it cannot be decoded" in said


def test_a_lost_last_packet_is_only_damage(tmp_path: Path) -> None:
    source = FileSource(spoil(INTRA.make(tmp_path), FRAMES - 1), "door")
    assert indices(read_all(source)) == list(range(FRAMES - 1))
    assert source.damage.packets == 1


def test_a_damaged_file_is_the_same_each_time(tmp_path: Path) -> None:
    path = Film("film.mp4", codec_options={"g": "15"}).make(tmp_path)
    data = bytearray(path.read_bytes())
    pos, size = video_packets(path)[8]
    data[pos + size // 2 : pos + size] = b"\x55" * (size - size // 2)
    path.write_bytes(data)
    runs = [
        [frame.pixels.to_host().tobytes() for frame in read_all(FileSource(path, "door"))] for _ in range(3)
    ]
    assert runs[0] == runs[1] == runs[2]
