"""Powers and chains of products of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import same
from lamina.operations.creation import iota
from lamina.operations.decompositions.lower_upper import inv
from lamina.operations.elementwise import equal
from lamina.operations.linear_algebra import matmul
from lamina.operations.promote import spread
from lamina.operations.shaping import expand_dims, squeeze
from lamina.tensor import Tensor, as_tensor

__all__ = ["matrix_power", "multi_dot"]


def matrix_power(x: ArrayLike, n: int, /) -> Tensor:
    """Return a square matrix multiplied with itself n times.

    Args:
        x: tensor (..., n, n) or array-like.
        n: exponent, an integer; 0 gives the identity matrix, -1 the inverse.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.matrix_power([[1.0, 1.0], [0.0, 1.0]], 3).tolist()
        [[1.0, 3.0], [0.0, 1.0]]
    """
    tensor = as_tensor(x)
    if tensor.ndim < 2 or not same(*tensor.shape[-2:]):
        raise ShapeError(f"matrix_power: expected square matrices, got shape {tensor.shape}")
    if n < 0:
        return matrix_power(inv(tensor), -n)
    size = tensor.shape[-1]
    unit = as_tensor(equal(iota((size, size), 0), iota((size, size), 1)), tensor.dtype)
    result = spread(unit, tensor.shape, traced=tensor.is_traced)
    for bit in bin(n)[2:] if n else "":
        result = matmul(result, result)
        result = matmul(result, tensor) if bit == "1" else result
    return result


def multi_dot(arrays: Sequence[Any], /) -> Tensor:
    """Return the product of several matrices, in the order of the fewest multiplications.

    Args:
        arrays: at least two matrices; the first and the last may be vectors.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.multi_dot([[[1.0, 2.0]], [[3.0], [4.0]], [[2.0]]]).tolist()
        [[22.0]]
    """
    operands = [as_tensor(a) for a in arrays]
    if len(operands) < 2:
        raise ArgumentError(f"multi_dot: expected at least two matrices, got {len(operands)}")
    row, column = operands[0].ndim == 1, operands[-1].ndim == 1
    operands[0] = expand_dims(operands[0], 0) if row else operands[0]
    operands[-1] = expand_dims(operands[-1], -1) if column else operands[-1]
    if any(t.ndim != 2 for t in operands):
        raise ShapeError("multi_dot: expected matrices, got other numbers of axes")
    sizes = [operands[0].shape[0].__index__(), *(t.shape[1].__index__() for t in operands)]
    result = _chain(operands, _cuts(sizes), 0, len(operands) - 1)
    result = squeeze(result, 0) if row else result
    return squeeze(result, -1) if column else result


def _cuts(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Return, for each chain of matrices i to j, after which matrix to divide it."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    cuts: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            cuts[i, j] = min(choices, key=choices.__getitem__)
            cost[i, j] = choices[cuts[i, j]]
    return cuts


def _chain(operands: list[Tensor], cuts: dict[tuple[int, int], int], i: int, j: int) -> Tensor:
    if i == j:
        return operands[i]
    k = cuts[i, j]
    return matmul(_chain(operands, cuts, i, k), _chain(operands, cuts, k + 1, j))
