"""Random programs: the graph that a seed stands for, with arrays to call it with.

grower.py makes one node after the other, moves.py lists the ways to do so, and skeletons.py the
networks that some programs begin with; this file chooses extents, inputs, results and updates.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from lamina.fuzz.bounds import exact
from lamina.fuzz.grower import MOST_ELEMENTS, Grower, Move, grow, sample
from lamina.fuzz.moves import INNER_MOVES, MOVES
from lamina.fuzz.shadow import Refused
from lamina.fuzz.skeletons import ROTATION
from lamina.ir.graph import Graph, Node, topological
from lamina.ir.types import Dim, Extent, evaluate, float32, is_static
from lamina.ir.verify import regions

EXTENTS = (0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65)
USUAL = EXTENTS[1:]
LARGE = (32, 64, 65, 96, 128, 200, 256, 515)  # of programs whose arrays fill a cache
LANES = ("smooth", "exact", "special")
MOST_LARGE = 10  # times as many, in one program of eight
ROWS = (0, 1, 2, 3, 4, 7, 8, 9, 16, 17, 31, 33)  # of the programs that begin with a skeleton


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
    skeleton: Move | None = None,
) -> Case:
    """Return the program that a seed stands for.

    Args:
        seed: Any text. Of seeds that end in a number, such as suite:17, every other one begins with
            a skeleton, each in rotation; if `moves` is not given.
        moves: Moves with weights; by default all of moves.py.
        most: Moves at most; a quarter after a skeleton.
        lane: The lane; by default the one that the seed stands for.
        skeleton: What the program begins with.
    """
    rng = random.Random(seed)
    by_chance = rng.choices(LANES, (6, 3, 1))[0]
    begins_with = skeleton or (_skeleton(seed) if moves is None else None)
    if begins_with:
        grower, most = _begun_with(rng, lane, begins_with), most // 4
    else:
        grower = _begun(rng, lane or by_chance)
    grower.inner_moves = INNER_MOVES
    for _ in range(rng.randint(0 if begins_with else 2, most)):
        grow(grower, list(moves or MOVES))
    return _finished(grower, seed)


def _skeleton(seed: str) -> Move | None:
    """The skeleton that a seed that ends in an odd number selects."""
    number = seed.rpartition(":")[2]
    if not number.isdecimal() or int(number) % 2 == 0:
        return None
    return ROTATION[int(number) // 2 % len(ROTATION)]


def _begun_with(rng: random.Random, lane: str | None, skeleton: Move) -> Grower:
    """A grower with a skeleton, if a few tries find a lane and sizes that it accepts."""
    for _ in range(20):
        scale = MOST_LARGE if rng.random() < 0.1 else 1
        sizes = {"n": rng.choice(ROWS)} if rng.random() < 0.85 else {}
        rows: Dim = Extent.symbol("n") if sizes else rng.choice(ROWS[1:])
        chosen = lane or rng.choices(LANES[:2], (2, 1))[0]
        grower = Grower(rng, chosen, [rows, rng.choice(USUAL)], sizes, scale=scale)
        with suppress(Refused):
            grower.roots = skeleton(grower)
            if sizes and all(is_static(p.shape) for p in grower.parameters):
                grower.parameter((rows,), float32)  # what grows may have rows
            return grower
    return _begun(rng, lane or LANES[0])


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
    """Results: unread nodes, some of the rest, and the next values of some inputs."""
    rng = grower.rng
    used = {a for n in topological(grower.nodes) for a in n.args}
    ends = [n for n in grower.nodes if n not in used and n.op != "parameter"]
    rng.shuffle(ends)
    kept = [n for n in grower.roots if n not in grower.updated.values()]
    results = kept[:2] + [n for n in ends if n not in kept[:2]][:4]
    chance = 0.1 if grower.roots else 0.35  # what a network keeps to itself is seldom a result
    more = rng.choice((1, 2)) if rng.random() < chance * 1.4 else 0
    results += [rng.choice(grower.nodes) for _ in range(more)]
    updates: dict[int, int] = {}
    for k, p in enumerate(grower.parameters):
        new = [n for n in grower.nodes if n.type == p.type and n is not p]
        if k in grower.updated:
            updates[k] = len(results)
            results.append(grower.updated[k])
        elif new and rng.random() < chance:
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
    sizes = [n for n in sizes if _largest(grower, n) <= MOST_ELEMENTS * grower.scale]
    found = [(n, _resampled(grower, n)) for n in sizes]
    return [arrays for n, arrays in found if _accepts(grower, n, arrays, results)]


def _largest(grower: Grower, size: int) -> int:
    """The number of elements of the largest input at a size of the symbol."""
    shapes = (p.shape for p in grower.parameters)
    return max(prod(evaluate(d, {"n": size}) for d in shape) for shape in shapes)


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
