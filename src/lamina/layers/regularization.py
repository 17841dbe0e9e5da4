"""Layers that act in training only, against overfitting: dropout, noise, penalties on activity.

In inference, and when frozen, they give their inputs back. Random numbers come from a key of the
layer's own, derived from its path, so that another layer does not change what this one drops.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from lamina import regularizers
from lamina.arguments import Checks, OneOf, integer
from lamina.errors import ArgumentError, RangeError, ShapeError, describe
from lamina.layers.base import Layer
from lamina.layers.spec import InputSpec, shape_text
from lamina.operations import creation, elementwise, random
from lamina.tensor import Tensor

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class Noise(Layer):
    """What layers with chance in them share: their rate, seed and key."""

    supports_masking = True

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(type(self).__name__, "rate", rate)
        self.seed = seed

    def key(self) -> Tensor:
        """The next key of this layer; with a seed of its own, one that depends on it too."""
        key = random.scoped_key(self.path)
        return key if self.seed is None else random.fold_in(key, self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.noisy(inputs) if training and self.rate > 0 else inputs

    def noisy(self, inputs: Tensor) -> Tensor:
        """The outputs in training."""
        raise TypeError(f"{type(self).__name__} must define noisy(inputs)")


def noise_shape_of(owner: str, shape: Any) -> tuple[int | None, ...] | None:
    """The shape of a mask: integers of at least 1, or None for the extent of the inputs."""
    if shape is None:
        return None
    if not isinstance(shape, (tuple, list)):
        raise ArgumentError(
            f"{owner}: expected noise_shape as a tuple with one entry for each axis of the inputs, "
            f"got {describe(shape)}",
            hint="None stands for the extent of the inputs, 1 draws once for the whole axis: "
            "(None, 1, None)",
        )
    return tuple(integer(owner, "noise_shape", n, 1, optional=True) for n in shape)


def filled(owner: str, shape: tuple[int | None, ...], inputs: Tensor) -> tuple[Any, ...]:
    """The shape of a mask, with the extents of the inputs in place of None."""
    if len(shape) != inputs.ndim:
        raise ShapeError(
            f"{owner}: noise_shape {shape} has {len(shape)} axes, the input, "
            f"{shape_text(inputs.shape)}, has {inputs.ndim}"
        )
    return tuple(own if n is None else n for n, own in zip(shape, inputs.shape, strict=True))


class Dropout(Noise):
    """Zero for a random fraction `rate` of the inputs, the others divided by (1 - rate), so that
    sums keep their expected value (Srivastava et al. 2014).

    noise_shape: shape of the mask, None for the input's extent; an extent of 1 drops along that
    axis together: (None, 1, None) drops whole sequences of a feature. seed: makes the mask depend
    on this number too.

    Args:
        rate: fraction of the elements set to zero, in [0, 1).
        noise_shape: shape of the random mask, broadcast against the inputs; None is their shape.
        seed: integer or SeedGenerator of the layer's random numbers; None draws a seed.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = noise_shape_of(type(self).__name__, noise_shape)

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        """The shape of the mask for these inputs."""
        if self.noise_shape is None:
            return inputs.shape
        return filled(self._label(), self.noise_shape, inputs)

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            return creation.zeros_like(inputs)
        kept = random.bernoulli(self.mask_shape(inputs), 1 - self.rate, key=self.key())
        return elementwise.where(kept, inputs * (1 / (1 - self.rate)), 0.0)


class SpatialDropout1D(Dropout):
    """Dropout of whole features of a sequence (batch, steps, features) (Tompson et al. 2014).

    Args:
        rate: fraction of the elements set to zero, in [0, 1).
        seed: integer or SeedGenerator of the layer's random numbers; None draws a seed.
    """

    input_spec = InputSpec(ndim=3)

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        return (inputs.shape[0], 1, inputs.shape[2])


class _SpatialDropout(Dropout):
    """Dropout of whole channels, wherever the channels are."""

    argument_checks: ClassVar[Checks] = {
        "data_format": OneOf((None, "channels_last", "channels_first"))
    }

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.channels_first = data_format == "channels_first"

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        ones = (1,) * (inputs.ndim - 2)
        if self.channels_first:
            return (*inputs.shape[:2], *ones)
        return (inputs.shape[0], *ones, inputs.shape[-1])


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of pictures (batch, rows, columns, channels)."""

    input_spec = InputSpec(ndim=4)


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes (batch, depth, rows, columns, channels)."""

    input_spec = InputSpec(ndim=5)


class GaussianDropout(Noise):
    """Inputs times normal numbers of mean 1 and standard deviation sqrt(rate / (1 - rate))."""

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            raise RangeError(f"{self._label()}: rate must be below 1 to train")
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, stddev, inputs.dtype, key=self.key())


class GaussianNoise(Noise):
    """Inputs plus normal numbers of mean 0 and standard deviation `stddev`.

    Args:
        stddev: standard deviation of the noise.
        seed: integer or SeedGenerator of the layer's random numbers; None draws a seed.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        _fraction("GaussianNoise", "stddev", stddev)
        super().__init__(stddev, seed, **kwargs)
        self.stddev = stddev

    def noisy(self, inputs: Tensor) -> Tensor:
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, inputs.dtype, key=self.key())


class AlphaDropout(Dropout):
    """Dropout for SELU networks, which keeps mean and variance (Klambauer et al. 2017): what is
    dropped becomes -scale * alpha, then everything is scaled and shifted."""

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            return creation.zeros_like(inputs)
        lowest = -SELU_ALPHA * SELU_SCALE
        scale = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        kept = random.bernoulli(self.mask_shape(inputs), 1 - self.rate, key=self.key())
        return elementwise.where(kept, inputs, lowest) * scale - scale * lowest * self.rate


class ActivityRegularization(Layer):
    """Gives its inputs back, and adds (l1 * sum(|x|) + l2 * sum(x**2)) / batch size to the
    loss."""

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)

    def call(self, inputs: Any) -> Any:
        return inputs


def _fraction(owner: str, name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise RangeError(f"{owner}: {name} must lie within 0 and 1, not {value!r}")
    return float(value)
