"""How often cameras may be looked at, so that what is seen is told in time: small pure functions.

Two questions, answered twice a second (docs/latency.md has the formulas, and what was measured):

- `step`: how many looks a second can all cameras have together? As many as keep the busiest stage busy for
  `utilisation` of the time, by what a look has cost lately, and fewer while that proved too much.
- `share`: what has each camera of that? As much as it wants, or as much as every other that wants more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class LoadRules:
    """What the controller keeps, and how fast it may move."""

    max_latency_ms: float
    """from capture to published event: 99 in 100 stay below it"""
    utilisation: float = 0.85
    """of the busiest stage. Waiting grows as u / (1 - u): 5.7 times the work at 0.85, 19 times at 0.95"""
    waiting: float = 0.3
    """of max_latency_ms: relief begins where 1 in 100 frames waits longer in queues. The rest of the bound is for the
    work itself, which fewer looks do not shorten: with other programs on the cores, rates that went by the whole
    latency fell to the floor and gained nothing"""
    memory_s: float = 1.5
    """a look's cost is a mean over about this time: half a second brings a dozen looks, and each costs what it costs"""
    start_hz: float = 10.0
    """looks a second of all cameras together until it is known what one costs, so that nothing queues at the start"""
    max_rise: float = 2.0
    """factor over that mean which half a second counts for at most: a network's first run with a frame of a new size
    takes a hundred times as long, once. Where looks have really become dearer, relief helps until the mean knows"""
    max_growth: float = 1.5
    """factor a second by which the budget grows at most, from start_hz on. It falls at once"""
    recovery: float = 1.25
    """factor a second by which relief is taken back"""
    least_relief: float = 0.1
    """relief goes no lower, so that recovery takes ten seconds at most"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of the pipeline since the last step."""

    seconds: float
    looks: int
    """frames that came through detection"""
    busy_s: float
    """of the busiest stage, inside `process`"""
    waited_p99_ms: float | None
    """in all queues, of the frames that came through; None where none did"""
    dropped: int
    """frames that waited for detection in vain: a newer one came, or they were too old"""


@dataclass(frozen=True, slots=True)
class LoadState:
    """What the controller remembers."""

    budget_hz: float
    """looks a second for all cameras together; not limited by what they want"""
    cost_s: float | None = None
    """of the busiest stage for a look, lately; None before the first"""
    relief: float = 1.0
    """what the budget is multiplied with, below 1 after frames waited long or were dropped"""
    hold_s: float = 0.0
    """until all frames are done with that were under way when relief was last given: they tell of before it"""


def step(state: LoadState, seen: Seen, rules: LoadRules) -> LoadState:
    """The state after what was seen.

    Raises:
        ValueError: no time has passed.
    """
    if seen.seconds <= 0.0:
        raise ValueError(f"a step takes time, got {seen.seconds} s")
    state = replace(_relieved(state, seen, rules), cost_s=_cost_s(state.cost_s, seen, rules))
    if state.cost_s is None:
        return state
    able_hz = state.relief * rules.utilisation / state.cost_s
    grown_hz = max(state.budget_hz, rules.start_hz) * math.pow(rules.max_growth, seen.seconds)
    return replace(state, budget_hz=min(able_hz, grown_hz))


def _cost_s(before: float | None, seen: Seen, rules: LoadRules) -> float | None:
    """A mean that forgets, of what a look cost."""
    if seen.looks == 0 or seen.busy_s <= 0.0:
        return before
    now = seen.busy_s / seen.looks
    if before is None:
        return now
    kept = math.exp(-seen.seconds / rules.memory_s)
    return kept * before + (1.0 - kept) * min(now, rules.max_rise * before)


def _relieved(state: LoadState, seen: Seen, rules: LoadRules) -> LoadState:
    """Relief in proportion to waiting over its mark and to frames dropped, at most to a half; else slowly back to 1.

    Once it was given, it is given again only after max_latency_ms: what was under way tells of before.
    """
    hold_s = max(0.0, state.hold_s - seen.seconds)
    mark_ms = rules.waiting * rules.max_latency_ms
    waited_ms = 0.0 if seen.waited_p99_ms is None else seen.waited_p99_ms
    wasted = seen.dropped / (seen.dropped + seen.looks) if seen.dropped else 0.0
    factor = max(0.5, min(mark_ms / max(waited_ms, mark_ms), 1.0 - wasted))
    if factor == 1.0:
        relief = min(1.0, state.relief * math.pow(rules.recovery, seen.seconds))
        return replace(state, relief=relief, hold_s=hold_s)
    if hold_s > 0.0:
        return replace(state, hold_s=hold_s)
    relief = max(rules.least_relief, state.relief * factor)
    return replace(state, relief=relief, hold_s=rules.max_latency_ms / 1e3)


def patience_ms(state: LoadState, rules: LoadRules, batch: int) -> float:
    """How long a frame may wait for detection and still be told of in time, in milliseconds.

    What is left of the bound when a batch of looks, and a tenth of the bound for the rest of the way, are taken off;
    at most half of the bound, at least a quarter: a frame that comes while a slow machine looks at another must wait.
    """
    looks_ms = 1e3 * batch * (state.cost_s or 0.0)
    return min(0.5, max(0.25, 0.9 - looks_ms / rules.max_latency_ms)) * rules.max_latency_ms


def share(budget_hz: float, wanted_hz: Mapping[str, float], floor_hz: float) -> Mapping[str, float]:
    """Looks a second of each camera: what it wants, or the level that all who want more are held to.

    Max-min fair (water-filling): nobody can have more without somebody who has less having still less. Nobody is
    held below `floor_hz`, whatever the budget, and nobody has more than it wants.

    >>> share(10.0, {"door": 2.0, "yard": 10.0, "hall": 10.0}, 0.5)
    {'door': 2.0, 'yard': 4.0, 'hall': 4.0}
    """
    level_hz = max(_level(budget_hz, sorted(wanted_hz.values())), floor_hz)
    return {camera: min(wanted, level_hz) for camera, wanted in wanted_hz.items()}


def _level(budget_hz: float, wanted_hz: list[float]) -> float:
    """Where sum(min(wanted, level)) is the budget; infinite where all have what they want. `wanted_hz` ascends."""
    left_hz = budget_hz
    for served, wanted in enumerate(wanted_hz):
        level = left_hz / (len(wanted_hz) - served)
        if wanted > level:
            return level
        left_hz -= wanted
    return math.inf
