"""Loops inside programs: `scan` over a leading axis, `while_loop` while a condition holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from lamina import tree
from lamina.annotations import NestLike
from lamina.errors import ArgumentError, ShapeError, describe
from lamina.ir.closing import closed_over
from lamina.ir.graph import parameter
from lamina.ir.types import Dim, TensorType, same
from lamina.tensor import Tensor, as_node, bind, from_node
from lamina.transforms.closing import captured, close, tensors
from lamina.variables import current_trace

R = TypeVar("R")


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: NestLike,
    xs: NestLike = None,
    length: Dim | None = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """Apply f to each element of xs in order, carrying a state; the loop compiles once.

    Gradients flow through it. xs, init and y are nests of tensors.

    Args:
        f: function (carry, x) -> (carry, y); the carry keeps its structure, shapes and dtypes.
        init: first carry.
        xs: nest of tensors; x is xs[t] along the first axis. None for a loop without inputs.
        length: number of iterations, needed if `xs` is None.
        reverse: start at the last element.

    Returns:
        The last carry, and the ys stacked along a new first axis.

    Raises:
        ArgumentError: if f does not return a pair.
        ShapeError: if the carry changes its structure, shape or dtype.

    Example:
        >>> import lamina as lm
        >>> total, sums = lm.scan(lambda c, x: (c + x, c + x), 0.0, lm.asarray([1.0, 2.0, 3.0]))
        >>> sums.tolist()
        [1.0, 3.0, 6.0]
    """
    carry, carry_structure = tensors(init)
    sequences, xs_structure = tensors(xs)
    turns = _turns(sequences, length)
    inner_carry = [parameter(t._type, f"carry{k}") for k, t in enumerate(carry)]
    inner_xs = [parameter(_element(t), f"x{k}") for k, t in enumerate(sequences)]
    assigned_before = _assignments()
    answer = f(
        tree.unflatten(carry_structure, map(from_node, inner_carry)),
        tree.unflatten(xs_structure, map(from_node, inner_xs)),
    )
    new_carry, y = _pair(answer)
    _refuse_assignments(assigned_before, "scan")
    flat_carry, new_structure = tensors(new_carry)
    _same_carry("scan", carry, carry_structure, flat_carry, new_structure)
    ys, y_structure = tensors(y)
    results = [as_node(t) for t in (*flat_carry, *ys)]
    consts, body = close([*inner_carry, *inner_xs], results, "scan_body")
    out = bind(
        "scan",
        *(from_node(c) for c in consts),
        *carry,
        *sequences,
        body=body,
        num_consts=len(consts),
        num_carry=len(carry),
        length=turns,
        reverse=reverse,
    )
    last = tree.unflatten(carry_structure, out[: len(carry)])
    return last, tree.unflatten(y_structure, out[len(carry) :])


def _pair(answer: Any) -> tuple[Any, Any]:
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise ArgumentError(
            f"scan: f(carry, x) must return a pair, (carry, y); it returned {describe(answer)}",
            hint="return carry, None where there is nothing to stack",
        )
    return answer[0], answer[1]


def while_loop(cond: Callable[[Any], Any], body: Callable[[Any], R], init: NestLike) -> R:
    """Apply body repeatedly while cond is true, and return the last value.

    It has no gradient, since the number of iterations is unknown; use `scan` for that.

    Args:
        cond: function of the carry that returns a scalar bool.
        body: function from carry to carry, which keeps structure, shapes and dtypes.
        init: first carry, a nest of tensors.

    Example:
        >>> import lamina as lm
        >>> lm.while_loop(lambda x: x < 100.0, lambda x: 2.0 * x, 3.0).item()
        192.0
    """
    carry, structure = tensors(init)
    graphs = []
    for f, what in ((cond, "cond"), (body, "body")):
        inner = [parameter(t._type, f"carry{k}") for k, t in enumerate(carry)]
        before = _assignments()
        answer = f(tree.unflatten(structure, map(from_node, inner)))
        _refuse_assignments(before, "while_loop")
        flat, new_structure = tensors(answer)
        if what == "body":
            _same_carry("while_loop", carry, structure, flat, new_structure)
        graphs.append((inner, [as_node(t) for t in flat]))
    consts = captured(*graphs[0]) + captured(*graphs[1])
    consts = list(dict.fromkeys(consts))
    cond_graph, body_graph = (
        closed_over(consts, inner, results, name)
        for (inner, results), name in zip(graphs, ("while_cond", "while_body"), strict=True)
    )
    out = bind(
        "while",
        *(from_node(c) for c in consts),
        *carry,
        cond=cond_graph,
        body=body_graph,
        num_consts=len(consts),
    )
    return tree.unflatten(structure, out)


# ---- checks ------------------------------------------------------------------------------------
def _element(t: Tensor) -> TensorType:
    return TensorType(t._type.shape[1:], t.dtype)


def _turns(sequences: list[Tensor], length: Dim | None) -> Dim:
    for t in sequences:
        if t.ndim == 0:
            raise ShapeError("scan: xs must have a leading axis to run over; one is a scalar")
    extents = [t.shape[0] for t in sequences] + ([length] if length is not None else [])
    if not extents:
        raise ShapeError("scan: needs xs or a length")
    if any(not same(e, extents[0]) for e in extents):
        raise ShapeError(f"scan: the sequences' lengths differ: {[str(e) for e in extents]}")
    return extents[0]


def _same_carry(name: str, before: list[Tensor], s1: Any, after: list[Tensor], s2: Any) -> None:
    was, now = [t._type for t in before], [t._type for t in after]
    if s1 != s2 or was != now:
        raise ShapeError(
            f"{name}: the carry must keep its structure, shapes and dtypes; it was "
            f"({', '.join(map(str, was))}) and became ({', '.join(map(str, now))})",
            hint="convert inside the body, for example with lm.astype(carry, init.dtype)",
        )


def _assignments() -> dict[Any, Any]:
    trace = current_trace()
    return dict(trace.assigned()) if trace is not None else {}


def _refuse_assignments(before: dict[Any, Any], name: str) -> None:
    for variable, value in _assignments().items():
        if before.get(variable) is not value:
            from lamina.errors import StateError

            raise StateError(
                f"{name}: the body assigns Variable {variable.name!r}",
                hint="carry its value through the loop and assign it afterwards",
            )
