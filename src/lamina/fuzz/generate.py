"""Random programs: the graph that a seed stands for, with arrays to call it with.

grower.py makes one node after the other, moves.py lists the ways to do so; this file chooses
extents, inputs, results and updates.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from lamina.fuzz.bounds import exact
from lamina.fuzz.grower import Grower, Move, grow, sample
from lamina.fuzz.moves import INNER_MOVES, MOVES
from lamina.fuzz.shadow import Refused
from lamina.ir.graph import Graph, Node, topological
from lamina.ir.types import Dim, Extent, evaluate, float32
from lamina.ir.verify import regions

EXTENTS = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65)
USUAL = EXTENTS[1:]
LARGE = (32, 64, 65, 96, 128, 200, 256, 515)  # of programs whose arrays fill a cache
LANES = ("smooth", "exact", "special")
MOST_LARGE = 10  # times as many, in one program of eight


@dataclass
class Case:
    """A program to try: what `Engine.compile` takes, arrays to call it with, and where it is from.

    `more` are arrays for other sizes of the symbolic extents.
    """

    graph: Graph
    arrays: list[np.ndarray]
    updates: dict[int, int]
    lane: str
    seed: str
    more: list[list[np.ndarray]] = field(default_factory=list)


# ---- whole programs ----------------------------------------------------------------------------
def generate(
    seed: str,
    moves: Sequence[tuple[Move, float]] | None = None,
    most: int = 22,
    lane: str | None = None,
) -> Case:
    """The program that a seed stands for; `moves` with weights, all of moves.py if not given, and
    of the lane that the seed stands for, if none is given."""
    rng = random.Random(seed)
    by_chance = rng.choices(LANES, (6, 3, 1))[0]
    grower = _begun(rng, lane or by_chance)
    grower.inner_moves = INNER_MOVES
    rows = list(moves or MOVES)
    for _ in range(rng.randint(2, most)):
        grow(grower, rows)
    return _finished(grower, seed)


def _begun(rng: random.Random, lane: str) -> Grower:
    """A grower with a few inputs; a program has few distinct extents, so that shapes meet."""
    scale = MOST_LARGE if rng.random() < 0.125 else 1
    usual = LARGE if scale > 1 else USUAL
    extents: list[Dim] = [rng.choice(usual) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    if scale > 1:
        extents.append(rng.choice(USUAL))
    if rng.random() < 0.12:
        extents.append(0)
    sizes: dict[str, int] = {}
    if rng.random() < 0.35:
        sizes = {"n": rng.choice(EXTENTS)}
        extents[0] = Extent.symbol("n")
    grower = Grower(rng, lane, extents, sizes, scale=scale)
    grower.parameter((extents[0],), float32)
    for _ in range(rng.randint(1, 3)):
        domain = "positive" if lane == "smooth" and rng.random() < 0.3 else ""
        first = (extents[0],) if sizes and rng.random() < 0.5 else ()
        with suppress(Refused):
            grower.parameter((*first, *grower.shape()), grower.dtype(), domain)
    return grower


def _finished(grower: Grower, seed: str) -> Case:
    """Results: what nobody reads, some of the rest, and the next values of some inputs."""
    rng = grower.rng
    used = {a for n in topological(grower.nodes) for a in n.args}
    ends = [n for n in grower.nodes if n not in used and n.op != "parameter"]
    rng.shuffle(ends)
    results = ends[:4] + [rng.choice(grower.nodes) for _ in range(rng.choice((0, 0, 1, 2)))]
    updates: dict[int, int] = {}
    for k, p in enumerate(grower.parameters):
        new = [n for n in grower.nodes if n.type == p.type and n is not p]
        if new and rng.random() < 0.35:
            updates[k] = len(results)
            results.append(rng.choice(new))
    results = results or [grower.nodes[-1]]
    graph = Graph(list(grower.parameters), results, "fuzzed")
    case = Case(graph, grower.arrays, updates, grower.lane, seed)
    case.more = _at_other_sizes(grower, results)
    return case


def _at_other_sizes(grower: Grower, results: Sequence[Node]) -> list[list[np.ndarray]]:
    """Arrays for other sizes of the symbol than the one it grew with, at which nothing is large,
    neither array nor number."""
    sizes = [grower.rng.choice(EXTENTS) for _ in range(2)] if grower.sizes else []
    found = [(n, _resampled(grower, n)) for n in sizes]
    return [arrays for n, arrays in found if _accepts(grower, n, arrays, results)]


def _accepts(
    grower: Grower, size: int, arrays: Sequence[np.ndarray], results: Sequence[Node]
) -> bool:
    """Whether the program would have grown with this size of the symbol."""
    other = replace(grower, sizes={"n": size}, nodes=[], shadows={})
    if not _affords(other, results):
        return False
    for node, array in zip(grower.parameters, arrays, strict=True):
        other.given(node, exact(array, node.dtype))
    try:
        for node in results:
            other.put(node)
    except Refused:
        return False
    return True


def _affords(grower: Grower, roots: Sequence[Node]) -> bool:
    for node in topological(roots):
        try:
            grower._afford(node)
        except Refused:
            return False
        turns = grower.concrete([node.params.get("length", 4)])[0]
        for body in regions(node).values():
            if not _affords(replace(grower, turns=grower.turns * max(turns, 1)), body.results):
                return False
    return True


def _resampled(grower: Grower, size: int) -> list[np.ndarray]:
    sizes = {"n": size}
    return [
        sample(grower.rng, tuple(evaluate(d, sizes) for d in p.shape), p.dtype, domain)
        for p, domain in zip(grower.parameters, grower.domains, strict=True)
    ]
