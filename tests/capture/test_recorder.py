"""Videos are written whole or not at all, and read back as they were given."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.capture.recorder import FORMATS, Recorder, check_path
from pipeline.errors import BadInputError, OutsideError


def pictures(count: int, width: int = 64, height: int = 48) -> list[U8]:
    """Frames whose brightness says which they are."""
    return [np.full((height, width, 3), 20 + 8 * index, np.uint8) for index in range(count)]


def record(path: Path, frames: list[U8], rate: Fraction | float = 25) -> Path:
    height, width = frames[0].shape[:2]
    with Recorder(path, width, height, rate) as recorder:
        for frame in frames:
            recorder.write(frame)
    return path


def read(path: Path) -> list[tuple[Fraction, U8]]:
    """Time in seconds and RGB pixels of every frame."""
    with av.open(str(path)) as container:
        return [
            (
                Fraction(frame.pts or 0) * (frame.time_base or 1),
                np.asarray(frame.to_ndarray(format="rgb24"), np.uint8),
            )
            for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize("extension", FORMATS)
def test_frames_come_back_in_order_and_number(tmp_path: Path, extension: str) -> None:
    frames = read(record(tmp_path / f"v{extension}", pictures(20)))
    assert [round(float(pixels.mean())) for _, pixels in frames] == pytest.approx(
        [20 + 8 * index for index in range(20)], abs=3
    )


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), 29.97, 24, 10])
def test_frame_k_is_at_k_over_rate(tmp_path: Path, rate: Fraction | float) -> None:
    path = record(tmp_path / "v.mp4", pictures(12), rate)
    times = [float(time) for time, _ in read(path)]
    assert times == pytest.approx([index / float(rate) for index in range(12)], abs=1e-4)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate or 0) == pytest.approx(float(rate), rel=1e-3)
        assert stream.frames == 12


def test_given_times_are_kept_and_never_go_back(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    given = [0.0, 0.04, 0.3, 0.3, 0.2, 1.0]
    with Recorder(path, 64, 48, 25) as recorder:
        for pixels, time in zip(pictures(6), given, strict=True):
            recorder.write(pixels, time)
    times = [float(time) for time, _ in read(path)]
    assert times == pytest.approx([0.0, 0.04, 0.3, 0.3, 0.3, 1.0], abs=1e-4)
    assert all(later > earlier for earlier, later in pairwise(times))


def test_it_is_h264_yuv420p_with_the_index_in_front(tmp_path: Path) -> None:
    path = record(tmp_path / "v.mp4", pictures(3))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    content = path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(("width", "height"), [(1, 1), (63, 48), (64, 47), (33, 17)])
def test_odd_sizes_are_padded_with_their_own_edge(tmp_path: Path, width: int, height: int) -> None:
    frames = read(record(tmp_path / "v.mp4", pictures(2, width, height)))
    pixels = frames[1][1]
    assert pixels.shape == (height + height % 2, width + width % 2, 3)
    assert pixels[-1].mean() == pytest.approx(28, abs=3)
    assert pixels[:, -1].mean() == pytest.approx(28, abs=3)


@pytest.mark.parametrize("extension", [".mp4", ".mkv"])
def test_the_same_frames_give_the_same_bytes(tmp_path: Path, extension: str) -> None:
    first = record(tmp_path / f"a{extension}", pictures(30)).read_bytes()
    assert record(tmp_path / f"b{extension}", pictures(30)).read_bytes() == first


def test_the_file_appears_at_close(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    with Recorder(path, 64, 48, 25) as recorder:
        recorder.write(pictures(1)[0])
        assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == ["v.mp4"]


def test_an_exception_leaves_what_was_there_before(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_bytes(b"before")
    with pytest.raises(ValueError, match="pixels must be"):
        record(path, [*pictures(3), np.zeros((5, 5, 3), np.uint8)])
    assert path.read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["v.mp4"]


def test_closing_again_and_abandoning_after_close_change_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "v.mp4", 64, 48, 25)
    recorder.open()
    recorder.write(pictures(1)[0])
    recorder.close()
    recorder.close()
    recorder.abandon()
    assert len(read(tmp_path / "v.mp4")) == 1


def test_progress_counts_frames(tmp_path: Path) -> None:
    seen: list[int] = []
    with Recorder(tmp_path / "v.mp4", 64, 48, 25, seen.append) as recorder:
        for pixels in pictures(3):
            recorder.write(pixels)
    assert seen == [1, 2, 3]


def test_an_unknown_extension_names_those_that_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"v\.avi.*\.mp4, \.m4v, \.mov, \.mkv"):
        Recorder(tmp_path / "v.avi", 64, 48, 25)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("v.avi", "must end in"),
        ("nowhere/v.mp4", "no folder"),
        ("folder.mp4", "it is a folder"),
        ("v", "must end in"),
    ],
)
def test_a_path_can_be_checked_before_the_work(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    check_path(tmp_path / "fine.mp4")
    with pytest.raises(BadInputError, match=reason):
        check_path(tmp_path / name)


def test_no_frame_is_no_video(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no frame"), Recorder(tmp_path / "v.mp4", 64, 48, 25):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"no folder .*nowhere; create it"):
        Recorder(tmp_path / "nowhere" / "v.mp4", 64, 48, 25).open()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".v.mp4.part").symlink_to("/dev/full")
    with pytest.raises(OutsideError, match="the disk is full; free some space"):
        record(tmp_path / "v.mp4", pictures(3))
    assert list(tmp_path.iterdir()) == []


def test_pixels_of_another_size_are_refused(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "v.mp4", 64, 48, 25)
    recorder.open()
    with pytest.raises(ValueError, match=r"\(48, 64, 3\)"):
        recorder.write(np.zeros((48, 65, 3), np.uint8))
    recorder.abandon()


@pytest.mark.parametrize(("width", "height", "rate"), [(0, 48, 25), (64, -1, 25), (64, 48, 0)])
def test_nonsense_is_refused(tmp_path: Path, width: int, height: int, rate: int) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Recorder(tmp_path / "v.mp4", width, height, rate)
