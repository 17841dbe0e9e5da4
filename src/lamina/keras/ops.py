"""`keras.ops`: Lamina's operations under the names of Keras.

Nearly all have the same name in `lamina` or `lamina.nn`; here are those two together, control flow,
and the few that are called otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import losses, nn, operations, transforms
from lamina.keras import further_ops, numpy_names
from lamina.keras.further_ops import *  # noqa: F403
from lamina.keras.numpy_names import *  # noqa: F403
from lamina.losses.ctc import ctc_loss as ctc_loss
from lamina.nn import *  # noqa: F403
from lamina.operations import *  # noqa: F403
from lamina.operations import creation, elementwise, linear_algebra, reductions, shaping
from lamina.tensor import Tensor, as_tensor

cond, scan, stop_gradient = transforms.cond, transforms.scan, transforms.stop_gradient
associative_scan, switch = transforms.associative_scan, transforms.switch
custom_gradient = transforms.custom_gradient
amax, amin = reductions.max, reductions.min
binary_crossentropy = losses.binary_crossentropy
categorical_crossentropy = losses.categorical_crossentropy
sparse_categorical_crossentropy = losses.sparse_categorical_crossentropy
mod, true_divide, fabs = elementwise.remainder, elementwise.divide, elementwise.abs


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Tensor:
    """x as a tensor, of this dtype if one is given."""
    return as_tensor(x) if dtype is None else operations.cast(as_tensor(x), dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """The value of a tensor as an array."""
    return np.asarray(x)


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Tensor:
    """start, start + step, ... below stop; of one number alone 0, 1, ... below it."""
    return creation.arange(start, stop, 1 if step is None else step, dtype=dtype)


def shape(x: Any) -> tuple[Any, ...]:
    """The extents, those that are not known yet as symbols, to compute and reshape with."""
    return as_tensor(x).shape


def ndim(x: Any) -> int:
    """The number of axes."""
    return as_tensor(x).ndim


def size(x: Any) -> Any:
    """The number of elements."""
    return as_tensor(x).size


def get_item(x: Any, key: Any) -> Tensor:
    """x[key]."""
    return as_tensor(x)[key]


def slice(inputs: Any, start_indices: Sequence[int], shape: Sequence[int]) -> Tensor:
    """The block of this shape that begins at these indices."""
    ranges = zip(start_indices, shape, strict=True)
    return as_tensor(inputs)[tuple(np.s_[start : start + n] for start, n in ranges)]


def average(x: Any, axis: Any = None, weights: Any = None) -> Tensor:
    """The mean, weighted if there are weights: sum(x w) / sum(w)."""
    if weights is None:
        return reductions.mean(x, axis=axis)
    weights = shaping.broadcast_to(as_tensor(weights), as_tensor(x).shape)
    return reductions.sum(x * weights, axis=axis) / reductions.sum(weights, axis=axis)


def divide_no_nan(x1: Any, x2: Any) -> Tensor:
    """x1 / x2, and 0 where x2 is 0."""
    divisor = as_tensor(x2)
    return elementwise.where(divisor == 0, 0.0, x1 / elementwise.where(divisor == 0, 1.0, divisor))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """The norm of vectors along an axis, 2 unless said; of all elements without an axis."""
    order = 2 if ord is None else ord
    return linear_algebra.vector_norm(x, axis=axis, keepdims=keepdims, ord=order)


def normalize(x: Any, axis: int = -1, order: int = 2, epsilon: float = 1e-12) -> Tensor:
    """x divided by its norm along an axis."""
    length = norm(x, order, axis, keepdims=True)
    return x / elementwise.maximum(length, epsilon)


__all__ = sorted(
    {
        *operations.__all__,
        *nn.__all__,
        *numpy_names.__all__,
        *further_ops.__all__,
        *("associative_scan", "custom_gradient", "switch"),
        *("amax", "amin", "average", "binary_crossentropy", "categorical_crossentropy", "cond"),
        *("convert_to_numpy", "convert_to_tensor", "ctc_loss", "divide_no_nan", "fabs"),
        *("get_item", "mod", "ndim", "norm", "normalize", "scan", "shape", "size", "slice"),
        *("sparse_categorical_crossentropy", "stop_gradient", "true_divide"),
    }
)
