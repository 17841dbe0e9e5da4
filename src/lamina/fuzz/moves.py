"""The ways in which a random program grows, one row each: a function and how often it is tried.

Shapes of programs that compilers get wrong are likelier here than chance would make them: maps into
reductions and back (`normalised`), views that feed reductions and products, edges of padding.
"""

from __future__ import annotations

from typing import Any

from lamina.autodiff import gradients
from lamina.fuzz.generate import Grower, Refused, grow
from lamina.fuzz.maps import (
    binary,
    choice,
    clamped,
    converted,
    counted,
    integer_bits,
    logic,
    noise,
    numeric,
    real,
    sized,
    unary,
    wide,
)
from lamina.fuzz.views import (
    broadcast,
    gathered,
    joined,
    mirrored,
    overwritten,
    padded,
    reshaped,
    reversed_,
    scattered,
    sliced,
    sorted_,
    transposed,
    window,
)
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter, topological
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import (
    Dim,
    TensorType,
    bool_,
    int32,
    is_static,
)

# ---- reductions and products -------------------------------------------------------------------
KINDS = ["sum", "sum", "sum", "max", "min", "product", "argmax", "argmin"]


def _reduction(g: Grower, x: Node) -> Node:
    if x.dtype == bool_:
        kinds = ["and", "or", "max", "min"]
    elif g.lane == "special":
        kinds = ["max", "min", "argmax", "argmin"]
    else:
        kinds = KINDS + (["and", "or"] if x.dtype.is_integer else [])
    kind = g.rng.choice(kinds)
    count = 1 if kind.startswith("arg") else g.rng.randint(1, x.ndim)
    return ops.reduce(x, kind=kind, dimensions=tuple(sorted(g.rng.sample(range(x.ndim), count))))


def reduced(g: Grower) -> None:
    g.put(_reduction(g, g.pick(wide)))


def normalised(g: Grower) -> None:
    """A map, a reduction, broadcast back over what it came from."""
    x = g.pick(wide)
    small = g.put(_reduction(g, x))
    gone = small_axes(x, small)
    if small.dtype != x.dtype:
        small = ops.convert(small, dtype=x.dtype)
    back = ops.broadcast(small, x.shape, tuple(d for d in range(x.ndim) if d not in gone))
    if x.dtype == bool_:
        g.put(ops.xor(x, back))
        return
    names = ["maximum", "minimum"] if g.lane == "special" else ["add", "subtract", "multiply"]
    g.put(PRIMITIVES[g.rng.choice(names)](x, back))


def small_axes(x: Node, small: Node) -> tuple[int, ...]:
    return tuple(small.params["dimensions"]) if small.op == "reduce" else ()


def softmax(g: Grower) -> None:
    if g.lane != "smooth":
        raise Refused
    x = g.pick(lambda n: real(n) and n.ndim >= 1)
    axis = g.rng.randrange(x.ndim)
    kept = tuple(d for d in range(x.ndim) if d != axis)
    top = ops.broadcast(ops.reduce(x, kind="max", dimensions=(axis,)), x.shape, kept)
    e = ops.exponential(ops.subtract(x, top))
    total = ops.reduce(e, kind="sum", dimensions=(axis,))
    g.put(ops.divide(e, ops.broadcast(total, x.shape, kept)))


def product(g: Grower) -> None:
    """A contraction with a node that fits, or with a new operand."""
    if g.lane == "special":
        raise Refused
    x = g.pick(lambda n: numeric(n) and n.ndim >= 1)
    axes = g.rng.sample(range(x.ndim), g.rng.randint(1, min(x.ndim, 3)))
    contracted = axes[: g.rng.choice((1, 1, len(axes)))]
    batch = axes[len(contracted) :] if g.rng.random() < 0.5 else []
    y, rhs_batch, rhs_contracted = _other_side(g, x, batch, contracted)
    g.put(
        ops.dot_general(
            x,
            y,
            lhs_batching_dimensions=tuple(batch),
            rhs_batching_dimensions=rhs_batch,
            lhs_contracting_dimensions=tuple(contracted),
            rhs_contracting_dimensions=rhs_contracted,
        )
    )


