"""Recordings decoded by hardware give what software gives: the same frames, times, numbers and turns."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.backends.cuda.gpus import Gpu
from pipeline.capture.fake_nvdec import FakeNvdec
from pipeline.capture.file import FileSource
from pipeline.capture.hardware import HardwareDecoder, MakeHardware
from pipeline.capture.nvdec import FileDecoding, NvdecFileSource, UnfitError, file_source
from pipeline.capture.pynvvideocodec import PACKAGE, NvdecDecoder, nvdec_missing
from pipeline.device.pixels import DeviceFramePixels
from pipeline.device.shared import SharedGpu
from pipeline.errors import OutsideError
from pipeline.types import Frame
from tests.capture.films import MP4, Film, quarters, read_all
from tests.fake_gpus import driver_of, fake_gpu, picture, real_gpu

FILMS = (
    replace(MP4, codec_options={"crf": "4", "bf": "3", "g": "12"}),
    replace(MP4, rotation=90),
    Film("film.mkv", codec_options={"crf": "20", "bf": "2"}),
    Film("film.ts"),
    Film(
        "fragments.mp4", codec_options={"g": "6"}, container_options={"movflags": "frag_keyframe+empty_moov"}
    ),
    Film("hevc.mp4", "libx265", codec_options={"crf": "20", "x265-params": "log-level=none"}),
)


@contextmanager
def hardware() -> Iterator[tuple[SharedGpu, MakeHardware]]:
    with fake_gpu() as gpu:
        yield gpu, lambda codec: FakeNvdec(codec, driver_of(gpu))


def assert_same(ours: list[Frame], theirs: list[Frame]) -> None:
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert replace(one.info, captured_ns=0) == replace(other.info, captured_ns=0)
        assert isinstance(one.pixels, DeviceFramePixels)
        np.testing.assert_array_equal(one.pixels.to_host(), other.pixels.to_host())


@pytest.mark.parametrize("film", FILMS, ids=lambda film: f"{film.name}{film.rotation or ''}")
def test_frames_are_those_of_software(film: Film, tmp_path: Path) -> None:
    shown = [np.roll(quarters(96, 64), 3 * index, axis=1) for index in range(20)]
    path = film.make(tmp_path, shown)
    with hardware() as (gpu, make):
        ours = read_all(NvdecFileSource(path, "door", gpu, make))
        assert_same(ours, read_all(FileSource(path, "door")))
        del ours


@pytest.mark.data
@pytest.mark.parametrize("start_s", [0.0, 12.3])
def test_a_real_recording_from_its_beginning_and_from_its_middle(videos: Path, start_s: float) -> None:
    path, end_s = videos / "person_d10.mp4", start_s + 0.5
    with hardware() as (gpu, make):
        ours = read_all(NvdecFileSource(path, "door", gpu, make, start_s=start_s, end_s=end_s))
        assert_same(ours, read_all(FileSource(path, "door", start_s=start_s, end_s=end_s)))
        assert gpu.bus.crossed.up_bytes == 0
        del ours


def test_damaged_packets_are_passed_over(tmp_path: Path) -> None:
    path = replace(MP4, name="film.ts").make(tmp_path, [picture(64, 96, seed) for seed in range(30)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    with hardware() as (gpu, make):
        source = NvdecFileSource(path, "door", gpu, make)
        frames = read_all(source)
        assert 15 <= len(frames) <= 30
        del frames


@pytest.mark.parametrize(
    ("film", "why"),
    [
        (Film("lossless.mkv", "ffv1", "yuv444p10le", codec_options={}), "not ffv1 yuv444p10le"),
        (replace(MP4, pixels="yuv444p"), "not h264 yuv444p"),
        (Film("film.avi"), "no presentation times"),
    ],
)
def test_what_the_hardware_does_not_decode_is_decoded_in_software(
    film: Film, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = film.make(tmp_path)
    caplog.set_level(logging.WARNING)
    with hardware() as (gpu, make):
        source = file_source(path, "door", "auto", gpu, make)

        assert not isinstance(source, NvdecFileSource)
        assert f"decoding in software: {path}" in caplog.text
        assert why in caplog.text
        with pytest.raises(UnfitError, match=rf"{why}.*; set capture\.decoder=auto$"):
            file_source(path, "door", "nvdec", gpu, make)


def test_decoders_are_chosen(tmp_path: Path) -> None:
    path = MP4.make(tmp_path)
    with hardware() as (gpu, make):
        assert isinstance(file_source(path, "door", "auto", gpu, make, start_s=0.5), NvdecFileSource)
        assert isinstance(file_source(path, "door", "nvdec", gpu, make), NvdecFileSource)
        assert not isinstance(file_source(path, "door", "software", gpu, make), NvdecFileSource)
        assert not isinstance(file_source(path, "door", "auto", None, make), NvdecFileSource)
        with pytest.raises(OutsideError, match=r"engine\.backend=tensorrt"):
            file_source(path, "door", "nvdec", None, make)


def test_auto_without_a_decoder_says_so_once_for_all_recordings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def none(codec: str) -> HardwareDecoder:
        raise OutsideError("NVDEC cannot be used: no such GPU; set capture.decoder=software")

    caplog.set_level(logging.WARNING)
    path = MP4.make(tmp_path)
    with hardware() as (gpu, make):
        for given in (FileDecoding("auto", None, make), FileDecoding("auto", gpu, none)):
            caplog.clear()
            decoding = given.probed()
            sources = [decoding.source(path, camera) for camera in "abc"]
            assert not any(isinstance(each, NvdecFileSource) for each in sources)
            assert len(caplog.records) == 1
            assert "capture.decoder=auto: recordings are decoded in software: " in caplog.text
        caplog.clear()
        assert isinstance(FileDecoding("auto", gpu, make).probed().source(path, "a"), NvdecFileSource)
        assert caplog.text == ""
        with pytest.raises(OutsideError, match="no such GPU"):
            FileDecoding("nvdec", gpu, none).probed().source(path, "a")


@pytest.mark.skipif(nvdec_missing() is None, reason="PyNvVideoCodec is installed")
def test_without_the_package_it_says_what_to_do(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert nvdec_missing() == f"{PACKAGE} is not installed: pip install {PACKAGE}"
    with pytest.raises(OutsideError, match=r"NVDEC cannot be used: .*; set capture\.decoder=software"):
        NvdecDecoder("h264")
    path = MP4.make(tmp_path)
    with fake_gpu() as gpu:
        file_source(path, "door", "auto", gpu, NvdecDecoder)
    assert "decoding in software: NVDEC cannot be used" in caplog.text


@pytest.mark.gpu
@pytest.mark.data
@pytest.mark.skipif(nvdec_missing() is not None, reason="PyNvVideoCodec is not installed")
def test_nvdec_itself_gives_softwares_frames(videos: Path, pycuda_gpu: Gpu) -> None:
    path = videos / "person_d10.mp4"
    with real_gpu(pycuda_gpu) as gpu:
        ours = read_all(NvdecFileSource(path, "door", gpu, NvdecDecoder, end_s=2.0))
        assert_same(ours, read_all(FileSource(path, "door", end_s=2.0)))
        del ours
