"""Activations of a few pieces: hard and sparse variants, and shrinkage."""

from __future__ import annotations

from lamina.annotations import ArrayLike
from lamina.operations.elementwise import (
    abs as absolute,
)
from lamina.operations.elementwise import (
    add,
    clip,
    divide,
    greater,
    multiply,
    subtract,
    tanh,
    where,
)
from lamina.operations.promote import floating
from lamina.operations.ranges import returns
from lamina.tensor import Tensor


@returns("probabilities")
def hard_sigmoid(x: ArrayLike) -> Tensor:
    """Piecewise linear sigmoid: x / 6 + 1/2, clipped to [0, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_sigmoid([-4.0, 0.0, 4.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return clip(add(divide(floating(x), 6), 0.5), 0, 1)


@returns("any")
def hard_silu(x: ArrayLike) -> Tensor:
    """Piecewise SiLU (hard swish): x * hard_sigmoid(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_silu([-4.0, 0.0, 4.0]).tolist()
        [-0.0, 0.0, 4.0]

    Source: Howard et al. (2019), Searching for MobileNetV3.
    """
    tensor = floating(x)
    return multiply(tensor, hard_sigmoid(tensor))


hard_swish = hard_silu


@returns("any")
def hard_tanh(x: ArrayLike) -> Tensor:
    """Piecewise linear tanh: x clipped to [-1, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_tanh([-4.0, 0.5, 4.0]).tolist()
        [-1.0, 0.5, 1.0]
    """
    return clip(floating(x), -1, 1)


@returns("any")
def tanh_shrink(x: ArrayLike) -> Tensor:
    """Tanh shrinkage: x - tanh(x).

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.tanh_shrink([0.0]).tolist()
        [0.0]
    """
    tensor = floating(x)
    return subtract(tensor, tanh(tensor))


@returns("any")
def soft_shrink(x: ArrayLike, threshold: float = 0.5) -> Tensor:
    """Soft shrinkage: x moved toward 0 by the threshold, 0 within it.

    Args:
        x: tensor or array-like.
        threshold: amount by which magnitudes shrink.

    Example:
        >>> import lamina as lm
        >>> lm.activations.soft_shrink([-2.0, 0.25, 1.0]).tolist()
        [-1.5, 0.0, 0.5]
    """
    tensor = floating(x)
    return subtract(tensor, clip(tensor, -threshold, threshold))


@returns("any")
def hard_shrink(x: ArrayLike, threshold: float = 0.5) -> Tensor:
    """Hard shrinkage: x if |x| > threshold, else 0.

    Args:
        x: tensor or array-like.
        threshold: magnitude up to which values become 0.

    Example:
        >>> import lamina as lm
        >>> lm.activations.hard_shrink([-2.0, 0.25, 1.0]).tolist()
        [-2.0, 0.0, 1.0]
    """
    tensor = floating(x)
    return where(greater(absolute(tensor), threshold), tensor, 0.0)


@returns("probabilities")
def sparse_sigmoid(x: ArrayLike) -> Tensor:
    """Piecewise linear sigmoid: (x + 1) / 2, clipped to [0, 1].

    Args:
        x: tensor or array-like.

    Example:
        >>> import lamina as lm
        >>> lm.activations.sparse_sigmoid([-2.0, 0.0, 2.0]).tolist()
        [0.0, 0.5, 1.0]
    """
    return clip(multiply(add(floating(x), 1), 0.5), 0, 1)