def _other_side(
    g: Grower, x: Node, batch: list[int], contracted: list[int]
) -> tuple[Node, tuple[int, ...], tuple[int, ...]]:
    wanted = [x.shape[d] for d in (*batch, *contracted)]
    fitting = []
    for n in g.nodes:
        places = _places(n, wanted) if n.dtype == x.dtype else None
        if places is not None:
            fitting.append((n, places))
    if fitting and g.rng.random() < 0.6:
        y, places = g.rng.choice(fitting)
    else:
        free = list(g.shape(2))
        places = g.rng.sample(range(len(wanted) + len(free)), len(wanted))
        rest = iter(free)
        at = dict(zip(places, wanted, strict=True))
        shape = tuple(at[d] if d in at else next(rest) for d in range(len(wanted) + len(free)))
        y = g.parameter(shape, x.dtype)
    return y, tuple(places[: len(batch)]), tuple(places[len(batch) :])


def _places(n: Node, wanted: list[Dim]) -> list[int] | None:
    """Distinct axes of n that have the wanted extents."""
    free, found = list(range(n.ndim)), []
    for extent in wanted:
        fits = [d for d in free if n.shape[d] == extent]
        if not fits:
            return None
        found.append(fits[-1])
        free.remove(fits[-1])
    return found


def convolved(g: Grower) -> None:
    """A convolution, channels last, of whatever has a batch, an axis of space and features."""
    if g.lane == "special":
        raise Refused
    x = g.pick(lambda n: numeric(n) and n.ndim in (3, 4) and is_static(n.shape[1:]))
    space = x.ndim - 2
    window = tuple(g.rng.choice((1, 2, 3)) for _ in range(space))
    kernel = g.parameter((*window, x.shape[-1], g.rng.choice((1, 2, 7, 16))), x.dtype)
    axes = tuple(range(1, space + 1))
    g.put(
        ops.convolution(
            x,
            kernel,
            window_strides=tuple(g.rng.choice((1, 1, 2)) for _ in axes),
            padding=tuple(g.rng.choice(((0, 0), (1, 1), (0, 2), (1, 0))) for _ in axes),
            lhs_dilation=tuple(g.rng.choice((1, 1, 1, 2)) for _ in axes),
            rhs_dilation=tuple(g.rng.choice((1, 1, 1, 2)) for _ in axes),
            lhs_spec=(0, space + 1, *axes),
            rhs_spec=(space + 1, space, *range(space)),
            out_spec=(0, space + 1, *axes),
        )
    )


def windowed(g: Grower) -> None:
    """The reductions of windows, and sometimes where their extremes lie."""
    x = g.pick(lambda n: numeric(n) and n.ndim >= 1)
    window, strides, padding = [], [], []
    for extent in x.shape:
        moves = is_static(extent) and extent != 0 and g.rng.random() < 0.7
        window.append(g.rng.choice((1, 2, 3)) if moves else 1)
        strides.append(g.rng.choice((1, 2)) if moves else 1)
        padding.append(g.rng.choice(((0, 0), (1, 1), (0, 1))) if moves else (0, 0))
    kind = g.rng.choice(["max", "min"] if g.lane == "special" else ["sum", "max", "min"])
    sizes: dict[str, Any] = {
        "window_dimensions": tuple(window),
        "window_strides": tuple(strides),
        "padding": tuple(padding),
    }
    y = g.put(ops.reduce_window(x, kind=kind, window_dilations=(1,) * x.ndim, **sizes))
    if kind != "sum" and g.lane != "special" and g.rng.random() < 0.5:
        g.put(ops.select_and_scatter(x, g.like(y), kind=kind, **sizes))


# ---- loops -------------------------------------------------------------------------------------
def _body(
    g: Grower, given: list[Node], shadows: list[Any], turns: int
) -> tuple[Grower, list[Node]]:
    """A grower for a loop's body, and its parameters."""
    inner = Grower(g.rng, g.lane, g.extents, g.sizes, True, g.depth + 1, g.turns * turns)
    copies = [parameter(n.type, f"p{k}") for k, n in enumerate(given)]
    inner.parameters = copies
    for copy, shadow in zip(copies, shadows, strict=True):
        inner.given(copy, shadow)
    return inner, copies


