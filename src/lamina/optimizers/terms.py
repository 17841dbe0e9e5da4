"""Terms that several update rules share."""

from __future__ import annotations

import math

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.tensor import Tensor
from lamina.variables import Variable


def zeros_like(variable: Variable, fill: float = 0.0) -> np.ndarray:
    """The first value of a slot of a variable's shape and dtype (of 16-bit floats in float32)."""
    return np.full(variable.shape, fill, types.computing(variable.dtype).storage)


def one_minus_power(beta: float, t: Tensor) -> Tensor:
    """1 - beta^t as -(exp(t log(beta)) - 1): the difference would lose half the digits of float32
    where beta is near 1 and t is small."""
    return -ops.expm1(t * math.log(beta)) if beta > 0.0 else ops.ones_like(t)
