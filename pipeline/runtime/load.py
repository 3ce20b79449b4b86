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
    margin: float = 0.5
    """of max_latency_ms: where relief begins, so that the bound itself is not reached while it takes effect"""
    memory_s: float = 3.0
    """a look's cost is a mean over the looks of about this time: several people walk in, a network is paged in"""
    max_growth: float = 1.5
    """factor a second by which the budget grows at most. It falls at once"""
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
    p99_ms: float | None
    """from capture to published of the frames that came through; None where none did"""
    dropped: int
    """frames that waited for detection in vain: a newer one came, or they were too old"""


@dataclass(frozen=True, slots=True)
class LoadState:
    """What the controller remembers."""

    budget_hz: float
    """looks a second for all cameras together; not limited by what they want"""
    relief: float = 1.0
    """what the budget is multiplied with, below 1 after latency came near its bound or frames were dropped"""
    looks: float = 0.0
    """lately, older ones counted less"""
    work_s: float = 0.0
    """of the busiest stage, for these"""

    @property
    def cost_s(self) -> float | None:
        """Seconds of the busiest stage for a look; None before the first."""
        return self.work_s / self.looks if self.looks > 0.0 and self.work_s > 0.0 else None


def step(state: LoadState, seen: Seen, rules: LoadRules) -> LoadState:
    """The state after what was seen.

    Raises:
        ValueError: no time has passed.
    """
    if seen.seconds <= 0.0:
        raise ValueError(f"a step takes time, got {seen.seconds} s")
    kept = math.exp(-seen.seconds / rules.memory_s)
    state = replace(
        state,
        looks=kept * state.looks + seen.looks,
        work_s=kept * state.work_s + seen.busy_s,
        relief=_relief(state.relief, seen, rules),
    )
    if state.cost_s is None:
        return state
    able_hz = state.relief * rules.utilisation / state.cost_s
    return replace(state, budget_hz=min(able_hz, state.budget_hz * math.pow(rules.max_growth, seen.seconds)))


def _relief(relief: float, seen: Seen, rules: LoadRules) -> float:
    """Less in proportion to latency over its mark and to frames dropped, at most halved; else slowly back to 1."""
    mark_ms = rules.margin * rules.max_latency_ms
    over = 1.0 if seen.p99_ms is None else min(1.0, mark_ms / max(seen.p99_ms, 1e-9))
    wasted = seen.dropped / (seen.dropped + seen.looks) if seen.dropped else 0.0
    factor = max(0.5, min(over, 1.0 - wasted))
    if factor < 1.0:
        return max(rules.least_relief, relief * factor)
    return min(1.0, relief * math.pow(rules.recovery, seen.seconds))


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
