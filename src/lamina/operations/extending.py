"""Functions that make arrays larger: repeat, tile and pad."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import restoring
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError, unknown_name
from lamina.ir.types import Dim, Extent, same
from lamina.operations.gathering import take
from lamina.operations.joining import concat
from lamina.operations.promote import axis_of, scalar, spread
from lamina.operations.shaping import ravel, reshape, sliced
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
__all__ = ["pad", "repeat", "tile"]


def repeat(x: ArrayLike, repeats: ArrayLike, /, axis: int | None = None) -> Tensor:
    """Return each element of x repeated.

    Args:
        x: tensor or array-like.
        repeats: a number for all, or one for each position along the axis; several numbers must be
            known when a program is recorded.
        axis: axis along which elements are repeated; None repeats the flattened elements.

    Example:
        >>> import lamina as lm
        >>> lm.repeat([1, 2], 2).tolist()
        [1, 1, 2, 2]
    """
    tensor = as_tensor(x)
    if axis is None:
        tensor, axis = ravel(tensor), 0
    axis = axis_of("repeat", axis, tensor.ndim)
    counts = np.asarray(as_tensor(repeats).numpy())
    if counts.size == 1:
        return _repeated(tensor, int(counts.reshape(())), axis)
    n = tensor.shape[axis]
    if not same(counts.shape, (n,)):
        raise ShapeError(f"repeat: {counts.size} counts for axis {axis} of extent {n}")
    return take(tensor, np.repeat(np.arange(counts.size, dtype=np.int32), counts), axis=axis)


def _repeated(x: Tensor, count: int, axis: int) -> Tensor:
    """before: [a, b]; a new axis next to it: [[a, a], [b, b]]; after: [a, a, b, b]"""
    n = x.shape[axis]
    shape = (*x.shape[: axis + 1], count, *x.shape[axis + 1 :])
    dims = [d if d <= axis else d + 1 for d in range(x.ndim)]
    wide = spread(x, shape, dims, traced=False)
    return reshape(wide, (*x.shape[:axis], n * count, *x.shape[axis + 1 :]))


def tile(x: ArrayLike, repetitions: int | Sequence[int], /) -> Tensor:
    """Return x repeated as a whole along each axis.

    Args:
        x: tensor or array-like.
        repetitions: number of copies for each axis; one number is for the last axis.

    Example:
        >>> import lamina as lm
        >>> lm.tile([1, 2], 2).tolist()
        [1, 2, 1, 2]
    """
    tensor = as_tensor(x)
    counts = (repetitions,) if isinstance(repetitions, int) else tuple(repetitions)
    ndim = max(len(counts), tensor.ndim)
    counts = (1,) * (ndim - len(counts)) + counts
    shape = (1,) * (ndim - tensor.ndim) + tensor.shape
    # before: (a, b); each axis behind one of repetitions: (2, a, 3, b); after: (2 a, 3 b)
    pairs = tuple(e for pair in zip(counts, shape, strict=True) for e in pair)
    wide = spread(reshape(tensor, shape), pairs, range(1, 2 * ndim, 2), traced=False)
    return reshape(wide, tuple(c * n for c, n in zip(counts, shape, strict=True)))


def pad(
    x: ArrayLike,
    pad_width: int | Sequence[Dim | Sequence[Dim]],
    /,
    mode: str = "constant",
    *,
    constant_values: float = 0,
) -> Tensor:
    """Return x with elements added at the ends of its axes.

    Args:
        x: tensor or array-like.
        pad_width: elements added: a number for all ends, a pair (before, after) for every axis, or
            one pair for each axis.
        mode: "constant", "edge" (repeat the last element), "reflect" (mirror at the last element),
            "symmetric" (mirror beyond it) or "wrap" (continue from the other end).
        constant_values: value of the new elements with mode "constant".

    Raises:
        UnknownNameError: for another mode.

    Example:
        >>> import lamina as lm
        >>> lm.pad([1, 2, 3], 1, mode="reflect").tolist()
        [2, 1, 2, 3, 2]
    """
    tensor = as_tensor(x)
    widths = np.broadcast_to(np.asarray(pad_width, dtype=np.int64), (tensor.ndim, 2)).tolist()
    if any(w < 0 for pair in widths for w in pair):
        raise ArgumentError(f"pad: widths must not be negative; got {pad_width}")
    if mode == "constant":
        return bind(
            "pad",
            tensor,
            scalar(constant_values, tensor.dtype),
            edge_padding_low=tuple(low for low, _ in widths),
            edge_padding_high=tuple(high for _, high in widths),
            interior_padding=(0,) * tensor.ndim,
        )
    if mode not in _BORDERS:
        raise unknown_name("mode of pad", mode, ["constant", *_BORDERS])
    if constant_values != 0:
        raise ArgumentError(
            f"pad: constant_values={constant_values!r} has no meaning with mode={mode!r}",
            hint="leave constant_values out, or give mode='constant'",
        )
    for axis, (low, high) in enumerate(widths):
        tensor = _bordered(tensor, axis, low, high, mode) if low or high else tensor
    return tensor


_BORDERS = ("edge", "reflect", "symmetric", "wrap")


def _bordered(x: Tensor, axis: int, low: int, high: int, mode: str) -> Tensor:
    n = x.shape[axis]
    if mode == "edge":
        before, after = sliced(x, axis, 0, 1), sliced(x, axis, n - 1, n)
        parts = [_repeated(before, low, axis), x, _repeated(after, high, axis)]
        return concat(parts, axis=axis)
    if isinstance(n, Extent):
        raise ShapeError(f"pad: mode {mode!r} needs a known extent; axis {axis} has {n}")
    if n == 0:
        raise ShapeError(f"pad: mode {mode!r} of an axis without elements (shape {x.shape})")
    restoring.count_operation("pad", n + low + high)
    source = np.pad(np.arange(n, dtype=np.int32), (low, high), mode=mode)  # type: ignore[call-overload]
    return take(x, source, axis=axis)
