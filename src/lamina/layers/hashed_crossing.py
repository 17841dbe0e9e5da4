"""HashedCrossing: combinations of strings and integers as bins."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import DTypeLike
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.fingerprints import farmhash64, joined64
from lamina.layers._base.host import HostLayer
from lamina.layers._base.options import PlainOptions
from lamina.layers.encoding import checked_mode, encoded, refuse_sparse
from lamina.layers.hashing import as_values
from lamina.tensor import Tensor

__all__ = ["HashedCrossing"]

START = 0xDECAFCAFFE  # the key of TensorFlow's crossed columns


class HashedCrossing(HostLayer):
    """Conversion of combinations of strings and integers to bins, by a hash that is equal on all
    machines.

    Different combinations may share a bin. The bins are those of Keras.

    Args:
        num_bins: number of bins, a positive integer.
        output_mode: "int" for integers, or "one_hot".
        sparse: must be False; accepted for compatibility with Keras.
        name: name of the layer.
        dtype: dtype of the output; None is int64 for "int" and float32 for "one_hot".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        a list of inputs (), (batch,) or (batch, 1) -> the same, or (batch, num_bins) for "one_hot"

    Example:
        >>> import lamina as lm
        >>> lm.layers.HashedCrossing(5)([["A", "B", "A"], [101, 101, 102]]).tolist()
        [1, 4, 3]
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: DTypeLike = None,
        **kwargs: Unpack[PlainOptions],
    ) -> None:
        is_int = output_mode == "int"
        super().__init__(name=name, dtype=None if is_int else dtype, **kwargs)
        refuse_sparse("HashedCrossing", sparse=sparse)
        self.num_bins = positive_integer("HashedCrossing", "num_bins", num_bins)
        self.output_mode = checked_mode("HashedCrossing", output_mode, ("int", "one_hot"))
        self._integer = ("int64" if dtype is None else dtype) if is_int else None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal layer as JSON data."""
        return {**super().get_config(), "dtype": self._integer or self.dtype}

    def call(self, inputs: Any) -> Tensor:
        columns = self._columns(inputs)
        flat = [_numbers(column) for column in columns]
        bins = np.empty(columns[0].size, np.int64)
        for row, values in enumerate(zip(*flat, strict=True)):
            key = START
            for value in values:
                key = joined64(key, value)
            bins[row] = key % self.num_bins
        found = ops.asarray(bins.reshape(columns[0].shape))
        if self.output_mode == "int":
            return ops.astype(found, self._integer)
        return encoded(found, "one_hot", self.num_bins, self._compute_dtype)

    def _columns(self, inputs: Any) -> list[np.ndarray]:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ArgumentError(
                f"{self._label()}: crosses at least two inputs (expected a list of them, got "
                f"{type(inputs).__name__})"
            )
        for each in inputs:
            if getattr(each, "dtype", None) is not None and np.asarray(each).dtype.kind == "f":
                raise DTypeError(
                    f"{self._label()}: crosses strings and integers (got {each.dtype})",
                    hint="lm.layers.Discretization makes integers of measured numbers",
                )
        columns = [as_values(each) for each in inputs]
        shape = columns[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ShapeError(
                f"{self._label()}: inputs should have shape (), (batch,) or (batch, 1); got {shape}"
            )
        if any(column.shape != shape for column in columns):
            shapes = [column.shape for column in columns]
            raise ShapeError(f"{self._label()}: inputs should have equal shapes; got {shapes}")
        return columns


def _numbers(column: np.ndarray) -> list[int]:
    """Return integers modulo 2^64, and the hashes of strings."""
    flat = column.reshape(-1).tolist()
    if column.dtype.kind == "i":
        return [value % 2**64 for value in flat]
    return [farmhash64(value.encode()) for value in flat]
