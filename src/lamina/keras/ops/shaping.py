"""`keras.ops`: functions that rearrange elements: reshape, transpose, join, split, repeat, pad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, AxisLike, ShapeLike
from lamina.errors import ArgumentError
from lamina.ir.types import Dim
from lamina.keras.ops.arguments import counted, operation, tensor
from lamina.operations.promote import axis_of
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "append", "array_split", "broadcast_to", "concatenate", "diag", "diagflat", "diagonal",
    "dsplit", "dstack", "expand_dims", "flip", "fliplr", "flipud", "hsplit", "hstack", "moveaxis",
    "pad", "ravel", "repeat", "reshape", "roll", "rot90", "split", "squeeze", "stack", "swapaxes",
    "tile", "trace", "transpose", "tril", "triu", "unstack", "vsplit", "vstack",
]
# fmt: on

# ---- shape ---------------------------------------------------------------------------------------


@operation
def reshape(x: ArrayLike, newshape: ShapeLike) -> Tensor:
    """The elements of x in C order under another shape; one extent may be -1."""
    return ops.reshape(x, newshape)


@operation
def ravel(x: ArrayLike) -> Tensor:
    """The elements of x along one axis, in C order."""
    return ops.ravel(x)


@operation
def expand_dims(x: ArrayLike, axis: int | Sequence[int]) -> Tensor:
    """x with a new axis of extent 1 at each position given."""
    return ops.expand_dims(x, axis)


@operation
def squeeze(x: ArrayLike, axis: AxisLike = None) -> Tensor:
    """x without axes of extent 1: those named, or all."""
    return ops.squeeze(x, axis)


@operation
def broadcast_to(x: ArrayLike, shape: ShapeLike) -> Tensor:
    """x repeated to a shape, as broadcasting does."""
    return ops.broadcast_to(x, shape)


# ---- order ---------------------------------------------------------------------------------------


@operation
def transpose(x: ArrayLike, axes: Sequence[int] | None = None) -> Tensor:
    """x with its axes in another order, by default backwards."""
    return ops.transpose(x, axes)


@operation
def swapaxes(x: ArrayLike, axis1: int, axis2: int) -> Tensor:
    """x with two axes exchanged."""
    return ops.swapaxes(x, axis1, axis2)


@operation
def moveaxis(x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """x with axes moved to new places, the others in their order."""
    return ops.moveaxis(x, source, destination)


@operation
def flip(x: ArrayLike, axis: AxisLike = None) -> Tensor:
    """x with its elements in reverse order along axes, by default all."""
    return ops.flip(x, axis=axis)


@operation
def flipud(x: ArrayLike) -> Tensor:
    """x with its first axis reversed."""
    return ops.flip(x, axis=0)


@operation
def fliplr(x: ArrayLike) -> Tensor:
    """x with its second axis reversed."""
    return ops.flip(x, axis=1)


@operation
def roll(x: ArrayLike, shift: int | Sequence[int], axis: AxisLike = None) -> Tensor:
    """x with its elements moved along axes, those past the end to the start."""
    return ops.roll(x, shift, axis=axis)


@operation
def rot90(array: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Tensor:
    """The array turned by k right angles, from the first of the axes towards the second."""
    array = tensor(array)
    first, second = (axis_of("rot90", axis, array.ndim) for axis in axes)
    if first == second:
        raise ArgumentError(f"rot90: expected two different axes, got {tuple(axes)}")
    turns = k % 4
    if turns == 2:
        return ops.flip(array, axis=(first, second))
    if turns == 1:
        return ops.swapaxes(ops.flip(array, axis=second), first, second)
    turned = ops.swapaxes(array, first, second)
    return ops.flip(turned, axis=second) if turns == 3 else array


# ---- joining -------------------------------------------------------------------------------------


@operation
def concatenate(xs: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Tensors one after the other along an axis."""
    return ops.concatenate(xs, axis)


@operation
def append(x1: ArrayLike, x2: ArrayLike, axis: int | None = None) -> Tensor:
    """x2 behind x1 along an axis; both flattened without one."""
    if axis is None:
        return ops.concatenate([ops.ravel(x1), ops.ravel(x2)])
    return ops.concatenate([x1, x2], axis=axis)


