"""`diagonal` and `trace` of `lm.linalg`: of stacks of matrices, whose axes are the last two."""

from __future__ import annotations

from lamina.annotations import ArrayLike, DTypeLike
from lamina.operations import linear_algebra
from lamina.tensor import Tensor

__all__ = ["diagonal", "trace"]


def diagonal(x: ArrayLike, /, *, offset: int = 0) -> Tensor:
    """Return the diagonal of each matrix along a new last axis.

    Args:
        x: tensor or array-like of at least two axes, of which the last two are those of a matrix.
        offset: number of the diagonal: 0 the main one, positive above it, negative below it.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.diagonal([[[1, 2], [3, 4]]]).tolist()
        [[1, 4]]
    """
    return linear_algebra.diagonal(x, offset, -2, -1)


def trace(x: ArrayLike, /, *, offset: int = 0, dtype: DTypeLike = None) -> Tensor:
    """Return the sum of the diagonal of each matrix.

    Args:
        x: tensor or array-like of at least two axes, of which the last two are those of a matrix.
        offset: number of the diagonal: 0 the main one, positive above it, negative below it.
        dtype: dtype of the result, as a name or NumPy dtype; by default as the operands imply.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.trace([[[1.0, 2.0], [3.0, 4.0]]]).tolist()
        [5.0]
    """
    return linear_algebra.trace(x, offset, -2, -1, dtype)
