"""Ways to grow a program that only move elements: views, padding, indexing, sorting."""

from __future__ import annotations

from lamina.fuzz.grower import Grower, Refused
from lamina.fuzz.maps import numeric
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import (
    DTYPES,
    Dim,
    TensorType,
    exact_division,
    int32,
    is_static,
)


# ---- views -------------------------------------------------------------------------------------
def transposed(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 2)
    g.put(ops.transpose(x, permutation=tuple(g.rng.sample(range(x.ndim), x.ndim))))


def reshaped(g: Grower) -> None:
    """Axes merged, one split, or ones put in."""
    x = g.pick()
    shape = list(x.shape)
    how = g.rng.randrange(4)
    if how == 0:
        shape = [x.type.size]
    elif how == 1 and len(shape) >= 2:
        d = g.rng.randrange(len(shape) - 1)
        shape[d : d + 2] = [shape[d] * shape[d + 1]]
    elif how == 2 and shape:
        d = g.rng.randrange(len(shape))
        by = g.rng.choice((2, 3, 4, 8, *[e for e in g.extents if e != 0]))
        part = exact_division(shape[d], by)
        if part is None:
            raise Refused
        shape[d : d + 1] = [part, by] if g.rng.random() < 0.5 else [by, part]
    else:
        shape.insert(g.rng.randint(0, len(shape)), 1)
    g.put(ops.reshape(x, shape=tuple(shape)))


def broadcast(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim <= 2)
    shape = list(x.shape)
    for d, extent in enumerate(shape):
        if extent == 1 and g.rng.random() < 0.5:
            shape[d] = g.extent()
    axes = list(range(len(shape)))
    for _ in range(g.rng.randint(1, 2)):
        at = g.rng.randint(0, len(shape))
        shape.insert(at, g.extent())
        axes = [a + (a >= at) for a in axes]
    g.put(ops.broadcast_in_dim(x, shape=tuple(shape), broadcast_dimensions=tuple(axes)))


def sliced(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 1)
    starts, limits, strides = [], [], []
    for extent in x.shape:
        stride = g.rng.choice((1, 1, 1, 2, 3))
        start: Dim = 0
        limit = extent
        if is_static(extent) and g.rng.random() < 0.7:
            start, limit = sorted((g.rng.randint(0, int(extent)), g.rng.randint(0, int(extent))))
        starts.append(start)
        limits.append(limit)
        strides.append(stride)
    g.put(
        ops.slice_(
            x, start_indices=tuple(starts), limit_indices=tuple(limits), strides=tuple(strides)
        )
    )


def reversed_(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 1)
    axes = g.rng.sample(range(x.ndim), g.rng.randint(1, x.ndim))
    g.put(ops.reverse(x, dimensions=tuple(sorted(axes))))


def mirrored(g: Grower) -> None:
    """A value combined with a view of itself: x + x.T, a difference of neighbors."""
    x = g.pick(lambda n: numeric(n) and n.ndim >= 1)
    axis = g.rng.randrange(x.ndim)
    order = g.rng.sample(range(x.ndim), x.ndim)
    if tuple(x.shape[d] for d in order) == x.shape and g.rng.random() < 0.6:
        view = ops.transpose(x, permutation=tuple(order))
    else:
        view = ops.reverse(x, dimensions=(axis,))
    if g.rng.random() < 0.5 and x.dtype.kind in "if":
        view = ops.negate(view)
    names = ["maximum", "minimum"] if g.lane == "special" else ["add", "subtract", "maximum"]
    g.put(PRIMITIVES[g.rng.choice(names)](x, view))


def padded(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 1)
    low, high, inner = [], [], []
    for extent in x.shape:
        static = is_static(extent)
        low.append(g.rng.choice((0, 0, 1, 2, -1) if static else (0, 0, 1, 2)))
        high.append(g.rng.choice((0, 0, 1, 3, -1) if static else (0, 0, 1, 3)))
        inner.append(g.rng.choice((0, 0, 0, 1, 2)) if static else 0)
    value = g.constant(TensorType((), x.dtype))
    g.put(
        ops.pad(
            x,
            value,
            edge_padding_low=tuple(low),
            edge_padding_high=tuple(high),
            interior_padding=tuple(inner),
        )
    )


