"""Hashing: strings and integers as bins, without a vocabulary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.errors import ArgumentError, describe
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.fingerprints import farmhash64, siphash64
from lamina.layers._base.host import HostLayer, as_strings
from lamina.layers._base.options import LayerOptions
from lamina.layers.encoding import MODES, checked_mode, encoded, refuse_sparse
from lamina.tensor import Tensor

__all__ = ["Hashing"]

Salt = int | Sequence[int] | None


class Hashing(HostLayer):
    """Conversion of strings or integers to bins by a hash that is equal on all machines.

    Different inputs may share a bin. The bins are those of Keras. Fractions of numbers are dropped.

    Args:
        num_bins: number of bins, a positive integer.
        mask_value: input that gets bin 0, which no other input gets; None reserves no bin.
        salt: integer or pair of integers, the key of SipHash-2-4; None uses FarmHash64.
        output_mode: "int" for int64 bins, or a mode of `CategoryEncoding`.
        sparse: must be False; accepted for compatibility with Keras.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (...) -> (...) for "int"; as `CategoryEncoding` for other modes

    Example:
        >>> import lamina as lm
        >>> lm.layers.Hashing(3)([["A"], ["B"], ["C"]]).tolist()
        [[1], [0], [1]]
    """

    def __init__(
        self,
        num_bins: int,
        mask_value: str | int | None = None,
        salt: Salt = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        refuse_sparse("Hashing", sparse=sparse)
        self.num_bins = positive_integer("Hashing", "num_bins", num_bins)
        self.mask_value, self.salt = mask_value, salt
        self.output_mode = checked_mode("Hashing", output_mode, ("int", *MODES))
        self._hash = hasher("Hashing", salt)

    def call(self, inputs: Any) -> Tensor:
        values = as_values(inputs)
        reserved = self.mask_value is not None and self.num_bins > 1
        bins = self.num_bins - reserved
        found: dict[Any, int] = {self.mask_value: 0} if reserved else {}
        flat = values.reshape(-1).tolist()
        for value in dict.fromkeys(flat):
            if value not in found:
                found[value] = self._hash(str(value)) % bins + reserved
        numbers = np.fromiter((found[v] for v in flat), np.int64, len(flat))
        tensor = ops.asarray(numbers.reshape(values.shape))
        if self.output_mode == "int":
            return tensor
        return encoded(tensor, self.output_mode, self.num_bins, self._compute_dtype)


def hasher(owner: str, salt: Salt) -> Callable[[str], int]:
    """Return the hash function of strings for a salt."""
    if salt is None:
        return lambda text: farmhash64(text.encode())
    pair = tuple(salt) if isinstance(salt, (tuple, list)) else (salt, salt)
    if len(pair) != 2 or not all(isinstance(k, (int, np.integer)) for k in pair):
        raise ArgumentError(f"{owner}: salt must be one whole number or two, got {describe(salt)}")
    key = (int(pair[0]), int(pair[1]))
    return lambda text: siphash64(text.encode(), key)


def as_values(inputs: Any) -> np.ndarray:
    """Return strings as an object array, numbers as int64."""
    array = inputs if isinstance(inputs, np.ndarray) else None
    if array is None and hasattr(inputs, "__array__"):
        array = np.asarray(inputs)
    if array is None:
        array = np.array(inputs, object)
        if array.size and isinstance(array.reshape(-1)[0], (int, float, np.number)):
            array = np.asarray(inputs)
    return array.astype(np.int64) if array.dtype.kind in "iufb" else as_strings(array)
