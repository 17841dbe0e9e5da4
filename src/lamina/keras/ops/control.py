"""`keras.ops`: loops, branches, gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lamina import operations as ops
from lamina import transforms, tree
from lamina.annotations import ArrayLike, NestLike
from lamina.ir.types import Dim
from lamina.keras.ops.arguments import operation, tensor
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "associative_scan", "cond", "custom_gradient", "fori_loop", "map", "scan", "stop_gradient",
    "switch", "while_loop",
]
# fmt: on


R = TypeVar("R")
S = TypeVar("S")


@operation
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: NestLike,
    maximum_iterations: int | None = None,
) -> Any:
    """body(*loop_vars) again and again while cond(*loop_vars), at most `maximum_iterations` times.

    One value alone may stand for a tuple of one. Forward only: gradients need `scan`.
    """
    alone = not isinstance(loop_vars, (tuple, list))
    most = 2**31 - 1 if maximum_iterations is None else maximum_iterations

    def given(values: Any) -> tuple[Any, ...]:
        return tuple(values) if isinstance(values, (tuple, list)) else (values,)

    def goes_on(carry: Any) -> Any:
        return ops.logical_and(carry[0] < most, cond(*carry[1]))

    def turn(carry: Any) -> Any:
        return carry[0] + 1, given(body(*carry[1]))

    start = (
        ops.zeros((), dtype="int32"),
        tuple(tree.map_structure(tensor, v) for v in given(loop_vars)),
    )
    values = transforms.while_loop(goes_on, turn, start)[1]
    return values[0] if alone else list(values) if isinstance(loop_vars, list) else tuple(values)


@operation
def fori_loop(
    lower: ArrayLike, upper: ArrayLike, body_fun: Callable[[Any, Any], R], init_val: NestLike
) -> R:
    """value = body_fun(i, value) for each i from lower up to below upper."""

    def turn(carry: Any) -> Any:
        return carry[0] + 1, body_fun(*carry)

    start = ops.asarray(lower, dtype="int32"), init_val
    return transforms.while_loop(lambda carry: carry[0] < upper, turn, start)[1]


@operation
def map(f: Callable[[Any], R], xs: NestLike) -> R:
    """f of each element along the first axis, the results stacked."""
    return transforms.scan(lambda carry, x: (carry, f(x)), ops.zeros(()), xs)[1]


@operation
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: NestLike,
    xs: NestLike = None,
    length: Dim | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """The last carry, and the stacked ys, of f(carry, x) -> (carry, y) for each x in xs.

    `unroll` changes nothing: the compiler decides how many iterations to unroll.
    """
    return transforms.scan(f, init, xs, length, reverse=reverse)


@operation
def associative_scan(
    f: Callable[[Any, Any], R], elems: NestLike, reverse: bool = False, axis: int = 0
) -> R:
    """[x0, f(x0, x1), f(f(x0, x1), x2), ...] along an axis, for an associative f."""
    return transforms.associative_scan(f, elems, reverse, axis)


# ---- branches and gradients ----------------------------------------------------------------------
@operation
def cond(pred: ArrayLike, true_fn: Callable[..., R], false_fn: Callable[..., S]) -> R | S:
    """true_fn() if pred holds, else false_fn(); only the one chosen is computed."""
    return transforms.cond(pred, true_fn, false_fn)


@operation
def switch(index: ArrayLike, branches: Sequence[Callable[..., R]], *operands: Any) -> R:
    """branches[index](*operands); an index outside of the list is moved to the nearest inside."""
    return transforms.switch(index, branches, *operands)


@operation
def stop_gradient(variable: ArrayLike) -> Tensor:
    """The same value, through which no gradient flows."""
    return transforms.stop_gradient(variable)


@operation
def custom_gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Give f, which returns (value, rule), the gradient rule(g)."""
    return transforms.custom_gradient(f)
