"""Runs graphs on the reference: eager code, constant folding, and what engines are compared with.

    run(graph, arrays) -> arrays         evaluate_nodes(nodes, known) -> arrays
    apply("add", [x, y], {}) -> array    one primitive

Symbolic extents are bound from the shapes of the arguments. Results may share memory with arguments
and constants; nothing here ever writes into an array that it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from lamina.errors import EngineError, LaminaError, ShapeError, describe
from lamina.ir.graph import Graph, Node
from lamina.ir.types import Dim, DType, Extent, bfloat16, evaluate, symbols
from lamina.reference.meaning import MEANING

Sizes = Mapping[str, int]
Watch = Callable[[Node, Sequence[Any], Any, Sizes], None]
WRONG = (ValueError, TypeError, IndexError, ArithmeticError, MemoryError)


# ---- one primitive -----------------------------------------------------------------------------
@np.errstate(all="ignore")
def apply(
    op: str, arrays: Sequence[Any], params: Mapping[str, Any], dtype: DType | None = None
) -> Any:
    """The result of one primitive: an array, or a tuple of arrays.

    `dtype` is the first operand's; it is needed only to `convert` from bfloat16, which NumPy holds
    as uint16. Raises EngineError, naming the primitive, where NumPy raises an error.
    """
    if op in REGIONS:
        return REGIONS[op](*arrays, **params, sizes={})
    if op == "convert" and dtype == bfloat16:
        params = {**params, "source": bfloat16}
    try:
        result = MEANING[op](*arrays, **params)
    except WRONG as error:
        raise _failure(op, arrays, error) from error
    return result if type(result) is np.ndarray else _arrays(result)


def _arrays(result: Any) -> Any:
    """NumPy's scalars as arrays of no axes; tuples stay tuples."""
    return result if isinstance(result, tuple) else np.asarray(result)


def _failure(op: str, arrays: Sequence[Any], error: Exception) -> Exception:
    if isinstance(error, LaminaError):
        return error
    given = ", ".join(map(describe, arrays))
    return EngineError(f"{op}({given}): NumPy says: {error}")


# ---- symbolic extents --------------------------------------------------------------------------
def bind_sizes(
    parameters: Iterable[Node], shapes: Iterable[Sequence[int]], sizes: Sizes | None = None
) -> dict[str, int]:
    """The sizes of all symbols in the parameters' types, read off the shapes that came.

    `sizes` are those known before. Raises ShapeError where a shape does not fit its type, or two of
    them contradict each other.
    """
    sizes = dict(sizes or {})
    given = zip(parameters, map(tuple, shapes), strict=True)
    pairs = [(node, shape) for node, shape in given if node.shape != shape]
    for node, shape in pairs:
        if len(node.shape) != len(shape):
            raise _misfit(node, shape, sizes)
        for extent, size in zip(node.shape, shape):
            _solve(extent, size, sizes)
    for node, shape in pairs:
        for extent, size in zip(node.shape, shape):
            known = symbols((extent,)) <= sizes.keys()
            if not known or evaluate(extent, sizes) != size:
                raise _misfit(node, shape, sizes)
    return sizes


def _solve(extent: Dim, size: int, sizes: dict[str, int]) -> None:
    """Learns the symbol of `batch` or `2*batch + 1`, if it is new."""
    if not isinstance(extent, Extent):
        return
    linear = [monomial for monomial in extent.terms if monomial]
    if len(linear) == 1 and len(linear[0]) == 1 and linear[0][0] not in sizes:
        rest, factor = size - extent.terms.get((), 0), extent.terms[linear[0]]
        if rest % factor == 0 and rest // factor >= 0:
            sizes[linear[0][0]] = rest // factor


def _misfit(node: Node, shape: tuple[int, ...], sizes: Sizes) -> ShapeError:
    name = node.params.get("name") or "parameter"
    where = ", ".join(f"{symbol} = {size}" for symbol, size in sizes.items())
    given = f" (with {where})" if where else ""
    return ShapeError(f"{name}: shape {shape} came, expected {node.type}{given}")


def is_symbolic(value: Any) -> bool:
    """True for a param that is a symbolic extent or lists one."""
    if isinstance(value, Extent):
        return True
    return isinstance(value, (tuple, list)) and any(isinstance(v, Extent) for v in value)


def resolve(params: Mapping[str, Any], sizes: Sizes) -> dict[str, Any]:
    """The params with their symbolic extents evaluated."""
    return {name: _resolved(value, sizes) for name, value in params.items()}


def _resolved(value: Any, sizes: Sizes) -> Any:
    if isinstance(value, Extent):
        return evaluate(value, sizes)
    return tuple(evaluate(v, sizes) for v in value) if is_symbolic(value) else value


def params_of(node: Node, sizes: Sizes) -> dict[str, Any]:
    """The params of a node with their symbolic extents evaluated.

    An axis that a `pad` spreads has (n - 1) * interior elements more. If n is symbolic, its type
    holds this for n = 0 elements too: the high edge makes up for it.
    """
    params = resolve(node.params, sizes)
    if _is_spread(node):
        rows = zip(node.args[0].shape, node.shape, params["edge_padding_low"], strict=True)
        params["edge_padding_high"] = tuple(
            high if evaluate(n, sizes) else evaluate(extent, sizes) - low
            for (n, extent, low), high in zip(rows, params["edge_padding_high"], strict=True)
        )
    return params


def _is_spread(node: Node) -> bool:
    """True for a pad between elements of which only a run tells whether there are any."""
    return node.op == "pad" and any(node.params["interior_padding"]) and is_symbolic(node.shape)


