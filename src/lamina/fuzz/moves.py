"""The ways in which a random program grows, one row each: a function and how often it is tried.

Shapes of programs that compilers get wrong are likelier here than chance would make them: maps into
reductions and back (`normalised`), views that feed reductions and products, edges of padding.
"""

from __future__ import annotations

from typing import Any

from lamina.autodiff import gradients
from lamina.fuzz.generate import Grower, Refused, grow
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter, topological
from lamina.ir.primitives import PRIMITIVES, constant_of
from lamina.ir.types import (
    DTYPES,
    Dim,
    TensorType,
    bool_,
    exact_division,
    float32,
    int32,
    is_static,
    uint32,
)

TAME = ["tanh", "logistic", "sine", "cosine", "erf", "abs", "negate", "negate"]
WILD = ["exponential", "sqrt", "log", "log_plus_one", "exponential_minus_one", "rsqrt", "cbrt"]
STEPS = ["floor", "ceil", "round_nearest_even", "sign"]
SAFE = ["abs", "negate", *STEPS]


def _numeric(n: Node) -> bool:
    return n.dtype.kind != "b" and not n.dtype.is_storage_only


def _float(n: Node) -> bool:
    return n.dtype.is_float and not n.dtype.is_storage_only


def _wide(n: Node) -> bool:
    return n.ndim >= 1 and not n.dtype.is_storage_only


# ---- maps --------------------------------------------------------------------------------------
def unary(g: Grower) -> None:
    x = g.pick(_float)
    names = [*TAME, *TAME, *WILD, *STEPS] if g.lane == "smooth" else SAFE
    g.put(PRIMITIVES[g.rng.choice(names)](x))


def binary(g: Grower) -> None:
    x = g.pick(_numeric)
    names = ["add", "subtract", "multiply", "maximum", "minimum"]
    if g.lane == "special":
        names = names[3:]
    elif g.lane == "smooth" and _float(x):
        names += ["add", "multiply", "divide", "power", "atan2", "remainder"]
    elif x.dtype.is_integer:
        names += ["and", "or", "xor", "divide", "remainder", "shift_left", "shift_right_logical"]
    op = PRIMITIVES[g.rng.choice(names)]
    y = g.like(x)
    g.put(op(x, y) if g.rng.random() < 0.7 else op(y, x))


def choice(g: Grower) -> None:
    x = g.pick(lambda n: not n.dtype.is_storage_only)
    direction = g.rng.choice(["EQ", "NE", "LT", "LE", "GT", "GE"])
    pred = ops.compare(x, g.like(x), direction=direction)
    same = [n for n in g.nodes if n.shape == x.shape and not n.dtype.is_storage_only]
    y = g.rng.choice(same)
    g.put(ops.select(pred, y, g.like(y)))


def logic(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype == bool_)
    if g.rng.random() < 0.3:
        g.put(ops.not_(x))
    else:
        g.put(PRIMITIVES[g.rng.choice(["and", "or", "xor"])](x, g.like(x)))


def clamped(g: Grower) -> None:
    x = g.pick(_numeric)
    low, high = (ops.broadcast(constant_of(v, x.dtype), x.shape, ()) for v in (0, 1))
    g.put(ops.clamp(low, x, high))


def converted(g: Grower) -> None:
    x = g.pick()
    names = ["float32", "float32", "int32", "uint8", "bool", "int8", "int64", "uint16"]
    if g.lane == "smooth":
        names += ["float64", "float16", "bfloat16"]
    if x.dtype.is_storage_only:
        names = ["float32"]
    g.put(ops.convert(x, dtype=DTYPES[g.rng.choice(names)]))


def integer_bits(g: Grower) -> None:
    x = g.pick(lambda n: n.dtype.is_integer)
    g.put(PRIMITIVES[g.rng.choice(["population_count", "count_leading_zeros", "not"])](x))


def counted(g: Grower) -> None:
    """Positions along an axis, alone or compared with labels: a one-hot encoding."""
    shape = g.shape() or (g.extent(),)
    axis = g.rng.randrange(len(shape))
    dtype = g.rng.choice([int32, int32, float32])
    iota = ops.iota(shape=shape, dtype=dtype, iota_dimension=axis)
    labels = [n for n in g.nodes if n.type == TensorType(shape[:axis] + shape[axis + 1 :], dtype)]
    if not labels:
        g.put(iota)
        return
    dims = tuple(d for d in range(len(shape)) if d != axis)
    label = ops.broadcast(g.rng.choice(labels), shape, dims)
    g.put(ops.convert(ops.compare(iota, label, direction="EQ"), dtype=float32))


def sized(g: Grower) -> None:
    extent: Any = g.extent()
    if is_static(extent):
        raise Refused
    g.put(ops.convert(ops.size_of(extent=extent + 1), dtype=float32))


def noise(g: Grower) -> None:
    """Random bits as numbers in [0, 1)."""
    keys = [n for n in g.nodes if n.type == TensorType((2,), uint32)]
    key = g.rng.choice(keys) if keys else g.parameter((2,), uint32, "key")
    bits = ops.rng_bit_generator(key, shape=g.shape())
    shifted = ops.shift_right_logical(bits, ops.fill(8 if g.lane == "smooth" else 28, bits))
    g.put(ops.convert(shifted, dtype=float32))
    if g.lane == "smooth":
        number = g.nodes[-1]
        g.put(ops.multiply(number, ops.fill(2.0**-24, number)))


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
    g.put(_reduction(g, g.pick(_wide)))


def normalised(g: Grower) -> None:
    """A map, a reduction, broadcast back over what it came from."""
    x = g.pick(_wide)
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
    x = g.pick(lambda n: _float(n) and n.ndim >= 1)
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
    x = g.pick(lambda n: _numeric(n) and n.ndim >= 1)
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
    x = g.pick(lambda n: _numeric(n) and n.ndim in (3, 4) and is_static(n.shape[1:]))
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
    x = g.pick(lambda n: _numeric(n) and n.ndim >= 1)
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
            start, limit = sorted((g.rng.randint(0, int(extent)), g.rng.randint(0, int(extent))))  # type: ignore[arg-type]
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
    """A value beside a view of itself: x + x.T, a difference of neighbours."""
    x = g.pick(lambda n: _numeric(n) and n.ndim >= 1)
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
    """Whole rows along an axis, at positions that may lie outside."""
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
    sizes = tuple(g.rng.randint(0, int(n)) if is_static(n) else n for n in x.shape)  # type: ignore[arg-type]
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
    if _float(carry) and inner.lane == "smooth" and inner.rng.random() < 0.7:
        return inner.put(ops.tanh(ops.add(new, carry)))
    if inner.rng.random() < 0.5 and _numeric(carry):
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


# ---- gradients ---------------------------------------------------------------------------------
def derived(g: Grower) -> None:
    """The gradient of a node with respect to an input: the shapes of a training step."""
    if g.depth or g.lane != "smooth" or len(g.nodes) > 60:  # of ties, gradients are fractions
        raise Refused
    y = g.pick(lambda n: _float(n) and n.op != "parameter")
    inputs = [p for p in g.parameters if _float(p) and p in topological([y])]
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
    (derived, 2),
]
OUTSIDE = {sorted_, scattered, sized}  # not in the bodies of loops
