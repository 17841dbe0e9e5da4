"""NumPy's basic and advanced indexing, taking and updating, as slices, gathers and scatters.

    index   = item | (item, ...)
    item    = integer | slice | None | Ellipsis | integers | mask
    basic   integers, slices, None, Ellipsis       slice, reverse, reshape
    advanced   integers (known or traced), masks (known)    gather

Known indices are checked: one that is outside of its axis raises OutOfBoundsError. Traced indices
cannot be: reads outside are moved to the nearest element, and negative ones count from the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import DTypeError, OutOfBoundsError, ShapeError, TracedValueError, describe
from lamina.ir.types import Dim, Extent, int32, int64, plain, same
from lamina.operations.elementwise import add, less, where
from lamina.operations.promote import (
    broadcast,
    scalar,
)
from lamina.operations.reductions import as_number
from lamina.operations.shaping import flip, reshape
from lamina.tensor import Tensor, as_tensor, bind
from lamina.variables import Variable

# the names that are in `lamina` itself
# fmt: off
__all__ = []
# fmt: on


# ---- reading an index --------------------------------------------------------------------------
@dataclass
class _Slice:
    """x[start:limit:stride] of one axis, backwards afterwards where `flipped`."""

    start: Dim
    limit: Dim
    stride: int
    flipped: bool = False


@dataclass
class Plan:
    """The steps of an indexing: slice every axis; drop, keep and add axes; gather at the arrays."""

    slices: list[_Slice]
    shape: list[Dim]  # after slicing and flipping, with dropped and new axes
    arrays: dict[int, Tensor]  # axis of that shape -> integers
    together: bool  # the arrays are adjacent


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))


def _items(x: Tensor, index: Any) -> list[Any]:
    """The items of an index, one per axis and None: Ellipsis expanded, masks as integers."""
    items = list(index) if isinstance(index, tuple) else [index]
    expanded: list[Any] = []
    axis = 0
    used = sum(_axes_used(item) for item in items)
    if used > x.ndim:
        raise OutOfBoundsError(
            f"too many indices: {used} for a tensor of {x.ndim} axes (shape {x.shape})"
        )
    seen_ellipsis = False
    for item in items:
        if item is Ellipsis:
            if seen_ellipsis:
                raise OutOfBoundsError("an index can have one Ellipsis ('...') only")
            seen_ellipsis = True
            expanded += [slice(None)] * (x.ndim - used)
            axis += x.ndim - used
        else:
            expanded += _read(x, item, axis)
            axis += _axes_used(item)
    return expanded + [slice(None)] * (x.ndim - axis)


def _axes_used(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, (bool, np.bool_)):
        return 0
    if isinstance(item, slice) or _is_integer(item):
        return 1
    array = as_tensor(item)
    return array.ndim if array.dtype.kind == "b" else 1


def _read(x: Tensor, item: Any, axis: int) -> list[Any]:
    """None, a slice, an integer, or tensors of integers."""
    if item is None or isinstance(item, slice) or _is_integer(item):
        return [int(item) if _is_integer(item) else item]
    if isinstance(item, (bool, np.bool_)):
        return [_NewAxis(as_tensor(np.arange(int(item), dtype=np.int32)))]
    array = as_tensor(item)
    if array.dtype.is_integer:
        return [array]
    if array.dtype.kind == "b":
        return list(_from_mask(x, array, axis))
    if same(array.size, 0):  # an empty list has no dtype
        return [as_tensor(array, int32)]
    raise DTypeError(
        f"an index must be an integer, a slice, None, Ellipsis, or an array of integers or bools; "
        f"got {describe(item)}",
        hint="convert it with .astype('int32')",
    )


@dataclass
class _NewAxis:
    """A single bool as an index: a new axis of one element or none."""

    array: Tensor


def _from_mask(x: Tensor, mask: Tensor, axis: int) -> tuple[Tensor, ...]:
    """The positions where a mask is true, one tensor for each of its axes."""
    if mask.is_traced:
        raise TracedValueError(
            "x[mask] with a traced mask: how many elements it picks is known only when the program "
            "runs.",
            hint="use lm.where(mask, x, other), or multiply by the mask",
        )
    for d, n in enumerate(mask.shape):
        if not same(x.shape[axis + d], n):
            raise OutOfBoundsError(
                f"a mask of shape {mask.shape} does not fit axis {axis + d} with size "
                f"{x.shape[axis + d]}"
            )
    if mask.ndim == 0:
        return (_NewAxis(as_tensor(np.arange(int(mask), dtype=np.int32))),)  # type: ignore[return-value]
    return tuple(as_tensor(p.astype(np.int32)) for p in np.nonzero(mask.numpy()))


def plan_of(x: Tensor, index: Any) -> Plan:
    items = _items(x, index)
    advanced = any(isinstance(i, (Tensor, _NewAxis)) for i in items)
    plan = Plan([], [], {}, True)
    places: list[int] = []  # of the arrays among the items
    axis = 0
    for place, item in enumerate(items):
        if item is None:
            plan.shape.append(1)
            continue
        if isinstance(item, _NewAxis):
            plan.arrays[len(plan.shape)] = item.array
            plan.shape.append(1)
            places.append(place)
            continue
        n = x._type.shape[axis]
        if isinstance(item, slice):
            part, extent = _sliced(item, n, axis)
            plan.slices.append(part)
            plan.shape.append(extent)
        elif isinstance(item, Tensor) or advanced:
            # with arrays an integer is one of them, as in NumPy
            array = as_tensor(item) if isinstance(item, Tensor) else scalar(item, int32)
            plan.arrays[len(plan.shape)] = _within(array, n, axis)
            plan.slices.append(_Slice(0, n, 1))
            plan.shape.append(n)
            places.append(place)
        else:
            start = _position(item, n, axis)
            plan.slices.append(_Slice(start, start + 1, 1))
        axis += 1
    plan.together = not places or places[-1] - places[0] == len(places) - 1
    return plan


def _position(index: int, n: Dim, axis: int) -> Dim:
    """An integer index counted from the front."""
    if not isinstance(n, Extent) and not -n <= index < n:
        raise OutOfBoundsError(
            f"index {index} is out of bounds for axis {axis} with size {n}",
            hint=f"positions run from 0 to {n - 1}, and from -{n} to -1" if n else None,
        )
    return index + n if index < 0 else index


def _within(array: Tensor, n: Dim, axis: int) -> Tensor:
    """Integers counted from the front; known ones are checked."""
    if array.dtype.kind == "u":
        array = as_tensor(array, int64 if array.dtype.bits >= 32 else int32)
    if array.is_traced or isinstance(n, Extent):
        from_end = less(array, 0)
        return where(from_end, add(array, as_tensor(as_number(n), array.dtype)), array)
    values = array.numpy()
    if values.size == 0:
        return array
    for extreme in (values.min(), values.max()):
        _position(int(extreme), n, axis)
    if values.min() >= 0:
        return array
    return as_tensor(np.where(values < 0, values + n, values).astype(values.dtype))


def _sliced(item: slice, n: Dim, axis: int) -> tuple[_Slice, Dim]:
    """A slice as start, limit and stride >= 1, and the extent that it leaves."""
    if isinstance(n, Extent) or any(isinstance(v, Extent) for v in (item.start, item.stop)):
        return _symbolic_slice(item, n, axis)
    start, stop, step = slice(
        *(_bound(v, axis) for v in (item.start, item.stop, item.step))
    ).indices(n)
    length = len(range(start, stop, step))
    if not length:
        return _Slice(0, 0, 1), 0
    last = start + (length - 1) * step
    if step > 0:
        return _Slice(start, last + 1, step), length
    return _Slice(last, start + 1, -step, flipped=True), length


def _bound(value: Any, axis: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, (Tensor, Variable)) and getattr(value, "is_traced", False):
        raise TracedValueError(
            f"a slice of axis {axis} has a traced bound: its length would be known only when the "
            "program runs.",
            hint="use lm.dynamic_slice(x, starts, sizes), or lm.take(x, start + lm.arange(n))",
        )
    try:
        return int(value.__index__())
    except AttributeError:
        raise DTypeError(
            f"a slice's bounds must be integers or None; got {describe(value)}"
        ) from None


def _symbolic_slice(item: slice, n: Dim, axis: int) -> tuple[_Slice, Dim]:
    """Parts of an axis of unknown size that are as long as it, or shorter by a number."""
    step = 1 if item.step is None else int(item.step)
    if step == -1 and item.start is None and item.stop is None:
        return _Slice(0, n, 1, flipped=True), n
    start: Any = 0 if item.start is None else plain(item.start)
    stop: Any = n if item.stop is None else plain(item.stop)
    start = start + n if isinstance(start, int) and start < 0 else start
    stop = stop + n if isinstance(stop, int) and stop < 0 else stop
    known_part = isinstance(stop, int) and isinstance(n, Extent)
    if step < 1 or (known_part and (start, stop) != (0, 0)):
        raise ShapeError(
            f"a slice [{item.start}:{item.stop}:{item.step}] of axis {axis}, whose extent {n} is "
            "symbolic: how much of it is there is known only when the program runs",
            hint="slices such as x[1:], x[:-1], x[::2] and x[::-1] work; for the first k elements "
            "use lm.take(x, lm.arange(k), axis=...)",
        )
    return _Slice(start, stop, step), (stop - start + step - 1) // step


# ---- doing it ----------------------------------------------------------------------------------
def getitem(x: ArrayLike, index: Any, /) -> Tensor:
    """x[index], as NumPy's."""
    tensor = as_tensor(x)
    single = _dynamic_row(tensor, index)
    if single is not None:
        return single
    plan = plan_of(tensor, index)
    result = reshape(cut(tensor, plan), tuple(plan.shape))
    return _gathered(result, plan) if plan.arrays else result


