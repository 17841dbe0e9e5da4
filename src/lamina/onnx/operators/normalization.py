"""Normalization over batches, channels, groups and features; dropout."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir import types
from lamina.onnx.operators.windows import convolve
from lamina.onnx.rows import operator
from lamina.onnx.tensors import dtype_of
from lamina.onnx.values import axis_in, known
from lamina.operations.random import uniform
from lamina.operations.random_keys import key as new_key
from lamina.tensor import Tensor, as_tensor


def _per_channel(v: Any, ndim: int) -> Tensor:
    return ops.reshape(as_tensor(v), (-1, *(1,) * (ndim - 2)))


def _normalized(x: Tensor, axes: tuple[int, ...], epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
    """x with mean 0 and variance 1 over axes; the mean; the inverse standard deviation."""
    mean = ops.mean(x, axis=axes, keepdims=True)
    inverse = ops.rsqrt(ops.var(x, axis=axes, keepdims=True) + as_tensor(epsilon, x.dtype))
    return (x - mean) * inverse, mean, inverse


@operator("BatchNormalization", since=1)
def batch_normalization(
    x: Any,
    scale: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
    spatial: int = 1,
    is_test: int = 0,
    consumed_inputs: Any = None,
    node: Any = None,
) -> Any:
    """x normalized by moving statistics; by those of the batch, and both moved, in training."""
    x = as_tensor(x)
    own = as_tensor(mean), as_tensor(variance)
    if training_mode:
        axes = (0, *range(2, x.ndim))
        batch = ops.mean(x, axis=axes), ops.var(x, axis=axes)
        moved = tuple(
            old * momentum + as_tensor(new, old.dtype) * (1 - momentum)
            for old, new in zip(own, batch, strict=True)
        )
        own = batch
    wide = types.float32 if x.dtype.is_storage_only else x.dtype
    middle, spread = (_per_channel(as_tensor(v, wide), x.ndim) for v in own)
    factor = ops.rsqrt(spread + as_tensor(epsilon, wide))
    factor = factor * _per_channel(as_tensor(scale, wide), x.ndim)
    found = (as_tensor(x, wide) - middle) * factor + _per_channel(as_tensor(bias, wide), x.ndim)
    found = as_tensor(found, x.dtype)
    if not training_mode:
        return found
    return (found, *moved)


@operator("InstanceNormalization", since=1)
def instance_normalization(
    x: Any, scale: Any, bias: Any, *, epsilon: float = 1e-5, consumed_inputs: Any = None
) -> Tensor:
    x = as_tensor(x)
    found, _, _ = _normalized(x, tuple(range(2, x.ndim)), epsilon)
    return found * _per_channel(scale, x.ndim) + _per_channel(bias, x.ndim)


@operator("GroupNormalization", since=18)
def group_normalization(
    x: Any,
    scale: Any,
    bias: Any,
    *,
    num_groups: int,
    epsilon: float = 1e-5,
    stash_type: int = 1,
    node: Any = None,
) -> Tensor:
    """x normalized over groups of channels; scale and bias for each channel, or each group."""
    x = as_tensor(x)
    n, channels = x.shape[:2]
    wide = as_tensor(x, dtype_of(stash_type, "the dtype of GroupNormalization"))
    parts = ops.reshape(wide, (n, num_groups, channels // num_groups, *x.shape[2:]))
    found, _, _ = _normalized(parts, tuple(range(2, parts.ndim)), epsilon)
    if node is not None and node.version < 21:
        scale, bias = (ops.repeat(as_tensor(v), int(channels) // num_groups) for v in (scale, bias))
    found = as_tensor(ops.reshape(found, x.shape), x.dtype)
    return found * _per_channel(scale, x.ndim) + _per_channel(bias, x.ndim)


@operator("LayerNormalization", since=1)
def layer_normalization(
    x: Any,
    scale: Any,
    bias: Any = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> tuple[Tensor, Tensor, Tensor]:
    """x normalized over the axes from `axis` on; the mean; the inverse standard deviation."""
    x = as_tensor(x)
    axes = tuple(range(axis_in(axis, x.ndim), x.ndim))
    wide = as_tensor(x, dtype_of(stash_type, "the dtype of LayerNormalization"))
    found, mean, inverse = _normalized(wide, axes, epsilon)
    found = as_tensor(found, x.dtype) * as_tensor(scale)
    return (found if bias is None else found + as_tensor(bias)), mean, inverse


@operator("RMSNormalization", since=23)
def rms_normalization(
    x: Any, scale: Any, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    x = as_tensor(x)
    axes = tuple(range(axis_in(axis, x.ndim), x.ndim))
    wide = as_tensor(x, dtype_of(stash_type, "the dtype of RMSNormalization"))
    square = ops.mean(wide * wide, axis=axes, keepdims=True)
    found = wide * ops.rsqrt(square + as_tensor(epsilon, wide.dtype))
    return as_tensor(found, x.dtype) * as_tensor(scale)


@operator("LpNormalization", since=1)
def lp_normalization(x: Any, *, axis: int = -1, p: int = 2) -> Tensor:
    """x divided by its norm along an axis; zeros stay."""
    x = as_tensor(x)
    if p == 1:
        norm = ops.sum(ops.abs(x), axis=axis, keepdims=True)
    else:
        norm = ops.sqrt(ops.sum(x * x, axis=axis, keepdims=True))
    return ops.where(norm == 0, as_tensor(0, x.dtype), x / ops.where(norm == 0, 1, norm))


@operator("MeanVarianceNormalization", since=9)
def mean_variance_normalization(x: Any, *, axes: list[int] | None = None) -> Tensor:
    x = as_tensor(x)
    chosen = tuple(axes if axes is not None else (0, 2, 3))
    mean = ops.mean(x, axis=chosen, keepdims=True)
    square = ops.mean(x * x, axis=chosen, keepdims=True)
    return (x - mean) / (ops.sqrt(square - mean * mean) + 1e-9)


@operator("LRN", since=1)
def local_response_normalization(
    x: Any, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0
) -> Tensor:
    """x divided by a power of the sum of squares over `size` neighboring channels."""
    x = as_tensor(x)
    n, channels = x.shape[:2]
    lines = ops.reshape(x * x, (n, 1, channels, -1))
    kernel = as_tensor(np.ones((1, 1, size, 1), x.dtype.storage))
    pairs = [((size - 1) // 2, size - 1 - (size - 1) // 2), (0, 0)]
    total = ops.reshape(convolve(lines, kernel, (1, 1), pairs, (1, 1), 1), x.shape)
    return x / ops.pow(bias + alpha / size * total, beta)


# ---- dropout -----------------------------------------------------------------------------------
@operator("Dropout", since=12)
def dropout(
    x: Any, ratio: Any = None, training_mode: Any = None, *, seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """x, in training with elements set to zero at random; and which ones are kept."""
    x = as_tensor(x)
    active = training_mode is not None and bool(known(training_mode, "the mode of Dropout"))
    rate = 0.5 if ratio is None else float(known(ratio, "the rate of Dropout"))
    if not active or rate == 0:
        return x, ops.ones(x.shape, dtype=types.bool_)
    kept = uniform(x.shape, key=None if seed is None else new_key(seed)) >= rate
    return ops.where(kept, x / as_tensor(1 - rate, x.dtype), as_tensor(0, x.dtype)), kept


@operator("Dropout", since=1)
def dropout_by_attribute(
    x: Any, *, ratio: float = 0.5, is_test: int = 1, consumed_inputs: Any = None
) -> tuple[Tensor, Tensor]:
    return dropout(x)
