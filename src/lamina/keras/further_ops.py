"""What else `keras.ops` has: loops, scattered updates, segments, normalisation.

Arguments and meanings are those of Keras 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lamina import operations as ops
from lamina import transforms
from lamina.errors import ArgumentError
from lamina.tensor import Tensor, as_tensor

# fmt: off
__all__ = [
    "batch_normalization", "cdist", "ctc_decode", "dtype", "fori_loop", "in_top_k",
    "layer_normalization", "map", "multi_hot", "psnr", "rms_normalization", "saturate_cast",
    "scatter", "scatter_update", "segment_max", "segment_min", "segment_prod", "segment_sum",
    "slice_update", "sparse_sigmoid", "threshold", "while_loop",
]
# fmt: on


# ---- loops -------------------------------------------------------------------------------------
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    maximum_iterations: int | None = None,
) -> Any:
    """body(*loop_vars) again and again while cond(*loop_vars), at most so many times.

    One value alone may stand for a tuple of one. Forward only: gradients need `scan`.
    """
    alone = not isinstance(loop_vars, (tuple, list))
    most = 2**31 - 1 if maximum_iterations is None else maximum_iterations

    def given(values: Any) -> tuple[Any, ...]:
        return tuple(values) if isinstance(values, (tuple, list)) else (values,)

    def goes_on(carry: Any) -> Any:
        return ops.logical_and(carry[0] < most, cond(*carry[1]))

    def turn(carry: Any) -> Any:
        return carry[0] + 1, given(body(*carry[1]))

    start = ops.zeros((), dtype="int32"), tuple(as_tensor(v) for v in given(loop_vars))
    values = transforms.while_loop(goes_on, turn, start)[1]
    return values[0] if alone else type(loop_vars)(values)


def fori_loop(lower: Any, upper: Any, body_fun: Callable[[Any, Any], Any], init_val: Any) -> Any:
    """value = body_fun(i, value) for each i from lower up to below upper."""

    def turn(carry: Any) -> Any:
        return carry[0] + 1, body_fun(*carry)

    start = ops.asarray(lower, dtype="int32"), init_val
    return transforms.while_loop(lambda carry: carry[0] < upper, turn, start)[1]


def map(f: Callable[[Any], Any], xs: Any) -> Any:
    """f of each element along the first axis, the results stacked."""
    return transforms.scan(lambda carry, x: (carry, f(x)), ops.zeros(()), xs)[1]


# ---- updates by index --------------------------------------------------------------------------
def scatter(indices: Any, values: Any, shape: Sequence[int]) -> Tensor:
    """Zeros of this shape with the values added at the indices, a place in each row of them."""
    values = as_tensor(values)
    return _at(ops.zeros(tuple(shape), dtype=values.dtype), indices).add(values)


_REDUCTIONS = {None: "set", "add": "add", "max": "max", "min": "min", "mul": "multiply"}


def scatter_update(inputs: Any, indices: Any, updates: Any, reduction: str | None = None) -> Tensor:
    """inputs with the updates at the indices (a place in each row), or combined with what is there:
    `reduction` "add", "max", "min" or "mul". Raises ArgumentError for another."""
    if reduction not in _REDUCTIONS:
        raise ArgumentError(
            f"scatter_update: reduction is {reduction!r}, expected None, 'add', 'max', 'min', 'mul'"
        )
    return getattr(_at(as_tensor(inputs), indices), _REDUCTIONS[reduction])(updates)


def _at(x: Tensor, indices: Any) -> Any:
    indices = as_tensor(indices)
    return x.at[tuple(indices[..., k] for k in range(indices.shape[-1]))]


def slice_update(inputs: Any, start_indices: Sequence[Any], updates: Any) -> Tensor:
    """inputs with the block that begins at these indices replaced."""
    return ops.dynamic_update_slice(inputs, updates, list(start_indices))


# ---- segments ----------------------------------------------------------------------------------
def _segments(kind: str, identity: Any, data: Any, ids: Any, count: int | None) -> Tensor:
    data, ids = as_tensor(data), as_tensor(ids)
    if count is None:
        count = int(ops.max(ids).item()) + 1
    start = ops.full((count, *data.shape[1:]), identity(data.dtype), dtype=data.dtype)
    return getattr(start.at[ids], kind)(data)


def _lowest(dtype: Any) -> Any:
    return -math.inf if dtype.is_float else ops.iinfo(dtype).min


def _highest(dtype: Any) -> Any:
    return math.inf if dtype.is_float else ops.iinfo(dtype).max


def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The sums of the rows of each segment. In compiled code `num_segments` has to be given."""
    return _segments("add", lambda _: 0, data, segment_ids, num_segments)


def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The products of the rows of each segment."""
    return _segments("multiply", lambda _: 1, data, segment_ids, num_segments)


def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The largest of the rows of each segment; minus infinity of an empty one."""
    return _segments("max", _lowest, data, segment_ids, num_segments)