# ---- loops and branches --------------------------------------------------------------------------
def _scan(
    *arrays: Any,
    body: Graph,
    num_consts: int,
    num_carry: int,
    length: int,
    reverse: bool = False,
    sizes: Sizes,
) -> tuple[Any, ...]:
    consts = arrays[:num_consts]
    carries = list(arrays[num_consts : num_consts + num_carry])
    sequences = arrays[num_consts + num_carry :]
    shapes = [(r.dtype, _resolved(r.shape, sizes)) for r in body.results[num_carry:]]
    stacked = [np.empty((length, *shape), dtype.storage) for dtype, shape in shapes]
    for i in reversed(range(length)) if reverse else range(length):
        out = run(body, [*consts, *carries, *(s[i] for s in sequences)], sizes)
        carries = out[:num_carry]
        for whole, element in zip(stacked, out[num_carry:], strict=True):
            whole[i] = element
    return (*carries, *stacked)


def _while(
    *arrays: Any, cond: Graph, body: Graph, num_consts: int = 0, sizes: Sizes
) -> tuple[Any, ...]:
    consts, carries = arrays[:num_consts], list(arrays[num_consts:])
    while run(cond, [*consts, *carries], sizes)[0]:
        carries = run(body, [*consts, *carries], sizes)
    return tuple(carries)


def _if(
    pred: Any, *arrays: Any, true_branch: Graph, false_branch: Graph, sizes: Sizes
) -> tuple[Any, ...]:
    return tuple(run(true_branch if pred else false_branch, arrays, sizes))


REGIONS: dict[str, Callable[..., tuple[Any, ...]]] = {"scan": _scan, "while": _while, "if": _if}


# ---- graphs ------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Step:
    """A node to be computed, and the nodes whose value is not needed after it."""

    node: Node
    symbolic: bool
    dead: list[Node]


def _steps(results: Sequence[Node], known: Iterable[Node]) -> list[_Step]:
    """Return the nodes that compute the results, operands first, from the nodes that are known."""
    order: list[Node] = []
    seen = set(known)
    stack = [(node, False) for node in reversed(results)]
    while stack:
        node, operands_done = stack.pop()
        if operands_done:
            order.append(node)
        elif node not in seen and node.value is None:
            seen.add(node)
            stack.append((node, True))
            stack.extend((arg, False) for arg in reversed(node.args))
    wanted = set(results)
    steps = []
    for node in reversed(order):
        dead = [arg for arg in dict.fromkeys(node.args) if arg not in wanted]
        wanted.update(dead)
        symbolic = any(map(is_symbolic, node.params.values())) or _is_spread(node)
        steps.append(_Step(node, symbolic, dead))
    return steps[::-1]


def _execute(
    steps: Sequence[_Step], values: dict[Node, Any], sizes: Sizes, watch: Watch | None = None
) -> None:
    for step in steps:
        node = step.node
        arrays = [values.get(a, a.value) for a in node.args]
        params = params_of(node, sizes) if step.symbolic else node.params
        if node.op in REGIONS:
            values[node] = REGIONS[node.op](*arrays, **params, sizes=sizes)
        elif node.op == "parameter":
            raise EngineError(f"parameter {node.params.get('name')!r} was given no value")
        else:
            values[node] = apply(node.op, arrays, params, _dtype_of_first(node))
        if watch is not None:
            watch(node, arrays, values[node], sizes)
        for dead in step.dead:
            values.pop(dead, None)


def _dtype_of_first(node: Node) -> DType | None:
    return node.args[0].dtype if node.op == "convert" else None


def evaluate_nodes(
    nodes: Sequence[Node], known: Mapping[Node, Any] | None = None, sizes: Sizes | None = None
) -> list[Any]:
    """The values of nodes: of those not in `known` and without a `value`, computed from operands.

    A node with several results has a tuple of arrays. Raises EngineError for a parameter of unknown
    value, or where NumPy fails.
    """
    values = dict(known or {})
    _execute(_steps(nodes, values), values, sizes or {})
    return [values.get(n, n.value) for n in nodes]


@dataclass(slots=True)
class _Plan:
    """The steps of a graph that has these very parameters and results."""

    key: tuple[Node, ...]
    steps: list[_Step]


_PLANS: WeakKeyDictionary[Graph, _Plan] = WeakKeyDictionary()


def _plan(graph: Graph) -> _Plan:
    key = (*graph.parameters, *graph.results)
    plan = _PLANS.get(graph)
    if plan is None or plan.key != key:
        plan = _Plan(key, _steps(graph.results, graph.parameters))
        _PLANS[graph] = plan
    return plan


def run(
    graph: Graph, arrays: Sequence[Any], sizes: Sizes | None = None, watch: Watch | None = None
) -> list[np.ndarray]:
    """The results of a graph for one array per parameter (bfloat16 as uint16 bits).

    `sizes` gives symbols that no parameter's shape tells. `watch` is called with each node outside
    of bodies, its operands and its value. Raises ShapeError where the arrays'
    shapes are not the parameters', EngineError where their number or dtypes are not, or where NumPy
    fails.
    """
    if len(arrays) != len(graph.parameters):
        wanted = len(graph.parameters)
        raise EngineError(f"graph '{graph.name}' takes {wanted} arrays, {len(arrays)} came")
    arrays = [np.asarray(a) for a in arrays]
    values = dict(zip(graph.parameters, arrays))
    for node, array in values.items():
        if array.dtype != node.dtype.storage:
            name = node.params.get("name") or "parameter"
            raise EngineError(f"{name}: {describe(array)} came, expected {node.type}")
    plan = _plan(graph)
    sizes = bind_sizes(graph.parameters, [a.shape for a in arrays], sizes)
    _execute(plan.steps, values, sizes, watch)
    return [values.get(r, r.value) for r in graph.results]
