"""Winograd's convolution with 3x3 kernels: 16 products where the direct sum takes 36.

Four outputs of a 2x2 tile depend on a 4x4 patch of the input. With the patch d, the kernel g and
the outputs y taken to where convolution is a product element by element (Lavin and Gray 2015, "Fast
algorithms for convolutional neural networks", F(2x2, 3x3)):

    V = B' d B        U = G g G'        M = sum over input features of V U        y = A' M A

M is 16 matrix products, (tiles x inputs) times (inputs x outputs). The three transforms are maps
that add and subtract; each is a joint, whose parts one kernel makes.
"""

from __future__ import annotations

from collections.abc import Sequence

from lamina.engines.llvm.copies import Copies, stored
from lamina.engines.llvm.joints import interleaved, stacked
from lamina.engines.llvm.typical import guess
from lamina.ir import ops
from lamina.ir.graph import Node
from lamina.ir.types import is_static

# One row a result: what each element of a column of the operand counts.
INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))  # B'
KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))  # G
OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))  # A'
# Products saved for each element that is written and read again. A processor makes some 30 in the
# time that takes, and the gain has to be clear.
PAYS = 60
Square = list[list[Node]]


def pays(node: Node, copies: Copies) -> bool:
    """Whether the convolution can be computed so, and the products that it saves take longer than
    what it writes and reads in between."""
    if not _fits(node) or not (is_static(node.shape) or copies.trains):
        return False
    batch, rows, columns, outputs = map(guess, node.shape)
    inputs, tiles = guess(node.args[0].shape[3]), batch * -(-rows // 2) * -(-columns // 2)
    saved = inputs * outputs * (9 * batch * rows * columns - 16 * tiles)
    moved = 16 * (tiles * (inputs + outputs) + inputs * outputs)
    return saved >= PAYS * moved


def _fits(node: Node) -> bool:
    """A 3x3 convolution of pictures, features last, that is nothing but that."""
    (x, w), p = node.args, node.params
    ones = [*p["window_strides"], *p["lhs_dilation"], *p["rhs_dilation"]]
    ones += [p["feature_group_count"], p["batch_group_count"]]
    places = [tuple(p["lhs_spec"]), tuple(p["out_spec"])]
    known = is_static((*x.shape[1:], *node.shape[1:]))
    return (
        places == [(0, 3, 1, 2)] * 2
        and all(n == 1 for n in ones)
        and [w.shape[d] for d in p["rhs_spec"][2:]] == [3, 3]
        and node.dtype.name in ("float32", "float64")
        and known
    )


def winograd(node: Node, kernel: Node, copies: Copies) -> Node:
    """The convolution; `kernel` is (3, 3, inputs, outputs)."""
    x, padding = node.args[0], node.params["padding"]
    rows, columns = (-(-int(n) // 2) for n in node.shape[1:3])  # type: ignore[arg-type]
    x = _padded(x, padding, (2 * rows + 2, 2 * columns + 2), copies)
    patch = [[_patch(x, i, j, rows, columns) for j in range(4)] for i in range(4)]
    taps = [[_at(kernel, (i, j)) for j in range(3)] for i in range(3)]
    v = stacked([e for row in _both(INPUT, patch) for e in row])
    u = stacked([e for row in _both(KERNEL, taps) for e in row])
    m = ops.dot_general(
        v,
        u,
        lhs_batching_dimensions=(0,),
        rhs_batching_dimensions=(0,),
        lhs_contracting_dimensions=(4,),
        rhs_contracting_dimensions=(1,),
    )
    found = [[_at(m, (4 * i + j,)) for j in range(4)] for i in range(4)]
    y = _both(OUTPUT, found)
    whole = interleaved({(i, j): y[i][j] for i in (0, 1) for j in (0, 1)}, (1, 2), (2, 2))
    if whole.shape == node.shape:
        return whole
    return ops.slice(whole, start_indices=(0,) * 4, limit_indices=node.shape, strides=(1,) * 4)


def _padded(
    x: Node, padding: Sequence[Sequence[int]], wanted: Sequence[int], copies: Copies
) -> Node:
    """x with as many rows and columns as the patches cover."""
    low, high = [0] * 4, [0] * 4
    for axis, (before, _), extent in zip((1, 2), padding, wanted, strict=True):
        low[axis], high[axis] = before, extent - before - int(x.shape[axis])  # type: ignore[arg-type]
    if not any(low) and not any(high):
        return x
    zero = ops.fill(0, shape=(), dtype=x.dtype)
    edges = {"edge_padding_low": low, "edge_padding_high": high}
    return stored(ops.pad(x, zero, **edges, interior_padding=(0,) * 4), copies)


def _patch(x: Node, i: int, j: int, rows: int, columns: int) -> Node:
    """Element (i, j) of every patch."""
    limits = (x.shape[0], i + 2 * rows - 1, j + 2 * columns - 1, x.shape[3])
    return ops.slice(x, start_indices=(0, i, j, 0), limit_indices=limits, strides=(1, 2, 2, 1))


def _at(x: Node, place: Sequence[int]) -> Node:
    """x[place], by its first axes."""
    starts = (*place, *(0 for _ in x.shape[len(place) :]))
    limits = (*(k + 1 for k in place), *x.shape[len(place) :])
    part = ops.slice(x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)
    return ops.reshaped(part, x.shape[len(place) :])


def _both(matrix: Sequence[Sequence[float]], square: Square) -> Square:
    """matrix square matrix'"""
    down = [_combined(matrix, list(column)) for column in zip(*square, strict=True)]
    return [_combined(matrix, list(row)) for row in zip(*down, strict=True)]


def _combined(matrix: Sequence[Sequence[float]], values: list[Node]) -> list[Node]:
    return [_sum(row, values) for row in matrix]


def _sum(factors: Sequence[float], values: list[Node]) -> Node:
    """The terms with equal factors are added up first: one multiplication at most."""
    scale = max(abs(f) for f in factors)
    terms = [(f, v) for f, v in zip(factors, values, strict=True) if f]
    terms.sort(key=lambda term: term[0] < 0)  # it begins with one that counts in full
    total = terms[0][1]
    for factor, value in terms[1:]:
        total = ops.add(total, value) if factor > 0 else ops.subtract(total, value)
    return total if scale == 1 else ops.multiply(total, ops.fill(scale, total))
