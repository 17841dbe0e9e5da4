"""`tf.linalg`: products of matrices, bands and decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.keras import ops
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.naming import public


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: Any = None,
    **_: Any,
) -> Tensor:
    """Return the product of matrices, with either transposed."""
    x, y = as_tensor(a), as_tensor(b)
    x = lm.swapaxes(x, -1, -2) if transpose_a or adjoint_a else x
    return lm.matmul(x, lm.swapaxes(y, -1, -2) if transpose_b or adjoint_b else y)


def matvec(a: Any, b: Any, transpose_a: bool = False, name: Any = None, **_: Any) -> Tensor:
    """Return the product of matrices and vectors."""
    return lm.squeeze(matmul(a, lm.expand_dims(b, axis=-1), transpose_a), -1)


def matrix_transpose(a: Any, name: Any = None, conjugate: bool = False) -> Tensor:
    """Return matrices with rows and columns exchanged."""
    return lm.swapaxes(as_tensor(a), -1, -2)


def diag(diagonal: Any, name: Any = None, **_: Any) -> Tensor:
    """Return matrices with these diagonals."""
    x = as_tensor(diagonal)
    return lm.expand_dims(x, axis=-1) * lm.eye(int(x.shape[-1]), dtype=x.dtype)


def diag_part(input: Any, name: Any = None, **_: Any) -> Tensor:
    """Return the diagonals of matrices."""
    return lm.linalg.diagonal(input)


def set_diag(input: Any, diagonal: Any, name: Any = None, **_: Any) -> Tensor:
    """Return matrices with other diagonals."""
    x = as_tensor(input)
    on = lm.eye(int(x.shape[-2]), int(x.shape[-1])) > 0
    return lm.where(on, lm.expand_dims(as_tensor(diagonal, x.dtype), axis=-1), x)


def band_part(input: Any, num_lower: Any, num_upper: Any, name: Any = None) -> Tensor:
    """Return matrices with zeros outside of a band around the diagonal; -1 keeps a whole side."""
    x = as_tensor(input)
    rows, columns = int(x.shape[-2]), int(x.shape[-1])
    below = np.arange(rows)[:, None] - np.arange(columns)
    lower, upper = int(num_lower), int(num_upper)
    keep = ((lower < 0) | (below <= lower)) & ((upper < 0) | (-below <= upper))
    return lm.where(lm.asarray(keep), x, lm.zeros_like(x))


def trace(x: Any, name: Any = None) -> Tensor:
    """Return the sums of the diagonals of matrices."""
    return lm.linalg.trace(x)


def tensordot(a: Any, b: Any, axes: Any, name: Any = None) -> Tensor:
    """Return the sum of products over axes."""
    found = axes.tolist() if hasattr(axes, "tolist") else axes
    return lm.tensordot(a, b, axes=found)


def einsum(equation: str, *inputs: Any, name: Any = None, **_: Any) -> Tensor:
    """Return the sum of products that an equation describes."""
    return lm.einsum(equation, *inputs)


_DECOMPOSITIONS = (
    *("cholesky", "det", "eigh", "inv", "lstsq", "lu_factor", "pinv", "qr", "slogdet", "solve"),
    "svd",
)

public(
    __name__,
    None,
    {
        "lamina.tf.math": "norm l2_normalize",
        "lamina.tf.arrays": "eye",
        "lamina.keras.ops": " ".join(n for n in _DECOMPOSITIONS if hasattr(ops, n)),
        "lamina.linalg": "cross",
    },
    {
        "adjoint": "tf.linalg.matrix_transpose",
        "LinearOperator": "matrices themselves",
        **{name: f"numpy.linalg.{name}, on data" for name in _DECOMPOSITIONS},
    },
)