def segment_min(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> Tensor:
    """The smallest of the rows of each segment; infinity of an empty one."""
    return _segments("min", _highest, data, segment_ids, num_segments)


# ---- networks ----------------------------------------------------------------------------------
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon) over the axis, times gamma, plus beta."""
    x = as_tensor(x)
    centred = x - ops.mean(x, axis=axis, keepdims=True)
    variance = ops.mean(centred * centred, axis=axis, keepdims=True)
    result = centred * ops.rsqrt(variance + (1e-7 if epsilon is None else epsilon))
    result = result if gamma is None else result * gamma
    return result if beta is None else result + beta


def rms_normalization(
    x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> Tensor:
    """x / sqrt(mean(x^2) + epsilon) over the axis, times scale."""
    x = as_tensor(x)
    square = ops.mean(x * x, axis=axis, keepdims=True)
    result = x * ops.rsqrt(square + (1e-7 if epsilon is None else epsilon))
    return result if scale is None else result * scale


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> Tensor:
    """(x - mean) / sqrt(variance + epsilon), times scale, plus offset, all along an axis."""
    x = as_tensor(x)
    shape = [1] * x.ndim
    shape[axis] = -1

    def along(values: Any) -> Tensor:
        return ops.reshape(as_tensor(values), tuple(shape))

    result = (x - along(mean)) * ops.rsqrt(along(variance) + epsilon)
    result = result if scale is None else result * along(scale)
    return result if offset is None else result + along(offset)


def in_top_k(targets: Any, predictions: Any, k: int) -> Tensor:
    """Whether fewer than k predictions of a row are above that of its target."""
    predictions = as_tensor(predictions)
    own = ops.take_along_axis(predictions, ops.expand_dims(targets, axis=-1), axis=-1)
    return ops.sum(ops.cast(predictions > own, "int32"), axis=-1) < k


def multi_hot(
    inputs: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """Ones in the places of all classes that occur along the last axis of the inputs."""
    rows = ops.one_hot(as_tensor(inputs), num_classes, dtype=dtype or "float32")
    return ops.max(rows, axis=-2)


def sparse_sigmoid(x: Any) -> Tensor:
    """0 up to -1, 1 from 1 on, and (x + 1) / 2 between."""
    return ops.clip((as_tensor(x) + 1) * 0.5, 0.0, 1.0)


def threshold(x: Any, threshold: float, default_value: float) -> Tensor:
    """x where it is above the threshold, else the default."""
    x = as_tensor(x)
    return ops.where(x > threshold, x, default_value)


def saturate_cast(x: Any, dtype: Any) -> Tensor:
    """x as another dtype, what is beyond its range at the end of it."""
    x, wanted = as_tensor(x), ops.zeros((), dtype=dtype).dtype
    limits = (ops.finfo if wanted.is_float else ops.iinfo)(wanted)
    return ops.cast(ops.clip(x, limits.min, limits.max), wanted)


def dtype(x: Any) -> str:
    """The name of the dtype."""
    return str(as_tensor(x).dtype)


def cdist(x: Any, y: Any) -> Tensor:
    """The Euclidean distances of all rows of x (m, n) from all of y (k, n): (m, k)."""
    apart = ops.expand_dims(x, axis=-2) - ops.expand_dims(y, axis=-3)
    return ops.sqrt(ops.sum(apart * apart, axis=-1))


def psnr(x1: Any, x2: Any, max_val: float) -> Tensor:
    """The peak signal-to-noise ratio of two pictures in decibels: 20 log10(max / rmse)."""
    apart = as_tensor(x1) - x2
    return 20 * math.log10(max_val) - 10 * ops.log10(ops.mean(apart * apart))


# ---- labels without places ---------------------------------------------------------------------
def ctc_decode(
    inputs: Any,
    sequence_lengths: Any,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int = 0,
) -> tuple[Tensor, Tensor]:
    """The labels that the likeliest class of each step reads as, (1, batch, steps), -1 behind them,
    and minus the sum of those logits, (batch, 1), as in Keras.

    inputs: logits (batch, steps, classes); sequence_lengths: (batch,). Only strategy "greedy".
    """
    if strategy != "greedy":
        raise ArgumentError(f"ctc_decode: strategy is {strategy!r}, expected 'greedy'")
    logits = as_tensor(inputs)
    place = ops.arange(logits.shape[1], dtype="int32")
    is_there = place < ops.expand_dims(as_tensor(sequence_lengths), axis=-1)
    best = ops.where(is_there, ops.astype(ops.argmax(logits, axis=-1), "int32"), mask_index)
    is_label = best != mask_index
    if merge_repeated:
        before = ops.pad(best, ((0, 0), (1, 0)), constant_values=mask_index)[:, :-1]
        is_label = ops.logical_and(is_label, best != before)
    order = ops.argsort(ops.where(is_label, place, 2**30), axis=-1)
    read = ops.take_along_axis(ops.where(is_label, best, -1), order, axis=-1)
    score = -ops.sum(ops.where(is_there, ops.max(logits, axis=-1), 0.0), axis=-1, keepdims=True)
    return ops.expand_dims(read, axis=0), score
