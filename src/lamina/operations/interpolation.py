"""Values between the elements of tensors: images under affine, perspective and free transforms."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Dim, int32
from lamina.operations.arithmetic import abs as absolute
from lamina.operations.creation import arange
from lamina.operations.elementwise import (
    ceil,
    floor,
    floor_divide,
    logical_and,
    maximum,
    minimum,
    remainder,
    where,
)
from lamina.operations.images import KERNELS, rounded
from lamina.operations.indexing import getitem
from lamina.operations.linear_algebra import tensordot
from lamina.operations.promote import floating, widened
from lamina.operations.reductions import sum as total
from lamina.operations.shaping import expand_dims, moveaxis
from lamina.tensor import Tensor, as_tensor

__all__ = ["map_coordinates", "sampled", "scale_and_translate"]


def _mirrored(i: Tensor, n: Tensor) -> Tensor:
    """Positions ... 2 1 0 1 2 ... n-2 n-1 n-2 ..."""
    last = maximum(n - 1, 1)
    return minimum(absolute(remainder(i + last, 2 * last) - last), n - 1)


# fill mode -> the element that stands for position i of n; of "constant" another rule decides
FILL: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "constant": lambda i, n: minimum(maximum(i, 0), n - 1),
    "nearest": lambda i, n: minimum(maximum(i, 0), n - 1),
    "wrap": lambda i, n: remainder(i, n),
    "mirror": _mirrored,
    "reflect": lambda i, n: floor_divide(_mirrored(2 * i + 1, 2 * n + 1) - 1, 2),
}


def map_coordinates(
    x: ArrayLike, coordinates: Any, order: int = 1, mode: str = "constant", value: Any = 0.0
) -> Tensor:
    """Return the values of x at coordinates between its elements.

    Args:
        x: tensor or array-like of k axes.
        coordinates: tensor (k, ...) or sequence of k tensors, one for each axis of x.
        order: 0 takes the nearest element, 1 interpolates linearly.
        mode: what is outside of x: "constant" (`value`), "nearest" (the edge), "wrap", "mirror"
            (about the middle of the last element) or "reflect" (about its edge).
        value: number outside of x, of mode "constant".

    Shapes:
        (n1, ..., nk), (k, ...) -> (...)

    Example:
        >>> import lamina as lm
        >>> map_coordinates(lm.asarray([1.0, 3.0]), [[0.5, 1.0]]).tolist()
        [2.0, 3.0]
    """
    tensor = as_tensor(x)
    if isinstance(coordinates, (list, tuple)):
        places = [floating(c) for c in coordinates]
    else:
        both = floating(coordinates)
        places = [both[k] for k in range(both.shape[0].__index__())]
    if len(places) != tensor.ndim:
        raise ShapeError(
            f"map_coordinates: expected coordinates of {tensor.ndim} axes, got {len(places)}"
        )
    return _interpolated(tensor, [], places, order, mode, value)


def sampled(images: Tensor, y: Tensor, x: Tensor, order: int, mode: str, value: Any) -> Tensor:
    """Return images (batch, height, width, channels) at coordinates (batch, h, w)."""
    first = arange(images._type.shape[0], dtype=int32)
    return _interpolated(images, [first[:, None, None]], [y, x], order, mode, value)


def _interpolated(
    x: Tensor, before: list[Tensor], places: Sequence[Tensor], order: int, mode: str, value: Any
) -> Tensor:
    """Return x at `before`, which are whole, and at places along the axes that follow."""
    if mode not in FILL:
        raise ArgumentError(f"map_coordinates: mode is {mode!r}, expected one of {sorted(FILL)}")
    if order not in (0, 1):
        raise ArgumentError(f"map_coordinates: order must be 0 or 1, got {order!r}")
    wide = widened(floating(x))
    choices = [
        _neighbors(place, x._type.shape[len(before) + k], order, mode)
        for k, place in enumerate(places)
    ]
    rest = wide.ndim - len(before) - len(places)
    result: Tensor | None = None
    for combination in itertools.product(*choices):
        found = getitem(wide, (*before, *(index for index, _, _ in combination)))
        inside = None
        weight = None
        for _, w, valid in combination:
            weight = w if weight is None or w is None else weight * w
            if valid is not None:
                inside = valid if inside is None else logical_and(inside, valid)
        if inside is not None:
            found = where(_spread(inside, rest), found, as_tensor(value, wide.dtype))
        if weight is not None:
            found = found * as_tensor(_spread(weight, rest), wide.dtype)
        result = found if result is None else result + found
    assert result is not None
    return rounded(result, x.dtype)


def _spread(x: Tensor, rest: int) -> Tensor:
    """Return x with axes for channels."""
    return expand_dims(x, tuple(range(x.ndim, x.ndim + rest))) if rest else x


def _neighbors(
    place: Tensor, n: Dim, order: int, mode: str
) -> list[tuple[Tensor, Tensor | None, Tensor | None]]:
    """Return (index, weight, True inside) of the elements next to a place along an axis."""
    wide = widened(place)
    if order == 0:
        half = where(wide < 0.0, ceil(wide - 0.5), floor(wide + 0.5))
        pairs: list[tuple[Tensor, Tensor | None]] = [(as_tensor(half, int32), None)]
    else:
        low = floor(wide)
        share = wide - low
        index = as_tensor(low, int32)
        pairs = [(index, 1.0 - share), (index + 1, share)]
    extent = as_tensor(n)
    found = []
    for index, weight in pairs:
        inside = logical_and(index >= 0, index < extent) if mode == "constant" else None
        found.append((FILL[mode](index, extent), weight, inside))
    return found


def scale_and_translate(
    x: ArrayLike,
    shape: Sequence[Dim],
    scale: ArrayLike,
    translation: ArrayLike,
    axes: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Return x scaled and moved along some axes; zeros where there is nothing of x.

    Args:
        x: tensor or array-like.
        shape: shape of the result.
        scale: factor for each of the axes.
        translation: distance for each of the axes, in elements of the result.
        axes: axes that are scaled and moved.
        method: "linear", "cubic", "lanczos3" or "lanczos5".
        antialias: widen the kernel if an axis becomes smaller.

    Example:
        >>> import lamina as lm
        >>> scale_and_translate(lm.asarray([1.0, 3.0]), (4,), [2.0], [0.0], [0], "linear").tolist()
        [1.0, 1.5, 2.5, 3.0]
    """
    tensor = as_tensor(x)
    name = _METHODS.get(method)
    if name is None:
        raise ArgumentError(
            f"scale_and_translate: method is {method!r}, expected one of {sorted(_METHODS)}"
        )
    result = widened(floating(tensor))
    factors, moves = (as_tensor(v, result.dtype) for v in (scale, translation))
    for k, axis in enumerate(axes):
        n, count = result._type.shape[axis], shape[axis]
        inverse = 1.0 / factors[k]
        places = (arange(count, dtype=result.dtype) + 0.5) * inverse - moves[k] * inverse - 0.5
        wide = maximum(inverse, 1.0) if antialias else 1.0
        old = expand_dims(arange(n, dtype=result.dtype), 1)
        weights = KERNELS[name](absolute(places - old) / wide)
        sums = total(weights, 0, keepdims=True)
        weights = where(absolute(sums) > 1e-4, weights / where(sums != 0.0, sums, 1.0), 0.0)
        inside = logical_and(places >= -0.5, places <= as_tensor(n, result.dtype) - 0.5)
        weights = where(inside, weights, 0.0)
        result = moveaxis(tensordot(result, weights, axes=([axis], [0])), -1, axis)
    return as_tensor(result, floating(tensor).dtype)


_METHODS = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), "bilinear"),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), "bicubic"),
    **{name: name for name in ("lanczos3", "lanczos5")},
}
