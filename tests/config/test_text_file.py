"""Values as errors show them."""

from __future__ import annotations

import pytest

from config.text_file import shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("vip", "vip"),
        (7, "7"),
        (None, "None"),
        ("a\nb", "'a\\nb'"),
        ("rtsp://u:p@h", "*****@h"),
        (["rtsp://u:p@h"], "['*****@h']"),
        ("x" * 100, "x" * 57 + "..."),
    ],
)
def test_short_on_one_line_and_without_secrets(value: object, text: str) -> None:
    assert shown(value) == text
