"""Two integers of 4 bits in each byte."""

from __future__ import annotations

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.arguments import one_of
from lamina.errors import DTypeError
from lamina.tensor import Tensor, as_tensor

__all__ = ["pack_int4", "unpack_int4"]

DTYPES = ("int8", "uint8")


def pack_int4(
    arr: ArrayLike, axis: int = 0, dtype: str = "int8"
) -> tuple[Tensor, tuple[int, ...], int]:
    """Return an array of integers of 4 bits with each pair along an axis in one byte, the first in
    its lower half.

    Args:
        arr: array of integers from -8 to 7 (int8), or from 0 to 15 (uint8).
        axis: axis along which pairs are taken; an odd extent is padded with 0.
        dtype: dtype of the array and of the bytes, "int8" or "uint8".

    Returns:
        The bytes, their shape, and the extent of the axis before, which `unpack_int4` needs.

    Raises:
        DTypeError: the array has another dtype.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> packed, shape, length = lm.quantizers.pack_int4(np.array([1, 2, -1], "int8"))
        >>> packed.tolist(), shape, length
        ([33, 15], (2,), 3)
    """
    one_of("pack_int4", "dtype", dtype, DTYPES)
    array = as_tensor(arr)
    if array.dtype.name != dtype:
        raise DTypeError(f"pack_int4: expected an array of {dtype}, got {array.dtype}")
    values = np.moveaxis(array.numpy(), axis, 0)
    length = len(values)
    if length % 2:
        values = np.concatenate([values, np.zeros_like(values[:1])])
    halves = values.view("uint8") if values.flags.c_contiguous else values.astype("uint8")
    packed = (halves[::2] & 15) | (halves[1::2] << 4)
    packed = np.moveaxis(packed, 0, axis).astype(dtype)
    return as_tensor(packed), packed.shape, length


def unpack_int4(packed: ArrayLike, orig_len: int, axis: int = 0, dtype: str = "int8") -> Tensor:
    """Return the integers of 4 bits that `pack_int4` put into bytes.

    Args:
        packed: array of bytes, int8 or uint8.
        orig_len: extent of the axis before.
        axis: axis along which pairs were taken.
        dtype: "int8" for integers from -8 to 7, "uint8" for those from 0 to 15.

    Raises:
        DTypeError: the array has another dtype.

    Example:
        >>> import lamina as lm
        >>> import numpy as np
        >>> lm.quantizers.unpack_int4(np.array([33, 15], "int8"), 3).tolist()
        [1, 2, -1]
    """
    one_of("unpack_int4", "dtype", dtype, DTYPES)
    halves = as_tensor(packed)
    if halves.dtype.name not in DTYPES:
        raise DTypeError(f"unpack_int4: expected an array of int8 or uint8, got {halves.dtype}")
    axis %= halves.ndim
    own = halves.dtype
    mask = as_tensor(15, own)
    low = ops.bitwise_and(halves, mask)
    high = ops.bitwise_and(ops.bitwise_right_shift(halves, as_tensor(4, own)), mask)
    both = ops.stack([low, high], axis=axis + 1)
    shape = (*halves.shape[:axis], 2 * halves.shape[axis], *halves.shape[axis + 1 :])
    values = ops.reshape(both, shape)[(slice(None),) * axis + (slice(0, orig_len),)]
    if dtype == "int8":
        sign = as_tensor(8, own)
        values = ops.bitwise_xor(values, sign) - sign
    return ops.astype(values, dtype)
