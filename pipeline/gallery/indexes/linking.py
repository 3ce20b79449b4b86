"""The graphs of an index, and the thread that links templates into them while they are searched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, I64
from pipeline.gallery.indexes.blocks import TemplateBlocks
from pipeline.gallery.indexes.graph import Graph
from pipeline.gallery.indexes.in_order import InOrder, Turns
from pipeline.gallery.indexes.projection import PROJECTED_AT_ONCE, SAMPLE, Projection, learn_projection

Homes = NDArray[np.int8]

FIRST_ROOM = 65_536
"""rows that a graph has room for at least; more are taken as a matter of course, as untouched memory costs little"""

MOST_GRAPHS = 2
"""graphs beside each other, as each costs every search a walk; instead of a third one graph is made of all"""

LINKED_AT_ONCE = 1024
"""rows linked into a graph that nobody searches yet"""

PROJECTION_FILE = "projection.npz"


@dataclass(slots=True)
class Linking:
    """Rows to be linked. It carries their vectors, so that the graph depends on no later change."""

    projection: Projection
    rows: I64
    """(N,)"""
    vectors: F32
    """(N, K) projected"""
    homes: Homes
    """(N,) number of the graph each goes into"""
    searched_from: int = 0
    """rows from here on are in no graph that is searched: they are searched one by one"""
    room: int = 0
    """of a graph that is opened first; 0: there are enough"""
    replaces: bool = False
    """whether that graph takes the place of all others, once it is whole"""


@dataclass(frozen=True, slots=True)
class Burying:
    """Rows whose templates were removed."""

    rows: I64
    homes: Homes
    """(N,) number of the graph each is in"""


class GraphSet:
    """Rows in graphs or on their way there.

    The writer plans, the thread does in the planned order, so that the same calls make the same graphs however
    long anything takes. `candidates` is called while `turns` are held.
    """

    def __init__(self, turns: Turns, first_room: int = FIRST_ROOM) -> None:
        self._turns = turns
        self._first_room = first_room
        self._graphs: list[Graph] = []
        self._waiting: list[Linking] = []
        self._work: InOrder[Linking | Burying] = InOrder("linking templates", self._do)
        self._projection: Projection | None = None
        self._homes = np.empty(0, np.int8)
        """by row, as planned: the number of its graph, -1 for none"""
        self._planned_graphs = 0
        self._planned_rooms = 0
        self._left = 0

    def __bool__(self) -> bool:
        """Whether there are graphs, or will be."""
        return self._projection is not None

    def plan(self, blocks: TemplateBlocks, rows: I64) -> None:
        """Have these new rows (N,) of all templates linked."""
        if self._projection is None:
            self._plan_all(blocks, rows)
            return
        self._reach(blocks.top)
        new = rows[self._homes[rows] < 0]
        room = 0
        if len(new) > self._left:
            if self._planned_graphs == MOST_GRAPHS:
                self._plan_all(blocks, rows)
                return
            room = self._open(max(self._planned_rooms, len(new)))
        self._homes[new] = self._planned_graphs - 1
        self._left -= len(new)
        projected = self._projection(blocks.vectors(rows))
        self._submit(Linking(self._projection, rows, projected, self._homes[rows], room=room))

    def plan_removal(self, blocks: TemplateBlocks, rows: I64, rebuild_from: float) -> None:
        """Have these rows (N,), whose templates are gone, put away; or all others linked anew, from that share on."""
        if self._projection is None:
            return
        if len(rows) > rebuild_from * len(blocks):
            self._plan_all(blocks, rows[:0])
        else:
            self._work.submit(Burying(rows, self._homes[rows]))

    def candidates(self, probe: F32, count: int, width: int) -> I64 | None:
        """Rows that are probably among the `count` nearest of a probe (D,), and others; None where walks fail.

        Rows may be named whose template is gone, or has changed since.
        """
        found = []
        for graph in self._graphs:
            rows = graph.walk(graph.projection(probe[None])[0], count, width)
            if rows is None:
                return None
            found.append(rows)
        found += [_nearest(waiting, probe, count) for waiting in self._waiting]
        if len(found) == 1:  # as mostly; the rows of one walk are different
            return found[0]
        return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)

    def settle(self) -> None:
        """Wait until everything planned is done. Raises RuntimeError where memory did not suffice."""
        self._work.settle()

    def save(self, folder: Path) -> list[int]:
        """Write the settled graphs; their rooms. Raises OSError."""
        if self._projection is not None:
            self._projection.save(folder / PROJECTION_FILE)
        for number, graph in enumerate(self._graphs):
            graph.save(folder / graph_file(number))
        return [graph.room for graph in self._graphs]

    def load(self, folder: Path, rooms: list[int], blocks: TemplateBlocks) -> None:
        """What `save` wrote, into an empty set. Raises ValueError, OSError."""
        if not rooms:
            return
        self._projection = Projection.load(folder / PROJECTION_FILE)
        self._reach(blocks.top)
        for number, room in enumerate(rooms):
            file = folder / graph_file(number)
            graph = Graph.load(file, self._projection, room)
            rows = graph.rows()
            if len(rows) and not 0 <= rows.min() <= rows.max() < blocks.top:
                raise ValueError(f"{file}: has rows that there are no templates for")
            graph.note_gone(rows[blocks.labels[rows] < 0])
            self._homes[rows] = number
            self._graphs.append(graph)
            self._left = room - len(rows)
        missing = np.flatnonzero((blocks.labels[: blocks.top] >= 0) & (self._homes[: blocks.top] < 0))
        if len(missing):
            raise ValueError(f"{folder}: {len(missing)} templates are in no graph")
        self._planned_graphs, self._planned_rooms = len(rooms), sum(rooms)

    def _plan_all(self, blocks: TemplateBlocks, fresh: I64) -> None:
        """Have one graph made of all templates, the new ones last, along axes learnt anew."""
        rows = blocks.living()
        rows = np.concatenate((rows[~np.isin(rows, fresh)], fresh))
        every = np.linspace(0, len(rows) - 1, min(len(rows), SAMPLE)).astype(np.int64)
        replaces = self._projection is not None
        self._projection = learn_projection(blocks.vectors(np.sort(rows[every])))
        self._planned_graphs = self._planned_rooms = 0
        room = self._open(len(rows) + max(len(rows) // 4, self._first_room))
        self._left -= len(rows)
        self._reach(blocks.top)
        self._homes[:] = -1
        self._homes[rows] = 0
        projected = np.empty((len(rows), self._projection.dimension), np.float32)
        for start in range(0, len(rows), PROJECTED_AT_ONCE):
            part = slice(start, start + PROJECTED_AT_ONCE)
            projected[part] = self._projection(blocks.vectors(rows[part]))
        searched_from = len(rows) - len(fresh) if replaces else 0
        homes = np.zeros(len(rows), np.int8)
        self._submit(Linking(self._projection, rows, projected, homes, searched_from, room, replaces))

    def _open(self, room: int) -> int:
        room = max(room, self._first_room)
        self._planned_graphs += 1
        self._planned_rooms += room
        self._left = room
        return room

    def _reach(self, top: int) -> None:
        if top > len(self._homes):
            more = np.full(max(top, 2 * len(self._homes)) - len(self._homes), -1, np.int8)
            self._homes = np.concatenate((self._homes, more))

    def _submit(self, linking: Linking) -> None:
        with self._turns():
            self._waiting.append(linking)
        self._work.submit(linking)

    def _do(self, work: Linking | Burying) -> Iterator[None]:
        if isinstance(work, Burying):
            return self._bury(work)
        return self._replace(work) if work.replaces else self._link(work)

    def _link(self, work: Linking) -> Iterator[None]:
        if work.room:
            graph = Graph(work.projection, work.room)
            with self._turns():
                self._graphs.append(graph)
        for number, home in enumerate(work.homes.tolist()):
            one = slice(number, number + 1)
            with self._turns():
                self._graphs[home].link(work.rows[one], work.vectors[one])
                work.searched_from = number + 1
            yield
        with self._turns():
            self._waiting = [other for other in self._waiting if other is not work]

    def _replace(self, work: Linking) -> Iterator[None]:
        graph = Graph(work.projection, work.room)
        for start in range(0, len(work.rows), LINKED_AT_ONCE):
            part = slice(start, start + LINKED_AT_ONCE)
            graph.link(work.rows[part], work.vectors[part])
            yield
        with self._turns():
            self._graphs = [graph]
            self._waiting = [other for other in self._waiting if other is not work]

    def _bury(self, work: Burying) -> Iterator[None]:
        for row, home in zip(work.rows.tolist(), work.homes.tolist(), strict=True):
            with self._turns():
                self._graphs[home].bury(row)
            yield


def graph_file(number: int) -> str:
    """The name of a graph's file in a saved index."""
    return f"graph-{number}.bin"


def _nearest(waiting: Linking, probe: F32, count: int) -> I64:
    """The `count` rows nearest to a probe (D,) of those that are in no graph yet."""
    rows = waiting.rows[waiting.searched_from :]
    if len(rows) <= count:
        return rows
    vectors = waiting.vectors[waiting.searched_from :]
    projected = waiting.projection(probe[None])[0]
    # squared distances but for the probe's own length
    distances = np.einsum("nk,nk->n", vectors, vectors) - 2.0 * (vectors @ projected)
    return rows[np.argpartition(distances, count)[:count]]
