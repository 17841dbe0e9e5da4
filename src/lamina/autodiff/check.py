"""Gradients held against central differences, along random directions, in float64.

Along a direction v, the derivative of f at x is (f(x + h v) - f(x - h v)) / 2h; combining steps of
h and h/2 (Richardson) leaves an error of order h^4. Order 2 checks the gradient of <gradient, v>.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lamina.autodiff.reverse import gradients
from lamina.errors import GradientError
from lamina.ir import ops
from lamina.ir.graph import Graph, Node, parameter, substitute
from lamina.ir.primitives import constant_of
from lamina.ir.types import array_type
from lamina.reference.interpreter import run

Arrays = Sequence[np.ndarray]
Builder = Callable[..., "Node | Sequence[Node]"]


def check_gradient(
    function: Graph | Builder,
    arrays: Arrays,
    order: int = 2,
    *,
    step: float = 1e-3,
    tolerance: float = 1e-6,
    directions: int = 2,
    seed: int = 0,
) -> None:
    """Compares derivatives of a function of nodes, up to `order`, with differences of its values.

    `function` is a graph, or builds its results from one parameter per array. Gradients are taken
    with respect to all float64 arrays; others stay as they are. The results' floats, each times a
    fixed random number, are added up to the scalar that is differentiated. Errors are relative to
    the larger of 1 and the derivative. Points near a kink or a tie make the differences wrong.

    Raises:
        GradientError: they differ; the message says by how much, at which order.
    """
    rng = np.random.default_rng(seed)
    scalar = _weighted(_graph(function, arrays), arrays, rng)
    for level in range(1, order + 1):
        moving = [k for k, a in enumerate(arrays) if a.dtype == np.float64]
        derivative = _along(scalar, moving)
        for _ in range(directions):
            v = [rng.standard_normal(arrays[k].shape) for k in moving]
            (found,) = run(derivative, [*arrays, *v])
            expected = _difference(scalar, arrays, dict(zip(moving, v)), step)
            _compare(level, float(found), expected, tolerance)
        v = [rng.standard_normal(arrays[k].shape) for k in moving]
        scalar = _fixed(derivative, v)


def _graph(function: Graph | Builder, arrays: Arrays) -> Graph:
    if isinstance(function, Graph):
        return function
    parameters = [parameter(array_type(a), f"x{k}") for k, a in enumerate(arrays)]
    results = function(*parameters)
    return Graph(parameters, [results] if isinstance(results, Node) else list(results))


def _weighted(graph: Graph, arrays: Arrays, rng: np.random.Generator) -> Graph:
    """The graph of one float64 scalar: the sum of all results times random numbers."""
    values = run(graph, arrays)
    total = ops.fill(0.0, shape=(), dtype=_FLOAT64)
    for result, value in zip(graph.results, values):
        if result.dtype.is_float:
            weights = constant_of(np.asarray(rng.standard_normal(value.shape)))
            weights = ops.convert(weights, dtype=result.dtype)
            product = ops.sum_over(ops.multiply(result, weights), range(value.ndim))
            total = ops.add(total, ops.convert(product, dtype=_FLOAT64))
    return Graph(graph.parameters, [total], graph.name)


_FLOAT64 = array_type(np.zeros((), np.float64)).dtype


def _along(scalar: Graph, moving: Sequence[int]) -> Graph:
    """The graph of <gradient, v>, with v as further parameters."""
    inputs = [scalar.parameters[k] for k in moving]
    one = ops.fill(1.0, shape=(), dtype=_FLOAT64)
    found = gradients(scalar.results, [one], inputs)
    directions = [parameter(x.type, f"v{k}") for k, x in enumerate(inputs)]
    total = ops.fill(0.0, shape=(), dtype=_FLOAT64)
    for g, v in zip(found, directions):
        total = ops.add(total, ops.sum_over(ops.multiply(g, v), range(v.ndim)))
    return Graph([*scalar.parameters, *directions], [total], scalar.name)


def _fixed(derivative: Graph, v: Arrays) -> Graph:
    """The graph of <gradient, v> for one v."""
    count = len(derivative.parameters) - len(v)
    constants = dict(zip(derivative.parameters[count:], map(constant_of, v)))
    return Graph(derivative.parameters[:count], substitute(derivative.results, constants))


def _difference(
    scalar: Graph, arrays: Arrays, directions: dict[int, np.ndarray], step: float
) -> float:
    def at(t: float) -> float:
        moved = [a + t * directions[k] if k in directions else a for k, a in enumerate(arrays)]
        return float(run(scalar, moved)[0])

    coarse = (at(step) - at(-step)) / (2 * step)
    fine = (at(step / 2) - at(-step / 2)) / step
    return (4 * fine - coarse) / 3


def _compare(level: int, found: float, expected: float, tolerance: float) -> None:
    error = abs(found - expected) / max(1.0, abs(expected))
    if not error <= tolerance:
        raise GradientError(
            f"derivative of order {level} along a random direction is {found!r}, central "
            f"differences say {expected!r}: an error of {error:.2e}, expected at most {tolerance}"
        )
