"""Three sources in order, and one clear line for everything that a person may write wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import ConfigError
from config.load import load
from config.schema import Config

SECTIONS = ", ".join(Config.model_fields)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder, so that errors name files as a person gives them."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(text: str | bytes | None, environment: dict[str, str], assignments: list[str]) -> str:
    """The error of loading gpu.yaml with this text, this environment and these assignments."""
    file = None
    if text is not None:
        file = Path("gpu.yaml")
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        load(file, environment, assignments)
    assert caught.value.exit_code == 2
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_nothing_given_is_the_defaults() -> None:
    assert load(None, {}, []) == Config()


def test_later_sources_win(folder: Path) -> None:
    file = folder / "gpu.yaml"
    file.write_text("detection: {input_px: 640, max_batch: 2, rate_hz: 5}\n")
    environment = {"FACESTREAM__DETECTION__INPUT_PX": "800", "FACESTREAM__DETECTION__MAX_BATCH": "3"}
    detection = load(file, environment, ["detection.input_px=320"]).detection
    assert (detection.input_px, detection.max_batch, detection.rate_hz) == (320, 3, 5.0)


def test_what_is_not_a_key_of_the_environment_is_left_alone() -> None:
    environment = {
        "FACESTREAM__DATA": "x",
        "FACESTREAM_MODELS": "y",
        "FACESTREAM_TEST_DATA": "z",
        "FACESTREAM_REQUIRE": "redis",
        "PATH": "/bin",
    }
    assert load(None, environment, []) == Config()


@pytest.mark.parametrize("text", ["", "# only words\n", "detection:\n", "\ufeffdetection: {}\n", "---\n"])
def test_files_without_keys_are_the_defaults(folder: Path, text: str) -> None:
    file = folder / "gpu.yaml"
    file.write_text(text, encoding="utf-8")
    assert load(file, {}, []) == Config()


def test_texts_are_read_as_the_keys_type() -> None:
    config = load(
        None,
        {"FACESTREAM__ENGINE__REQUIRE": "openvino", "FACESTREAM__REDIS__URL": "redis://:a=b@h"},
        ["detection.model=Ünï", "detection.rate_hz= 5 ", "engine.threads=0", "redis.stream=a=b"],
    )
    assert config.engine.require == "openvino"
    assert config.redis.url is not None
    assert config.redis.url.reveal() == "redis://:a=b@h"
    assert (config.detection.model, config.detection.rate_hz) == ("Ünï", 5.0)
    assert config.redis.stream == "a=b"


@pytest.mark.parametrize("nothing", ["", "null"])
def test_nothing_resets_a_key_that_may_be_none(nothing: str) -> None:
    environment = {"FACESTREAM__REDIS__URL": "redis://h", "FACESTREAM__ENGINE__REQUIRE": "torch"}
    config = load(None, environment, [f"redis.url={nothing}", f"engine.require={nothing}"])
    assert config.redis.url is None
    assert config.engine.require is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matching:\n  max_distanse: 1\n", "matching.max_distanse: unknown key; did you mean max_distance?"),
        (
            "detection:\n  max_distance: 1\n",
            "detection.max_distance: unknown key; did you mean matching.max_distance?",
        ),
        ("matshing:\n  max_distance: 1\n", "matshing: unknown section; did you mean matching?"),
        ("matshing:\n", "matshing: unknown section; did you mean matching?"),
        ("qqq: 1\n", f"qqq: unknown section; known are {SECTIONS}"),
        ("1: 2\n", f"1: unknown section; known are {SECTIONS}"),
        ("detection: 5\n", "detection: expected keys and values below it, got 5"),
        ("- 1\n- 2\n", "expected sections with keys below them, got [1, 2]"),
        ("hello\n", "expected sections with keys below them, got 'hello'"),
        (
            "detection:\n  input_px: 12\n",
            "detection.input_px: expected auto, or a whole number from 64 to 4096, got 12",
        ),
        (
            "detection:\n  input_px: '640'\n",
            "detection.input_px: expected auto, or a whole number from 64 to 4096, got '640'",
        ),
        (
            "detection:\n  input_px: 640.0\n",
            "detection.input_px: expected auto, or a whole number from 64 to 4096, got 640.0",
        ),
        ("detection:\n  rate_hz: 0\n", "detection.rate_hz: expected a number above 0, got 0"),
        ("detection:\n  rate_hz: true\n", "detection.rate_hz: expected a number above 0, got True"),
        ("detection:\n  model:\n", "detection.model: expected a text, got nothing"),
        ("detection:\n  model: ''\n", "detection.model: expected a text, got nothing"),
        ("engine:\n  threads: -1\n", "engine.threads: expected a whole number of at least 0, got -1"),
        (
            "engine:\n  precision: bf17\n",
            "engine.precision: expected one of auto, fp32, bf16, fp16, int8, got 'bf17'",
        ),
        ("a: [1\nb: 2\n", "line 2: expected ',' or ']', but got ':'"),
        ("\ta: 1\n", "line 1: found character '\\t' that cannot start any token"),
        ("a: 1\n---\nb: 2\n", "line 2: but found another document"),
        (
            "detection:\n  input_px: 640\n  input_px: 320\n",
            "line 3: input_px is given twice, first on line 2",
        ),
        ("detection: {}\ndetection: {}\n", "line 2: detection is given twice, first on line 1"),
        ("detection:\n  low_score: 0.9\n", "detection.low_score must not exceed detection.min_score"),
        (
            "tracking:\n  max_lost_s: 2.5\n",
            "tracking.max_lost_s must not exceed sightings.gap_s, or tracks outlive sightings",
        ),
        (
            "detection:\n  rate_hz: 0.4\n",
            "sightings.gap_s must not be shorter than the time between two looks, 1 / detection.rate_hz",
        ),
        ("[" * 3000, "not a configuration: nested too deeply"),
        (b"\x7fELF\xff", "no UTF-8 text (byte 4); name a YAML file"),
    ],
)
def test_a_wrong_file_gets_one_line(folder: Path, text: str | bytes, message: str) -> None:
    assert refusal(text, {}, []) == f"gpu.yaml: {message}"


def test_a_file_cannot_make_objects(folder: Path) -> None:
    assert "could not determine a constructor" in refusal("x: !!python/object/apply:os.getcwd []\n", {}, [])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FACESTREAM__DETECTION__IMPUT_PX", "1", "unknown key; did you mean input_px?"),
        ("FACESTREAM__DETEKTION__INPUT_PX", "1", "unknown section; did you mean detection?"),
        ("FACESTREAM__DETECTION__INPUT_PX", "x", "expected auto, or a whole number from 64 to 4096, got x"),
        (
            "FACESTREAM__DETECTION__INPUT_PX",
            "",
            "expected auto, or a whole number from 64 to 4096, got nothing",
        ),
        (
            "FACESTREAM__DETECTION__INPUT_PX",
            "1\n2",
            "expected auto, or a whole number from 64 to 4096, got '1\\n2'",
        ),
        (
            "FACESTREAM__DETECTION",
            "1",
            f"name a section and a key, as FACESTREAM__DETECTION__INPUT_PX; sections are {SECTIONS}",
        ),
    ],
)
def test_a_wrong_variable_gets_one_line(name: str, value: str, message: str) -> None:
    assert refusal(None, {name: value}, []) == f"{name}: {message}"


def test_a_variable_in_two_spellings_is_refused() -> None:
    environment = {"FACESTREAM__detection__input_px": "64", "FACESTREAM__DETECTION__INPUT_PX": "64"}
    expected = "FACESTREAM__detection__input_px: given twice, also as FACESTREAM__DETECTION__INPUT_PX"
    assert refusal(None, environment, []) == expected


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("detection.input_px", "'detection.input_px': expected section.key=value, as detection.input_px=640"),
        ("", "'': expected section.key=value, as detection.input_px=640"),
        ("=3", "'=3': expected section.key=value, as detection.input_px=640"),
        ("detection=3", "'detection=3': expected section.key=value, as detection.input_px=640"),
        ("redis://:pw@h", "'redis://*****@h': expected section.key=value, as detection.input_px=640"),
        ("detection.imput_px=3", "detection.imput_px: unknown key; did you mean input_px?"),
        ("detektion.input_px=3", "detektion.input_px: unknown section; did you mean detection?"),
        (
            "detection.input_px=",
            "detection.input_px: expected auto, or a whole number from 64 to 4096, got nothing",
        ),
        ("detection.model=", "detection.model: expected a text, got nothing"),
        ("engine.backend=onnx", "engine.backend: expected one of auto, openvino, tensorrt, torch, got onnx"),
        ("detection.rate_hz=nan", "detection.rate_hz: expected a number above 0, got nan"),
        (
            "detection.rate_hz=1e999",
            "detection.rate_hz: expected a number above 0, got 1e999 (beyond what a number here can mean)",
        ),
        ("redis.urll=redis://:hunter2@h", "redis.urll: unknown key; did you mean url?"),
    ],
)
def test_a_wrong_assignment_gets_one_line(assignment: str, message: str) -> None:
    assert refusal(None, {}, [assignment]) == f"--set {message}"


def test_a_huge_number_is_refused_and_not_printed_whole() -> None:
    message = refusal(None, {}, ["runtime.frames_queued=" + "9" * 5000])
    assert len(message) < 200


def test_an_assignment_given_twice_is_refused() -> None:
    twice = ["detection.input_px=64", "detection.input_px=65"]
    assert refusal(None, {}, twice) == "--set detection.input_px: given twice; keep one"


def test_a_secret_is_not_in_its_error(folder: Path) -> None:
    message = refusal("redis:\n  url: [hunter2]\n", {}, [])
    assert message.startswith("gpu.yaml: redis.url: expected an address, or null; what was given is a secret")
    assert "hunter2" not in message


def test_keys_that_contradict_each_other_name_their_places(folder: Path) -> None:
    message = refusal("detection:\n  min_score: 0.4\n", {}, ["detection.low_score=0.45"])
    assert message == "gpu.yaml, --set: detection.low_score must not exceed detection.min_score"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.yaml", "none.yaml: no such file; keys and defaults are in config/default.yaml"),
        (".", ".: is a folder; name a YAML file"),
        ("none.yaml/x", "none.yaml/x: no such file; keys and defaults are in config/default.yaml"),
        ("\0", "\0: cannot be read: embedded null byte"),
    ],
)
def test_a_file_that_cannot_be_read_gets_one_line(folder: Path, name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Path(name), {}, [])
    assert str(caught.value) == message


def test_a_file_without_an_end_is_not_read_for_ever(folder: Path) -> None:
    with pytest.raises(ConfigError, match="more than 1 MB"):
        load(Path("/dev/zero"), {}, [])
