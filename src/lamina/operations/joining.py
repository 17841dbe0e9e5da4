"""Joining tensors along an axis, and splitting them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, ShapeError
from lamina.ir.types import Dim, Extent, exact_division, is_static, same
from lamina.operations.promote import (
    axis_of,
    promoted,
)
from lamina.operations.shaping import _tuple, expand_dims, ravel, reshape, sliced, squeeze
from lamina.tensor import Tensor, as_tensor, bind

# fmt: off
__all__ = [
    "array_split", "atleast_1d", "atleast_2d", "concat", "concatenate", "hstack", "roll", "split",
    "stack", "unstack", "vstack",
]
# fmt: on


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
        fits = t.ndim == first.ndim and all(
            d == axis or same(n, first.shape[d]) for d, n in enumerate(t.shape)
        )
        if not fits:
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
        if not same(t.shape, tensors[0].shape):
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


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the slices of x along an axis, without that axis.

    Args:
        x: tensor or array-like.
        axis: axis to split; its extent must be known.

    Example:
        >>> import lamina as lm
        >>> [row.tolist() for row in lm.unstack([[1, 2], [3, 4]])]
        [[1, 2], [3, 4]]
    """
    tensor = as_tensor(x)
    axis = axis_of("unstack", axis, tensor.ndim)
    n = tensor.shape[axis].__index__()
    return tuple(squeeze(sliced(tensor, axis, i, i + 1), axis) for i in range(n))


def split(
    x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray, /, axis: int = 0
) -> list[Tensor]:
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


def array_split(
    x: ArrayLike, indices_or_sections: int | Sequence[int] | np.ndarray, /, axis: int = 0
) -> list[Tensor]:
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


def roll(
    x: ArrayLike, /, shift: int | Sequence[int], axis: int | Sequence[int] | None = None
) -> Tensor:
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


def atleast_1d(x: ArrayLike, /) -> Tensor:
    """Return x with at least one axis.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atleast_1d(3.0).shape
        (1,)
    """
    return _at_least(x, 1)


def atleast_2d(x: ArrayLike, /) -> Tensor:
    """Return x with at least two axes; new axes come first.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.atleast_2d([1.0, 2.0]).shape
        (1, 2)
    """
    return _at_least(x, 2)
