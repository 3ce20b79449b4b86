"""The embed gate: which faces earn an embedding."""

from __future__ import annotations

import numpy as np

from pipeline.alignment.gate import EmbedGate, GateRules

RULES = GateRules(min_quality=0.2, first_shots=2, better_by=1.5, recheck_s=1.0, recheck_known_s=3.0)
NOBODY: frozenset[int] = frozenset()


def due(
    gate: EmbedGate, pts_s: float, quality: float, known: frozenset[int] = NOBODY, found: bool = True
) -> bool:
    """Show the gate track 7 alone."""
    rows = gate.due(pts_s, np.array([7]), np.array([found]), np.array([quality], np.float32), known)
    return bool(len(rows))


def test_first_shots_are_embedded_at_once_and_then_no_more() -> None:
    gate = EmbedGate(RULES)
    assert [due(gate, k / 10, 0.5) for k in range(5)] == [True, True, False, False, False]


def test_a_clearly_better_shot_is_embedded() -> None:
    gate = EmbedGate(RULES)
    assert [due(gate, k / 10, q) for k, q in enumerate([0.4, 0.4, 0.59, 0.61, 0.62])] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_a_recheck_comes_sooner_while_nobody_is_recognised() -> None:
    unknown, known = EmbedGate(RULES), EmbedGate(RULES)
    times = [0.0, 0.1, 0.9, 1.1, 2.0, 2.1, 3.0, 3.1]
    assert [t for t in times if due(unknown, t, 0.5)] == [0.0, 0.1, 1.1, 2.1, 3.1]
    assert [t for t in times if due(known, t, 0.5, frozenset({7}))] == [0.0, 0.1, 3.1]


def test_poor_and_predicted_faces_are_never_embedded() -> None:
    gate = EmbedGate(RULES)
    assert not due(gate, 0.0, 0.19)
    assert not due(gate, 0.1, 0.9, found=False)
    assert due(gate, 0.2, 0.2)


def test_a_track_that_is_over_is_forgotten() -> None:
    gate = EmbedGate(RULES)
    for k in range(3):
        due(gate, k / 10, 0.5)
    gate.due(0.3, np.array([8]), np.array([True]), np.array([0.5], np.float32), NOBODY)
    assert due(gate, 0.4, 0.5)


def test_rows_are_those_of_the_faces() -> None:
    gate = EmbedGate(RULES)
    rows = gate.due(
        0.0,
        np.array([3, 1, 2]),
        np.array([True, False, True]),
        np.array([0.5, 0.5, 0.5], np.float32),
        NOBODY,
    )
    assert rows.tolist() == [0, 2]
