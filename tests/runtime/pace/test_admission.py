"""Admission and its controller in pretended time: latency, fairness, and how fast they settle."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.detection.stage import LookSchedule
from pipeline.runtime.pace.admission import ACTIVE_S, FORGET_S, Admission
from pipeline.runtime.pace.load import LoadRules
from tests.runtime.machine import RULES, Camera, Machine
from tests.runtime.streams import frame, running

COST_S = 0.025
"""of a look: forty a second is all that this machine can do"""


def cameras(count: int, fps: float = 25.0) -> list[Camera]:
    """That all begin at the same moment, which is the worst."""
    return [Camera(f"c{number:02d}", fps) for number in range(count)]


def noisy(cost_s: float, seed: int = 0) -> Callable[[float], float]:
    """Costs with a standard deviation of three tenths, and one in a hundred ten times as high."""
    chance = random.Random(seed)
    sigma = 0.3
    return lambda _: (
        cost_s * chance.lognormvariate(-(sigma**2) / 2, sigma) * (10.0 if chance.random() < 0.01 else 1.0)
    )


def settled_after_s(machine: Machine, from_s: float, to_s: float, goal_hz: float) -> float:
    """Seconds until looks a second, over each second, stay within a fifth of the goal."""
    times = np.array([look.at_s for look in machine.looks])
    bad = [
        at_s
        for at_s in np.arange(from_s, to_s - 1.0, 0.25)
        if not 0.8 * goal_hz <= np.count_nonzero((times >= at_s) & (times < at_s + 1.0)) <= 1.2 * goal_hz
    ]
    return max(bad, default=from_s) + 0.25 - from_s


def test_without_too_much_work_every_camera_has_what_it_wants() -> None:
    machine = Machine(cameras(3), lambda _: COST_S)
    machine.run(20.0)
    assert machine.rates(5.0) == pytest.approx({"c00": 10.0, "c01": 10.0, "c02": 10.0}, rel=0.02)
    assert not machine.admission.load().slowed
    assert machine.dropped() == 0


def test_too_much_work_is_shared_fairly_and_nothing_waits() -> None:
    machine = Machine(cameras(16), lambda _: COST_S)
    machine.run(30.0)
    rates = machine.rates(10.0)
    assert sum(rates.values()) == pytest.approx(RULES.utilisation / COST_S, rel=0.05)
    assert max(rates.values()) / min(rates.values()) < 1.1
    assert machine.p99_ms() < 0.3 * RULES.max_latency_ms
    assert machine.dropped() == 0
    assert machine.fan_in.high_water == 1


def test_every_frame_is_counted_once() -> None:
    machine = Machine(cameras(16), noisy(3 * COST_S))
    machine.run(30.0)
    for load in machine.admission.load().cameras:
        assert load.admitted + load.skipped == machine.decoded[load.camera]
    admitted = sum(load.admitted for load in machine.admission.load().cameras)
    underway = admitted - len(machine.looks) - machine.dropped()
    assert 0 <= underway <= 16 + 4


def test_nothing_swings_under_noise() -> None:
    machine = Machine(cameras(16), noisy(COST_S))
    budgets = []
    for second in range(10, 70):
        machine.run(float(second))
        budgets.append(machine.admission.load().budget_hz)
    assert np.std(budgets) < 0.2 * np.mean(budgets)
    assert machine.p99_ms() < 0.6 * RULES.max_latency_ms
    rates = machine.rates(10.0)
    assert max(rates.values()) / min(rates.values()) < 1.2


def test_it_settles_within_seconds_after_a_start_a_slow_down_and_a_recovery() -> None:
    def cost_s(at_s: float) -> float:
        return 3 * COST_S if 20.0 <= at_s < 40.0 else COST_S

    machine = Machine(cameras(16), cost_s)
    machine.run(60.0)
    full, third = RULES.utilisation / COST_S, RULES.utilisation / COST_S / 3
    assert settled_after_s(machine, 0.0, 20.0, full) < 6.0
    assert settled_after_s(machine, 20.0, 40.0, third) < 6.0
    assert settled_after_s(machine, 40.0, 60.0, full) < 10.0
    assert machine.p99_ms() < RULES.max_latency_ms
    assert max(look.latency_ms for look in machine.looks) < RULES.max_latency_ms


def test_the_bound_is_kept_where_even_the_floor_is_too_much() -> None:
    machine = Machine(cameras(16), lambda _: 0.16)  # six looks a second, and the floor asks for eight
    machine.run(60.0)
    assert machine.p99_ms(10.0) < RULES.max_latency_ms  # of which a batch of four alone takes 640
    rates = machine.rates(10.0)
    assert min(rates.values()) > 0.5 * max(rates.values())
    assert machine.dropped() < 0.2 * len(machine.looks)


def test_a_tight_bound_is_kept_too() -> None:
    rules = LoadRules(200.0)
    machine = Machine(cameras(16), noisy(0.01), rules)
    machine.run(40.0)
    assert machine.p99_ms(5.0) < rules.max_latency_ms


def test_who_joins_shares_at_once_and_who_leaves_leaves_his_share() -> None:
    late = Camera("late", begins_s=20.0, ends_s=40.0)
    machine = Machine([*cameras(4), late], lambda _: COST_S)
    machine.run(20.0)
    assert machine.rates(15.0)["c00"] == pytest.approx(8.5, rel=0.05)
    machine.run(25.0)
    assert machine.rates(21.0) == pytest.approx(dict.fromkeys(machine.rates(21.0), 6.8), rel=0.1)
    machine.run(40.0 + ACTIVE_S + 1.0)
    machine.run(50.0)
    assert machine.rates(44.0)["c00"] == pytest.approx(8.5, rel=0.05)
    assert machine.p99_ms() < 0.3 * RULES.max_latency_ms


def test_rates_that_are_changed_while_running_take_effect() -> None:
    machine = Machine(cameras(2), lambda _: 0.001)
    machine.run(5.0)
    machine.wanted_hz["c00"] = 2.0
    machine.run(6.0)
    machine.run(16.0)
    assert machine.rates(6.0) == pytest.approx({"c00": 2.0, "c01": 10.0}, rel=0.06)
    del machine.wanted_hz["c00"]
    machine.run(17.0)
    machine.run(27.0)
    assert machine.rates(17.0)["c00"] == pytest.approx(10.0, rel=0.05)


def test_cameras_that_wants_little_lose_nothing_to_those_that_want_much() -> None:
    machine = Machine(cameras(16), lambda _: COST_S)
    machine.wanted_hz["c03"] = 1.0
    machine.run(30.0)
    rates = machine.rates(10.0)
    assert rates.pop("c03") == pytest.approx(1.0, rel=0.1)
    assert min(rates.values()) > 1.9


def test_cameras_that_begin_together_are_not_looked_at_together() -> None:
    machine = Machine(cameras(16), lambda _: 0.004)
    machine.run(20.0)
    # Their frames come together too, 25 times a second: six or seven looks at once, and not sixteen every 0.1 s.
    assert machine.p99_ms(10.0) < 8 * 4.0


def admission() -> Admission:
    return Admission(RULES, LookSchedule, lambda _: 10.0, 0.5, 4)


def test_what_left_is_forgotten_and_what_is_away_keeps_its_counts() -> None:
    machine = Machine(
        [Camera("stays"), Camera("goes", ends_s=2.0), Camera("is removed", ends_s=2.0)], lambda _: 0.001
    )
    machine.run(3.0)
    machine.admission.forget("is removed")
    machine.admission.forget("never there")
    machine.run(10.0)
    told = {load.camera: load for load in machine.admission.load().cameras}
    assert told.keys() == {"stays", "goes"}
    assert (told["stays"].active, told["goes"].active) == (True, False)
    assert told["goes"].admitted + told["goes"].skipped == 50
    machine.run(FORGET_S + 4.0)
    assert [load.camera for load in machine.admission.load().cameras] == ["stays"]


def test_a_camera_whose_time_begins_anew_is_looked_at_at_once() -> None:
    gate = admission()
    assert gate(frame("a", 1500).info)
    assert not gate(frame("a", 1501).info)
    assert gate(frame("a", 0).info)
    assert [(load.admitted, load.skipped) for load in gate.load().cameras] == [(2, 1)]


def test_too_much_work_is_said_once_a_minute_but_not_while_it_starts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    machine = Machine(cameras(3), lambda _: COST_S)
    machine.run(30.0)
    assert not caplog.records
    machine = Machine(cameras(16), lambda _: COST_S)
    machine.run(50.0)
    assert [record.getMessage() for record in caplog.records] == [
        "too much work: 16 cameras are looked at less often than asked for, down to 2.1 times a second"
    ]
    machine.run(100.0)
    assert len(caplog.records) == 2


def test_cameras_ask_from_their_own_threads() -> None:
    gate = admission()

    def ask(camera: str) -> None:
        for index in range(1000):
            gate(frame(camera, index).info)
            if index % 100 == 0:
                gate.forget("nobody")
                gate.load()

    with running(*(lambda name=name: ask(name) for name in "abcd")):
        pass
    assert [load.admitted + load.skipped for load in gate.load().cameras] == [1000] * 4