@operation
def stack(x: Sequence[ArrayLike], axis: int = 0) -> Tensor:
    """Tensors side by side along a new axis."""
    return ops.stack(x, axis=axis)


@operation
def hstack(xs: Sequence[ArrayLike]) -> Tensor:
    """Tensors joined along the second axis, vectors along their only one."""
    return ops.hstack(xs)


@operation
def vstack(xs: Sequence[ArrayLike]) -> Tensor:
    """Tensors joined along the first axis, vectors as rows."""
    return ops.vstack(xs)


@operation
def dstack(xs: Sequence[ArrayLike]) -> Tensor:
    """Tensors joined along the third axis."""
    return ops.concatenate([_with_depth(tensor(x)) for x in xs], axis=2)


def _with_depth(x: Tensor) -> Tensor:
    return x if x.ndim > 2 else ops.expand_dims(ops.atleast_2d(x), axis=2)


# ---- splitting -----------------------------------------------------------------------------------


@operation
def split(
    x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray, axis: int = 0
) -> list[Tensor]:
    """Equal parts, or parts cut at indices, along an axis."""
    return ops.split(x, indices_or_sections, axis)


@operation
def array_split(
    x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray, axis: int = 0
) -> list[Tensor]:
    """As `split`, of a number that need not divide the extent."""
    return ops.array_split(x, indices_or_sections, axis)


@operation
def hsplit(x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray) -> list[Tensor]:
    """Parts along the second axis; of a vector along its only one."""
    return ops.split(x, indices_or_sections, min(1, tensor(x).ndim - 1))


@operation
def vsplit(x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray) -> list[Tensor]:
    """Parts along the first axis."""
    return ops.split(x, indices_or_sections, 0)


@operation
def dsplit(x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray) -> list[Tensor]:
    """Parts along the third axis."""
    return ops.split(x, indices_or_sections, 2)


@operation
def unstack(x: ArrayLike, num: int | None = None, axis: int = 0) -> tuple[Tensor, ...]:
    """The slices along an axis, without it."""
    slices = ops.unstack(x, axis=axis)
    if num is not None and num != len(slices):
        raise ArgumentError(f"unstack: num is {num}, but axis {axis} has {len(slices)} slices")
    return tuple(slices)


# ---- repetition and padding ----------------------------------------------------------------------


@operation
def repeat(x: ArrayLike, repeats: ArrayLike, axis: int | None = None) -> Tensor:
    """Each element several times along an axis; without one, of the flattened x."""
    return ops.repeat(x, repeats, axis=axis)


@operation
def tile(x: ArrayLike, repeats: int | Sequence[int]) -> Tensor:
    """x repeated `repeats` times along each axis."""
    return ops.tile(x, repeats)


@operation
def pad(
    x: ArrayLike,
    pad_width: int | Sequence[Dim | Sequence[Dim]],
    mode: str = "constant",
    constant_values: float | None = None,
) -> Tensor:
    """x with elements around it."""
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        return ops.pad(x, pad_width, mode, constant_values=value)
    if constant_values is not None:
        raise ArgumentError(
            f"pad: constant_values has no meaning for mode {mode!r}", hint="leave it out"
        )
    return ops.pad(x, pad_width, mode)


# ---- parts of matrices ---------------------------------------------------------------------------


@operation
def tril(x: ArrayLike, k: int = 0) -> Tensor:
    """x with zeros above the k-th diagonal of its last two axes."""
    return ops.tril(x, k=k)


@operation
def triu(x: ArrayLike, k: int = 0) -> Tensor:
    """x with zeros below the k-th diagonal of its last two axes."""
    return ops.triu(x, k=k)


@operation
def diag(x: ArrayLike, k: int = 0) -> Tensor:
    """The k-th diagonal of a matrix, or a matrix that has the vector x on it."""
    return ops.diag(x, k)


@operation
def diagflat(x: ArrayLike, k: int = 0) -> Tensor:
    """A matrix with the elements of x on the k-th diagonal."""
    return ops.diag(ops.ravel(x), k)


@operation
def diagonal(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The diagonal of two axes, along a new last axis."""
    return ops.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)


@operation
def trace(x: ArrayLike, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
    """The sum of the diagonal of two axes."""
    picked = ops.diagonal(x, offset=offset, axis1=axis1, axis2=axis2)
    return ops.sum(picked, -1, dtype=counted(picked).dtype)
