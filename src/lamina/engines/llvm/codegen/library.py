"""Library code for primitives that are no loop nests: scatter, overlapping pooling gradients, sort.

Each row of `ROUTINES` gets a `Site`: where the code goes, and the addresses of operands, results
and the scratch memory that `scratch_types` (program/scratch.py) requests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.elementwise import (
    SCALAR,
    memory_type,
    register_type,
    to_memory,
    to_register,
)
from lamina.engines.llvm.codegen.reducers import best
from lamina.engines.llvm.codegen.values import Value, constant, zero
from lamina.engines.llvm.program import scratch
from lamina.engines.llvm.target.target import target
from lamina.ir.graph import Node
from lamina.ir.types import Dim, DType, TensorType, float64

ZERO, ONE = constant("i64", 0), constant("i64", 1)


@dataclass
class Site:
    """The place where a routine's code is emitted, and its operands."""

    b: Builder
    node: Node
    inputs: list[Value]
    outputs: list[Value]
    scratch: list[Value]
    dim: Callable[[Dim], Value]
    thread: Value
    threads: Value

    def part(self, count: Value) -> tuple[Value, Value]:
        """Return this thread's share of `count` equal pieces."""
        return self.b.share(count, self.thread, self.threads)

    def load(self, base: Value, index: Value, dtype: DType) -> Value:
        type_ = memory_type(dtype)
        return to_register(self.b, self.b.load(type_, self.b.element(base, index, type_)), dtype)

    def store(self, value: Value, base: Value, index: Value, dtype: DType) -> None:
        address = self.b.element(base, index, memory_type(dtype))
        self.b.store(to_memory(self.b, value, dtype), address)

    def strides(self, type_: TensorType) -> list[Value]:
        """C-order strides in elements."""
        found: list[Value] = []
        total = ONE
        for extent in reversed(type_.shape):
            found.append(total)
            total = self.b.mul(total, self.dim(extent))
        return found[::-1]


# ---- scatter -----------------------------------------------------------------------------------
COMBINE = {"add": "add", "multiply": "multiply", "min": "minimum", "max": "maximum"}


def scatter(s: Site) -> None:
    """Combine updates in C order into the result, which already holds a copy of x.

    Threads partition an axis of the window that no index moves along: each owns its part of the
    result. Without such an axis one thread does all the work. Many updates are added in float64, if
    `scratch_types` (program/scratch.py) provides the memory.
    """
    b = s.b
    if not s.scratch:
        _scatter_into(s, s.outputs[0], s.node.dtype)
        return
    many = _are_many(s)
    with b.when(b.xor(many, constant("i1", 1))):
        _scatter_into(s, s.outputs[0], s.node.dtype)
    with b.when(many):
        wide, narrow = (s.scratch[0], float64), (s.outputs[0], s.node.dtype)
        _convert_part(s, narrow, wide)
        _scatter_into(s, *wide)
        _convert_part(s, wide, narrow)


def _are_many(s: Site) -> Value:
    """True if so much is added to single elements that float64 is worth it."""
    b, (x, _, updates) = s.b, s.node.args
    updates_of_one = _count(s, scratch.indexed_extents(s.node))
    many = b.icmp("sgt", updates_of_one, constant("i64", target().costs.plain_sum))
    least = b.mul(_count(s, x.shape), constant("i64", target().costs.float64_updates))
    return b.and_(many, b.icmp("sge", _count(s, updates.shape), least))


def _count(s: Site, extents: Sequence[Dim]) -> Value:
    total = ONE
    for extent in extents:
        total = s.b.mul(total, s.dim(extent))
    return total


def _convert_part(s: Site, source: tuple[Value, DType], target: tuple[Value, DType]) -> None:
    """Convert this thread's part of the result from one memory and dtype to another."""
    b, x, updates = s.b, s.node.type, s.node.args[2].type
    ranges = [(ZERO, s.dim(n)) for n in x.shape]
    owned = _owned(s.node)
    if owned is not None:
        ranges[owned[1]] = s.part(s.dim(updates.shape[owned[0]]))
    with ExitStack() as loops:
        if owned is None:
            loops.enter_context(b.when(b.icmp("eq", s.thread, ZERO)))
        at = [loops.enter_context(b.loop(*bounds, hint="convert")).value for bounds in ranges]
        place = _dot(s, at, s.strides(x))
        value = s.load(source[0], place, source[1])
        s.store(SCALAR["convert"](b, source[1], target[1], value), target[0], place, target[1])


