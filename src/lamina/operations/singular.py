"""Singular values of matrices, computed by NumPy outside of programs, with their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.errors import GradientError, ShapeError, TracedValueError
from lamina.ir.graph import Node
from lamina.operations.elementwise import multiply
from lamina.operations.linear_algebra import matmul
from lamina.operations.promote import floating, widened
from lamina.operations.shaping import expand_dims
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node


def svdvals(x: Any, /) -> Tensor:
    """The singular values of matrices, largest first: (..., m, n) -> (..., min(m, n)).

    x = U diag(s) V^T has ds_i = u_i^T dx v_i. The vectors are constants to this gradient, so it has
    no gradient itself. Raises TracedValueError inside of a compiled program.

    Args:
        x: tensor or array-like.
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