def _dynamic_row(x: Tensor, index: Any) -> Tensor | None:
    """x[i] of one traced integer: a dynamic slice, whose gradient writes one row."""
    scalar_index = isinstance(index, Tensor) and index.is_traced and index.shape == ()
    if not scalar_index or not index.dtype.is_integer or x.ndim == 0:
        return None
    start = _within(index, x.shape[0], 0)
    zero = scalar(0, start.dtype)
    sizes = (1, *x.shape[1:])
    row = bind("dynamic_slice", x, start, *[zero] * (x.ndim - 1), slice_sizes=sizes)
    return reshape(row, x.shape[1:])


def cut(x: Tensor, plan: Plan) -> Tensor:
    """The slices of every axis, in their order."""
    whole = all(
        s.start == 0 and s.stride == 1 and s.limit == n
        for s, n in zip(plan.slices, x._type.shape, strict=True)
    )
    if not whole:
        x = bind(
            "slice",
            x,
            start_indices=tuple(s.start for s in plan.slices),
            limit_indices=tuple(s.limit for s in plan.slices),
            strides=tuple(s.stride for s in plan.slices),
        )
    backwards = tuple(d for d, s in enumerate(plan.slices) if s.flipped)
    return flip(x, axis=backwards) if backwards else x


def _index_vectors(arrays: Sequence[Tensor]) -> Tensor:
    """Index arrays of one shape joined along a new last axis, one start per row."""
    dtype = int64 if any(a.dtype == int64 for a in arrays) else int32
    columns = [reshape(as_tensor(a, dtype), (*a.shape, 1)) for a in arrays]
    if len(columns) == 1:
        return columns[0]
    return bind("concatenate", *columns, dimension=columns[0].ndim - 1)


