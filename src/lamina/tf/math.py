"""`tf.math`, whose functions are mostly Lamina's; here are those that differ in name, default or
dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import activations
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf.naming import public, thin

_UNARY = (
    "abs acos acosh asin asinh atan atanh ceil cos cosh erf erfinv exp expm1 floor log log1p "
    "logical_not negative reciprocal rsqrt sigmoid sign sin sinh softplus sqrt square tan tanh "
)
_BINARY = (
    "add subtract multiply divide maximum minimum pow equal not_equal greater greater_equal less "
    "less_equal logical_and logical_or logical_xor nextafter atan2"
)
_OTHER_NAMES = {
    "is_finite": lm.isfinite,
    "is_inf": lm.isinf,
    "is_nan": lm.isnan,
    "rint": lm.round,
    "log_sigmoid": activations.log_sigmoid,
    "softsign": activations.softsign,
}
_TWO = {
    "floordiv": lm.floor_divide,
    "floormod": lm.remainder,
    "mod": lm.remainder,
    "truediv": lm.divide,
}


def round(x: Any, name: Any = None) -> Tensor:
    """Round to the nearest integer, halves to the even one."""
    return lm.round(x)


def squared_difference(x: Any, y: Any, name: Any = None) -> Tensor:
    """(x - y)^2"""
    return lm.square(as_tensor(x) - y)


def divide_no_nan(x: Any, y: Any, name: Any = None) -> Tensor:
    """x / y, and 0 where y is 0."""
    below = as_tensor(y)
    safe = lm.where(below == 0, lm.ones_like(below), below)
    return lm.where(below == 0, 0.0, as_tensor(x) / safe)


def multiply_no_nan(x: Any, y: Any, name: Any = None) -> Tensor:
    """x * y, and 0 where y is 0, also for an infinite x."""
    factor = as_tensor(y)
    return lm.where(factor == 0, lm.zeros_like(factor), as_tensor(x) * factor)


def xlogy(x: Any, y: Any, name: Any = None) -> Tensor:
    """x log(y), and 0 where x is 0."""
    factor = as_tensor(x)
    return lm.where(factor == 0, 0.0, factor * lm.log(lm.where(factor == 0, 1.0, y)))


def add_n(inputs: Any, name: Any = None) -> Tensor:
    """Return the sum of several tensors."""
    total = as_tensor(inputs[0])
    for each in inputs[1:]:
        total = total + each
    return total


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: Any = None) -> Any:
    """Return the sum of several tensors."""
    return add_n(inputs)


# ---- reductions --------------------------------------------------------------------------------
def _axis(axis: Any) -> Any:
    if axis is None or isinstance(axis, int):
        return axis
    found = np.asarray(axis)
    return int(found) if found.ndim == 0 else tuple(found.tolist())


def _reduction(function: Any) -> Any:
    def reduced(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
    ) -> Any:
        return function(input_tensor, axis=_axis(axis), keepdims=keepdims)

    reduced.__doc__ = function.__doc__
    return reduced


def reduce_mean(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return the mean along axes; of integers as an integer, as in TensorFlow."""
    x = as_tensor(input_tensor)
    found = lm.mean(x, axis=_axis(axis), keepdims=keepdims)
    return lm.cast(lm.floor(found), x.dtype) if x.dtype.is_integer else found


