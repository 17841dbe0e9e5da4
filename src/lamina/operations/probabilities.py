"""Probabilities of logits: softmax, sigmoid, sparsemax and logarithms.

`softmax` and `sigmoid` remember what they were computed from: see `logits`.
"""

from __future__ import annotations

import functools

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.ir.graph import Node
from lamina.operations import cumulative, logits, reductions
from lamina.operations.creation import iota
from lamina.operations.elementwise import (
    abs as absolute,
)
from lamina.operations.elementwise import (
    add,
    divide,
    exp,
    greater,
    log,
    log1p,
    maximum,
    multiply,
    negative,
    subtract,
    where,
)
from lamina.operations.promote import axes_of, axis_of, floating, widened
from lamina.operations.ranges import returns
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node

__all__ = ["sigmoid", "softmax"]


@returns("distribution")
def softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Softmax: exp(x) / sum(exp(x)) along an axis, without overflow.

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.softmax([1000.0, 1000.0]).tolist()
        [0.5, 0.5]
    """
    tensor = floating(x)
    axes = _axes("softmax", tensor, axis)
    powers = exp(_shifted(widened(tensor), axes))
    result = divide(powers, reductions.sum(powers, axes, keepdims=True))
    result = as_tensor(result, tensor.dtype)
    logarithm = functools.partial(log_softmax, axis=axes)
    return logits.remember(result, _named("softmax", axes, tensor), tensor, logarithm)


def _named(function: str, axes: tuple[int, ...], x: Tensor) -> str:
    """Only a softmax along the last axis is what a loss means by one."""
    return function if axes == (x.ndim - 1,) else f"{function} along {axes}"


@returns("any")
def log_softmax(x: ArrayLike, axis: int | tuple[int, ...] = -1) -> Tensor:
    """Logarithm of the softmax, computed as x - logsumexp(x).

    Args:
        x: tensor or array-like.
        axis: axis, or tuple of axes, of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.log_softmax([0.0, 1000.0]).tolist()
        [-1000.0, 0.0]
    """
    tensor = floating(x)
    axes = _axes("log_softmax", tensor, axis)
    shifted = _shifted(widened(tensor), axes)
    total = log(reductions.sum(exp(shifted), axes, keepdims=True))
    return as_tensor(subtract(shifted, total), tensor.dtype)


def _axes(function: str, x: Tensor, axis: int | tuple[int, ...]) -> tuple[int, ...]:
    if x.ndim == 0:
        raise ShapeError(f"{function}: needs at least one axis; got a scalar")
    return axes_of(function, axis, x.ndim)


def _shifted(x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """x minus its largest element, which is a constant to the gradient: it cancels out."""
    return subtract(x, bind("stop_gradient", reductions.max(x, axes, keepdims=True)))


@returns("probabilities")
def sigmoid(x: ArrayLike) -> Tensor:
    """Logistic function: 1 / (1 + exp(-x)).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.sigmoid([-1000.0, 0.0, 1000.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    tensor = floating(x)
    result = as_tensor(bind("logistic", widened(tensor)), tensor.dtype)
    return logits.remember(result, "sigmoid", tensor, log_sigmoid)


@returns("any")
def log_sigmoid(x: ArrayLike) -> Tensor:
    """Logarithm of the sigmoid: log(sigmoid(x)) = -softplus(-x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.log_sigmoid([-1000.0]).tolist()
        [-1000.0]
    """
    return negative(softplus(negative(floating(x))))


@returns("distribution")
def sparsemax(x: ArrayLike, axis: int = -1) -> Tensor:
    """Euclidean projection of x onto the probabilities, many of which become exactly 0.

    Args:
        x: tensor or array-like.
        axis: axis of the classes.

    Example:
        >>> import lamina as lm
        >>> lm.activations.sparsemax([0.0, 0.5, 1.0]).tolist()
        [0.0, 0.25, 0.75]

    Source: Martins and Astudillo (2016), From softmax to sparsemax.
    """
    tensor = floating(x)
    place = axis_of("sparsemax", axis, tensor.ndim)
    (ordered,) = bind("sort", widened(tensor), dimension=place, descending=True)
    rank = as_tensor(add(iota(ordered.shape, place), 1), ordered.dtype)
    sums = cumulative.cumulative_sum(ordered, axis=place)
    chosen = greater(add(multiply(ordered, rank), 1), sums)
    count = reductions.sum(as_tensor(chosen, ordered.dtype), place, keepdims=True)
    total = reductions.sum(where(chosen, ordered, 0.0), place, keepdims=True)
    threshold_ = divide(subtract(total, 1), count)
    return as_tensor(maximum(subtract(widened(tensor), threshold_), 0), tensor.dtype)


@returns("any")
def softplus(x: ArrayLike) -> Tensor:
    """Smooth rectifier: log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)).

    Its gradient is sigmoid(x), at 0 as well.

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.softplus([-1000.0, 1000.0]).tolist()
        [0.0, 1000.0]
    """
    tensor = floating(x)
    value = add(maximum(tensor, 0), log1p(exp(negative(absolute(tensor)))))

    def rule(g: Node) -> tuple[Node]:
        return (as_node(multiply(from_node(g), sigmoid(tensor))),)

    return bind("custom_gradient", value, tensor, rule=rule)
