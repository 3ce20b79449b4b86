"""The controller's two questions: how many looks there may be, and what each camera has of them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.pace.load import LoadRules, LoadState, Seen, patience_ms, share, step

RULES = LoadRules(max_latency_ms=1000.0)
RATES = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0.1, 60.0), max_size=12)
BUDGETS = st.floats(0.0, 400.0)
FLOORS = st.floats(0.05, 2.0)


def seen(
    looks: int = 20,
    cost_s: float = 0.02,
    waited_ms: float | None = 100.0,
    dropped: int = 0,
    seconds: float = 0.5,
) -> Seen:
    """Half a second in which the busiest stage took so long for a look."""
    return Seen(seconds, looks, looks * cost_s, waited_ms, dropped)


def after(steps: int, one: Seen, state: LoadState | None = None) -> LoadState:
    """The state after seeing the same again and again."""
    state = state or LoadState(10.0)
    for _ in range(steps):
        state = step(state, one, RULES)
    return state


# share


@given(BUDGETS, RATES, FLOORS)
def test_nobody_has_more_than_it_wants_and_the_budget_is_used_up_or_all_are_served(
    budget: float, wanted: dict[str, float], floor: float
) -> None:
    shares = share(budget, wanted, floor)
    assert shares.keys() == wanted.keys()
    assert all(shares[camera] <= wanted[camera] for camera in wanted)
    least = sum(min(rate, floor) for rate in wanted.values())
    most = sum(wanted.values())
    assert sum(shares.values()) == pytest.approx(min(most, max(budget, least)))


@given(BUDGETS, RATES, FLOORS)
def test_whoever_has_less_than_it_wants_has_as_much_as_anybody(
    budget: float, wanted: dict[str, float], floor: float
) -> None:
    shares = share(budget, wanted, floor)
    for camera, rate in shares.items():
        if rate < wanted[camera]:
            assert rate == max(shares.values())
            assert rate >= floor


@given(BUDGETS, st.floats(0.0, 50.0), RATES, FLOORS)
def test_more_to_share_takes_from_nobody(
    budget: float, more: float, wanted: dict[str, float], floor: float
) -> None:
    before, after_it = share(budget, wanted, floor), share(budget + more, wanted, floor)
    assert all(after_it[camera] >= before[camera] - 1e-9 for camera in wanted)


@given(BUDGETS, RATES, st.floats(0.1, 60.0), FLOORS)
def test_one_camera_more_gives_nobody_more_and_takes_no_more_than_it_gets(
    budget: float, wanted: dict[str, float], rate: float, floor: float
) -> None:
    before = share(budget, wanted, floor)
    joined = share(budget, {**wanted, "new": rate}, floor)
    assert all(joined[camera] <= before[camera] + 1e-9 for camera in wanted)
    lost = sum(before[camera] - joined[camera] for camera in wanted)
    assert lost <= joined["new"] + 1e-6


@given(BUDGETS, st.floats(0.0, 1.0), RATES, FLOORS)
def test_a_little_more_to_share_moves_every_camera_a_little(
    budget: float, more: float, wanted: dict[str, float], floor: float
) -> None:
    before, after_it = share(budget, wanted, floor), share(budget + more, wanted, floor)
    assert all(after_it[camera] - before[camera] <= more + 1e-6 for camera in wanted)


def test_nothing_to_share_leaves_the_floor() -> None:
    assert share(0.0, {"door": 10.0, "gate": 0.2}, 0.5) == {"door": 0.5, "gate": 0.2}
    assert share(5.0, {}, 0.5) == {}


# patience


def test_a_frame_may_wait_as_long_as_the_rest_of_its_way_leaves_time() -> None:
    assert patience_ms(LoadState(10.0), RULES, 4) == 500.0
    assert patience_ms(LoadState(10.0, cost_s=0.02), RULES, 4) == 500.0
    assert patience_ms(LoadState(10.0, cost_s=0.15), RULES, 4) == pytest.approx(300.0)
    assert patience_ms(LoadState(10.0, cost_s=0.15), RULES, 1) == 500.0
    assert patience_ms(LoadState(10.0, cost_s=5.0), RULES, 4) == pytest.approx(250.0)


# step


def test_the_budget_keeps_the_busiest_stage_busy_as_long_as_it_should_be() -> None:
    state = after(40, seen(cost_s=0.02))
    assert state.cost_s == pytest.approx(0.02)
    assert state.budget_hz == pytest.approx(RULES.utilisation / 0.02)
    assert state.relief == 1.0


def test_it_grows_no_faster_than_allowed_and_falls_with_the_cost() -> None:
    grown = [after(steps, seen(cost_s=0.001)).budget_hz for steps in range(1, 6)]
    for before, now in zip([10.0, *grown], grown, strict=False):
        assert now == pytest.approx(before * math.sqrt(RULES.max_growth))
    calm = after(60, seen(cost_s=0.02))
    slow = after(6, seen(looks=7, cost_s=0.06), calm)
    assert slow.budget_hz < 0.5 * calm.budget_hz


def test_one_look_that_took_very_long_changes_little() -> None:
    calm = after(40, seen())
    compiled = step(calm, seen(looks=1, cost_s=2.0), RULES)
    assert compiled.budget_hz > 0.75 * calm.budget_hz


def test_waiting_over_its_mark_relieves_in_proportion_at_most_to_a_half() -> None:
    mark_ms = RULES.waiting * RULES.max_latency_ms
    calm = after(40, seen())
    assert step(calm, seen(waited_ms=mark_ms), RULES).relief == 1.0
    assert step(calm, seen(waited_ms=mark_ms * 1.25), RULES).relief == pytest.approx(0.8)
    assert step(calm, seen(waited_ms=mark_ms * 50), RULES).relief == pytest.approx(0.5)


def test_dropped_frames_relieve_in_proportion() -> None:
    calm = after(40, seen())
    assert step(calm, seen(looks=18, dropped=2), RULES).relief == pytest.approx(0.9)
    assert step(calm, seen(looks=0, dropped=2), RULES).relief == pytest.approx(0.5)


def test_what_was_under_way_when_relief_was_given_gives_no_more_of_it() -> None:
    late = seen(waited_ms=5_000.0)
    once = step(after(40, seen()), late, RULES)
    assert step(once, late, RULES).relief == once.relief == 0.5
    assert step(step(once, late, RULES), late, RULES).relief == 0.25


def test_relief_has_an_end_and_is_taken_back_within_seconds() -> None:
    worst = after(100, seen(waited_ms=90_000.0, dropped=500))
    assert worst.relief == RULES.least_relief
    assert after(22, seen(), worst).relief == 1.0


def test_nothing_seen_changes_nothing_but_relief() -> None:
    nothing = Seen(0.5, 0, 0.0, None, 0)
    assert step(LoadState(10.0), nothing, RULES) == LoadState(10.0)
    calm = after(40, seen())
    later = after(10, nothing, calm)
    assert later.cost_s == pytest.approx(calm.cost_s)
    assert later.budget_hz == pytest.approx(calm.budget_hz)


@given(
    st.lists(
        st.builds(
            Seen,
            st.floats(0.01, 60.0),
            st.integers(0, 1000),
            st.just(0.0) | st.floats(1e-6, 60.0),
            st.none() | st.floats(0.0, 1e6),
            st.integers(0, 1000),
        ),
        max_size=60,
    )
)
def test_whatever_is_seen_the_state_stays_sane(many: list[Seen]) -> None:
    state = LoadState(10.0)
    for one in many:
        state = step(state, one, RULES)
        assert state.budget_hz >= 0.0
        assert RULES.least_relief <= state.relief <= 1.0
        assert 0.0 <= state.hold_s <= 1.0
        assert state.cost_s is None or 0.0 < state.cost_s <= 60.0


def test_a_step_takes_time() -> None:
    with pytest.raises(ValueError, match="a step takes time"):
        step(LoadState(10.0), seen(seconds=0.0), RULES)
