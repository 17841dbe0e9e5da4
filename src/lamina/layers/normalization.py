"""Normalization layers: over the batch, over features, over groups of channels, by norm.

Arguments, defaults, weights and moving statistics are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ConstraintLike, InitializerLike, RegularizerLike
from lamina.arguments import FLAG, Checks
from lamina.errors import ArgumentError, ShapeError
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec
from lamina.operations.normalization import (
    along_axes,
    normalize,
    normalize_each,
    normalize_rms,
)
from lamina.operations.promote import axis_of
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

__all__ = [
    "LayerNormalization",
    "GroupNormalization",
    "RMSNormalization",
    "UnitNormalization",
]

Axes = int | Sequence[int]


class Affine(Layer):
    """Base class of normalizations with a scale gamma and an offset beta per channel."""

    argument_checks: ClassVar[Checks] = {"scale": FLAG}

    supports_masking = True
    gamma: Variable | None = None
    beta: Variable | None = None

    def _settle(self, center: bool, scale: bool, beta: Any, gamma: Any, *rest: Any) -> None:
        """Store the options; `rest` are the regularizers and the constraints of beta and gamma."""
        self.center, self.scale = center, scale
        self.beta_initializer = initializers.get(beta)
        self.gamma_initializer = initializers.get(gamma)
        self.beta_regularizer = regularizers.get(rest[0])
        self.gamma_regularizer = regularizers.get(rest[1])
        self.beta_constraint = constraints.get(rest[2])
        self.gamma_constraint = constraints.get(rest[3])

    def _add_affine(self, shape: tuple[Any, ...]) -> None:
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                weight = self.add_weight(
                    name=name,
                    shape=shape,
                    initializer=getattr(self, f"{name}_initializer"),
                    regularizer=getattr(self, f"{name}_regularizer"),
                    constraint=getattr(self, f"{name}_constraint"),
                    autocast=False,
                )
                setattr(self, name, weight)

    def _weights_along(self, axes: Sequence[int], x: Tensor) -> tuple[Any, Any]:
        """Return gamma and beta so that they broadcast against x, whose axes they belong to."""
        weights = (self.gamma, self.beta)
        gamma, beta = (None if w is None else along_axes(self._wide(w), axes, x) for w in weights)
        return gamma, beta


class LayerNormalization(Affine):
    """Normalization of each sample to mean 0 and variance 1 over `axis`.

        gamma (x - mean) / sqrt(variance + epsilon) + beta

    gamma and beta have the shape of the normalized axes.

    Args:
        axis: axis or axes to normalize over; negative numbers count from the end.
        epsilon: small positive number that keeps the denominator away from 0.
        center: add the learned offset `beta`.
        scale: multiply by the learned scale `gamma`.
        beta_initializer: initializer of the offset.
        gamma_initializer: initializer of the scale.
        beta_regularizer: regularizer of the offset.
        gamma_regularizer: regularizer of the scale.
        beta_constraint: constraint applied to the offset after each update.
        gamma_constraint: constraint applied to the scale after each update.
        rms_scaling: divide by the standard deviation and multiply by gamma only, as older programs
            for Keras do; see `RMSNormalization`.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([[1.0, 3.0]])
        >>> [round(v, 3) for v in lm.layers.LayerNormalization()(x)[0].tolist()]
        [-1.0, 1.0]

    Source: Ba et al. (2016), Layer normalization.
    """

    streams = "each_step"
    autocast = False

    def __init__(
        self,
        axis: Axes = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        rms_scaling: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.rms_scaling = bool(rms_scaling)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon = epsilon
        rest = (beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint)
        center, scale = center and not rms_scaling, scale or rms_scaling
        self._settle(center, scale, beta_initializer, gamma_initializer, *rest)

    def build(self, input_shape: Any) -> None:
        axes = _axes(self, self.axis, len(input_shape))
        self._add_affine(tuple(input_shape[a] for a in axes))

    def call(self, inputs: Tensor) -> Tensor:
        x = self._wide(inputs)
        axes = _axes(self, self.axis, x.ndim)
        gamma, beta = self._weights_along(axes, x)
        if self.rms_scaling:
            variance = ops.var(x, axis=axes, keepdims=True)
            return as_tensor(x / ops.sqrt(variance + self.epsilon) * gamma, self._compute_dtype)
        y = normalize_each(x, axes, gamma, beta, self.epsilon)
        return as_tensor(y, self._compute_dtype)


class GroupNormalization(Affine):
    """Normalization of each sample's groups of channels to mean 0 and variance 1.

    Statistics are over the channels of a group and all positions; gamma and beta have one value per
    channel.

    Args:
        groups: number of groups, a divisor of the channels; 1 is one group of all channels, -1 one
            group per channel (instance normalization).
        axis: axis of the channels.
        epsilon: small positive number that keeps the denominator away from 0.
        center: add the learned offset `beta`.
        scale: multiply by the learned scale `gamma`.
        beta_initializer: initializer of the offset.
        gamma_initializer: initializer of the scale.
        beta_regularizer: regularizer of the offset.
        gamma_regularizer: regularizer of the scale.
        beta_constraint: constraint applied to the offset after each update.
        gamma_constraint: constraint applied to the scale after each update.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ..., channels) -> (batch, ..., channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GroupNormalization(groups=2)(lm.Input((10, 4))).shape
        (batch, 10, 4)

    Source: Wu and He (2018), Group normalization.
    """

    autocast = False

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ArgumentError(
                f"GroupNormalization: groups must be a positive integer, or -1, not {groups!r}"
            )
        self.groups, self.axis, self.epsilon = groups, axis, epsilon
        rest = (beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint)
        self._settle(center, scale, beta_initializer, gamma_initializer, *rest)

    def build(self, input_shape: Any) -> None:
        channels = input_shape[axis_of(self._label(), self.axis, len(input_shape))]
        self._add_affine((channels,))
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ShapeError(
                f"{self._label()}: inputs of shape {tuple(input_shape)} have {channels} channels, "
                f"which do not divide into {self.groups} groups",
                hint="groups must divide the channels; -1 makes every channel a group",
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})

    def call(self, inputs: Tensor) -> Tensor:
        x = self._wide(inputs)
        axis = self.axis % x.ndim
        parts = (self.groups, self.input_spec.axes[self.axis] // self.groups)  # type: ignore[union-attr,index]
        apart = ops.reshape(x, (*x.shape[:axis], *parts, *x.shape[axis + 1 :]))
        axes = tuple(d for d in range(1, apart.ndim) if d != axis)
        mean = ops.mean(apart, axes, keepdims=True)
        variance = ops.mean(ops.square(apart - mean), axes, keepdims=True)
        weights = self._weights_along((axis, axis + 1), apart)
        y = ops.reshape(normalize(apart, mean, variance, *weights, self.epsilon), x.shape)
        return as_tensor(y, self._compute_dtype)


class RMSNormalization(Layer):
    """Division by the root mean square over `axis`, times a learned scale.

        scale x / sqrt(mean(x^2) + epsilon)

    Args:
        axis: axis or axes to normalize over; negative numbers count from the end.
        epsilon: small positive number that keeps the denominator away from 0.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([[3.0, 4.0]])
        >>> [round(v, 3) for v in lm.layers.RMSNormalization()(x)[0].tolist()]
        [0.849, 1.131]

    Source: Zhang and Sennrich (2019), Root mean square layer normalization.
    """

    streams = "each_step"

    def __init__(
        self, axis: Axes = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        axes = _axes(self, self.axis, len(input_shape))
        shape = tuple(input_shape[a] for a in axes)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", autocast=False)

    def call(self, inputs: Tensor) -> Tensor:
        x = self._wide(inputs)
        axes = _axes(self, self.axis, x.ndim)
        y = normalize_rms(x, axes, along_axes(self._wide(self.scale), axes, x), self.epsilon)
        return as_tensor(y, self._compute_dtype)


class UnitNormalization(Layer):
    """Division by the Euclidean norm over `axis`.

        x / max(sqrt(sum(x^2)), 1e-12)

    Args:
        axis: axis or axes to normalize over; negative numbers count from the end.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> x = lm.asarray([[3.0, 4.0]])
        >>> [round(v, 3) for v in lm.layers.UnitNormalization()(x)[0].tolist()]
        [0.6, 0.8]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(self, axis: Axes = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.axis = list(axis) if isinstance(axis, (list, tuple)) else axis

    def call(self, inputs: Tensor) -> Tensor:
        x = self._wide(inputs)
        total = ops.sum(ops.square(x), _axes(self, self.axis, x.ndim), keepdims=True)
        y = x * ops.rsqrt(ops.maximum(total, 1e-24))
        return as_tensor(y, self._compute_dtype)


def _axes(layer: Layer, axis: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes to normalize over, counted from the front, in order."""
    given = axis if isinstance(axis, list) else [axis]
    return tuple(sorted(axis_of(layer._label(), a, ndim) for a in given))
