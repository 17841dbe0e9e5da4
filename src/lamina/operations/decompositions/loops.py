"""Loops over the columns and rows of matrices, as primitives, and what decompositions share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.graph import Graph, Node, parameter
from lamina.ir.types import Dim, TensorType, same
from lamina.operations.creation import iota
from lamina.operations.gathering import dynamic_slice
from lamina.operations.promote import broadcast_shape, floating, widened
from lamina.operations.shaping import broadcast_to
from lamina.tensor import Tensor, as_node, bind, from_node

Step = Callable[[list[Tensor], list[Tensor]], tuple[list[Tensor], list[Tensor]]]


def scanned(
    step: Step,
    carries: Sequence[Tensor],
    elements: Sequence[Tensor],
    *,
    reverse: bool = False,
) -> tuple[list[Tensor], list[Tensor]]:
    """Run step(carries, elements) -> (carries, stacked) over the first axis of the elements.

    The step may use no other tensor than these, apart from constants."""
    count = len(carries)
    types = [t._type for t in carries]
    types += [TensorType(t._type.shape[1:], t.dtype) for t in elements]
    inner = [parameter(type_, f"x{k}") for k, type_ in enumerate(types)]
    given = [from_node(node) for node in inner]
    after, stacked = step(given[:count], given[count:])
    body = Graph(inner, [as_node(t) for t in (*after, *stacked)], "scan_body")
    out = bind(
        "scan",
        *carries,
        *elements,
        body=body,
        num_consts=0,
        num_carry=count,
        length=elements[0]._type.shape[0],
        reverse=reverse,
    )
    return list(out[:count]), list(out[count:])


def repeated(
    goes_on: Callable[[list[Tensor]], Tensor],
    step: Callable[[list[Tensor]], list[Tensor]],
    carries: Sequence[Tensor],
) -> list[Tensor]:
    """Run step(carries) -> carries while goes_on(carries) is true."""
    graphs = []
    for f in (goes_on, step):
        inner = [parameter(t._type, f"x{k}") for k, t in enumerate(carries)]
        found = f([from_node(node) for node in inner])
        results = [as_node(t) for t in (found if isinstance(found, list) else [found])]
        graphs.append(Graph(inner, results, "while_part"))
    return list(bind("while", *carries, cond=graphs[0], body=graphs[1], num_consts=0))


def steps(count: Dim, x: Tensor) -> Tensor:
    """Return the numbers of the steps of a loop over x, 0 to count - 1."""
    return iota((count,), 0, traced=x.is_traced)


def positions(count: Dim) -> Tensor:
    """Return 0 to count - 1, for the step of a loop, where nothing has a value."""
    return iota((count,), 0, traced=True)


def column_of(x: Tensor, j: Tensor) -> Tensor:
    """Return column j of each matrix, (..., rows, 1)."""
    return dynamic_slice(x, [0] * (x.ndim - 1) + [j], (*x.shape[:-1], 1))


def row_of(x: Tensor, i: Tensor) -> Tensor:
    """Return row i of each matrix, (..., 1, columns)."""
    return dynamic_slice(x, [0] * (x.ndim - 2) + [i, 0], (*x.shape[:-2], 1, x.shape[-1]))


# ---- arguments and gradients ---------------------------------------------------------------------
def matrices(function: str, x: ArrayLike, *, square: bool = False) -> Tensor:
    """Return x as matrices (..., m, n) of floats that can be computed with."""
    tensor = floating(x)
    if tensor.ndim < 2:
        raise ShapeError(
            f"{function}: expected matrices (..., m, n), got shape {tensor.shape}",
            hint="add the axes, for example with x[:, None]",
        )
    if square and not same(*tensor.shape[-2:]):
        raise ShapeError(f"{function}: expected square matrices (..., n, n), got {tensor.shape}")
    return widened(tensor)


def same_batch(function: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return two stacks of matrices with equal leading axes."""
    batch = broadcast_shape([x.shape[:-2], y.shape[:-2]], function)
    first, second = (broadcast_to(t, (*batch, *t.shape[-2:])) for t in (x, y))
    return first, second


def value_of(x: Tensor) -> np.ndarray:
    """Return the known values of a tensor."""
    return np.asarray(x._value)


Rule = Callable[..., Sequence[Tensor]]


def with_rule(results: Sequence[Tensor], inputs: Sequence[Tensor], rule: Rule) -> list[Tensor]:
    """Return the results with a gradient in closed form.

    rule(found, cotangents) gives the cotangent of each input; `found` are the results themselves,
    so that gradients of gradients follow. It is linear, so each result has its share by itself."""
    found: list[Tensor] = []

    def share(k: int) -> Callable[[Node], tuple[Node, ...]]:
        def back(g: Node) -> tuple[Node, ...]:
            cotangents = [from_node(g) if i == k else None for i in range(len(results))]
            return tuple(as_node(t) for t in rule(found, cotangents))

        return back

    for k, result in enumerate(results):
        found.append(bind("custom_gradient", result, *inputs, rule=share(k)))
    return found
