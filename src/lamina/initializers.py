"""First values of weights; names, defaults and formulas as in Keras 3.

Values are drawn with NumPy, so nothing is compiled to build a model. Inside a layer the draw
depends on the global seed, the place of the layer in its model and the name of the weight, and on
nothing else: another layer added to a model does not change the first values of the others.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from lamina import context, namespaces
from lamina.arguments import Checks, Integers, Number, seed
from lamina.configuration import Configurable, serialize
from lamina.errors import RangeError, ShapeError
from lamina.ir import types
from lamina.operations import random_keys
from lamina.registry import Registry
from lamina.seeding import SeedGenerator
from lamina.tensor import Tensor, as_tensor

TRUNCATED_STDDEV = 0.87962566103423978  # of the standard normal distribution cut off at -2 and 2


@contextmanager
def drawing(key: str) -> Iterator[None]:
    """Within: initializers without a seed of their own draw from this key."""
    with context.entered(weight_key=key):
        yield


def generator(seed: Any) -> np.random.Generator:
    """The source of one weight's values: its seed, else the key in force, else the global one.

    A number gives the same values at each call; a `keras.random.SeedGenerator`, other ones each
    time.
    """
    if isinstance(seed, SeedGenerator):
        seed = seed.next_number()
    in_force = context.current().weight_key
    key = f"seed {seed}" if seed is not None else in_force or f"global {next_seed()}"
    digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))


def next_seed() -> int:
    """The next seed of weights in the global stream, which `lm.set_seed` starts anew. Known at
    once, also where a program is being recorded."""
    high, low = random_keys.global_key("initial weights").numpy().tolist()
    return int(high) << 32 | int(low)


class Initializer(Configurable):
    """The base class of all initializers: a subclass defines `__call__(shape, dtype)`.

    Example:
        >>> import lamina as lm
        >>> class Half(lm.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return lm.full(shape, 0.5, dtype=dtype)
        >>> Half()((2,)).tolist()
        [0.5, 0.5]
    """

    family = "lamina.initializers"
    is_random: ClassVar[bool] = False
    argument_checks: ClassVar[Checks] = {
        **dict.fromkeys(("gain", "maxval", "mean", "minval"), Number()),
        **dict.fromkeys(("input_axes", "output_axes"), Integers(alone=True, optional=True)),
        "scale": Number(),
        "seed": seed,
        "stddev": Number(0),
    }

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Any:
        raise TypeError(f"{type(self).__name__} must define __call__(shape, dtype=None)")


# ---- without chance ----------------------------------------------------------------------------
class Constant(Initializer):
    """The same value, or given values, for every weight.

    Args:
        value: number, or array that broadcasts to the weight's shape.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Constant(0.5)((2, 2)).tolist()
        [[0.5, 0.5], [0.5, 0.5]]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return _tensor(np.broadcast_to(np.asarray(self.value), tuple(shape)), dtype)


class Zeros(Initializer):
    """The value 0 for every weight.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    aliases = ("zero",)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return _tensor(np.zeros(shape), dtype)


class Ones(Initializer):
    """The value 1 for every weight.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    aliases = ("one",)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return _tensor(np.ones(shape), dtype)


class Identity(Initializer):
    """The identity matrix times `gain`.

    Args:
        gain: factor of the matrix.

    Raises:
        ShapeError: for a weight that has not two axes.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.Identity()((2, 2)).tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """

    aliases = ("IdentityInitializer",)

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) != 2:
            raise ShapeError(f"Identity initializer makes matrices only, not shape {tuple(shape)}")
        return _tensor(self.gain * np.eye(shape[0], shape[1]), dtype)


# ---- by chance ---------------------------------------------------------------------------------
class RandomNormal(Initializer):
    """Normal distribution of the given mean and standard deviation.

    Args:
        mean: mean of the distribution.
        stddev: standard deviation of the distribution.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.RandomNormal(stddev=0.1, seed=1)((64, 32)).shape
        (64, 32)
    """

    aliases = ("normal",)

    is_random = True

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        return _tensor(self.mean + self.stddev * _normal(generator(self.seed), shape, dtype), dtype)


