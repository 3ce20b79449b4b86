"""Secrets never print; masking leaves nothing of a password and is done once for all."""

from __future__ import annotations

import copy
import json
import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from config.secrets import Secret, mask, mask_address

VALUE = "redis://:hunter2@localhost/0"


class Address(BaseModel):
    """A model with a secret, as config.schema has them."""

    url: Secret | None = None


@pytest.mark.parametrize(
    "written",
    [
        str(Secret(VALUE)),
        repr(Secret(VALUE)),
        f"{Secret(VALUE)}",
        f"{Secret(VALUE):>60}",
        "%s" % Secret(VALUE),  # noqa: UP031 - the old way must not leak either
        "to " + Secret(VALUE),
        json.dumps({"url": Secret(VALUE)}),
        repr(Address(url=Secret(VALUE))),
        json.dumps(Address(url=Secret(VALUE)).model_dump()),
        Address(url=Secret(VALUE)).model_dump_json(),
    ],
)
def test_a_secret_is_written_as_stars(written: str) -> None:
    assert "hunter2" not in written
    assert "*****" in written


def test_a_secret_is_stars_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("config").warning("connecting to %s", Secret(VALUE))
    assert caplog.messages == ["connecting to *****"]


def test_reveal_gives_the_value() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert type(Secret(VALUE).reveal()) is str


def test_a_secret_survives_copies() -> None:
    secret = Secret(VALUE)
    for twin in (copy.deepcopy(secret), pickle.loads(pickle.dumps(secret)), Secret(secret)):
        assert isinstance(twin, Secret)
        assert twin.reveal() == VALUE


def test_secrets_compare_by_value_and_only_with_secrets() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert Secret("a") != "*****"
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2


def test_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        Secret("")


def test_a_field_takes_text_a_secret_and_none() -> None:
    for url in (VALUE, Secret(VALUE)):
        made = Address.model_validate({"url": url}, strict=True)
        assert made.url is not None
        assert made.url.reveal() == VALUE
    assert Address.model_validate({"url": None}).url is None
    from_json = Address.model_validate_json('{"url": "x"}')
    assert from_json.url == Secret("x")


@pytest.mark.parametrize("wrong", [5, ["x"], "", b"\xff"])
def test_a_field_refuses_what_is_no_text(wrong: object) -> None:
    with pytest.raises(ValidationError):
        Address.model_validate({"url": wrong})


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://user:pass@host/1", "rtsp://*****@host/1"),
        ("rtsp://user:pa@ss@host:554/1", "rtsp://*****@host:554/1"),
        ("rtsp://admin:pa/s?s#w@10.0.0.1/a", "rtsp://*****@10.0.0.1/a"),
        ("redis://:pw@host:6379/0", "redis://*****@host:6379/0"),
        ("postgresql+psycopg://u:p@h/db", "postgresql+psycopg://*****@h/db"),
        ("https://token@host/x", "https://*****@host/x"),
        ("http://[::1]:80/a@b", "http://[::1]:80/a@b"),
        ("http://cam:8080/a@2x.jpg", "http://cam:8080/a@2x.jpg"),
        ("http://cam/stream?user=ann&password=x&fps=5", "http://cam/stream?user=ann&password=*****&fps=5"),
        ("http://cam/?Pwd=x;pass=y&api_key=z", "http://cam/?Pwd=*****&api_key=*****"),
        ("srt://cam:9000?passphrase=abc", "srt://cam:9000?passphrase=*****"),
        ("https://s3/x?X-Amz-Signature=abc&b=1", "https://s3/x?X-Amz-Signature=*****&b=1"),
        ("host=db password='a b' dbname=x", "host=db password='*****' dbname=x"),
        ('password="a b and no end', "password=***** b and no end"),
        ('{"url": "rtsp://u:p@h/1", "n": 1}', '{"url": "rtsp://*****@h/1", "n": 1}'),
        ("door=rtsp://u:p@h,gate=rtsp://v:q@i", "door=rtsp://*****@h,gate=rtsp://*****@i"),
        ("from rtsp://a:b@c to redis://:d@e", "from rtsp://*****@c to redis://*****@e"),
        ("--set section.key=value", "--set section.key=value"),
        ("mail ann@example.org: file:///C:/a@b, 3 faces, distance=0.5", None),
        ("", ""),
    ],
)
def test_mask(text: str, masked: str | None) -> None:
    assert mask(text) == (text if masked is None else masked)


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("rtsp://cam:554/1", None),
        ("rtsp://ann:pw@cam/1", "rtsp://*****@cam/1"),
        ('rtsp://ann:my: p@ss$"word@cam/1', "rtsp://*****@cam/1"),
        ("rtsp://ann:p@ss/w?o#rd@cam/1", "rtsp://*****@cam/1"),
        ("rtsp:/ann:pw@cam/1", "rtsp:/*****@cam/1"),
        ("ann:pw@cam/1", "*****@cam/1"),
        (
            "http://cam/cgi?loginuse=ann&loginpas=pw&channel=1",
            "http://cam/cgi?loginuse=*****&loginpas=*****&channel=1",
        ),
        ("http://cam/cgi?token", "http://cam/cgi?*****"),
        ("recordings/ann@home.mp4", None),
        ("/data/what? 1=2.mp4", None),
        ("/dev/video0", None),
        ("usb:0", None),
    ],
)
def test_mask_address(address: str, masked: str | None) -> None:
    assert mask_address(address) == (address if masked is None else masked)


@given(st.text(alphabet="abc@:!$%_-.~+ '\"{}\\|/?#", min_size=1, max_size=12))
def test_no_password_of_a_camera_survives(password: str) -> None:
    masked = mask_address(f"rtsp://u:{password}X@host/1")
    assert masked == "rtsp://*****@host/1"
    assert mask_address(masked) == masked


WORDS = st.text(alphabet="ab:/@?#&=*%. '\"[\n", max_size=30)


@given(
    st.lists(st.sampled_from(["rtsp://", "redis://", "?password=", "&key=", "token="]) | WORDS).map("".join)
)
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@given(
    st.text(alphabet="abc@:!$%_-.~+", min_size=1, max_size=12), st.sampled_from(["rtsp", "redis", "https"])
)
def test_no_password_of_an_address_survives(password: str, scheme: str) -> None:
    assert mask(f"open {scheme}://u:{password}X@host/1 failed") == f"open {scheme}://*****@host/1 failed"


def test_masking_a_long_text_is_quick() -> None:
    # Quadratic in its length this would take minutes.
    text = "a" * 200_000 + "://" + "b:" * 100_000
    assert mask(text) == text
