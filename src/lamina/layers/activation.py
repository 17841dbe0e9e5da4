"""Activation layers with settings or weights: ReLU, LeakyReLU, ELU, PReLU, Softmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, cast

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ConstraintLike, InitializerLike, RegularizerLike
from lamina.configuration import older_argument
from lamina.errors import ArgumentError, RangeError, ShapeError
from lamina.ir.types import bool_, is_static
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.operations import masks
from lamina.tensor import Tensor, as_tensor

__all__ = ["ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"]


class ReLU(Layer):
    """Rectified linear unit, max(x, 0) by default.

        max_value                         if x >= max_value
        x                                 if threshold <= x < max_value
        negative_slope (x - threshold)    if x < threshold

    Args:
        max_value: upper limit of the outputs; None sets no limit.
        negative_slope: slope for inputs below the threshold, at least 0.
        threshold: input below which the slope is `negative_slope`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.ReLU(max_value=6.0)(lm.asarray([[-1.0, 2.0, 8.0]])).tolist()
        [[0.0, 2.0, 6.0]]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        _not_negative("ReLU", max_value=max_value, negative_slope=negative_slope)
        _not_negative("ReLU", threshold=threshold)
        self.max_value, self.negative_slope = max_value, negative_slope or 0.0
        self.threshold = threshold or 0.0

    def output_range(self) -> str:
        return "any"

    def call(self, inputs: Tensor) -> Tensor:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """Leaky rectified linear unit.

        x if x > 0, otherwise negative_slope x

    Args:
        negative_slope: slope for negative inputs, at least 0.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.LeakyReLU(0.5)(lm.asarray([[-1.0, 2.0]])).tolist()
        [[-0.5, 2.0]]

    Source: Maas et al. (2013), Rectifier nonlinearities improve neural network acoustic models.
    """

    streams = "each_step"
    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Unpack[LayerOptions]) -> None:
        options = cast(dict[str, Any], kwargs)
        if "alpha" in options:
            negative_slope = older_argument(self, options, "alpha", "negative_slope")
        super().__init__(**kwargs)
        _not_negative("LeakyReLU", negative_slope=negative_slope)
        self.negative_slope = negative_slope

    def output_range(self) -> str:
        return "any"

    def call(self, inputs: Tensor) -> Tensor:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class ELU(Layer):
    """Exponential linear unit.

        x if x > 0, otherwise alpha (exp(x) - 1)

    Args:
        alpha: negative of the limit for large negative inputs.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> [round(v, 3) for v in lm.layers.ELU()(lm.asarray([[-1.0, 2.0]]))[0].tolist()]
        [-0.632, 2.0]

    Source: Clevert et al. (2016), Fast and accurate deep network learning by exponential linear
        units.
    """

    streams = "each_step"
    supports_masking = True

    def __init__(self, alpha: float = 1.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha

    def output_range(self) -> str:
        return "any"

    def call(self, inputs: Tensor) -> Tensor:
        return activations.elu(inputs, alpha=self.alpha)


class PReLU(Layer):
    """Rectified linear unit with learned slopes for negative inputs.

        x if x > 0, otherwise alpha x

    Args:
        alpha_initializer: initializer of the slopes.
        alpha_regularizer: regularizer of the slopes.
        alpha_constraint: constraint applied to the slopes after each update.
        shared_axes: axes, counted from 1, along which one slope is shared; (1, 2) gives one slope
            per channel of an image.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.PReLU(shared_axes=(1, 2))(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: He et al. (2015), Delving deep into rectifiers, equation 1.
    """

    supports_masking = True

    def __init__(
        self,
        alpha_initializer: InitializerLike = "Zeros",
        alpha_regularizer: RegularizerLike = None,
        alpha_constraint: ConstraintLike = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        axes = (shared_axes,) if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if axes is None else tuple(axes)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            name="alpha",
            shape=shape,
            initializer=self.alpha_initializer,
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )
        own = {k: n for k, n in enumerate(input_shape) if k and shape[k - 1] != 1}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def output_range(self) -> str:
        return "any"

    def call(self, inputs: Tensor) -> Tensor:
        return ops.maximum(inputs, 0) + self.alpha * ops.minimum(inputs, 0)


class Softmax(Layer):
    """Softmax over one or several axes.

        exp(x) / sum(exp(x))

    A call accepts a `mask`, broadcast to the inputs; the result is 0 at masked elements.

    Args:
        axis: axis or axes that the result sums to 1 over.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Softmax()(lm.asarray([[1.0, 1.0]])).tolist()
        [[0.5, 0.5]]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def output_range(self) -> str:
        return "distribution"

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        axis = self.axis if isinstance(self.axis, int) else tuple(self.axis)
        if mask is None:
            return activations.softmax(inputs, axis=axis)
        there = self._there(inputs, mask)
        inputs = ops.where(there, inputs, -ops.finfo(inputs.dtype).max)
        return ops.where(there, activations.softmax(inputs, axis=axis), 0.0)

    def _there(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """Return the mask as bools that broadcast to the inputs."""
        carried = masks.mask_of(inputs)
        if carried is not None and mask is carried:
            return masks.fitted(carried, inputs.ndim)
        mask = as_tensor(mask)
        pairs = zip(reversed(mask.shape), reversed(inputs.shape), strict=False)
        misfit = any(is_static((m, n)) and m not in (1, n) for m, n in pairs)
        if mask.ndim > inputs.ndim or misfit:
            raise ShapeError(
                f"{self._label()}: expected a mask that broadcasts to the inputs, "
                f"{shape_text(inputs.shape)}, got shape {shape_text(mask.shape)}",
                hint="for a mask (batch, steps) of inputs (batch, steps, features), give "
                "expand_dims(mask, -1)",
            )
        return mask if mask.dtype == bool_ else mask > 0.5


def _not_negative(owner: str, **values: Any) -> None:
    for name, value in values.items():
        if value is None and name != "max_value":
            raise ArgumentError(f"{owner}: {name} cannot be None")
        if value is not None and value < 0:
            raise RangeError(f"{owner}: {name} must be at least 0, not {value!r}")
