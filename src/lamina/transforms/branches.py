"""Choices inside programs: `cond` between two functions, `switch` among several; one runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lamina import tree
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.ir.closing import closed_over
from lamina.ir.graph import Node, next_number, parameter
from lamina.ir.types import bool_
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node
from lamina.transforms.closing import made_before, tensors
from lamina.variables import Variable, bound

R = TypeVar("R")
S = TypeVar("S")


def cond(
    pred: ArrayLike, true_fn: Callable[..., R], false_fn: Callable[..., S], *operands: Any
) -> R | S:
    """Return true_fn(*operands) if pred is true, else false_fn(*operands); compute only that one.

    If the value of pred is known (eager code, Python bools), the function is simply called. In a
    compiled program both functions are recorded; they may read and assign Variables. Gradients flow
    through it, to any order. To choose element by element use `lm.where`.

    Args:
        pred: scalar bool.
        true_fn: function of the operands.
        false_fn: function of the operands whose result has the same structure, shapes and dtypes.
        *operands: nests of tensors.

    Raises:
        ShapeError: if pred is not a scalar, or the two results differ in structure, shape or dtype.

    Example:
        >>> import lamina as lm
        >>> f = lm.compile(lambda x: lm.cond(lm.sum(x) > 0, lambda: lm.sqrt(x), lambda: -x))
        >>> f(lm.asarray([4.0, 9.0])).tolist(), f(lm.asarray([-4.0, 1.0])).tolist()
        ([2.0, 3.0], [4.0, -1.0])
    """
    pred = _scalar("cond", "pred", pred)
    test = as_tensor(pred, bool_)
    if not test.is_traced:
        return (true_fn if test else false_fn)(*operands)
    branches = [_recorded(f, operands) for f in (true_fn, false_fn)]
    _same_results(*branches)
    variables = list(dict.fromkeys(v for branch in branches for v in branch.assigned))
    results = [branch.nodes_and_next(variables) for branch in branches]
    found = [made_before(b.first, b.inner, r) for b, r in zip(branches, results, strict=True)]
    consts = list(dict.fromkeys(found[0] + found[1]))
    graphs = [
        closed_over(consts, branch.inner, nodes, name)
        for branch, nodes, name in zip(branches, results, ("if_true", "if_false"), strict=True)
    ]
    given = [*map(from_node, consts), *tensors(operands)[0]]
    out = bind("if", test, *given, true_branch=graphs[0], false_branch=graphs[1])
    count = len(branches[0].results)
    for variable, value in zip(variables, out[count:], strict=True):
        variable.assign(value)
    return tree.unflatten(branches[0].structure, out[:count])


def switch(index: ArrayLike, branches: Sequence[Callable[..., R]], *operands: Any) -> R:
    """Return branches[index](*operands), and compute only that one; otherwise as `cond`.

    Args:
        index: scalar integer; one outside of the list is moved to the nearest inside.
        branches: functions of the operands whose results have equal structures, shapes and dtypes.
        *operands: nests of tensors.

    Raises:
        ShapeError: if index is not a scalar, or the results differ.
        DTypeError: if index is not an integer.

    Example:
        >>> import lamina as lm
        >>> lm.switch(1, [lambda x: x + 1, lambda x: x * 10], lm.asarray([2.0])).tolist()
        [20.0]
    """
    if not branches:
        raise ArgumentError("switch: needs at least one branch")
    index = _scalar("switch", "index", index)
    if not index.dtype.is_integer:
        raise DTypeError(f"switch: index must be a whole number, not {index.dtype}")
    return _switch(index, 0, list(branches), operands)


def _switch(index: Tensor, first: int, branches: list[Any], operands: Sequence[Any]) -> Any:
    """The branches that are left, the first of them being number `first`: halved until one is."""
    half = len(branches) // 2
    if half == 0:
        return branches[0](*operands)

    def lower(*given: Any) -> Any:
        return _switch(index, first, branches[:half], given)

    def upper(*given: Any) -> Any:
        return _switch(index, first + half, branches[half:], given)

    return cond(as_tensor(index < first + half), lower, upper, *operands)


@dataclass
class _Branch:
    """A function, recorded: nodes from number `first` on are its own; `assigned` is what it gives
    to Variables."""

    first: int
    inner: list[Node]
    results: list[Node]
    structure: Any
    assigned: dict[Variable, Node]

    def nodes_and_next(self, variables: Sequence[Variable]) -> list[Node]:
        """The results, then what each of the variables holds after this branch."""
        after = [self.assigned.get(v) or as_node(v.read()) for v in variables]
        return [*self.results, *after]


def _recorded(f: Callable[..., Any], operands: Sequence[Any]) -> _Branch:
    given, structure = tensors(list(operands))
    first = next_number()
    inner = [parameter(t._type, f"x{k}") for k, t in enumerate(given)]
    with bound({}, propagate=False) as trace:
        answer, made = tensors(f(*tree.unflatten(structure, map(from_node, inner))))
        results = [as_node(t) for t in answer]
        assigned = {v: as_node(t) for v, t in trace.assigned().items()}
    return _Branch(first, inner, results, made, assigned)


# ---- checks ------------------------------------------------------------------------------------
def _scalar(name: str, what: str, value: ArrayLike) -> Tensor:
    tensor = as_tensor(value)
    if tensor.shape != ():
        raise ShapeError(
            f"{name}: {what} must be a scalar, not of shape {tensor.shape}",
            hint="to choose element by element use lm.where(condition, x, y)",
        )
    return tensor


def _same_results(true: _Branch, false: _Branch) -> None:
    one, other = ([n.type for n in branch.results] for branch in (true, false))
    if true.structure != false.structure or one != other:
        raise ShapeError(
            "cond: both functions must give the same structure, shapes and dtypes; true_fn gave "
            f"({', '.join(map(str, one))}) and false_fn ({', '.join(map(str, other))})",
            hint="convert inside, for example with lm.astype(x, 'float32') or lm.broadcast_to",
        )
