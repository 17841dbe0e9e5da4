"""Normalization: by given statistics, by those of the batch, by those of each sample.

Scale and offset are None, or broadcast against x. Layers and `keras.ops` use the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina.ir.graph import Node
from lamina.operations.elementwise import rsqrt, square
from lamina.operations.reductions import mean, sum
from lamina.operations.shaping import reshape
from lamina.tensor import Tensor, as_node, as_tensor, bind, from_node


def normalize(
    x: Tensor, center: Tensor, variance: Tensor, scale: Any, offset: Any, epsilon: float
) -> Tensor:
    """Return scale (x - center) / sqrt(variance + epsilon) + offset.

    The factor of x is computed before it is multiplied with x, which is larger.
    """
    factor = rsqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    result = (x - center) * factor
    return result if offset is None else result + offset


def normalize_by_batch(
    x: Tensor, center: Tensor, variance: Tensor, axis: int, scale: Any, offset: Any, epsilon: float
) -> Tensor:
    """Return `normalize` for the mean and the variance of x itself, taken over all axes but one,
    and scale and offset of shape (channels,); with the gradient in closed form:

        dx = factor (g - mean(g) - (x - mean) mean(g (x - mean)) / (variance + epsilon))

    The two means over the batch also give the gradients of offset and scale; the gradient of each
    operation by itself would need four.
    """
    axes = tuple(d for d in range(x.ndim) if d != axis)
    scale, offset = (None if w is None else as_tensor(w) for w in (scale, offset))

    def rule(node: Node) -> tuple[Node, ...]:
        g = from_node(node)
        centered, inverse = x - center, rsqrt(variance + epsilon)
        along = g * centered
        factor = inverse if scale is None else inverse * along_axis(scale, axis, x)
        inner = centered * (inverse * inverse * mean(along, axes, keepdims=True))
        gradients = [factor * (g - mean(g, axes, keepdims=True) - inner)]
        if scale is not None:
            gradients.append(sum(along, axes) * reshape(inverse, (-1,)))
        if offset is not None:
            gradients.append(sum(g, axes))
        return tuple(as_node(gradient) for gradient in gradients)

    gamma, beta = (None if w is None else along_axis(w, axis, x) for w in (scale, offset))
    value = normalize(x, center, variance, gamma, beta, epsilon)
    inputs = [x, *(w for w in (scale, offset) if w is not None)]
    return bind("custom_gradient", value, *inputs, rule=rule)


def normalize_each(
    x: Tensor, axes: int | Sequence[int], scale: Any, offset: Any, epsilon: float
) -> Tensor:
    """Return scale (x - mean) / sqrt(variance + epsilon) + offset for the mean and the variance of
    each sample over `axes`."""
    axes = axes if isinstance(axes, int) else tuple(axes)
    center = mean(x, axes, keepdims=True)
    variance = mean(square(x - center), axes, keepdims=True)
    result = (x - center) * rsqrt(variance + epsilon)
    result = result if scale is None else result * scale
    return result if offset is None else result + offset


def normalize_rms(x: Tensor, axes: int | Sequence[int], scale: Any, epsilon: float) -> Tensor:
    """Return scale x / sqrt(mean(x^2) + epsilon) for the mean over `axes`."""
    axes = axes if isinstance(axes, int) else tuple(axes)
    result = x * rsqrt(mean(square(x), axes, keepdims=True) + epsilon)
    return result if scale is None else result * scale


def along_axis(weights: Any, axis: int, x: Tensor) -> Tensor:
    """Return weights of shape (channels,) so that they broadcast against x along its channels."""
    return along_axes(weights, (axis % x.ndim,), x)


def along_axes(weights: Any, axes: Sequence[int], x: Tensor) -> Tensor:
    """Return weights of the extents of some axes of x so that they broadcast against x."""
    return reshape(weights, tuple(n if d in axes else 1 for d, n in enumerate(x.shape)))
