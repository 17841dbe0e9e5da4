"""Regularization layers, active in training only: dropout, noise, activity penalties.

In inference, and if frozen, they return their inputs. Random numbers come from a key derived from
the path of the layer, so that other layers do not change them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

from lamina import operations as ops
from lamina import regularizers
from lamina.arguments import Checks, OneOf, integer
from lamina.errors import ArgumentError, RangeError, ShapeError, describe
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions, OwnPenalty
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.operations import random
from lamina.operations.windows import checked_format
from lamina.seeding import SeedLike, next_key
from lamina.tensor import Tensor
from lamina.transforms.attention import Dropout as AttentionDropout

__all__ = [
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
    "ActivityRegularization",
]

SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


class Noise(Layer):
    """Base class of layers with random numbers: rate, seed and key."""

    streams = "each_step"
    supports_masking = True

    def __init__(self, rate: float, seed: SeedLike = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.rate = _fraction(type(self).__name__, "rate", rate)
        self.seed = seed

    def key(self) -> Tensor:
        """Return the next random key of the layer, which depends on its seed if it has one."""
        return next_key(self.path, self.seed)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        return self.noisy(inputs) if training and self.rate > 0 else inputs

    def noisy(self, inputs: Tensor) -> Tensor:
        """Return the outputs in training.

        Args:
            inputs: inputs of the call.
        """
        raise TypeError(f"{type(self).__name__} must define noisy(inputs)")


def noise_shape_of(owner: str, shape: Any) -> tuple[int | None, ...] | None:
    """Return the shape of a mask: integers of at least 1, or None for the extent of the inputs."""
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
    """Return the shape of a mask, with the extents of the inputs in place of None."""
    if len(shape) != inputs.ndim:
        raise ShapeError(
            f"{owner}: noise_shape {shape} has {len(shape)} axes, the input, "
            f"{shape_text(inputs.shape)}, has {inputs.ndim}"
        )
    return tuple(own if n is None else n for n, own in zip(shape, inputs.shape, strict=True))


class Dropout(Noise):
    """Dropout: in training, sets a random fraction of the inputs to 0 and divides the rest by 1 -
    rate.

    The expected value of the outputs is that of the inputs.

    Args:
        rate: fraction of the inputs that are set to 0, in [0, 1).
        noise_shape: shape of the random mask, broadcast against the inputs; None as an extent takes
            that of the inputs, and (None, 1, None) drops whole sequences of a feature.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Dropout(0.5)(lm.asarray([[1.0, 2.0]])).tolist()  # inference: identity
        [[1.0, 2.0]]

    Source: Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from
        overfitting.
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, seed, **kwargs)
        self.noise_shape = noise_shape_of(type(self).__name__, noise_shape)

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        """Return the shape of the mask for these inputs.

        Args:
            inputs: inputs of the call.
        """
        if self.noise_shape is None:
            return inputs.shape
        return filled(self._label(), self.noise_shape, inputs)

    def drawn(self, training: bool) -> AttentionDropout | None:
        """Return the rate and a key for attention that applies this dropout itself; None if it is
        inactive.

        Args:
            training: True in training.
        """
        if not (training and self.trainable and self.rate > 0):
            return None
        return AttentionDropout(self.rate, self.key())

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            return ops.zeros_like(inputs)
        kept = random.bernoulli(self.mask_shape(inputs), 1 - self.rate, key=self.key())
        return ops.where(kept, inputs * (1 / (1 - self.rate)), 0.0)


