"""Whose failure it is, how long to wait, and when it is enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.restarts import MAX_REST_S, Failures, RestartRules

RULES = RestartRules(max_restarts=3, window_s=600.0)


def test_waits_double_to_a_limit_and_the_window_forgets() -> None:
    failures = Failures(RestartRules(max_restarts=9, window_s=100.0, backoff_s=0.5, max_backoff_s=3.0))
    waits = [failures.of_stage(second).wait_s for second in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert failures.of_stage(103.5).times == 2
    assert failures.of_stage(1000.0).wait_s == 0.5


def test_thousands_of_failures_are_no_number_too_large() -> None:
    failures = Failures(RestartRules(max_restarts=5000, window_s=600.0))
    for _ in range(3000):
        failures.passed(["b"])
        failures.is_own("a", 1.0)
        assert failures.of_stage(1.0).wait_s <= 30.0
        assert failures.rests("a", 1e9) is False


@pytest.mark.parametrize("allowed", [0, 1, 3])
def test_one_failure_more_than_allowed_is_enough(allowed: int) -> None:
    failures = Failures(RestartRules(allowed, 600.0))
    verdicts = [failures.of_stage(float(second)) for second in range(allowed + 1)]
    assert [verdict.spent for verdict in verdicts] == [False] * allowed + [True]
    assert [verdict.times for verdict in verdicts] == list(range(1, allowed + 2))


def test_a_camera_that_fails_while_others_pass_is_to_blame() -> None:
    failures = Failures(RULES)
    assert not failures.is_own("a", 0.0)
    failures.passed(["b"])
    assert failures.is_own("a", 1.0)
    failures.passed(["a", "b"])
    assert failures.is_own("a", 2.0)  # now and then a picture that nobody foresaw


def test_where_one_camera_is_watched_nothing_tells_it_from_the_stage() -> None:
    failures = Failures(RULES)
    for second in range(4):
        assert not failures.is_own("a", float(second))
        failures.passed(["a"])


def test_failures_of_changing_cameras_are_the_stages() -> None:
    failures = Failures(RULES)
    own = []
    for second in range(12):
        own.append(failures.is_own("abc"[second % 3], float(second)))
        failures.passed("abc")
    assert not any(own)


def test_two_poisonous_cameras_are_both_to_blame() -> None:
    failures = Failures(RULES)
    own = []
    for second in range(10):
        own.append(failures.is_own("ab"[second % 2], float(second)))
        failures.passed(["c"])
    assert own == [False, False] + [True] * 8


def test_a_poisonous_camera_rests_longer_and_longer_until_an_item_passes() -> None:
    failures = Failures(RULES)
    failures.is_own("a", 0.0)
    assert not failures.rests("a", 0.0)
    now_s, rests = 0.0, []
    for _ in range(9):
        failures.passed(["b"])
        failures.is_own("a", now_s)
        rest_s = 0.0
        while failures.rests("a", now_s + rest_s):
            rest_s += 0.5
        rests.append(rest_s)
        now_s += rest_s
    assert rests == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, MAX_REST_S, MAX_REST_S]
    failures.passed(["a"])
    assert not failures.rests("a", now_s)


def test_cameras_that_left_or_failed_long_ago_are_forgotten() -> None:
    failures = Failures(RULES)
    for number in range(100):
        failures.is_own(f"camera-{number}", 0.0)
    failures.left("camera-7")
    assert len(failures.cameras) == 99
    failures.is_own("late", 1e6)
    assert failures.cameras == ("late",)


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0.0, 30.0)), max_size=60)


@given(STEPS)
def test_while_nobody_passes_every_failure_is_the_stages(steps: list[tuple[str, bool, float]]) -> None:
    failures, now_s = Failures(RULES), 0.0
    for camera, _, seconds in steps:
        now_s += seconds
        assert not failures.rests(camera, now_s)
        assert not failures.is_own(camera, now_s)


@given(STEPS)
def test_what_is_remembered_is_bounded_by_the_cameras_and_rests_by_their_limit(
    steps: list[tuple[str, bool, float]],
) -> None:
    failures, now_s = Failures(RULES), 0.0
    for camera, passes, seconds in steps:
        now_s += seconds
        if passes:
            failures.passed([camera])
            assert not failures.rests(camera, now_s)
        else:
            failures.is_own(camera, now_s)
            assert not failures.rests(camera, now_s + MAX_REST_S)
        assert set(failures.cameras) <= set("abc")