@dataclass
class Windows:
    """The axes of windows among those of the result, for gather and scatter."""

    indices: Tensor
    mapped: tuple[int, ...]  # axes of x that the indices name
    offset: tuple[int, ...]  # axes of the result that are axes of windows


def windows_of(x: Tensor, arrays: dict[int, Tensor], together: bool) -> Windows:
    """NumPy's rule: the arrays' axes come at their place; first, if the arrays are not adjacent."""
    mapped = tuple(arrays)
    picked = broadcast(list(arrays.values()), "indexing")
    ndim = picked[0].ndim
    first = mapped[0] if together else 0
    kept = x.ndim - len(mapped)
    before = sum(1 for d in range(x.ndim) if d not in mapped and d < first) if together else 0
    offset = (*range(before), *range(before + ndim, kept + ndim))
    return Windows(_index_vectors(picked), mapped, offset)


def _gathered(x: Tensor, plan: Plan) -> Tensor:
    w = windows_of(x, plan.arrays, plan.together)
    return bind(
        "gather",
        x,
        w.indices,
        offset_dims=w.offset,
        collapsed_slice_dims=w.mapped,
        start_index_map=w.mapped,
        slice_sizes=tuple(1 if d in w.mapped else n for d, n in enumerate(x.shape)),
    )