def joined(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 1)
    axis = g.rng.randrange(x.ndim)

    def fits(n: Node) -> bool:
        if n.dtype != x.dtype or n.ndim != x.ndim:
            return False
        return all(n.shape[d] == x.shape[d] for d in range(x.ndim) if d != axis)

    parts = [x] + [g.pick(fits) for _ in range(g.rng.randint(1, 2))]
    g.rng.shuffle(parts)
    g.put(ops.concatenate(*parts, dimension=axis))


# ---- indexing ----------------------------------------------------------------------------------
def _indices(g: Grower, shape: tuple[Dim, ...]) -> Node:
    fitting = [n for n in g.nodes if n.shape == shape and n.dtype == int32]
    if fitting and g.rng.random() < 0.7:
        return g.rng.choice(fitting)
    dtype = DTYPES[g.rng.choice(("int32", "int32", "int64", "uint8"))]
    return g.parameter(shape, dtype, "index")


def gathered(g: Grower) -> None:
    """Whole rows along an axis, at positions that may be outside."""
    x = g.pick(lambda n: n.ndim >= 1 and n.shape[0] != 0)
    axis = g.rng.randrange(x.ndim)
    if g.concrete(x.shape)[axis] == 0 or (not is_static(x.shape[axis])):
        raise Refused
    indices = _indices(g, (*g.shape(2)[:2], 1))
    batch = indices.ndim - 1
    sizes = [1 if d == axis else n for d, n in enumerate(x.shape)]
    offset = tuple(range(batch, batch + x.ndim - 1)) if g.rng.random() < 0.7 else None
    if offset is None:
        offset = tuple(range(x.ndim - 1))
    g.put(
        ops.gather(
            x,
            indices,
            offset_dims=offset,
            collapsed_slice_dims=(axis,),
            start_index_map=(axis,),
            slice_sizes=tuple(sizes),
        )
    )


def scattered(g: Grower) -> None:
    """Rows combined into an array where indices say."""
    x = g.pick(lambda n: n.ndim >= 1 and n.dtype.kind != "b" and not n.dtype.is_storage_only)
    kinds = ["set", "min", "max"] if g.lane == "special" else ["set", "add", "add", "min", "max"]
    indices = _indices(g, (g.extent(), 1))
    rows = (indices.shape[0], *x.shape[1:])
    fitting = [n for n in g.nodes if n.type == TensorType(rows, x.dtype)]
    updates = g.rng.choice(fitting) if fitting else g.parameter(rows, x.dtype)
    g.put(
        ops.scatter(
            x,
            indices,
            updates,
            kind=g.rng.choice(kinds),
            update_window_dims=tuple(range(1, x.ndim)),
            inserted_window_dims=(0,),
            scatter_dims_to_operand_dims=(0,),
        )
    )


def _starts(g: Grower, x: Node) -> list[Node]:
    return [
        _indices(g, ()) if g.rng.random() < 0.6 else constant_of(g.rng.randint(-1, 3), int32)
        for _ in x.shape
    ]


def window(g: Grower) -> None:
    """dynamic_slice, its starts often beyond the ends."""
    x = g.pick(lambda n: n.ndim >= 1)
    sizes = tuple(g.rng.randint(0, int(n)) if is_static(n) else n for n in x.shape)
    g.put(ops.dynamic_slice(x, *_starts(g, x), slice_sizes=sizes))


def overwritten(g: Grower) -> None:
    """dynamic_update_slice by a node that fits."""
    x = g.pick(lambda n: n.ndim >= 1)

    def fits(n: Node) -> bool:
        if n.dtype != x.dtype or n.ndim != x.ndim:
            return False
        return all(a == b or (is_static((a, b)) and a <= b) for a, b in zip(n.shape, x.shape))  # type: ignore[operator]

    update = g.pick(fits)
    g.put(ops.dynamic_update_slice(x, update, *_starts(g, x)))


def sorted_(g: Grower) -> None:
    x = g.pick(lambda n: n.ndim >= 1 and not n.dtype.is_storage_only)
    axis, down = g.rng.randrange(x.ndim), g.rng.random() < 0.4
    others = [n for n in g.nodes if n.shape == x.shape and n is not x]
    more = [g.rng.choice(others)] if others and g.rng.random() < 0.4 else []
    for part in ops.elements(ops.sort(x, *more, dimension=axis, descending=down)):
        g.put(part)
