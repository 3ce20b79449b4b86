"""What pip is asked for, and what it answers."""

from __future__ import annotations

import pytest

from engines.zoo.package import pip_reason, pip_selection, wheel_tags


def test_wheel_tags_of_several_platforms() -> None:
    tags = wheel_tags("a_b-1.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl")

    assert (tags.python, tags.abi) == ("cp311", "cp311")
    assert tags.platforms == ("manylinux_2_24_x86_64", "manylinux_2_28_x86_64")


def test_a_wheel_with_a_build_number() -> None:
    assert wheel_tags("a-1.0-2-py3-none-any.whl").python == "py3"


def test_a_wheel_is_selected_by_its_own_tags() -> None:
    assert pip_selection("a-1.0-cp310-abi3-win_amd64.whl") == [
        *("--only-binary", ":all:", "--implementation", "cp", "--python-version", "3.10"),
        *("--abi", "abi3", "--platform", "win_amd64"),
    ]


def test_a_pure_wheel_needs_no_selection() -> None:
    assert pip_selection("a-1.0-py3-none-any.whl") == ["--only-binary", ":all:"]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "ERROR: one\nERROR: No matching distribution found for a==1\n",
            "No matching distribution found for a==1",
        ),
        ("/x/python: No module named pip\n", "ensurepip"),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "no space left"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES\n  Expected\n", "another hash"),
        ("WARNING: Retrying after connection broken by 'NewConnectionError(x)':\nERROR: b", "no connection"),
        ("", "pip failed"),
    ],
)
def test_the_reason_in_pips_output(output: str, reason: str) -> None:
    assert reason in pip_reason(output)
