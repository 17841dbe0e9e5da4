"""Functions that rearrange elements: reshape, transpose, join, split and roll.

Extents may be symbolic wherever the result's shape is a polynomial of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina.annotations import ArrayLike, ShapeLike
from lamina.errors import ShapeError
from lamina.ir.types import Dim, Shape, exact_division, is_static, same, sizes
from lamina.operations.promote import (
    axes_of,
    broadcast,
    broadcast_shape,
    shape_of,
    spread,
)
from lamina.tensor import Tensor, as_tensor, bind

# the names that are in `lamina` itself
# fmt: off
__all__ = [
    "broadcast_arrays", "broadcast_shapes", "broadcast_to", "expand_dims", "flatten", "flip",
    "matrix_transpose", "moveaxis", "permute_dims", "ravel", "reshape", "squeeze", "swapaxes",
    "transpose",
]
# fmt: on


# ---- shape -------------------------------------------------------------------------------------
def reshape(x: ArrayLike, /, shape: ShapeLike, *, copy: bool | None = None) -> Tensor:
    """Return the elements of x, in C order, in another shape.

    Args:
        x: tensor or array-like.
        shape: tuple of extents with the same product; one may be -1 and is computed.
        copy: accepted for the Array API; tensors are immutable, so it has no effect on values.

    Raises:
        ShapeError: if the number of elements differs.

    Example:
        >>> import lamina as lm
        >>> lm.reshape([1, 2, 3, 4], (2, -1)).tolist()
        [[1, 2], [3, 4]]
    """
    tensor = as_tensor(x)
    wanted = _solved(tensor, shape_of(shape))
    if same(wanted, tensor.shape):
        return tensor
    return bind("reshape", tensor, shape=wanted)


def _solved(x: Tensor, shape: Shape) -> Shape:
    """The shape with its -1 replaced by what is left over."""
    unknown = [d for d, n in enumerate(shape) if n == -1]
    known = math.prod(n for n in shape if n != -1)
    if not unknown:
        if not same(known, x.size):
            raise _cannot_reshape(x, shape)
        return shape
    rest = exact_division(x.size, known) if not same(known, 0) else None
    if len(unknown) > 1 or rest is None:
        raise _cannot_reshape(x, shape)
    return tuple(rest if n == -1 else n for n in shape)


def _cannot_reshape(x: Tensor, shape: Shape) -> ShapeError:
    return ShapeError(
        f"reshape: a tensor of shape {x.shape} has {x.size} elements, which do not fill {shape}",
        hint="one extent may be -1: it is what the others leave",
    )


def ravel(x: ArrayLike, /) -> Tensor:
    """Return the elements of x along one axis, in C order.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.ravel([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,)) if not same(as_tensor(x).size, 0) else reshape(x, (0,))


flatten = ravel


def expand_dims(x: ArrayLike, /, axis: int | Sequence[int] = 0) -> Tensor:
    """Return x with new axes of extent 1.

    Args:
        x: tensor or array-like.
        axis: position, or positions, of the new axes in the result.

    Example:
        >>> import lamina as lm
        >>> lm.expand_dims([1, 2], axis=1).shape
        (2, 1)
    """
    tensor = as_tensor(x)
    places = tuple(axis) if isinstance(axis, (tuple, list)) else (axis,)
    ndim = tensor.ndim + len(places)
    new = axes_of("expand_dims", places, ndim)
    rest = iter(tensor.shape)
    return reshape(tensor, tuple(1 if d in new else next(rest) for d in range(ndim)))