class TruncatedNormal(Initializer):
    """Normal distribution without values beyond two standard deviations from the mean.

    Args:
        mean: mean of the distribution.
        stddev: standard deviation of the distribution before truncation.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.TruncatedNormal(stddev=0.1, seed=1)((64,))
        >>> bool(lm.max(lm.abs(weight)) <= 0.2)
        True
    """

    is_random = True

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        values = _truncated_normal(generator(self.seed), shape, dtype)
        return _tensor(self.mean + self.stddev * values, dtype)


class RandomUniform(Initializer):
    """Uniform distribution on [minval, maxval).

    Args:
        minval: lower end of the interval, included.
        maxval: upper end of the interval, excluded.
        seed: integer or SeedGenerator; None draws a seed.

    Example:
        >>> import lamina as lm
        >>> weight = lm.initializers.RandomUniform(0.0, 1.0, seed=1)((64,))
        >>> bool(lm.min(weight) >= 0)
        True
    """

    aliases = ("uniform",)

    is_random = True

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        values = _uniform(generator(self.seed), shape, dtype)
        return _tensor(self.minval + (self.maxval - self.minval) * values, dtype)


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
        seed: Any = None,
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
            return _tensor((_uniform(source, shape, dtype) * 2 - 1) * limit, dtype)
        if self.distribution == "untruncated_normal":
            return _tensor(_normal(source, shape, dtype) * math.sqrt(variance), dtype)
        stddev = math.sqrt(variance) / TRUNCATED_STDDEV
        return _tensor(_truncated_normal(source, shape, dtype) * stddev, dtype)


def _one_of(owner: str, name: str, value: Any, known: Sequence[Any]) -> None:
    if value not in known:
        raise RangeError(f"{owner}: {name} must be one of {list(known)}, not {value!r}")