def _window(node: Node) -> dict[int, int]:
    """Return the axis of the operand for each axis of the updates' window."""
    p = node.params
    gone = {*p["inserted_window_dims"], *p["input_batching_dims"]}
    operand_axes = [d for d in range(node.ndim) if d not in gone]
    return dict(zip(sorted(p["update_window_dims"]), operand_axes, strict=True))


def _owned(node: Node) -> tuple[int, int] | None:
    """Return the axis of the updates, and of the operand, that threads partition."""
    moved = node.params["scatter_dims_to_operand_dims"]
    still = [(a, d) for a, d in _window(node).items() if d not in moved]
    return still[-1] if still else None


def _scatter_into(s: Site, result: Value, dtype: DType) -> None:
    b, node, p = s.b, s.node, s.node.params
    x, indices, updates = (a.type for a in node.args)
    window, owned = _window(node), _owned(node)
    ranges = {axis: (ZERO, s.dim(n)) for axis, n in enumerate(updates.shape)}
    if owned is not None:
        ranges[owned[0]] = s.part(s.dim(updates.shape[owned[0]]))
    with ExitStack() as loops:
        if owned is None:
            loops.enter_context(b.when(b.icmp("eq", s.thread, ZERO)))
        at = {}
        for axis in range(updates.ndim):
            at[axis] = loops.enter_context(b.loop(*ranges[axis], hint="update")).value
        batch = [at[a] for a in range(updates.ndim) if a not in window]
        position = {d: at[axis] for axis, d in window.items()}
        pairs = zip(p["input_batching_dims"], p["scatter_indices_batching_dims"], strict=True)
        position |= {d: batch[axis] for d, axis in pairs}
        starts = _starts(s, indices, batch)
        for k, d in enumerate(p["scatter_dims_to_operand_dims"]):
            position[d] = b.add(position.get(d, ZERO), starts[k])
        place, inside = _place(s, x, [position.get(d, ZERO) for d in range(x.ndim)])
        source = _dot(s, [at[a] for a in range(updates.ndim)], s.strides(updates))
        loops.enter_context(b.when(inside))
        new = s.load(s.inputs[2], source, updates.dtype)
        if dtype != updates.dtype:
            new = SCALAR["convert"](b, updates.dtype, dtype, new)
        if p["kind"] != "set":
            old = s.load(result, place, dtype)
            new = SCALAR[COMBINE[p["kind"]]](b, dtype, dtype, old, new)
        s.store(new, result, place, dtype)


def _starts(s: Site, indices: TensorType, batch: Sequence[Value]) -> list[Value]:
    """Return the start that indices give for each mapped axis, as i64."""
    strides = s.strides(indices)
    base = _dot(s, batch, strides[:-1])
    found = []
    for k in range(int(indices.shape[-1])):
        value = s.load(s.inputs[1], s.b.add(base, constant("i64", k)), indices.dtype)
        if indices.dtype.bits < 64:
            extend = "sext" if indices.dtype.kind == "i" else "zext"
            value = s.b.cast(extend, value, "i64")
        found.append(value)
    return found


def _place(s: Site, x: TensorType, position: Sequence[Value]) -> tuple[Value, Value]:
    """Return the linear index of a position in x, and whether the position is inside x."""
    inside = constant("i1", 1)
    for at, extent in zip(position, x.shape, strict=True):
        below = s.b.icmp("ult", at, s.dim(extent))  # a negative position is a large unsigned one
        inside = s.b.and_(inside, below)
    return _dot(s, position, s.strides(x)), inside


def _dot(s: Site, position: Sequence[Value], strides: Sequence[Value]) -> Value:
    total = ZERO
    for at, stride in zip(position, strides, strict=True):
        total = s.b.add(total, s.b.mul(at, stride))
    return total