def _next(inner: Grower, carry: Node) -> Node:
    """What the loop carries on: tamed, so that no turn doubles what the last one did."""
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
    consts = [g.pick() for _ in range(g.rng.randint(0, 2))]
    if g.concrete((length,)) == (0,):
        raise Refused
    shadows = [g.shadows[n] for n in (*consts, *carries)]
    shadows += [type(s)(s.value[0], s.error[0]) for s in (g.shadows[n] for n in sequences)]
    elements = [parameter(TensorType(n.shape[1:], n.dtype)) for n in sequences]
    inner, copies = _body(g, [*consts, *carries, *elements], shadows, g.concrete((length,))[0])
    for _ in range(g.rng.randint(1, 5)):
        grow(inner, [row for row in MOVES if row[0] not in OUTSIDE])
    first = len(consts)
    carried = [_next(inner, c) for c in copies[first : first + len(carries)]]
    stacked = [inner.pick() for _ in range(g.rng.randint(0 if carries else 1, 2))]
    node = ops.scan(
        *consts,
        *carries,
        *sequences,
        body=Graph(copies, [*carried, *stacked], "body"),
        num_consts=len(consts),
        num_carry=len(carries),
        length=length,
        reverse=g.rng.random() < 0.3,
    )
    for part in ops.elements(node):
        g.put(part)


def repeated(g: Grower) -> None:
    """A while loop of a few turns."""
    if g.depth >= 1:
        raise Refused
    x = g.pick()
    count = constant_of(g.rng.randint(0, 4), int32)
    start = constant_of(0, int32)
    shadows = [g.shadows[g.put(n)] for n in (count, start)] + [g.shadows[x]]
    inner, copies = _body(g, [count, start, x], shadows, 4)
    for _ in range(g.rng.randint(1, 4)):
        grow(inner, [row for row in MOVES if row[0] not in OUTSIDE])
    following = ops.add(copies[1], ops.fill(1, copies[1]))
    body = Graph(copies, [following, _next(inner, copies[2])], "body")
    limit, turn, other = (parameter(c.type, f"c{k}") for k, c in enumerate(copies))
    cond = Graph([limit, turn, other], [ops.compare(turn, limit, direction="LT")], "cond")
    node = ops.while_(count, start, x, cond=cond, body=body, num_consts=1)
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
    shadows = [g.shadows[x], g.shadows[other]]
    branches = []
    for name in ("if_true", "if_false"):
        inner, copies = _body(g, [x, other], shadows, 1)
        for _ in range(g.rng.randint(1, 3)):
            grow(inner, [row for row in MOVES if row[0] not in OUTSIDE])
        branches.append(Graph(copies, [_next(inner, copy) for copy in copies], name))
    node = ops.if_(pred, x, other, true_branch=branches[0], false_branch=branches[1])
    for part in ops.elements(node):
        g.put(part)


# ---- gradients ---------------------------------------------------------------------------------
def derived(g: Grower) -> None:
    """The gradient of a node with respect to an input: the shapes of a training step."""
    if g.depth or g.lane != "smooth" or len(g.nodes) > 60:  # of ties, gradients are fractions
        raise Refused
    y = g.pick(lambda n: real(n) and n.op != "parameter")
    inputs = [p for p in g.parameters if real(p) and p in topological([y])]
    if not inputs:
        raise Refused
    (gradient,) = gradients([y], [g.like(y)], [g.rng.choice(inputs)])
    g.put(gradient)


MOVES: list[tuple[Any, float]] = [
    (unary, 8),
    (binary, 12),
    (choice, 3),
    (logic, 1),
    (clamped, 1),
    (converted, 2),
    (integer_bits, 0.5),
    (counted, 1),
    (sized, 0.5),
    (noise, 1.2),
    (reduced, 5),
    (normalised, 4),
    (softmax, 2),
    (product, 7),
    (convolved, 2),
    (windowed, 2),
    (transposed, 3),
    (reshaped, 3),
    (broadcast, 3),
    (sliced, 3),
    (reversed_, 1.5),
    (mirrored, 3),
    (padded, 3),
    (joined, 2),
    (gathered, 3),
    (scattered, 1.5),
    (window, 1.5),
    (overwritten, 1.5),
    (sorted_, 1),
    (scanned, 2),
    (repeated, 0.5),
    (chosen, 1),
    (derived, 2),
]
OUTSIDE = {sorted_, scattered, sized}  # not in the bodies of loops
