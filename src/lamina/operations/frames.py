"""Frames of signals, and their spectra: the short-time Fourier transform and its inverse."""

from __future__ import annotations

import numpy as np

from lamina.annotations import ArrayLike, WindowLike
from lamina.arguments import integer
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.ir.types import Dim, DType
from lamina.operations import updating
from lamina.operations.creation import arange, zeros
from lamina.operations.elementwise import square, where
from lamina.operations.extending import pad
from lamina.operations.fourier import irfft, pair_of, rfft
from lamina.operations.gathering import take
from lamina.operations.promote import floating
from lamina.operations.shaping import expand_dims
from lamina.tensor import Tensor, as_tensor

__all__ = ["extract_sequences", "istft", "stft"]


def extract_sequences(x: ArrayLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Return the frames of a signal, one every `sequence_stride` elements.

    Args:
        x: tensor (..., n) or array-like.
        sequence_length: length of a frame.
        sequence_stride: distance from the start of a frame to that of the next.

    Shapes:
        (..., n) -> (..., 1 + (n - sequence_length) // sequence_stride, sequence_length)

    Example:
        >>> extract_sequences([1, 2, 3, 4, 5], 3, 2).tolist()
        [[1, 2, 3], [3, 4, 5]]
    """
    tensor = as_tensor(x)
    if tensor.ndim == 0:
        raise ShapeError("extract_sequences: expected a signal (..., n), got a scalar")
    count: Dim = 1 + (tensor._type.shape[-1] - sequence_length) // sequence_stride
    return take(tensor, _places(count, sequence_length, sequence_stride), axis=-1)


def _places(count: Dim, length: int, stride: int) -> Tensor:
    """Return where each element of each frame is in the signal."""
    starts = expand_dims(arange(count, dtype="int32") * stride, -1)
    return starts + arange(length, dtype="int32")


_COSINES = {"hann": (0.5, 0.5), "hamming": (0.54, 0.46)}


def _check(function: str, length: int, stride: int, fft_length: int) -> None:
    for name, value in (
        ("sequence_length", length),
        ("sequence_stride", stride),
        ("fft_length", fft_length),
    ):
        integer(function, name, value, 1)


def _window(
    function: str, window: WindowLike, length: int, fft_length: int, dtype: DType
) -> Tensor:
    """Return the weights of a frame, in the middle of fft_length elements."""
    low = (fft_length - length) // 2
    if window is None:
        return as_tensor(np.ones(fft_length), dtype)
    if isinstance(window, str):
        if window not in _COSINES:
            raise ArgumentError(
                f"{function}: window must be 'hann', 'hamming', weights or None; got {window!r}"
            )
        constant, amplitude = _COSINES[window]
        window = constant - amplitude * np.cos(2 * np.pi * np.arange(length) / length)
    weights = as_tensor(window, dtype)
    if weights.shape != (length,):
        raise ShapeError(f"{function}: expected a window of shape ({length},), got {weights.shape}")
    return pad(weights, [(low, fft_length - length - low)])


def stft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: WindowLike = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the spectrum of each frame of a signal, as a pair (real part, imaginary part).

    Args:
        x: float tensor (..., n) or array-like.
        sequence_length: length of a frame.
        sequence_stride: distance from the start of a frame to that of the next.
        fft_length: length of the transform, at least `sequence_length`.
        window: "hann", "hamming", weights (sequence_length,) or None.
        center: mirror the signal at both ends, so that the middle of frame t is at
            t * sequence_stride.

    Shapes:
        (..., n) -> two of (..., frames, fft_length // 2 + 1)

    Example:
        >>> import lamina as lm
        >>> real, imaginary = stft(lm.ones(32), 8, 4, 8)
        >>> real.shape
        (9, 5)
    """
    tensor = as_tensor(x)
    if not tensor.dtype.is_float:
        raise DTypeError(f"stft: expected a signal of floats, got {tensor.dtype}",
                         hint="convert it with lm.astype(x, 'float32')")  # fmt: skip
    _check("stft", sequence_length, sequence_stride, fft_length)
    if fft_length < sequence_length:
        raise ArgumentError(
            f"stft: fft_length must be at least sequence_length, got {fft_length} and "
            f"{sequence_length}"
        )
    if center:
        room = (fft_length // 2, fft_length // 2)
        tensor = pad(tensor, [(0, 0)] * (tensor.ndim - 1) + [room], mode="reflect")
    weights = _window("stft", window, sequence_length, fft_length, tensor.dtype)
    return rfft(extract_sequences(tensor, fft_length, sequence_stride) * weights)


def istft(
    x: tuple[ArrayLike, ArrayLike],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: WindowLike = "hann",
    center: bool = True,
) -> Tensor:
    """Return the signal of which `stft` has made x: overlapping frames, added.

    Args:
        x: pair (real part, imaginary part) of shape (..., frames, fft_length // 2 + 1).
        sequence_length: length of a frame.
        sequence_stride: distance from the start of a frame to that of the next.
        fft_length: length of the transform.
        length: length of the signal; None keeps all that the frames hold.
        window: weights of the frames, as given to `stft`.
        center: as given to `stft`.

    Example:
        >>> import lamina as lm
        >>> signal = lm.sin(lm.arange(32.0))
        >>> found = istft(stft(signal, 8, 4, 8), 8, 4, 8)
        >>> bool(lm.max(lm.abs(found - signal)) < 1e-5)
        True
    """
    _check("istft", sequence_length, sequence_stride, fft_length)
    real, imaginary = pair_of("istft", x)
    if real.ndim < 2:
        raise ShapeError(f"istft: expected spectra (..., frames, bins), got shape {real.shape}")
    weights = _window("istft", window, sequence_length, fft_length, floating(real).dtype)
    frames = irfft((real, imaginary), fft_length) * weights
    count = real._type.shape[-2]
    places = _places(count, fft_length, sequence_stride)
    total = fft_length + sequence_stride * (count - 1)

    def added(values: Tensor) -> Tensor:
        start = zeros((*values._type.shape[:-2], total), dtype=values.dtype)
        return updating.at(start)[..., places].add(values)

    norm = added(square(weights) + zeros((count, fft_length), dtype=frames.dtype))
    signal = added(frames) / where(norm > 1e-10, norm, 1.0)
    if window is None:  # as in Keras
        signal = signal * (fft_length / sequence_stride)
    start = fft_length // 2 if center else 0
    if length is not None:
        return signal[..., start : start + length]
    return signal[..., start : total - start]
