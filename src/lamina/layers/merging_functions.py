"""Merging layers as functions: `add([a, b])` is `Add()([a, b])`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina.layers._base.options import LayerOptions
from lamina.layers.merging import (
    Add,
    Average,
    Concatenate,
    Dot,
    Maximum,
    Minimum,
    Multiply,
    Subtract,
)
from lamina.signatures import takes_arguments_of
from lamina.tensor import Tensor

__all__ = ["add", "subtract", "multiply", "average", "maximum", "minimum", "concatenate", "dot"]


@takes_arguments_of(Add)
def add(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the elementwise sum of tensors, as the layer `Add`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.add([a, b]).tolist()
        [[4.0, 7.0]]
    """
    return Add(**kwargs)(inputs)


@takes_arguments_of(Subtract)
def subtract(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the difference of two tensors, as the layer `Subtract`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.subtract([a, b]).tolist()
        [[-2.0, -3.0]]
    """
    return Subtract(**kwargs)(inputs)


@takes_arguments_of(Multiply)
def multiply(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the elementwise product of tensors, as the layer `Multiply`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.multiply([a, b]).tolist()
        [[3.0, 10.0]]
    """
    return Multiply(**kwargs)(inputs)


@takes_arguments_of(Average)
def average(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the elementwise mean of tensors, as the layer `Average`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.average([a, b]).tolist()
        [[2.0, 3.5]]
    """
    return Average(**kwargs)(inputs)


@takes_arguments_of(Maximum)
def maximum(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the elementwise maximum of tensors, as the layer `Maximum`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.maximum([a, b]).tolist()
        [[3.0, 5.0]]
    """
    return Maximum(**kwargs)(inputs)


@takes_arguments_of(Minimum)
def minimum(inputs: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return the elementwise minimum of tensors, as the layer `Minimum`.

    Args:
        inputs: sequence of tensors.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.minimum([a, b]).tolist()
        [[1.0, 2.0]]
    """
    return Minimum(**kwargs)(inputs)


@takes_arguments_of(Concatenate)
def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Unpack[LayerOptions]) -> Tensor:
    """Return tensors concatenated along an axis, as the layer `Concatenate`.

    Args:
        inputs: sequence of tensors.
        axis: axis of the concatenation, not the batch; all other extents must be equal.
        **kwargs: arguments of `Layer`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.concatenate([a, b]).tolist()
        [[1.0, 2.0, 3.0, 5.0]]
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


@takes_arguments_of(Dot)
def dot(
    inputs: Sequence[Any], axes: int | tuple[int, int] = -1, **kwargs: Unpack[LayerOptions]
) -> Tensor:
    """Return dot products of two tensors, as the layer `Dot`.

    Args:
        inputs: sequence of tensors.
        axes: axis of both tensors, or a pair of axes; not the batch axis 0.
        **kwargs: arguments of `Layer`, and `normalize` of `Dot`.

    Example:
        >>> import lamina as lm
        >>> a, b = lm.asarray([[1.0, 2.0]]), lm.asarray([[3.0, 5.0]])
        >>> lm.layers.dot([a, b], axes=1).tolist()
        [[13.0]]
    """
    return Dot(axes=axes, **kwargs)(inputs)
