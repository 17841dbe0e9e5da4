"""Layers that rearrange elements: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Unpack

from lamina import operations as ops
from lamina.defaults import DEFAULTS
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.ir.types import exact_division, same
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.tensor import Tensor

__all__ = ["Flatten", "Reshape", "Permute", "RepeatVector"]


class Flatten(Layer):
    """Reshaping of each sample to a vector.

    Args:
        data_format: "channels_first" moves the channels to the end first; None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, size)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Flatten()(lm.Input((4, 3))).shape
        (batch, 12)
    """

    input_spec = InputSpec(min_ndim=1)

    def __init__(self, data_format: str | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if data_format not in (None, "channels_last", "channels_first"):
            raise RangeError(
                "Flatten: data_format must be 'channels_last' or 'channels_first', not "
                f"{data_format!r}"
            )
        self.data_format = data_format or DEFAULTS.image_data_format

    def call(self, inputs: Tensor) -> Tensor:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.moveaxis(inputs, 1, -1)
        return ops.reshape(inputs, (inputs.shape[0], math.prod(inputs.shape[1:])))


class Reshape(Layer):
    """Reshaping of each sample.

    Args:
        target_shape: shape of a sample of the output; one extent may be -1 and is inferred.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, *target_shape)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Reshape((2, -1))(lm.Input((4, 3))).shape
        (batch, 2, 6)
    """

    def __init__(self, target_shape: Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.target_shape = tuple(int(n) for n in target_shape)
        if self.target_shape.count(-1) > 1 or any(n < -1 for n in self.target_shape):
            raise ArgumentError(
                f"Reshape: target_shape is {self.target_shape}; only one entry may be -1"
            )

    def call(self, inputs: Tensor) -> Tensor:
        size = math.prod(inputs.shape[1:])
        known = math.prod(n for n in self.target_shape if n != -1)
        rest = exact_division(size, known) if known else None
        fits = rest is not None if -1 in self.target_shape else same(size, known)
        if not fits:
            raise ShapeError(
                f"{self._label()}: examples of shape {shape_text(inputs.shape[1:])} have "
                f"{size} entries, which do not fill the target shape {self.target_shape}"
                + (f" of {known}" if -1 not in self.target_shape else ""),
                hint="one entry of target_shape may be -1: whatever is left",
            )
        target: Any = tuple(rest if n == -1 else n for n in self.target_shape)
        return ops.reshape(inputs, (inputs.shape[0], *target))


class Permute(Layer):
    """Permutation of the axes of each sample.

    Args:
        dims: axes in their new order, counted from 1; the batch axis 0 is not permuted.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...) permuted

    Example:
        >>> import lamina as lm
        >>> lm.layers.Permute((2, 1))(lm.Input((4, 3))).shape
        (batch, 3, 4)
    """

    def __init__(self, dims: Sequence[int], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(int(n) for n in dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ArgumentError(
                f"Permute: dims must be an order of 1 to {len(self.dims)}, not {self.dims}",
                hint="the batch axis, 0, is not counted",
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)

    def call(self, inputs: Tensor) -> Tensor:
        return ops.permute_dims(inputs, (0, *self.dims))


class RepeatVector(Layer):
    """Repetition of a vector as the steps of a sequence.

    Args:
        n: number of repetitions.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, features) -> (batch, n, features)

    Example:
        >>> import lamina as lm
        >>> lm.layers.RepeatVector(5)(lm.Input((3,))).shape
        (batch, 5, 3)
    """

    input_spec = InputSpec(ndim=2)

    def __init__(self, n: int, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.n = positive_integer("RepeatVector", "n", n)

    def call(self, inputs: Tensor) -> Tensor:
        batch, features = inputs.shape
        return ops.broadcast_to(ops.expand_dims(inputs, 1), (batch, self.n, features))
