"""Random numbers, with Lamina's generator: other numbers than those of other engines."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.ir.types import DType
from lamina.onnx.rows import operator
from lamina.onnx.tensors import dtype_of
from lamina.operations.random import normal, uniform
from lamina.operations.random_keys import key as new_key
from lamina.tensor import Tensor, as_tensor


def _key(seed: float | None) -> Any:
    return None if seed is None else new_key(int(np.float32(seed).view(np.uint32)))


def _dtype(code: int | None, like: Any = None) -> DType:
    if code is not None:
        return dtype_of(code, "random numbers")
    return types.float32 if like is None else as_tensor(like).dtype


@operator("RandomNormal", since=1)
def random_normal(
    *,
    shape: list[int],
    dtype: int = 1,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
) -> Tensor:
    return as_tensor(normal(tuple(shape), mean, scale, key=_key(seed)), _dtype(dtype))


@operator("RandomNormalLike", since=1)
def random_normal_like(
    x: Any,
    *,
    dtype: int | None = None,
    mean: float = 0.0,
    scale: float = 1.0,
    seed: float | None = None,
) -> Tensor:
    return as_tensor(normal(as_tensor(x).shape, mean, scale, key=_key(seed)), _dtype(dtype, x))


@operator("RandomUniform", since=1)
def random_uniform(
    *,
    shape: list[int],
    dtype: int = 1,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
) -> Tensor:
    return as_tensor(uniform(tuple(shape), low, high, key=_key(seed)), _dtype(dtype))


@operator("RandomUniformLike", since=1)
def random_uniform_like(
    x: Any,
    *,
    dtype: int | None = None,
    high: float = 1.0,
    low: float = 0.0,
    seed: float | None = None,
) -> Tensor:
    return as_tensor(uniform(as_tensor(x).shape, low, high, key=_key(seed)), _dtype(dtype, x))


@operator("Bernoulli", since=15)
def bernoulli(x: Any, *, dtype: int | None = None, seed: float | None = None) -> Tensor:
    """One with the probability x, else zero."""
    x = as_tensor(x)
    drawn = uniform(x.shape, key=_key(seed)) < as_tensor(x, types.float32)
    return as_tensor(drawn, _dtype(dtype, x))


@operator("Multinomial", since=7)
def multinomial(
    x: Any, *, dtype: int = 6, sample_size: int = 1, seed: float | None = None
) -> Tensor:
    """Draws of classes with the logits x: the largest after adding Gumbel noise."""
    x = as_tensor(x)
    batch, classes = x.shape
    noise = uniform((batch, sample_size, classes), 1e-20, 1.0, key=_key(seed))
    drawn = ops.argmax(x[:, None] - ops.log(-ops.log(noise)), axis=-1)
    return as_tensor(drawn, _dtype(dtype))
