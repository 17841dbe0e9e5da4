"""Ways to grow a program by a loop or a branch.

A body grows open, as a Python function is recorded: it reads the values around it, and rules of
custom gradients refer to these. Then it is closed over what it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.fuzz.grower import Grower, Refused, grow
from lamina.fuzz.maps import numeric, real
from lamina.ir import ops
from lamina.ir.closing import closed_over
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import TensorType, int32


def _body(
    g: Grower, around: Sequence[Node], copies: list[Node], shadows: list[Any], turns: int
) -> Grower:
    """A grower for a loop's body, which reads nodes around it and its own parameters."""
    inner = Grower(g.rng, g.lane, g.extents, g.sizes, True, g.depth + 1, g.turns * turns, g.scale)
    inner.parameters, inner.inner_moves = copies, g.inner_moves
    for node in around:
        inner.given(node, g.shadows[node])
    for copy, shadow in zip(copies, shadows, strict=True):
        inner.given(copy, shadow)
    return inner


def _grown(inner: Grower, most: int) -> None:
    for _ in range(inner.rng.randint(1, most)):
        grow(inner, inner.inner_moves)


def _next(inner: Grower, carry: Node) -> Node:
    """Return the next carry, scaled so that it does not grow from iteration to iteration."""
    same = [n for n in inner.nodes if n.type == carry.type and n is not carry]
    new = inner.rng.choice(same) if same else inner.like(carry)
    if inner.rng.random() < 0.15:
        return inner.pick(lambda n: n.type == carry.type)
    if real(carry) and inner.lane == "smooth" and inner.rng.random() < 0.7:
        return inner.put(ops.tanh(ops.add(new, carry)))
    if inner.rng.random() < 0.5 and numeric(carry):
        return inner.put(PRIMITIVES[inner.rng.choice(["maximum", "minimum"])](new, carry))
    return new


def scanned(g: Grower) -> None:
    if g.depth >= 2:
        raise Refused
    x = g.pick(lambda n: n.ndim >= 1 and g.concrete(n.shape)[0] <= 17)
    length = x.shape[0]
    others = [n for n in g.nodes if n.ndim and n.shape[0] == length and n is not x]
    sequences = [x, *others[:1]]
    carries = [g.pick() for _ in range(g.rng.randint(0, 2))]
    consts = list(dict.fromkeys(g.pick() for _ in range(g.rng.randint(0, 2))))
    if g.concrete((length,)) == (0,):
        raise Refused
    shadows = [g.shadows[n] for n in carries] + [g.shadows[n][0] for n in sequences]
    copies = [parameter(n.type, f"carry{k}") for k, n in enumerate(carries)]
    copies += [parameter(TensorType(n.shape[1:], n.dtype), "x") for n in sequences]
    inner = _body(g, consts, copies, shadows, g.concrete((length,))[0])
    _grown(inner, 5)
    carried = [_next(inner, c) for c in copies[: len(carries)]]
    stacked = [inner.pick() for _ in range(g.rng.randint(0 if carries else 1, 2))]
    node = ops.scan(
        *consts,
        *carries,
        *sequences,
        body=closed_over(consts, copies, [*carried, *stacked], "body"),
        num_consts=len(consts),
        num_carry=len(carries),
        length=length,
        reverse=g.rng.random() < 0.3,
    )
    for part in ops.elements(node):
        g.put(part)


def repeated(g: Grower) -> None:
    """A while loop of a few iterations."""
    if g.depth >= 1:
        raise Refused
    x, other = g.pick(), g.pick()
    count = constant_of(g.rng.randint(0, 4), int32)
    start = constant_of(0, int32)
    shadows = [g.shadows[g.put(n)] for n in (start, x)]
    g.put(count)
    consts = list(dict.fromkeys([count, other]))
    copies = [parameter(n.type, f"carry{k}") for k, n in enumerate((start, x))]
    inner = _body(g, consts, copies, shadows, 4)
    _grown(inner, 4)
    following = ops.add(copies[0], ops.fill(1, copies[0]))
    body = closed_over(consts, copies, [following, _next(inner, copies[1])], "body")
    told = [parameter(p.type, f"c{k}") for k, p in enumerate(body.parameters)]
    test = ops.compare(told[len(consts)], told[0], direction="LT")
    cond = Graph(told, [test], "cond")
    node = ops.while_(*consts, start, x, cond=cond, body=body, num_consts=len(consts))
    for part in ops.elements(node):
        g.put(part)


def chosen(g: Grower) -> None:
    """One of two branches, by a comparison of what a value comes to."""
    if g.depth >= 2:
        raise Refused
    x, other = g.pick(numeric), g.pick()
    least = ops.reduce(x, kind="min", dimensions=tuple(range(x.ndim))) if x.ndim else x
    if 0 in g.concrete(x.shape):
        raise Refused
    pred = g.put(ops.compare(least, ops.fill(g.rng.choice((0, 1)), least), direction="LT"))
    around = list(dict.fromkeys([x, other]))
    branches = []
    for name in ("if_true", "if_false"):
        inner = _body(g, around, [], [], 1)
        _grown(inner, 3)
        branches.append(closed_over(around, [], [_next(inner, n) for n in around], name))
    node = ops.if_(pred, *around, true_branch=branches[0], false_branch=branches[1])
    for part in ops.elements(node):
        g.put(part)