# ---- the gradient of pooling -------------------------------------------------------------------
def select_and_scatter(s: Site) -> None:
    """Add each source element at the extreme of its window; the result starts as zeros.

    Threads partition the first axis along which windows neither extend nor step: each owns its part
    of the result. Overlapping windows may add to one element, so within a part the order is C
    order.
    """
    b, p = s.b, s.node.params
    x, source = (a.type for a in s.node.args)
    rows = zip(p["window_dimensions"], p["window_strides"], p["padding"], strict=True)
    alone = [d for d, (w, step, edges) in enumerate(rows) if w == step == 1 and not any(edges)]
    ranges = {axis: (ZERO, s.dim(n)) for axis, n in enumerate(source.shape)}
    if alone:
        ranges[alone[0]] = s.part(s.dim(source.shape[alone[0]]))
    with ExitStack() as loops:
        if not alone:
            loops.enter_context(b.when(b.icmp("eq", s.thread, ZERO)))
        at = [
            loops.enter_context(b.loop(*ranges[axis], hint="window")).value
            for axis in range(x.ndim)
        ]
        place = _extreme(s, x, at)
        # a window of padding alone has no extreme: nothing is added
        loops.enter_context(b.when(b.icmp("sge", place, ZERO)))
        new = s.load(s.inputs[1], _dot(s, at, s.strides(source)), x.dtype)
        old = s.load(s.outputs[0], place, x.dtype)
        s.store(SCALAR["add"](b, x.dtype, x.dtype, old, new), s.outputs[0], place, x.dtype)


def _extreme(s: Site, x: TensorType, at: Sequence[Value]) -> Value:
    """Return the linear index in x of the first extreme of window `at`; -1 for none."""
    b, p = s.b, s.node.params
    kind = "arg" + p["kind"]
    carry = [zero(register_type(x.dtype)), constant("i64", -1)]
    wide = [d for d, w in enumerate(p["window_dimensions"]) if w > 1]

    def look(axes: list[int], position: dict[int, Value], best_yet: list[Value]) -> list[Value]:
        if axes:
            axis, *rest = axes
            with b.loop(0, p["window_dimensions"][axis], carry=best_yet, hint="look") as loop:
                loop.next = look(rest, {**position, axis: loop.value}, loop.carried)
            return loop.result
        inside = []
        for d in range(x.ndim):
            first = b.mul(at[d], constant("i64", p["window_strides"][d]))
            first = b.sub(first, constant("i64", p["padding"][d][0]))
            inside.append(b.add(first, position.get(d, ZERO)))
        place, exists = _place(s, x, inside)
        safe = b.select(exists, place, ZERO)
        found = [s.load(s.inputs[0], safe, x.dtype), safe]
        better = best(b, kind, x.dtype, best_yet, found)
        return [b.select(exists, n, o) for n, o in zip(better, best_yet, strict=True)]

    return look(wide, {}, carry)[1]


# ---- sort --------------------------------------------------------------------------------------
@dataclass
class Row:
    """One row to sort: element k of it is at base + k * step."""

    base: Value
    step: Value
    count: Value


def sort(s: Site) -> None:
    """Sort each row's positions by a stable bottom-up merge sort, then permute every operand.
    Threads partition the rows."""
    b, axis = s.b, s.node.params["dimension"]
    type_ = s.node.args[0].type
    count, step = s.dim(type_.shape[axis]), s.strides(type_)[axis]
    rows = ONE
    for d, extent in enumerate(type_.shape):
        rows = rows if d == axis else b.mul(rows, s.dim(extent))
    with b.loop(*s.part(rows), hint="row") as row:
        outer, inner = b.binary("sdiv", row.value, step), b.binary("srem", row.value, step)
        base = b.add(b.mul(outer, b.mul(count, step)), inner)
        start = b.mul(row.value, count)
        order, spare = (b.element(memory, start, "i32") for memory in s.scratch)
        _sort_row(s, Row(base, step, count), order, spare)