class SpatialDropout1D(Dropout):
    """Dropout of whole features of sequences.

    Args:
        rate: fraction of the inputs that are set to 0, in [0, 1).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, steps, features)

    Example:
        >>> import lamina as lm
        >>> lm.layers.SpatialDropout1D(0.5)(lm.Input((10, 3))).shape
        (batch, 10, 3)

    Source: Tompson et al. (2014), Efficient object localization using convolutional networks.
    """

    input_spec = InputSpec(ndim=3)

    def __init__(self, rate: float, seed: SeedLike = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(rate, seed=seed, **kwargs)

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        return (inputs.shape[0], 1, inputs.shape[2])


class _SpatialDropout(Dropout):
    """Base class of dropouts of whole channels, for both data formats."""

    argument_checks: ClassVar[Checks] = {
        "data_format": OneOf((None, "channels_last", "channels_first"))
    }

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(rate, seed=seed, **kwargs)
        self.channels_first = checked_format(type(self).__name__, data_format) == "channels_first"

    def mask_shape(self, inputs: Tensor) -> tuple[Any, ...]:
        ones = (1,) * (inputs.ndim - 2)
        if self.channels_first:
            return (*inputs.shape[:2], *ones)
        return (inputs.shape[0], *ones, inputs.shape[-1])


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole channels of images.

    Args:
        rate: fraction of the inputs that are set to 0, in [0, 1).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, height, width, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.SpatialDropout2D(0.5)(lm.Input((10, 12, 3))).shape
        (batch, 10, 12, 3)

    Source: Tompson et al. (2014), Efficient object localization using convolutional networks.
    """

    input_spec = InputSpec(ndim=4)


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole channels of volumes.

    Args:
        rate: fraction of the inputs that are set to 0, in [0, 1).
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, depth, height, width, channels) -> (batch, depth, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.SpatialDropout3D(0.5)(lm.Input((4, 4, 4, 3))).shape
        (batch, 4, 4, 4, 3)

    Source: Tompson et al. (2014), Efficient object localization using convolutional networks.
    """

    input_spec = InputSpec(ndim=5)


class GaussianDropout(Noise):
    """Multiplication by Gaussian noise in training.

        x * N(1, rate / (1 - rate))    (mean, variance)

    Args:
        rate: drop rate of the `Dropout` layer with the same variance, in [0, 1).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GaussianDropout(0.5)(lm.asarray([[1.0, 2.0]])).tolist()  # inference: identity
        [[1.0, 2.0]]

    Source: Srivastava et al. (2014), Dropout, section 10.
    """

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            raise RangeError(f"{self._label()}: rate must be below 1 to train")
        stddev = math.sqrt(self.rate / (1 - self.rate))
        return inputs * random.normal(inputs.shape, 1.0, stddev, inputs.dtype, key=self.key())


class GaussianNoise(Noise):
    """Addition of Gaussian noise of mean 0 in training.

    Args:
        stddev: standard deviation of the noise, at least 0.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.GaussianNoise(0.1)(lm.asarray([[1.0, 2.0]])).tolist()  # inference: identity
        [[1.0, 2.0]]
    """

    def __init__(
        self, stddev: float, seed: SeedLike = None, **kwargs: Unpack[LayerOptions]
    ) -> None:
        _fraction("GaussianNoise", "stddev", stddev)
        super().__init__(stddev, seed, **kwargs)
        self.stddev = stddev

    def noisy(self, inputs: Tensor) -> Tensor:
        return inputs + random.normal(inputs.shape, 0.0, self.stddev, inputs.dtype, key=self.key())


class AlphaDropout(Dropout):
    """Dropout that preserves mean and variance, for networks with SELU activations.

    Dropped values become -scale * alpha of SELU; an affine transformation restores the statistics.

    Args:
        rate: fraction of the inputs that are set to 0, in [0, 1).
        noise_shape: shape of the random mask, broadcast against the inputs; None in place of an
            extent takes that of the inputs.
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.AlphaDropout(0.5)(lm.asarray([[1.0, 2.0]])).tolist()  # inference: identity
        [[1.0, 2.0]]

    Source: Klambauer et al. (2017), Self-normalizing neural networks, section 3.
    """

    def noisy(self, inputs: Tensor) -> Tensor:
        if self.rate >= 1:
            return ops.zeros_like(inputs)
        lowest = -SELU_ALPHA * SELU_SCALE
        scale = ((1 - self.rate) * (1 + self.rate * lowest**2)) ** -0.5
        kept = random.bernoulli(self.mask_shape(inputs), 1 - self.rate, key=self.key())
        return ops.where(kept, inputs, lowest) * scale - scale * lowest * self.rate


class ActivityRegularization(Layer):
    """Identity that adds a penalty on its inputs to the loss.

        (l1 sum(|x|) + l2 sum(x^2)) / batch size

    Args:
        l1: factor of the absolute values, at least 0.
        l2: factor of the squares, at least 0.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.ActivityRegularization(l2=0.5)
        >>> layer(lm.asarray([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Unpack[OwnPenalty]) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)

    def call(self, inputs: Any) -> Any:
        return inputs


def _fraction(owner: str, name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise RangeError(f"{owner}: {name} must be within 0 and 1, not {value!r}")
    return float(value)
