"""Layered layout of a graph: boxes in rows from top to bottom, so that arrows only point down.

A box is one row below the lowest of those it reads. An arrow that passes rows gets a place in
each, next to the boxes there. (Sugiyama, Tagawa & Toda 1981, without its search for the fewest
crossings: networks have few branches, and these stay in the order of the code.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GAP = 0.35  # inches between boxes
LANE = 0.3  # inches that an arrow next to boxes takes

Place = tuple[float, int]  # x in inches, row


@dataclass(frozen=True)
class Layout:
    """places: the middle of each box. ways: the points of each arrow, from box to box. box: their
    width. left, width: from where, and how wide all of it is."""

    places: list[Place]
    ways: list[list[Place]]
    box: float
    left: float
    width: float
    rows: int


def laid_out(count: int, edges: Sequence[tuple[int, int]], box: float) -> Layout:
    """Boxes 0 to count - 1 of this width; edges (a, b) with a < b."""
    before: list[list[int]] = [[a for a, b in edges if b == k] for k in range(count)]
    row = [0] * count
    for k in range(count):
        row[k] = max((row[a] + 1 for a in before[k]), default=0)
    rows = max(row) + 1
    x = [0.0] * count
    for r in range(rows):
        inside = [k for k in range(count) if row[k] == r]
        _place(inside, before, x, box)
    ways = _ways(edges, row, x, box)
    ends = [point for way in ways for point, _ in way]
    left = min([v - box / 2 for v in x] + [v - LANE / 2 for v in ends])
    right = max([v + box / 2 for v in x] + [v + LANE / 2 for v in ends])
    return Layout(list(zip(x, row, strict=True)), ways, box, left, right - left, rows)


def _place(inside: list[int], before: list[list[int]], x: list[float], box: float) -> None:
    """The boxes of a row, side by side, around the middle of those they read."""
    wished = {k: _mean([x[a] for a in before[k]]) for k in inside}
    ordered = sorted(inside, key=lambda k: (wished[k], k))
    step = box + GAP
    start = _mean(list(wished.values())) - step * (len(ordered) - 1) / 2
    for number, k in enumerate(ordered):
        x[k] = start + step * number


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ways(
    edges: Sequence[tuple[int, int]], row: list[int], x: list[float], box: float
) -> list[list[Place]]:
    """Each arrow's points; the long ones pass to the right of the boxes, in separate lanes."""
    right = [max(v + box / 2 for v, r in zip(x, row, strict=True) if r == n) for n in set(row)]
    taken: list[list[float]] = [[] for _ in right]
    ways = []
    for a, b in edges:
        passed = range(row[a] + 1, row[b])
        if not passed:
            ways.append([(x[a], row[a]), (x[b], row[b])])
            continue
        lane = max(right[r] for r in passed) + LANE
        while any(abs(lane - other) < LANE for r in passed for other in taken[r]):
            lane += LANE
        for r in passed:
            taken[r].append(lane)
        ways.append([(x[a], row[a]), *((lane, r) for r in passed), (x[b], row[b])])
    return ways