def _sort_row(s: Site, row: Row, order: Value, spare: Value) -> None:
    b = s.b
    with b.loop(0, row.count, hint="number") as k:
        b.store(b.cast("trunc", k.value, "i32"), b.element(order, k.value, "i32"))
    # runs of width 1, 2, 4, ... are merged from one array into the other
    head, body, done = b.label("widths"), b.label("merge"), b.label("sorted")
    entry = b.block
    b.branch(head)
    b.place(head)
    at = len(b.lines)
    width, now, then = (Value(b.name(n), t) for n, t in (("w", "i64"), ("p", "ptr"), ("q", "ptr")))
    b.branch_if(b.icmp("slt", width, row.count), body, done)
    b.place(body)
    double = b.shl(width, ONE)
    pairs = b.binary("sdiv", b.add(row.count, b.sub(double, ONE)), double)
    with b.loop(0, pairs, hint="pair") as pair:
        _merge(s, row, now, then, b.mul(pair.value, double), width)
    latch = b.block
    b.lines[at:at] = [
        f"  {width.text} = phi i64 [ 1, %{entry} ], [ {double.text}, %{latch} ]",
        f"  {now.text} = phi ptr [ {order.text}, %{entry} ], [ {then.text}, %{latch} ]",
        f"  {then.text} = phi ptr [ {spare.text}, %{entry} ], [ {now.text}, %{latch} ]",
    ]
    b.branch(head)
    b.place(done)
    _permute(s, row, now)


def _merge(s: Site, row: Row, now: Value, then: Value, low: Value, width: Value) -> None:
    """Merge the runs [low, low + width) and [low + width, ...); in a tie, the left one goes
    first."""
    b = s.b
    middle = b.intrinsic("llvm.smin", b.add(low, width), row.count)
    high = b.intrinsic("llvm.smin", b.add(middle, width), row.count)
    with b.loop(low, high, carry=[low, middle], hint="out") as out:
        left, right = out.carried
        has_left, has_right = b.icmp("slt", left, middle), b.icmp("slt", right, high)
        last = b.sub(row.count, ONE)
        i = b.load("i32", b.element(now, b.intrinsic("llvm.smin", left, last), "i32"))
        j = b.load("i32", b.element(now, b.intrinsic("llvm.smin", right, last), "i32"))
        sooner = _before(s, row, j, i)
        take_right = b.and_(has_right, b.or_(sooner, b.xor(has_left, constant("i1", 1))))
        b.store(b.select(take_right, j, i), b.element(then, out.value, "i32"))
        moved = b.cast("zext", take_right, "i64")
        out.next = [b.add(left, b.sub(ONE, moved)), b.add(right, moved)]


def _before(s: Site, row: Row, i: Value, j: Value) -> Value:
    """Return whether element i precedes element j: the first key that differs decides."""
    b, p = s.b, s.node.params
    before, equal = constant("i1", 0), constant("i1", 1)
    for k in range(p["num_keys"]):
        dtype = s.node.args[k].dtype
        x, y = (s.load(s.inputs[k], _element(b, row, n), dtype) for n in (i, j))
        less, more = _ordered(b, dtype, x, y, p["descending"])
        before = b.or_(before, b.and_(equal, less))
        equal = b.and_(equal, b.xor(b.or_(less, more), constant("i1", 1)))
    return before


def _ordered(b: Builder, dtype: DType, x: Value, y: Value, descending: bool) -> tuple[Value, Value]:
    """Return (x precedes y, y precedes x); NaN follows everything."""
    down, up = ("GT", "LT") if descending else ("LT", "GT")
    compare = SCALAR["compare"]
    less = compare(b, dtype, dtype, x, y, direction=down)
    more = compare(b, dtype, dtype, x, y, direction=up)
    if not dtype.is_float:
        return less, more
    x_nan, y_nan = b.fcmp("uno", x, x), b.fcmp("uno", y, y)
    x_number, y_number = b.fcmp("ord", x, x), b.fcmp("ord", y, y)
    return b.or_(less, b.and_(x_number, y_nan)), b.or_(more, b.and_(y_number, x_nan))


def _element(b: Builder, row: Row, number: Value) -> Value:
    return b.add(row.base, b.mul(b.cast("zext", number, "i64"), row.step))


def _permute(s: Site, row: Row, order: Value) -> None:
    b = s.b
    with b.loop(0, row.count, hint="fetch") as k:
        source = _element(b, row, b.load("i32", b.element(order, k.value, "i32")))
        target = b.add(row.base, b.mul(k.value, row.step))
        for arg, value, result in zip(s.node.args, s.inputs, s.outputs, strict=True):
            s.store(s.load(value, source, arg.dtype), result, target, arg.dtype)


ROUTINES: dict[str, Callable[[Site], None]] = {
    "scatter": scatter,
    "select_and_scatter": select_and_scatter,
    "sort": sort,
}