class _Scaled(VarianceScaling):
    """VarianceScaling with its three first arguments settled: a row of the table below."""

    settled: tuple[float, str, str]

    def __init__(
        self,
        seed: Any = None,
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


class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, whichever are fewer, times `gain`.

    All axes but the last count as rows. The matrix comes from the QR decomposition of a normal one,
    with signs that make it uniform over the orthogonal matrices.

    Args:
        gain: factor of the matrix.
        seed: integer or SeedGenerator; None draws a seed.

    Raises:
        ShapeError: for a weight with fewer than two axes.

    Example:
        >>> import lamina as lm
        >>> q = lm.initializers.Orthogonal(seed=1)((3, 3))
        >>> bool(lm.max(lm.abs(q @ q.T - lm.eye(3))) < 1e-5)
        True

    Source: Saxe et al. (2014), Exact solutions to the nonlinear dynamics of learning in deep linear
        neural networks.
    """

    aliases = ("OrthogonalInitializer",)

    is_random = True

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal needs a weight of 2 or more axes, not {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        values = generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(values)
        q = q * np.sign(np.diag(r))
        q = q if rows >= columns else q.T
        return _tensor(self.gain * q.reshape(shape), dtype)


class STFT(Initializer):
    """The kernel of a short-time Fourier transform, as a convolution of a signal.

        kernel[t, 0, f] = window[t] cos(-pi t f / (bands - 1)) / scale     (sin for side="imag")

    Args:
        side: "real" for cosines, "imag" for sines.
        window: "hann", "hamming", "blackman", an array as long as the frame, or None for none.
        scaling: "density" divides by sqrt(sum(window^2)), "spectrum" by sum(|window|), None does
            not scale.
        periodic: use the periodic window of the frame's length instead of the symmetric one.

    Shapes:
        (frame, 1, bands)

    Raises:
        ShapeError: if a window array is not as long as the frame.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.STFT("real", window=None)((4, 1, 3)).shape
        (4, 1, 3)
    """

    aliases = ("STFTInitializer",)

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        _one_of("STFT", "side", side, ("real", "imag"))
        _one_of("STFT", "scaling", scaling, (None, "density", "spectrum"))
        if isinstance(window, str):
            _one_of("STFT", "window", window, tuple(_WINDOWS))
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        length, _, bands = shape
        angles = -2 * np.pi * np.arange(length)[:, None, None] * np.arange(bands)
        angles = angles / ((bands - 1) * 2)
        kernel = np.cos(angles) if self.side == "real" else np.sin(angles)
        window, scale = self._window(length), 1.0
        if self.window is not None and self.scaling == "density":
            scale = np.sqrt(np.sum(window**2))
        elif self.window is not None and self.scaling == "spectrum":
            scale = np.sum(np.abs(window))
        return _tensor(kernel * window[:, None, None] / scale, dtype)

    def _window(self, length: int) -> np.ndarray:
        if self.window is None:
            return np.ones(length)
        if isinstance(self.window, str):
            # a periodic window is a symmetric one of one more, without its last element
            return _WINDOWS[self.window](length + self.periodic)[:length]
        window = np.asarray(self.window)
        if window.shape != (length,):
            raise ShapeError(f"STFT: the window has shape {window.shape}, the frame is {length}")
        return window


_WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "hann": np.hanning,
    "hamming": np.hamming,
    "blackman": np.blackman,
}


# ---- drawing -----------------------------------------------------------------------------------
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


def _precision(dtype: Any) -> Any:
    """Numbers are drawn in float32, or in float64 where the weight is float64."""
    return np.float64 if dtype is not None and types.dtype(dtype) == types.float64 else np.float32


def _uniform(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return source.random(tuple(shape), dtype=_precision(dtype))


def _normal(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    return source.standard_normal(tuple(shape), dtype=_precision(dtype))


def _truncated_normal(source: np.random.Generator, shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Standard normal numbers; those beyond +-2 are drawn again until none is left."""
    values = np.asarray(_normal(source, shape, dtype)).reshape(-1)
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = _normal(source, outside.shape, dtype)
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(tuple(shape))


def _tensor(values: np.ndarray, dtype: Any) -> Tensor:
    return as_tensor(np.asarray(values), types.dtype(dtype if dtype is not None else "float32"))


# ---- names -------------------------------------------------------------------------------------
constant, zeros, ones, identity = Constant, Zeros, Ones, Identity
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
variance_scaling, orthogonal = VarianceScaling, Orthogonal
glorot_uniform, glorot_normal = GlorotUniform, GlorotNormal
he_uniform, he_normal, lecun_uniform, lecun_normal = HeUniform, HeNormal, LecunUniform, LecunNormal
IdentityInitializer, OrthogonalInitializer, STFTInitializer = Identity, Orthogonal, STFT
stft = STFT

# fmt: off
_CLASSES: list[type[Initializer]] = [
    Constant, Zeros, Ones, Identity, RandomNormal, TruncatedNormal, RandomUniform, VarianceScaling,
    GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal, Orthogonal, STFT,
]
# fmt: on
_REGISTRY = Registry("initializer", Initializer.family, _CLASSES)


def get(identifier: Any) -> Any:
    """Return the initializer of a name or configuration.

    Args:
        identifier: None, a name such as "glorot_uniform", a configuration, a class, an Initializer,
            or a function (shape, dtype).

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.initializers.get("ones")((2,)).tolist()
        [1.0, 1.0]
    """
    return _REGISTRY.get(identifier)


def deserialize(config: Any) -> Any:
    """Return the initializer that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.

    Example:
        >>> import lamina as lm
        >>> config = lm.initializers.serialize(lm.initializers.Constant(0.5))
        >>> lm.initializers.deserialize(config).value
        0.5
    """
    return get(config)


# fmt: off
__all__ = [
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity",
    "IdentityInitializer", "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal",
    "OrthogonalInitializer", "RandomNormal", "RandomUniform", "STFT", "STFTInitializer",
    "TruncatedNormal", "VarianceScaling", "Zeros", "compute_fans", "constant", "deserialize", "get",
    "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft",
    "truncated_normal", "variance_scaling", "zeros",
]
# fmt: on

namespaces.declare(__name__)
