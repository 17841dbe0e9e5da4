"""Singular values of matrices, computed by NumPy outside of programs, with their gradient."""

from __future__ import annotations

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import GradientError, ShapeError, TracedValueError
from lamina.ir.graph import Node
from lamina.operations.elementwise import multiply
from lamina.operations.linear_algebra import matmul
from lamina.operations.promote import floating, widened
from lamina.operations.shaping import expand_dims
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node


def svdvals(x: ArrayLike, /) -> Tensor:
    """Return the singular values of matrices, largest first.

    The gradient of x = U diag(s) V^T is ds_i = u_i^T dx v_i, in which the vectors are constants, so
    it has no further gradient.

    Args:
        x: tensor (..., m, n) or array-like.

    Shapes:
        (..., m, n) -> (..., min(m, n))

    Raises:
        TracedValueError: inside a compiled program.

    Example:
        >>> import lamina as lm
        >>> lm.linalg.svdvals([[3.0, 0.0], [0.0, 4.0]]).numpy().round(4)
        array([4., 3.], dtype=float32)
    """
    tensor = floating(x)
    if tensor.ndim < 2:
        raise ShapeError(f"svdvals: needs two axes; got shape {tensor.shape}")
    if tensor.is_traced:
        raise TracedValueError(
            "svdvals: this decomposition is computed outside of compiled programs only",
            hint="compute it eagerly, or use the Frobenius norm, which compiles",
        )
    wide = widened(tensor)
    u, s, vt = np.linalg.svd(np.asarray(wide._value), full_matrices=False)
    left, right = (_without_gradient(as_tensor(a), wide) for a in (u, vt))

    def rule(g: Node) -> tuple[Node]:
        scaled = multiply(left, expand_dims(from_node(g), -2))
        return (as_node(matmul(scaled, right)),)

    return as_tensor(bind("custom_gradient", as_tensor(s), wide, rule=rule), tensor.dtype)


def _without_gradient(vectors: Tensor, x: Tensor) -> Tensor:
    """Singular vectors of x, whose gradient raises instead of being zero."""

    def rule(g: Node) -> tuple[Node]:
        raise GradientError(
            "svdvals: has no second derivative",
            hint="use the Frobenius norm, which has",
        )

    return bind("custom_gradient", vectors, x, rule=rule)
