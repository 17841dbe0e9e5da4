"""Initializers that make structured matrices: orthogonal ones, and those of Fourier transforms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lamina.annotations import WindowLike
from lamina.errors import ShapeError
from lamina.initializers.scaled import (
    _one_of,
)
from lamina.initializers.sources import (
    Initializer,
    generator,
    tensor,
)
from lamina.seeding import SeedLike
from lamina.tensor import Tensor

__all__ = ["Orthogonal", "STFT"]


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

    def __init__(self, gain: float = 1.0, seed: SeedLike = None) -> None:
        self.gain, self.seed = gain, seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ShapeError(f"Orthogonal needs a weight of 2 or more axes, not {tuple(shape)}")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        values = generator(self.seed).standard_normal((max(rows, columns), min(rows, columns)))
        q, r = np.linalg.qr(values)
        q = q * np.sign(np.diag(r))
        q = q if rows >= columns else q.T
        return tensor(self.gain * q.reshape(shape), dtype)


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
        window: WindowLike = "hann",
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
        return tensor(kernel * window[:, None, None] / scale, dtype)

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