def squeeze(x: ArrayLike, /, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return x without axes of extent 1.

    Args:
        x: tensor or array-like.
        axis: axis, or axes, to remove; None removes all of extent 1.

    Raises:
        ShapeError: if the extent of an axis is not 1.

    Example:
        >>> import lamina as lm
        >>> lm.squeeze([[1, 2]]).shape
        (2,)
    """
    tensor = as_tensor(x)
    if axis is None:
        axes = tuple(d for d, n in enumerate(tensor.shape) if same(n, 1))
    else:
        axes = axes_of("squeeze", axis, tensor.ndim)
    long = [d for d in axes if not same(tensor.shape[d], 1)]
    if long:
        raise ShapeError(
            f"squeeze: axis {long[0]} of shape {tensor.shape} has extent {tensor.shape[long[0]]}, "
            "not 1"
        )
    return reshape(tensor, tuple(n for d, n in enumerate(tensor.shape) if d not in axes))


# ---- order of axes -----------------------------------------------------------------------------
def permute_dims(x: ArrayLike, /, axes: Sequence[int]) -> Tensor:
    """Return x with its axes in another order: axis k of the result is axis axes[k] of x.

    Args:
        x: tensor or array-like.
        axes: all axes of `x` in the order of the result.

    Example:
        >>> import lamina as lm
        >>> lm.permute_dims(lm.ones((2, 3, 4)), (2, 0, 1)).shape
        (4, 2, 3)
    """
    tensor = as_tensor(x)
    order = axes_of("permute_dims", tuple(axes), tensor.ndim)
    if len(order) != tensor.ndim:
        raise ShapeError(f"permute_dims: axes {tuple(axes)} do not name all axes of {tensor.shape}")
    if order == tuple(range(tensor.ndim)):
        return tensor
    return bind("transpose", tensor, permutation=order)


def transpose(x: ArrayLike, /, axes: Sequence[int] | None = None) -> Tensor:
    """Return x with its axes in another order.

    Args:
        x: tensor or array-like.
        axes: all axes of `x` in the order of the result; None reverses them.

    Example:
        >>> import lamina as lm
        >>> lm.transpose(lm.ones((2, 3))).shape
        (3, 2)
    """
    tensor = as_tensor(x)
    return permute_dims(tensor, tuple(reversed(range(tensor.ndim))) if axes is None else axes)


def matrix_transpose(x: ArrayLike, /) -> Tensor:
    """Return x with its last two axes exchanged.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.matrix_transpose([[1, 2], [3, 4]]).tolist()
        [[1, 3], [2, 4]]
    """
    tensor = as_tensor(x)
    if tensor.ndim < 2:
        raise ShapeError(f"matrix_transpose: needs two axes; got shape {tensor.shape}")
    return swapaxes(tensor, -1, -2)


def swapaxes(x: ArrayLike, /, axis1: int, axis2: int) -> Tensor:
    """Return x with two axes exchanged.

    Args:
        x: tensor or array-like.
        axis1: first axis.
        axis2: second axis.

    Example:
        >>> import lamina as lm
        >>> lm.swapaxes(lm.ones((2, 3, 4)), 0, 2).shape
        (4, 3, 2)
    """
    tensor = as_tensor(x)
    first, second = axes_of("swapaxes", (axis1,), tensor.ndim) + axes_of(
        "swapaxes", (axis2,), tensor.ndim
    )
    order = list(range(tensor.ndim))
    order[first], order[second] = second, first
    return permute_dims(tensor, order)


def moveaxis(
    x: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int], /
) -> Tensor:
    """Return x with axes moved to other positions; the others keep their order.

    Args:
        x: tensor or array-like.
        source: axis, or axes, to move.
        destination: their positions in the result.

    Example:
        >>> import lamina as lm
        >>> lm.moveaxis(lm.ones((2, 3, 4)), 0, -1).shape
        (3, 4, 2)
    """
    tensor = as_tensor(x)
    start = axes_of("moveaxis", _tuple(source), tensor.ndim)
    end = axes_of("moveaxis", _tuple(destination), tensor.ndim)
    if len(start) != len(end):
        raise ShapeError(f"moveaxis: {len(start)} axes cannot move to {len(end)} places")
    order = [d for d in range(tensor.ndim) if d not in start]
    for place, axis in sorted(zip(end, start, strict=True)):
        order.insert(place, axis)
    return permute_dims(tensor, order)


def _tuple(axes: int | Sequence[int]) -> tuple[int, ...]:
    return (axes,) if isinstance(axes, int) else tuple(axes)


# ---- repetition --------------------------------------------------------------------------------
def broadcast_to(x: ArrayLike, /, shape: ShapeLike) -> Tensor:
    """Return x broadcast to a shape.

    Args:
        x: tensor or array-like.
        shape: tuple of extents of the result.

    Raises:
        ShapeError: if x does not broadcast to it.

    Example:
        >>> import lamina as lm
        >>> lm.broadcast_to([1, 2], (2, 2)).tolist()
        [[1, 2], [1, 2]]
    """
    tensor, wanted = as_tensor(x), shape_of(shape)
    if broadcast_shape([tensor.shape, wanted], "broadcast_to") != wanted:
        raise ShapeError(f"broadcast_to: shape {tensor.shape} does not broadcast to {wanted}")
    return spread(tensor, wanted, traced=not is_static(wanted))


def broadcast_arrays(*arrays: Any) -> list[Tensor]:
    """Return the arrays broadcast to their common shape.

    Args:
        *arrays: tensors or array-likes.

    Raises:
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import lamina as lm
        >>> [array.shape for array in lm.broadcast_arrays([[1], [2]], [3, 4, 5])]
        [(2, 3), (2, 3)]
    """
    return broadcast([as_tensor(a) for a in arrays], "broadcast_arrays") if arrays else []


def broadcast_shapes(*shapes: Any) -> Shape:
    """Return the shape that tensors of these shapes broadcast to.

    Args:
        *shapes: tuples of extents.

    Raises:
        ShapeError: if the shapes do not broadcast.

    Example:
        >>> import lamina as lm
        >>> lm.broadcast_shapes((2, 1), (3,))
        (2, 3)
    """
    return sizes(broadcast_shape([shape_of(s) for s in shapes], "broadcast_shapes"))


# ---- joining and splitting ---------------------------------------------------------------------


def sliced(x: Tensor, axis: int, start: Dim, limit: Dim) -> Tensor:
    """x[start:limit] along one axis."""
    if same(start, 0) and same(limit, x.shape[axis]):
        return x
    starts = tuple(start if d == axis else 0 for d in range(x.ndim))
    limits = tuple(limit if d == axis else n for d, n in enumerate(x.shape))
    return bind("slice", x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)


# ---- order of elements -------------------------------------------------------------------------
def flip(x: ArrayLike, /, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return x with the order along axes reversed.

    Args:
        x: tensor or array-like.
        axis: axis, or axes, to reverse; None reverses all.

    Example:
        >>> import lamina as lm
        >>> lm.flip([1, 2, 3]).tolist()
        [3, 2, 1]
    """
    tensor = as_tensor(x)
    axes = axes_of("flip", axis, tensor.ndim)
    return bind("reverse", tensor, dimensions=axes) if axes else tensor