def reduce_sum(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return the sum along axes, in the dtype of the tensor."""
    x = as_tensor(input_tensor)
    return lm.cast(lm.sum(x, axis=_axis(axis), keepdims=keepdims), x.dtype)


def reduce_prod(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return the product along axes, in the dtype of the tensor."""
    x = as_tensor(input_tensor)
    return lm.cast(lm.prod(x, axis=_axis(axis), keepdims=keepdims), x.dtype)


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return the root of the sum of squares along axes."""
    return lm.sqrt(lm.sum(lm.square(input_tensor), axis=_axis(axis), keepdims=keepdims))


def count_nonzero(
    input: Any, axis: Any = None, keepdims: bool = False, dtype: Any = "int64", name: Any = None
) -> Tensor:
    """Return the number of elements that are not 0."""
    return lm.cast(lm.count_nonzero(input, axis=_axis(axis), keepdims=keepdims), dtype)


def argmax(
    input: Any, axis: int | None = None, output_type: Any = "int64", name: Any = None
) -> Tensor:
    """Return the position of the maximum along an axis, by default the first one."""
    return lm.cast(lm.argmax(input, axis=axis or 0), output_type)


def argmin(
    input: Any, axis: int | None = None, output_type: Any = "int64", name: Any = None
) -> Tensor:
    """Return the position of the minimum along an axis, by default the first one."""
    return lm.cast(lm.argmin(input, axis=axis or 0), output_type)


def _cumulative(function: Any, x: Any, axis: int, exclusive: bool, reverse: bool, unit: int) -> Any:
    tensor = as_tensor(x)
    if reverse:
        tensor = lm.flip(tensor, axis=axis)
    found = lm.cast(function(tensor, axis=axis), tensor.dtype)
    if exclusive:
        widths = [(0, 0)] * tensor.ndim
        widths[axis] = (1, 0)
        index = [slice(None)] * tensor.ndim
        index[axis] = slice(0, -1)
        found = lm.pad(found[tuple(index)], widths, constant_values=unit)
    return lm.flip(found, axis=axis) if reverse else found


def cumsum(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Any = None
) -> Tensor:
    """Return the sums of the elements up to each."""
    return _cumulative(lm.cumsum, x, axis, exclusive, reverse, 0)


def cumprod(
    x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False, name: Any = None
) -> Tensor:
    """Return the products of the elements up to each."""
    return _cumulative(lm.cumprod, x, axis, exclusive, reverse, 1)


# ---- limits and norms --------------------------------------------------------------------------
def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: Any = None) -> Tensor:
    """Return the values within two limits."""
    return lm.clip(t, clip_value_min, clip_value_max)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: Any = None) -> Tensor:
    """Return the tensor, scaled down if its norm exceeds a limit."""
    x = as_tensor(t)
    norm = lm.sqrt(lm.sum(lm.square(x), axis=_axis(axes), keepdims=True))
    return x * clip_norm / lm.maximum(norm, clip_norm)


def global_norm(t_list: Any, name: Any = None) -> Tensor:
    """Return the root of the sum of squares of all tensors; None counts as zeros."""
    return lm.sqrt(add_n([lm.sum(lm.square(t)) for t in t_list if t is not None]))


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: Any = None
) -> tuple[list[Any], Tensor]:
    """Return tensors scaled down together if their common norm exceeds a limit, and the norm."""
    norm = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    scale = clip_norm / lm.maximum(norm, clip_norm)
    return [None if t is None else as_tensor(t) * scale for t in t_list], norm


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: Any = None,
) -> Tensor:
    """Return the norm of a vector or matrix; "euclidean" is that of all elements."""
    x = as_tensor(tensor)
    if ord == "euclidean":
        return reduce_euclidean_norm(x, axis, bool(keepdims))
    if axis is None:
        x, axis = lm.reshape(x, (-1,)), 0
    return lm.linalg.norm(x, ord=ord, axis=_axis(axis), keepdims=bool(keepdims))


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: Any = None) -> Tensor:
    """Return x / sqrt(max(sum of squares, epsilon))."""
    tensor = as_tensor(x)
    total = lm.sum(lm.square(tensor), axis=_axis(axis), keepdims=True)
    return tensor * lm.rsqrt(lm.maximum(total, epsilon))


# ---- of segments and labels --------------------------------------------------------------------
def bincount(
    arr: Any,
    weights: Any = None,
    minlength: Any = None,
    maxlength: Any = None,
    dtype: Any = "int32",
    **_: Any,
) -> Tensor:
    """Return how often each integer occurs, or the sums of weights."""
    found = np.bincount(
        np.asarray(arr).ravel(),
        None if weights is None else np.asarray(weights).ravel(),
        int(minlength or 0),
    )
    kind = lm.dtype(dtype) if weights is None else as_tensor(weights).dtype
    return lm.asarray(found[: None if maxlength is None else int(maxlength)], dtype=kind)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    weights: Any = None,
    dtype: Any = "int32",
    name: Any = None,
) -> Tensor:
    """Return the number of samples of each pair of class (rows) and prediction (columns)."""
    true, found = np.asarray(labels).ravel(), np.asarray(predictions).ravel()
    count = int(
        max(true.max(initial=-1), found.max(initial=-1)) + 1 if num_classes is None else num_classes
    )
    table = np.zeros((count, count))
    np.add.at(table, (true, found), 1 if weights is None else np.asarray(weights))
    return lm.asarray(table, dtype=lm.dtype(dtype))


def in_top_k(targets: Any, predictions: Any, k: int, name: Any = None) -> Tensor:
    """Return True for each row whose target is among the k largest predictions."""
    return lm.keras.ops.in_top_k(targets, predictions, k)


def top_k(input: Any, k: int = 1, sorted: bool = True, name: Any = None) -> Any:
    """Return the k largest values along the last axis, and their positions."""
    return lm.top_k(input, k)


def reduce_all(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return True where all are true along axes."""
    return lm.all(input_tensor, axis=_axis(axis), keepdims=keepdims)


def reduce_any(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: Any = None
) -> Tensor:
    """Return True where any is true along axes."""
    return lm.any(input_tensor, axis=_axis(axis), keepdims=keepdims)


def unsorted_segment_sum(
    data: Any, segment_ids: Any, num_segments: Any, name: Any = None
) -> Tensor:
    """Return the sums of the rows of each segment."""
    return lm.keras.ops.segment_sum(data, segment_ids, int(num_segments))


def segment_sum(data: Any, segment_ids: Any, name: Any = None) -> Tensor:
    """Return the sums of the rows of each segment."""
    return lm.keras.ops.segment_sum(data, segment_ids)


public(
    __name__,
    {
        **{name: thin(getattr(lm, name), "x") for name in _UNARY.split()},
        **{name: thin(getattr(lm, name), "x", "y") for name in _BINARY.split()},
        **{name: thin(function, "x") for name, function in _OTHER_NAMES.items()},
        **{name: thin(function, "x", "y") for name, function in _TWO.items()},
        "reduce_max": _reduction(lm.max),
        "reduce_min": _reduction(lm.min),
        "reduce_std": _reduction(lm.std),
        "reduce_variance": _reduction(lm.var),
        "reduce_logsumexp": _reduction(lm.logsumexp),
    },
    {"lamina.activations": "softmax log_softmax"},
    {
        "angle": "lamina.keras.ops.angle",
        "lgamma": "scipy.special.gammaln, on data",
        "polyval": "lamina.keras.ops, or Horner's scheme in a loop",
    },
)
