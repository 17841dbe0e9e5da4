"""Functions that rearrange elements: reshape, transpose, join, split and roll.

Extents may be symbolic wherever the result's shape is a polynomial of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Dim, Extent, Shape, exact_division, is_static
from lamina.operations.promote import (
    axes_of,
    axis_of,
    broadcast,
    broadcast_shape,
    promoted,
    shape_of,
    spread,
)
from lamina.tensor import Tensor, as_tensor, bind

# the names that stand in `lamina` itself
# fmt: off
__all__ = [
    "array_split", "atleast_1d", "atleast_2d", "broadcast_arrays", "broadcast_shapes",
    "broadcast_to", "concat", "concatenate", "expand_dims", "flatten", "flip", "hstack",
    "matrix_transpose", "moveaxis", "permute_dims", "ravel", "reshape", "roll",
    "split", "squeeze", "stack", "swapaxes", "transpose", "unstack", "vstack",
]
# fmt: on


# ---- shape -------------------------------------------------------------------------------------
def reshape(x: Any, /, shape: Any, *, copy: bool | None = None) -> Tensor:
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
    if wanted == tensor.shape:
        return tensor
    return bind("reshape", tensor, shape=wanted)


def _solved(x: Tensor, shape: Shape) -> Shape:
    """The shape with its -1 replaced by what is left over."""
    unknown = [d for d, n in enumerate(shape) if n == -1]
    known = math.prod(n for n in shape if n != -1)
    if not unknown:
        if known != x.size:
            raise _cannot_reshape(x, shape)
        return shape
    rest = exact_division(x.size, known) if known != 0 else None
    if len(unknown) > 1 or rest is None:
        raise _cannot_reshape(x, shape)
    return tuple(rest if n == -1 else n for n in shape)


def _cannot_reshape(x: Tensor, shape: Shape) -> ShapeError:
    return ShapeError(
        f"reshape: a tensor of shape {x.shape} has {x.size} elements, which do not fill {shape}",
        hint="one extent may be -1: it is what the others leave",
    )


def ravel(x: Any, /) -> Tensor:
    """Return the elements of x along one axis, in C order.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.ravel([[1, 2], [3, 4]]).tolist()
        [1, 2, 3, 4]
    """
    return reshape(x, (-1,)) if as_tensor(x).size != 0 else reshape(x, (0,))


flatten = ravel


def expand_dims(x: Any, /, axis: int | Sequence[int] = 0) -> Tensor:
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


def squeeze(x: Any, /, axis: int | Sequence[int] | None = None) -> Tensor:
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
        axes = tuple(d for d, n in enumerate(tensor.shape) if n == 1)
    else:
        axes = axes_of("squeeze", axis, tensor.ndim)
    long = [d for d in axes if tensor.shape[d] != 1]
    if long:
        raise ShapeError(
            f"squeeze: axis {long[0]} of shape {tensor.shape} has extent {tensor.shape[long[0]]}, "
            "not 1"
        )
    return reshape(tensor, tuple(n for d, n in enumerate(tensor.shape) if d not in axes))


# ---- order of axes -----------------------------------------------------------------------------
def permute_dims(x: Any, /, axes: Sequence[int]) -> Tensor:
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


def transpose(x: Any, /, axes: Sequence[int] | None = None) -> Tensor:
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


def matrix_transpose(x: Any, /) -> Tensor:
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


def swapaxes(x: Any, /, axis1: int, axis2: int) -> Tensor:
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


def moveaxis(x: Any, source: int | Sequence[int], destination: int | Sequence[int], /) -> Tensor:
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
def broadcast_to(x: Any, /, shape: Any) -> Tensor:
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
    return broadcast_shape([shape_of(s) for s in shapes], "broadcast_shapes")


# ---- joining and splitting ---------------------------------------------------------------------
def concat(arrays: Sequence[Any], /, axis: int | None = 0) -> Tensor:
    """Return arrays joined along an existing axis.

    Args:
        arrays: tensors or array-likes whose shapes are equal except in `axis`.
        axis: axis along which they are joined; None joins the flattened arrays.

    Example:
        >>> import lamina as lm
        >>> lm.concat([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    if not len(arrays):
        raise ArgumentError("concat: needs at least one array")
    tensors = promoted(list(arrays))
    if axis is None:
        tensors, axis = [ravel(t) for t in tensors], 0
    first = tensors[0]
    axis = axis_of("concat", axis, first.ndim)
    for t in tensors[1:]:
        same = t.ndim == first.ndim and all(
            d == axis or n == first.shape[d] for d, n in enumerate(t.shape)
        )
        if not same:
            shapes = " and ".join(str(s.shape) for s in (first, t))
            raise ShapeError(
                f"concat: shapes {shapes} may differ along axis {axis} only",
                hint=None if is_static((*first.shape, *t.shape)) else OPEN_EXTENTS,
            )
    if len(tensors) == 1:
        return first
    return bind("concatenate", *tensors, dimension=axis)


OPEN_EXTENTS = (
    "extents that are open are equal only where they are computed in the same way: give the Input "
    "its sizes"
)


def concatenate(arrays: Sequence[Any], /, axis: int | None = 0) -> Tensor:
    """Return arrays joined along an existing axis.

    Args:
        arrays: tensors or array-likes whose shapes are equal except in `axis`.
        axis: axis along which they are joined; None joins the flattened arrays.

    Example:
        >>> import lamina as lm
        >>> lm.concatenate([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    return concat(arrays, axis=axis)


def stack(arrays: Sequence[Any], /, axis: int = 0) -> Tensor:
    """Return arrays of one shape joined along a new axis.

    Args:
        arrays: tensors or array-likes of equal shapes.
        axis: position of the new axis in the result.

    Example:
        >>> import lamina as lm
        >>> lm.stack([[1, 2], [3, 4]], axis=1).tolist()
        [[1, 3], [2, 4]]
    """
    if not len(arrays):
        raise ArgumentError("stack: needs at least one array")
    tensors = promoted(list(arrays))
    for t in tensors:
        if t.shape != tensors[0].shape:
            raise ShapeError(f"stack: shapes {tensors[0].shape} and {t.shape} must be equal")
    place = axis_of("stack", axis, tensors[0].ndim + 1)
    return concat([expand_dims(t, place) for t in tensors], axis=place)


def hstack(arrays: Sequence[Any], /) -> Tensor:
    """Return arrays joined horizontally: along the second axis, or the only one.

    Args:
        arrays: tensors or array-likes whose other extents are equal.

    Example:
        >>> import lamina as lm
        >>> lm.hstack([[1, 2], [3]]).tolist()
        [1, 2, 3]
    """
    tensors = [_at_least(a, 1) for a in arrays]
    return concat(tensors, axis=min(1, tensors[0].ndim - 1))


def vstack(arrays: Sequence[Any], /) -> Tensor:
    """Return arrays joined vertically, along the first axis; arrays of one axis are rows.

    Args:
        arrays: tensors or array-likes whose other extents are equal.

    Example:
        >>> import lamina as lm
        >>> lm.vstack([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
    """
    return concat([_at_least(a, 2) for a in arrays], axis=0)


def _at_least(x: Any, ndim: int) -> Tensor:
    tensor = as_tensor(x)
    return reshape(tensor, (1,) * (ndim - tensor.ndim) + tensor.shape)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of x along an axis, without that axis.

    Args:
        x: tensor or array-like.
        axis: axis to take apart; its extent must be known.

    Example:
        >>> import lamina as lm
        >>> [row.tolist() for row in lm.unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    tensor = as_tensor(x)
    axis = axis_of("unstack", axis, tensor.ndim)
    n = tensor.shape[axis].__index__()
    return tuple(squeeze(sliced(tensor, axis, i, i + 1), axis) for i in range(n))


def sliced(x: Tensor, axis: int, start: Dim, limit: Dim) -> Tensor:
    """x[start:limit] along one axis."""
    if start == 0 and limit == x.shape[axis]:
        return x
    starts = tuple(start if d == axis else 0 for d in range(x.ndim))
    limits = tuple(limit if d == axis else n for d, n in enumerate(x.shape))
    return bind("slice", x, start_indices=starts, limit_indices=limits, strides=(1,) * x.ndim)


def split(x: Any, indices_or_sections: Any, /, axis: int = 0) -> list[Tensor]:
    """Return parts of x along an axis.

    Args:
        x: tensor or array-like.
        indices_or_sections: number of equal parts, or the positions before which x is split.
        axis: axis to split.

    Raises:
        ShapeError: if the axis does not divide into equal parts.

    Example:
        >>> import lamina as lm
        >>> [part.tolist() for part in lm.split([1, 2, 3, 4], 2)]
        [[1, 2], [3, 4]]
    """
    tensor = as_tensor(x)
    axis = axis_of("split", axis, tensor.ndim)
    if isinstance(indices_or_sections, (int, np.integer)):
        n = tensor.shape[axis]
        part = exact_division(n, int(indices_or_sections))
        if part is None:
            raise ShapeError(
                f"split: axis {axis} of extent {n} does not divide into {indices_or_sections} "
                "equal parts",
                hint="lm.array_split allows parts that differ by one",
            )
        return [sliced(tensor, axis, part * k, part * (k + 1)) for k in range(indices_or_sections)]
    return _cut(tensor, axis, [int(i) for i in indices_or_sections])


def array_split(x: Any, indices_or_sections: Any, /, axis: int = 0) -> list[Tensor]:
    """Return parts of x along an axis; the first parts are longer by one if it does not divide.

    Args:
        x: tensor or array-like.
        indices_or_sections: number of parts, or the positions before which x is split.
        axis: axis to split.

    Example:
        >>> import lamina as lm
        >>> [part.tolist() for part in lm.array_split([1, 2, 3], 2)]
        [[1, 2], [3]]
    """
    tensor = as_tensor(x)
    axis = axis_of("array_split", axis, tensor.ndim)
    if not isinstance(indices_or_sections, (int, np.integer)):
        return split(tensor, indices_or_sections, axis)
    n, parts = tensor.shape[axis].__index__(), int(indices_or_sections)
    longer = n % parts
    return _cut(tensor, axis, [k * (n // parts) + min(k, longer) for k in range(1, parts)])


def _cut(x: Tensor, axis: int, places: list[int]) -> list[Tensor]:
    n = x.shape[axis]
    if isinstance(n, Extent):
        bounds: list[Dim] = [0, *places, n]
    else:
        inside = (max(0, min(p + n if p < 0 else p, n)) for p in places)
        bounds = [0, *itertools.accumulate(inside, max), n]  # a place before the last one: empty
    pairs = itertools.pairwise(bounds)
    return [sliced(x, axis, a, z) for a, z in pairs]


# ---- order of elements -------------------------------------------------------------------------
def flip(x: Any, /, axis: int | Sequence[int] | None = None) -> Tensor:
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


def roll(x: Any, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Tensor:
    """Return x with its elements rotated along axes.

    Args:
        x: tensor or array-like.
        shift: number of positions that elements move toward the end, one or one for each axis.
        axis: axis, or axes, to rotate; None rotates the flattened elements.

    Example:
        >>> import lamina as lm
        >>> lm.roll([1, 2, 3], 1).tolist()
        [3, 1, 2]
    """
    tensor = as_tensor(x)
    if axis is None:
        return reshape(roll(ravel(tensor), shift, axis=0), tensor.shape)
    axes = [axis_of("roll", a, tensor.ndim) for a in _tuple(axis)]
    shifts = _tuple(shift) * (len(axes) if len(_tuple(shift)) == 1 else 1)
    if len(shifts) != len(axes):
        raise ArgumentError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    for each, amount in zip(axes, shifts, strict=True):
        tensor = _rolled(tensor, int(amount), each)
    return tensor


def _rolled(x: Tensor, shift: int, axis: int) -> Tensor:
    n = x.shape[axis]
    if not isinstance(n, Extent):
        shift = shift % n if n else 0
    if shift == 0:
        return x
    middle = n - shift if shift > 0 else -shift
    parts = [sliced(x, axis, middle, n), sliced(x, axis, 0, middle)]
    return concat(parts, axis=axis)


def atleast_1d(x: Any, /) -> Tensor:
    """Return x with at least one axis.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atleast_1d(3.0).shape
        (1,)
    """
    return _at_least(x, 1)


def atleast_2d(x: Any, /) -> Tensor:
    """Return x with at least two axes; new axes come first.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atleast_2d([1.0, 2.0]).shape
        (1, 2)
    """
    return _at_least(x, 2)
