"""Winograd's convolution with 3x3 kernels: 16 products instead of 36.

Four outputs of a 2x2 tile depend on a 4x4 patch d of the input. The transforms take the patch d,
the kernel g and the outputs y to a basis in which the convolution is elementwise (Lavin and Gray
2015, "Fast algorithms for convolutional neural networks", F(2x2, 3x3)):

    V = B' d B        U = G g G'        M = sum over input features of V U        y = A' M A

M is 16 matrix products, (tiles x inputs) times (inputs x outputs). The three transforms are maps of
additions and subtractions; each is a partitioned value that one kernel computes. The gradient with
respect to the kernel is F(3x3, 2x2): the same V, a tile of the cotangent instead of the kernel, and
a sum over tiles.

Legality: float32 or float64, 3x3 kernels, stride 1, no groups. Profitability: products saved per
element moved (`Costs.winograd_gain`). Changes bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.engines.llvm.graph.materialize import Materialized, materialize
from lamina.engines.llvm.graph.partitions import interleaved, stacked
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import Dim, Shape, is_static
from lamina.ir.typical import guess

# One row a result: what each element of a column of the operand counts.
INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # B'
KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # A'
TILE = ((1, 0), (0.5, 0.5), (0.5, -0.5), (0, -1))  # G of F(3x3, 2x2), for the same B'
SLOPES = ((1, 1, 1, 0), (0, 1, -1, 0), (0, 1, 1, 1))  # A' of F(3x3, 2x2)
FORWARD = {"lhs_spec": (0, 3, 1, 2), "out_spec": (0, 3, 1, 2)}
TO_KERNEL = {"lhs_spec": (3, 0, 1, 2), "rhs_spec": (3, 0, 1, 2), "out_spec": (2, 3, 0, 1)}
Square = list[list[Node]]


def pays(node: Node, materialized: Materialized) -> bool:
    """True if `winograd` can compute the convolution, and faster."""
    w, spec = node.args[1], node.params["rhs_spec"]
    fits = _fits(node, FORWARD) and [w.shape[d] for d in spec[2:]] == [3, 3]
    return fits and (
        _saves_near(node, materialized) or _saves(node.shape, node.args[0].shape[3], materialized)
    )


def pays_for_kernel(node: Node, materialized: Materialized) -> bool:
    """True if `winograd_to_kernel` can compute the gradient with respect to a kernel, and
    faster."""
    x, g = node.args
    fits = _fits(node, TO_KERNEL) and node.shape[:2] == (3, 3)
    return fits and _saves(g.shape, x.shape[3], materialized)


def _fits(node: Node, specs: Mapping[str, Sequence[int]]) -> bool:
    """True for a plain convolution of images, features last."""
    p = node.params
    ones = [*p["window_strides"], *p["lhs_dilation"], *p["rhs_dilation"]]
    ones += [p["feature_group_count"], p["batch_group_count"]]
    return (
        all(tuple(p[name]) == spec for name, spec in specs.items())
        and all(n == 1 for n in ones)
        and node.dtype.name in ("float32", "float64")
    )


def _saves(outputs: Shape, inputs: Dim, materialized: Materialized) -> bool:
    """True if the products saved cost more than the additional memory traffic."""
    if not is_static((*outputs[1:], inputs)) or not (
        is_static(outputs) or materialized.has_weight_gradients
    ):
        return False
    batch, rows, columns, features = map(guess, outputs)
    depth, tiles = guess(inputs), batch * -(-rows // 2) * -(-columns // 2)
    costs = materialized.target.costs
    if 16 * tiles * (depth + features) > costs.winograd_most:
        return False
    return _gain(batch * rows * columns, tiles, depth, features) >= costs.winograd_gain


def _saves_near(node: Node, materialized: Materialized) -> bool:
    """The same if the transforms of a row of tiles stay in the caches (program/row_tiling.py)."""
    outputs, inputs, size = node.shape, node.args[0].shape[3], node.dtype.itemsize
    if not is_static((*outputs[1:], inputs)):
        return False
    rows, columns, features, depth = map(guess, (*outputs[1:], inputs))
    tiles = -(-rows // 2) * -(-columns // 2)
    row = 16 * -(-columns // 2) * (depth + features) * size
    costs = materialized.target.costs
    if row > costs.winograd_row or 16 * depth * features * size > costs.winograd_weights:
        return False
    return _gain(rows * columns, tiles, depth, features) >= costs.winograd_gain_near


def _gain(outputs: int, tiles: int, depth: int, features: int) -> float:
    """Return the products saved per element that is written and read."""
    saved = depth * features * (9 * outputs - 16 * tiles)
    return saved / (16 * (tiles * (depth + features) + depth * features))


def winograd(node: Node, kernel: Node, materialized: Materialized) -> Node:
    """Return the convolution; `kernel` is (3, 3, inputs, outputs)."""
    rows, columns = tiles = _tiles(node)
    v = _patches(node, tiles, materialized)
    u = _transformed(KERNEL, [[_at(kernel, (i, j)) for j in range(3)] for i in range(3)])
    m = materialize(
        ops.transpose(_products(v, u, ((3,), (1,))), permutation=(1, 0, 2, 3)), materialized
    )
    y = _both(OUTPUT, _square(m, 1))
    whole = interleaved({(i, j): y[i][j] for i in (0, 1) for j in (0, 1)}, (0, 1), (2, 2))
    shape = (node.shape[0], 2 * rows, 2 * columns, node.shape[3])
    whole = ops.reshaped(whole, shape)
    if shape == node.shape:
        return whole
    return ops.slice(whole, start_indices=(0,) * 4, limit_indices=node.shape, strides=(1,) * 4)


def winograd_to_kernel(node: Node, materialized: Materialized) -> Node:
    """Return the gradient with respect to a kernel, (3, 3, inputs, outputs); lhs is the input, rhs
    the cotangent."""
    g = node.args[1]
    rows, columns = tiles = _tiles(g)
    v = _patches(node, tiles, materialized)
    g = _padded(g, ((0, 0), (0, 0)), (2 * rows, 2 * columns), materialized)
    places = [[_every_other(g, (i, j), tiles) for j in (0, 1)] for i in (0, 1)]
    m = _products(v, _transformed(TILE, places), ((0, 2), (1, 2)))
    y = stacked([e for row in _both(SLOPES, _square(m, 0)) for e in row])
    return ops.reshaped(y, node.shape)


def _tiles(outputs: Node) -> tuple[int, int]:
    """Return the rows and columns of 2x2 tiles that cover the outputs."""
    rows, columns = (-(-int(n) // 2) for n in outputs.shape[1:3])
    return rows, columns


def _patches(node: Node, tiles: tuple[int, int], materialized: Materialized) -> Node:
    """V, (rows of tiles of the whole batch, 16, tiles of a row, inputs)."""
    wanted = (2 * tiles[0] + 2, 2 * tiles[1] + 2)
    x = _padded(node.args[0], node.params["padding"], wanted, materialized)
    places = [[_every_other(x, (i, j), tiles) for j in range(4)] for i in range(4)]
    return _transformed(INPUT, places, 1)


def _products(v: Node, u: Node, over: tuple[tuple[int, ...], tuple[int, ...]]) -> Node:
    """M, (16, ...)."""
    return ops.dot_general(
        v,
        u,
        lhs_batching_dimensions=(1,),
        rhs_batching_dimensions=(0,),
        lhs_contracting_dimensions=over[0],
        rhs_contracting_dimensions=over[1],
    )


def _padded(
    x: Node, padding: Sequence[Sequence[int]], wanted: Sequence[int], materialized: Materialized
) -> Node:
    """Return x with padding before it, extended to the wanted rows and columns."""
    low, high = [0] * 4, [0] * 4
    for axis, (before, _), extent in zip((1, 2), padding, wanted, strict=True):
        low[axis], high[axis] = before, extent - before - int(x.shape[axis])
    if not any(low) and not any(high):
        return x
    zero = ops.fill(0, shape=(), dtype=x.dtype)
    edges = {"edge_padding_low": low, "edge_padding_high": high}
    return materialize(ops.pad(x, zero, **edges, interior_padding=(0,) * 4), materialized)


def _every_other(x: Node, start: tuple[int, int], tiles: tuple[int, int]) -> Node:
    """Return the element at `start` of every tile: (rows of tiles, tiles of a row, features)."""
    ends = [k + 2 * n - 1 for k, n in zip(start, tiles, strict=True)]
    limits = (x.shape[0], *ends, x.shape[3])
    part = ops.slice(x, start_indices=(0, *start, 0), limit_indices=limits, strides=(1, 2, 2, 1))
    return ops.reshaped(part, (x.shape[0] * tiles[0], tiles[1], x.shape[3]))


def _at(x: Node, place: Sequence[int], axis: int = 0) -> Node:
    """x[place], by the axes from `axis` on."""
    before, behind = x.shape[:axis], x.shape[axis + len(place) :]
    starts = (*(0 for _ in before), *place, *(0 for _ in behind))
    limits = (*before, *(k + 1 for k in place), *behind)
    part = ops.slice(x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)
    return ops.reshaped(part, (*before, *behind))


# ---- transforms --------------------------------------------------------------------------------
def _square(m: Node, axis: int) -> Square:
    """A value of 16 parts along an axis as a square of them."""
    return [[_at(m, (4 * i + j,), axis) for j in range(4)] for i in range(4)]


def _transformed(matrix: Sequence[Sequence[float]], square: Square, axis: int = 0) -> Node:
    """Return matrix square matrix', materialized part by part along an axis."""
    return stacked([e for row in _both(matrix, square) for e in row], axis)


def _both(matrix: Sequence[Sequence[float]], square: Square) -> Square:
    """matrix square matrix'"""
    down = [_combined(matrix, list(column)) for column in zip(*square, strict=True)]
    return [_combined(matrix, list(row)) for row in zip(*down, strict=True)]


def _combined(matrix: Sequence[Sequence[float]], values: list[Node]) -> list[Node]:
    return [_sum(row, values) for row in matrix]


def _sum(factors: Sequence[float], values: list[Node]) -> Node:
    """Add terms with equal factors first: at most one multiplication."""
    scale = max(abs(f) for f in factors)
    terms = [(f, v) for f, v in zip(factors, values, strict=True) if f]
    terms.sort(key=lambda term: term[0] < 0)  # start with a positive term, if there is one
    total = terms[0][1] if terms[0][0] > 0 else ops.negate(terms[0][1])
    for factor, value in terms[1:]:
        total = ops.add(total, value) if factor > 0 else ops.subtract(total, value)
    return total if scale == 1 else ops.multiply(total, ops.fill(scale, total))
