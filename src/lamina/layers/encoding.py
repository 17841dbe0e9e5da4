"""CategoryEncoding and Discretization: integers as rows of indicators or counts, and numbers as
bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Self, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import DataLike
from lamina.errors import ArgumentError, OutOfBoundsError, RangeError, StateError, unknown_name
from lamina.ir.types import DType, int32, promote, same
from lamina.layers._base import symbolic
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.operations import updating
from lamina.tensor import Tensor, as_tensor

__all__ = ["CategoryEncoding", "Discretization"]

MODES = ("one_hot", "multi_hot", "count")
OLD_NAMES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def checked_mode(owner: str, mode: Any, known: Sequence[str] = MODES) -> str:
    mode = OLD_NAMES.get(mode, mode)
    if mode not in known:
        raise unknown_name(f"output_mode of {owner}", mode, known)
    return str(mode)


def refuse_sparse(owner: str, **asked: Any) -> None:
    """Raise for `sparse` or `ragged`, which require tensors that Lamina does not have."""
    for name, value in asked.items():
        if value:
            raise ArgumentError(
                f"{owner}: {name}=True is not supported: all tensors are dense",
                hint=f"leave {name} out",
            )


def encoded(numbers: Tensor, mode: str, depth: int, dtype: DType, weights: Any = None) -> Tensor:
    """Return integers from 0 to depth - 1 as rows of `depth` columns; other integers are ignored.

    "one_hot": each integer is a row; a last axis of extent 1 is dropped first. "multi_hot" and
    "count": the last axis is one row, which holds 1 for each integer that occurs, or the number of
    its occurrences (or the sum of their `weights`).
    """
    if numbers.ndim == 0:
        numbers = ops.reshape(numbers, (1,))
    if mode == "one_hot":
        if numbers.ndim > 1 and same(numbers.shape[-1], 1):
            numbers = ops.squeeze(numbers, axis=-1)
        return ops.one_hot(numbers, depth, dtype=dtype)
    single = numbers.ndim == 1
    if single:
        numbers = ops.expand_dims(numbers, axis=0)
    front, steps = numbers.shape[:-1], numbers.shape[-1]
    flat = ops.reshape(numbers, (-1, steps))
    outside = (flat < 0) | (flat >= depth)
    columns = ops.where(outside, depth, flat)  # a column that is cut off again
    rows = ops.expand_dims(ops.arange(flat.shape[0]), axis=1)
    ones = ops.ones(flat.shape, dtype=dtype)
    if weights is not None:
        ones = ops.reshape(ops.astype(as_tensor(weights), dtype), flat.shape)
    table = ops.zeros((flat.shape[0], depth + 1), dtype=dtype)
    counts = updating.at(table)[rows, columns].add(ones)[:, :depth]
    if mode == "multi_hot":
        counts = ops.minimum(counts, 1)
    return ops.reshape(counts, (depth,) if single else (*front, depth))


class CategoryEncoding(Layer):
    """Encoding of integers from 0 to num_tokens - 1 as rows of num_tokens columns.

    `call(inputs, count_weights=...)` counts each integer with its weight.

    Args:
        num_tokens: number of categories.
        output_mode: "multi_hot" (1 for each integer that occurs), "count" (number of occurrences)
            or "one_hot" (one row per integer).
        sparse: must be False; accepted for compatibility with Keras.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (..., n) -> (..., num_tokens) for "multi_hot" and "count"
        (..., n) -> (..., n, num_tokens) for "one_hot"; (..., num_tokens) if n = 1

    Raises:
        OutOfBoundsError: an integer is outside of the range; a compiled program ignores it instead.

    Example:
        >>> import lamina as lm
        >>> lm.layers.CategoryEncoding(4)(lm.asarray([[0, 1], [3, 3]])).tolist()
        [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    """

    _data_dtype = int32

    def __init__(
        self,
        num_tokens: int,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        refuse_sparse("CategoryEncoding", sparse=sparse)
        self.num_tokens = positive_integer("CategoryEncoding", "num_tokens", num_tokens)
        self.output_mode = checked_mode("CategoryEncoding", output_mode)

    def call(self, inputs: Any, count_weights: Any = None) -> Tensor:
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(
                f"{self._label()}: count_weights go with output_mode='count', and it is "
                f"{self.output_mode!r}"
            )
        numbers = as_tensor(inputs)
        wide = promote(numbers.dtype, int32) if numbers.dtype.is_integer else int32
        numbers = as_tensor(numbers, wide)  # uint8 does not hold every column
        if not numbers.is_traced:
            _check_within(self._label(), numbers.numpy(), self.num_tokens)
        return encoded(
            numbers, self.output_mode, self.num_tokens, self._compute_dtype, count_weights
        )


def _check_within(label: str, values: np.ndarray, depth: int) -> None:
    outside = (values < 0) | (values >= depth)
    if outside.any():
        place = tuple(int(k) for k in np.argwhere(outside)[0])
        raise OutOfBoundsError(
            f"{label}: the number {int(values[place])} at position {place} of the inputs is "
            f"outside of 0 to {depth - 1}",
            hint="num_tokens must be larger than every number; IntegerLookup takes any numbers",
        )


class Discretization(Layer):
    """Conversion of numbers to the indices of the bins that contain them.

    Args:
        bin_boundaries: increasing boundaries b1, b2, ...; bin 0 is below b1, bin 1 from b1 to below
            b2, and so on.
        num_bins: number of bins whose boundaries `adapt` learns as exact quantiles of data, in
            place of `bin_boundaries`.
        epsilon: accepted for compatibility with Keras; quantiles are exact.
        output_mode: "int" for int32 indices, or a mode of `CategoryEncoding`.
        sparse: must be False; accepted for compatibility with Keras.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (...) -> (...) for "int"; as `CategoryEncoding` for other modes

    Example:
        >>> import lamina as lm
        >>> lm.layers.Discretization([0.0, 1.0, 2.0])(lm.asarray([-1.5, 1.0, 3.4])).tolist()
        [0, 2, 3]
    """

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        refuse_sparse("Discretization", sparse=sparse)
        if (bin_boundaries is None) == (num_bins is None):
            raise ArgumentError("Discretization: give either bin_boundaries or num_bins")
        self.output_mode = checked_mode("Discretization", output_mode, ("int", *MODES))
        self.epsilon = epsilon
        self.num_bins = num_bins
        if num_bins is not None:
            positive_integer("Discretization", "num_bins", num_bins)
        self.bin_boundaries: list[float] | None = None
        if bin_boundaries is not None:
            self.bin_boundaries = _increasing(bin_boundaries)

    def adapt(self, data: DataLike, steps: int | None = None) -> None:
        """Learn the boundaries from an array or an iterable of batches; replaces earlier ones.

        Args:
            data: array, or iterable of batches.
            steps: maximum number of batches; None uses all.
        """
        if self.num_bins is None:
            raise StateError(f"{self._label()}: bin_boundaries were given; nothing to adapt")
        values = np.concatenate([np.ravel(b) for b in batches_of(data, steps)] or [np.empty(0)])
        if not values.size:
            raise ArgumentError(f"{self._label()}: adapt got no data")
        shares = np.arange(1, self.num_bins) / self.num_bins
        self.bin_boundaries = np.quantile(values.astype(np.float32), shares).tolist()

    def call(self, inputs: Any) -> Tensor:
        boundaries = self.bin_boundaries
        if boundaries is None and self.num_bins is not None and symbolic.is_inferring():
            boundaries = [0.0] * (self.num_bins - 1)  # for the shape of the outputs
        if boundaries is None:
            raise StateError(
                f"{self._label()}: has no boundaries yet", hint="call adapt(data) once, before"
            )
        x = self._wide(as_tensor(inputs))
        line = ops.asarray(boundaries, dtype=x.dtype)
        bins = as_tensor(ops.searchsorted(line, x, side="right"), int32)
        if self.output_mode == "int":
            return bins
        if bins.ndim > 2 and self.output_mode != "one_hot":
            bins = ops.moveaxis(bins, 1, -1)  # the axis that is counted, as in Keras
        return encoded(bins, self.output_mode, len(boundaries) + 1, self._compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "bin_boundaries": self.bin_boundaries}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        if config.get("num_bins") is None:
            return super().from_config(config)
        layer = super().from_config({**config, "bin_boundaries": None})
        layer.bin_boundaries = config.get("bin_boundaries")
        return layer


def _increasing(boundaries: Sequence[float]) -> list[float]:
    values = [float(b) for b in boundaries]
    if any(not low < high for low, high in pairwise(values)):
        raise RangeError(f"Discretization: bin_boundaries must increase, got {values}")
    return values


def batches_of(data: Any, steps: int | None = None) -> Iterator[Any]:
    """Yield the inputs of the data of `adapt`: an array or list, or an iterable of at most `steps`
    batches; x of a batch (x, y)."""
    if isinstance(data, (str, bytes, list, tuple)) or hasattr(data, "__array__"):
        yield data
        return
    for k, batch in enumerate(data):
        if steps is not None and k >= steps:
            return
        yield batch[0] if isinstance(batch, tuple) else batch
