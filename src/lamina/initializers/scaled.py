"""Initializers whose variance depends on the shape: Glorot, He, LeCun."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lamina.errors import RangeError
from lamina.initializers.sources import (
    TRUNCATED_STDDEV,
    Initializer,
    generator,
    normal,
    tensor,
    truncated,
    uniform,
)
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform",
    "VarianceScaling", "compute_fans",
]
# fmt: on


class VarianceScaling(Initializer):
    """A distribution of variance scale / n, which keeps the size of signals from layer to layer.

    Args:
        scale: positive factor of the variance.
        mode: meaning of n: "fan_in" (number of inputs of a unit), "fan_out" (number of outputs) or
            "fan_avg" (their mean).
        distribution: "truncated_normal" (standard deviation sqrt(scale / n) after truncation),
            "untruncated_normal", or "uniform" on +-sqrt(3 * scale / n).
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs, if its layout is not (..., inputs,
            outputs).
        output_axes: axes of the weight that count as outputs.

    Example:
        >>> import lamina as lm
        >>> initializer = lm.initializers.VarianceScaling(2.0, mode="fan_out", seed=1)
        >>> initializer((64, 32)).shape
        (64, 32)

    Source: He et al. (2015), Delving deep into rectifiers.
    """

    is_random = True

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        distribution = "truncated_normal" if distribution == "normal" else distribution
        if scale <= 0:
            raise RangeError(f"VarianceScaling: scale must be positive, not {scale!r}")
        _one_of("VarianceScaling", "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        known = ("uniform", "truncated_normal", "untruncated_normal")
        _one_of("VarianceScaling", "distribution", distribution, known)
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed
        self.input_axes, self.output_axes = input_axes, output_axes

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        source = generator(self.seed)
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return tensor((uniform(source, shape, dtype) * 2 - 1) * limit, dtype)
        if self.distribution == "untruncated_normal":
            return tensor(normal(source, shape, dtype) * math.sqrt(variance), dtype)
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return tensor(truncated(source, shape, dtype) * stddev, dtype)


def _one_of(owner: str, name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        raise RangeError(f"{owner}: {name} must be one of {list(known)}, not {value!r}")


class _Scaled(VarianceScaling):
    """VarianceScaling with its three first arguments settled: a row of the table below."""

    settled: tuple[float, str, str]

    def __init__(
        self,
        seed: SeedLike = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(*self.settled, seed, input_axes, output_axes)


class GlorotUniform(_Scaled):
    """Uniform distribution on (-limit, limit) with limit = sqrt(6 / (fan_in + fan_out)).

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.GlorotUniform(seed=1)((64, 32))
        >>> bool(lm.max(lm.abs(weight)) <= 0.25)
        True

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
        neural networks.
    """

    settled = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal distribution of standard deviation sqrt(2 / (fan_in + fan_out)).

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.GlorotNormal(seed=1)((64, 32)).shape
        (64, 32)

    Source: Glorot and Bengio (2010), Understanding the difficulty of training deep feedforward
        neural networks.
    """

    settled = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform distribution on (-limit, limit) with limit = sqrt(6 / fan_in), for ReLU.

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.HeUniform(seed=1)((24, 32))
        >>> bool(lm.max(lm.abs(weight)) <= 0.5)
        True

    Source: He et al. (2015), Delving deep into rectifiers.
    """

    settled = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal distribution of standard deviation sqrt(2 / fan_in), for ReLU.

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.HeNormal(seed=1)((64, 32)).shape
        (64, 32)

    Source: He et al. (2015), Delving deep into rectifiers.
    """

    settled = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform distribution on (-limit, limit) with limit = sqrt(3 / fan_in).

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.LecunUniform(seed=1)((12, 32))
        >>> bool(lm.max(lm.abs(weight)) <= 0.5)
        True

    Source: LeCun et al. (1998), Efficient backprop.
    """

    settled = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal distribution of standard deviation sqrt(1 / fan_in), for SELU.

    Args:
        seed: integer or SeedGenerator; None draws a seed.
        input_axes: axes of the weight that count as inputs; None is the last but one.
        output_axes: axes of the weight that count as outputs; None is the last.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.LecunNormal(seed=1)((64, 32)).shape
        (64, 32)

    Source: LeCun et al. (1998), Efficient backprop; Klambauer et al. (2017), Self-normalizing
        neural networks.
    """

    settled = (1.0, "fan_in", "truncated_normal")


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[int, int]:
    """Return the number of inputs of one output of a weight, and of outputs of one input.

    A weight has the layout (inputs, outputs), or (window..., inputs, outputs) for convolutions,
    where every position of the window counts.

    Args:
        shape: shape of the weight.
        input_axes: axes that count as inputs, with `output_axes`, for another layout.
        output_axes: axes that count as outputs.

    Returns:
        The pair (fan_in, fan_out).

    Example:
        >>> import lamina as lm
        >>> lm.initializers.compute_fans((3, 3, 16, 32))
        (144, 288)
    """
    shape = tuple(shape)
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[a] for a in input_axes), math.prod(shape[a] for a in output_axes)
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    window = math.prod(shape[:-2])
    return shape[-2] * window, shape[-1] * window
