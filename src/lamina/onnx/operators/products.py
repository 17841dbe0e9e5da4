"""Products of matrices, with and without quantized integers; determinants."""

from __future__ import annotations

from typing import Any

from lamina import linalg
from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.operators.arithmetic import number
from lamina.onnx.rows import operator
from lamina.tensor import Tensor, as_tensor


@operator("MatMul", since=1)
def matmul(x: Any, y: Any) -> Tensor:
    return ops.matmul(x, y)


@operator("Gemm", since=1)
def gemm(
    a: Any,
    b: Any,
    c: Any = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    broadcast: int = 0,
) -> Tensor:
    """alpha a b + beta c, with a and b transposed on request."""
    a, b = as_tensor(a), as_tensor(b)
    result = ops.matmul(a.mT if transA else a, b.mT if transB else b)
    if alpha != 1:
        result = result * number(alpha, result.dtype)
    if c is None:
        return result
    c = as_tensor(c)
    return result + (c if beta == 1 else c * number(beta, c.dtype))


@operator("Einsum", since=12)
def einsum(*xs: Any, equation: str) -> Tensor:
    return ops.einsum(equation, *[as_tensor(x) for x in xs])


@operator("Det", since=11)
def determinant(x: Any) -> Tensor:
    return linalg.det(as_tensor(x))


@operator("MatMulInteger", since=10)
def matmul_integer(a: Any, b: Any, zero_a: Any = None, zero_b: Any = None) -> Tensor:
    """The product of 8-bit integers less their zero points, in int32."""
    left, right = as_tensor(a, types.int32), as_tensor(b, types.int32)
    if zero_a is not None:
        zero = as_tensor(zero_a, types.int32)
        left = left - (ops.expand_dims(zero, axis=-1) if zero.ndim else zero)
    if zero_b is not None:
        right = right - as_tensor(zero_b, types.int32)
    return ops.matmul(left, right)
