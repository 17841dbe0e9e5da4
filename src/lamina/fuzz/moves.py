"""The ways in which a random program grows, one row each: a function and how often it is tried.

Shapes of programs that compilers get wrong are likelier here than in a uniform draw: maps into
reductions and back (`normalized`), views that feed reductions and products, edges of padding.
"""

from __future__ import annotations

from typing import Any

from lamina.autodiff import gradients
from lamina.fuzz.grower import Grower, Refused
from lamina.fuzz.layers import image_block, recurrent, ruled
from lamina.fuzz.loops import chosen, repeated, scanned
from lamina.fuzz.maps import (
    binary,
    choice,
    clamped,
    converted,
    counted,
    integer_bits,
    logic,
    neutral,
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
from lamina.ir.graph import Node, topological
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import (
    Dim,
    bool_,
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


def normalized(g: Grower) -> None:
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
    """The reductions of windows, and sometimes the positions of their extremes."""
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
    (neutral, 1.5),
    (choice, 3),
    (logic, 1),
    (clamped, 1),
    (converted, 2),
    (integer_bits, 0.5),
    (counted, 1),
    (sized, 0.5),
    (noise, 1.2),
    (reduced, 5),
    (normalized, 4),
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
    (ruled, 2),
    (recurrent, 0.8),
    (image_block, 0.8),
    (derived, 4),
]
OUTSIDE = {sorted_, scattered, sized}  # not in the bodies of loops
INNER_MOVES = [row for row in MOVES if row[0] not in OUTSIDE]
ELEMENTWISE = [  # what the sign of a zero passes through
    *((unary, 4), (binary, 4), (neutral, 6), (choice, 2), (clamped, 1), (converted, 1)),
    *((transposed, 1), (reshaped, 1), (broadcast, 1), (sliced, 1), (padded, 2), (joined, 1)),
]
