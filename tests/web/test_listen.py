"""Where a monitor may listen."""

from __future__ import annotations

import pytest

from pipeline.errors import BadInputError
from pipeline.web.listen import Address, bound, listening, parse_listen


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8470", Address("127.0.0.1", 8470)),
        ("localhost:0", Address("127.0.0.1", 0)),
        ("[::1]:8470", Address("::1", 8470)),
        ("127.9.9.9:1", Address("127.9.9.9", 1)),
    ],
)
def test_loopback(text: str, address: Address) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0.0.0.0:8470", "0.0.0.0 is reached by others than this machine; write 127.0.0.1:8470"),
        ("[::]:8470", ":: is reached by others"),
        ("10.0.0.5:80", "10.0.0.5 is reached by others"),
        ("[::ffff:10.0.0.5]:80", "is reached by others"),
        ("camera.example:80", "'camera.example' is no IP address"),
        (":80", "'' is no IP address"),
        ("8470", "expected address and port, as 127.0.0.1:8470, got '8470'"),
        ("", "expected address and port"),
        ("127.0.0.1:", "expected address and port"),
        ("127.0.0.1:65536", "expected address and port"),
        ("127.0.0.1:-1", "expected address and port"),
        ("127.0.0.1:٨", "expected address and port"),
        ("127.0.0.1:80\n\x1b[31m", "expected address and port"),
    ],
)
def test_nothing_else(text: str, says: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_listen(text)
    assert str(caught.value).startswith("http.listen: ")
    assert says in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_free_port() -> None:
    with listening(Address("127.0.0.1", 0)) as made:
        address = bound(made)
        assert address.port > 0
        assert address.url == f"http://127.0.0.1:{address.port}"
    assert Address("::1", 5).url == "http://[::1]:5"
