"""`x.at[index].set(v)` and its like: tensors in which some elements are changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.types import Extent, Shape, int32, int64, plain, same
from lamina.operations.arithmetic import add, maximum, minimum, multiply, negative
from lamina.operations.creation import iota
from lamina.operations.indexing import Plan, cut, getitem, plan_of, windows_of
from lamina.operations.promote import is_weak, need_kind, operand, scalar, spread, widened
from lamina.operations.reductions import as_number
from lamina.operations.shaping import ravel, reshape
from lamina.tensor import Tensor, as_tensor, bind


class At:
    """`x.at[index]`: new tensors in which some elements are changed; x stays as it is.

    Where an index occurs several times, `add` and the others combine them all.
    """

    __slots__ = ("index", "tensor")

    def __init__(self, tensor: Tensor, index: Any = ...) -> None:
        self.tensor, self.index = tensor, index

    def __getitem__(self, index: Any) -> At:
        return At(self.tensor, index)

    def get(self) -> Tensor:
        """x[index]"""
        return getitem(self.tensor, self.index)

    def set(self, values: Any) -> Tensor:
        """x with x[index] = values"""
        return _updated(self.tensor, self.index, values, "set")

    def add(self, values: Any) -> Tensor:
        """x with x[index] += values"""
        return _updated(self.tensor, self.index, values, "add")

    def subtract(self, values: Any) -> Tensor:
        """x with x[index] -= values"""
        return _updated(self.tensor, self.index, negative(as_tensor(values)), "add")

    def multiply(self, values: Any) -> Tensor:
        """x with x[index] *= values"""
        return _updated(self.tensor, self.index, values, "multiply")

    def min(self, values: Any) -> Tensor:
        """x with x[index] = minimum(x[index], values)"""
        return _updated(self.tensor, self.index, values, "min")

    def max(self, values: Any) -> Tensor:
        """x with x[index] = maximum(x[index], values)"""
        return _updated(self.tensor, self.index, values, "max")


def at(x: ArrayLike) -> At:
    return At(as_tensor(x))


_COMBINE: dict[str, Callable[[Any, Any], Tensor]] = {
    "set": lambda old, new: new,
    "add": add,
    "multiply": multiply,
    "min": minimum,
    "max": maximum,
}


def _updated(x: Tensor, index: Any, values: Any, kind: str) -> Tensor:
    value = scalar(values, x.dtype) if is_weak(values) else as_tensor(operand(values), x.dtype)
    if kind != "set":
        need_kind(
            f"x.at[index].{kind}", x, "iuf", "numbers", "x.astype('int32') makes numbers of bools"
        )
        if x.dtype.is_storage_only:  # 16-bit floats are combined in float32 and rounded once
            return as_tensor(_updated(widened(x), index, widened(value), kind), x.dtype)
    plan = plan_of(x, index)
    straight = all(s.stride == 1 and not s.flipped for s in plan.slices)
    if not plan.arrays and straight:
        return _updated_block(x, plan, value, kind)
    if plan.arrays and len(plan.shape) == x.ndim and _is_whole(plan, x):
        return _updated_windows(x, plan, value, kind)
    return _updated_positions(x, index, value, kind)


def _is_whole(plan: Plan, x: Tensor) -> bool:
    slices = zip(plan.slices, x._type.shape, strict=True)
    return len(plan.slices) == x.ndim and all(
        s.start == 0 and s.limit == n and s.stride == 1 and not s.flipped for s, n in slices
    )


def _fitted(value: Tensor, shape: Shape) -> Tensor:
    missing = len(shape) - value.ndim
    pairs = zip(
        value._type.shape, plain(shape)[missing:] if missing >= 0 else (), strict=missing >= 0
    )
    if missing < 0 or any(n not in (1, wanted) for n, wanted in pairs):
        raise ShapeError(
            f"x.at[index]: values of shape {value.shape} do not fit x[index], of shape {shape}"
        )
    return spread(value, shape, traced=False)


def _updated_block(x: Tensor, plan: Plan, value: Tensor, kind: str) -> Tensor:
    """A rectangle: no element occurs twice, so it is read, combined and written back."""
    block = cut(x, plan)
    new = reshape(_fitted(value, tuple(plan.shape)), block.shape)
    new = _COMBINE[kind](block, new)
    if same(block.size, 0):
        return x
    starts = [as_tensor(as_number(s.start), int32) for s in plan.slices]
    return bind("dynamic_update_slice", x, new, *starts)


def _updated_windows(x: Tensor, plan: Plan, value: Tensor, kind: str) -> Tensor:
    """Whole windows at the positions that the arrays name."""
    w = windows_of(x, plan.arrays, plan.together)
    batch, kept = (
        iter(w.indices.shape[:-1]),
        iter([n for d, n in enumerate(x.shape) if d not in w.mapped]),
    )
    ndim = w.indices.ndim - 1 + len(w.offset)
    shape = tuple(next(kept) if d in w.offset else next(batch) for d in range(ndim))
    return bind(
        "scatter",
        x,
        w.indices,
        _fitted(value, shape),
        kind=kind,
        update_window_dims=w.offset,
        inserted_window_dims=w.mapped,
        scatter_dims_to_operand_dims=w.mapped,
    )


def _updated_positions(x: Tensor, index: Any, value: Tensor, kind: str) -> Tensor:
    """Any index: the flat position of every element that it names, found by indexing them."""
    long = not isinstance(x.size, Extent) and x.size >= 2**31
    flat = iota((x.size,), 0, int64 if long else int32)
    places = getitem(reshape(flat, x.shape), index)
    result = bind(
        "scatter",
        ravel(x),
        reshape(places, (*places.shape, 1)),
        _fitted(value, places.shape),
        kind=kind,
        update_window_dims=(),
        inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,),
    )
    return reshape(result, x.shape)
