"""Functions of one element: exponentials, trigonometry, activations; softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from lamina import activations
from lamina import operations as ops
from lamina.onnx.rows import operator
from lamina.onnx.values import axis_in
from lamina.operations.promote import widened
from lamina.tensor import Tensor, as_tensor

_ONE_TO_ONE = {
    "Acos": (ops.acos, 7),
    "Acosh": (ops.acosh, 9),
    "Asin": (ops.asin, 7),
    "Asinh": (ops.asinh, 9),
    "Atan": (ops.atan, 7),
    "Atanh": (ops.atanh, 9),
    "Cos": (ops.cos, 7),
    "Cosh": (ops.cosh, 9),
    "Erf": (ops.erf, 9),
    "Exp": (ops.exp, 1),
    "Log": (ops.log, 1),
    "Sigmoid": (activations.sigmoid, 1),
    "Sin": (ops.sin, 7),
    "Sinh": (ops.sinh, 9),
    "Softplus": (activations.softplus, 1),
    "Softsign": (activations.softsign, 1),
    "Sqrt": (ops.sqrt, 1),
    "Tan": (ops.tan, 7),
    "Tanh": (ops.tanh, 1),
    "Mish": (activations.mish, 18),
}


def _enter(name: str, function: Any, since: int) -> None:
    @operator(name, since=since)
    def one(x: Any, *, consumed_inputs: Any = None) -> Tensor:
        return as_tensor(function(as_tensor(x)))


for _name, (_function, _since) in _ONE_TO_ONE.items():
    _enter(_name, _function, _since)


@operator("Relu", since=1)
def relu(x: Any, *, consumed_inputs: Any = None) -> Tensor:
    x = as_tensor(x)
    return ops.maximum(x, as_tensor(0, x.dtype))


@operator("LeakyRelu", since=1)
def leaky_relu(x: Any, *, alpha: float = 0.01, consumed_inputs: Any = None) -> Tensor:
    x = as_tensor(x)
    return ops.where(ops.less(x, 0), ops.multiply(x, as_tensor(alpha, x.dtype)), x)


@operator("PRelu", since=1)
def prelu(x: Any, slope: Any, *, consumed_inputs: Any = None) -> Tensor:
    x, slope = as_tensor(x), as_tensor(slope)
    if slope.ndim == 1 and x.ndim > 1 and slope.shape[0] == x.shape[1] != x.shape[-1]:
        slope = ops.reshape(slope, (-1, *(1,) * (x.ndim - 2)))  # one for each channel
    return ops.where(ops.less(x, 0), ops.multiply(x, slope), x)


@operator("Elu", since=1)
def elu(x: Any, *, alpha: float = 1.0, consumed_inputs: Any = None) -> Tensor:
    x = as_tensor(x)
    return ops.where(ops.less(x, 0), alpha * ops.expm1(ops.minimum(x, 0)), x)


@operator("Celu", since=12)
def celu(x: Any, *, alpha: float = 1.0) -> Tensor:
    x = as_tensor(x)
    return ops.maximum(x, 0) + ops.minimum(0, alpha * ops.expm1(ops.minimum(x, 0) / alpha))


@operator("Selu", since=1)
def selu(
    x: Any,
    *,
    alpha: float = 1.67326319217681884765625,
    gamma: float = 1.05070102214813232421875,
    consumed_inputs: Any = None,
) -> Tensor:
    x = as_tensor(x)
    return gamma * ops.where(ops.greater(x, 0), x, alpha * ops.expm1(ops.minimum(x, 0)))


@operator("Gelu", since=20)
def gelu(x: Any, *, approximate: str = "none") -> Tensor:
    return activations.gelu(as_tensor(x), approximate=approximate == "tanh")


@operator("HardSigmoid", since=1)
def hard_sigmoid(
    x: Any, *, alpha: float = 0.2, beta: float = 0.5, consumed_inputs: Any = None
) -> Tensor:
    return ops.clip(alpha * as_tensor(x) + beta, 0, 1)


@operator("HardSwish", since=14)
def hard_swish(x: Any) -> Tensor:
    return ops.multiply(x, hard_sigmoid(x, alpha=1 / 6))


@operator("Swish", since=24)
def swish(x: Any, *, alpha: float = 1.0) -> Tensor:
    x = as_tensor(x)
    return x * activations.sigmoid(alpha * x)


@operator("ThresholdedRelu", since=10)
def thresholded_relu(x: Any, *, alpha: float = 1.0) -> Tensor:
    x = as_tensor(x)
    return ops.where(ops.greater(x, alpha), x, as_tensor(0, x.dtype))


@operator("Shrink", since=9)
def shrink(x: Any, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    x = as_tensor(x)
    offset = as_tensor(bias, x.dtype)
    inner = ops.where(ops.greater(x, lambd), x - offset, as_tensor(0, x.dtype))
    return ops.where(ops.less(x, -lambd), x + offset, inner)


# ---- along an axis -----------------------------------------------------------------------------
@operator("Softmax", since=13)
def softmax(x: Any, *, axis: int = -1) -> Tensor:
    return activations.softmax(as_tensor(x), axis)


@operator("LogSoftmax", since=13)
def log_softmax(x: Any, *, axis: int = -1) -> Tensor:
    return activations.log_softmax(as_tensor(x), axis)


@operator("Hardmax", since=13)
def hardmax(x: Any, *, axis: int = -1) -> Tensor:
    """One at the first of the largest values along an axis, zero elsewhere."""
    x = as_tensor(x)
    axis = axis_in(axis, x.ndim)
    return ops.one_hot(ops.argmax(x, axis=axis), x.shape[axis], axis=axis, dtype=x.dtype)


def _enter_flat(name: str, function: Any) -> None:
    @operator(name, since=1)
    def flat(x: Any, *, axis: int = 1) -> Tensor:
        """Versions before 13: over all axes from `axis` on."""
        x = as_tensor(x)
        shape, axis = x.shape, axis_in(axis, x.ndim)
        rows = ops.reshape(x, (math.prod(shape[:axis]), -1))
        return ops.reshape(function(rows, axis=-1), shape)


for _name, _function in {"Softmax": softmax, "LogSoftmax": log_softmax, "Hardmax": hardmax}.items():
    _enter_flat(_name, _function)


def single(x: Any) -> Tensor:
    """x with 16-bit floats as float32."""
    return widened(as_tensor(x))


def infinity(x: Tensor, sign: int = -1) -> Tensor:
    """The infinity of x's dtype."""
    return as_tensor(sign * np.inf, x.dtype)
