"""`keras.ops`: Fourier transforms, and complex values as pairs (real part, imaginary part)."""

from __future__ import annotations

from typing import TypeGuard

from lamina import operations as ops
from lamina.annotations import ArrayLike, WindowLike
from lamina.errors import DTypeError, ShapeError
from lamina.ir.types import same
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations import fourier, frames
from lamina.tensor import Tensor

# fmt: off
__all__ = [
    "angle", "extract_sequences", "fft", "fft2", "ifft2", "imag", "irfft", "istft", "polar", "rfft",
    "stft", "view_as_complex", "view_as_real",
]
# fmt: on

Pair = tuple[Tensor, Tensor]


@operation
def fft(x: tuple[ArrayLike, ArrayLike]) -> Pair:
    """The discrete Fourier transform along the last axis of a pair."""
    return fourier.fft(x)


@operation
def fft2(x: tuple[ArrayLike, ArrayLike]) -> Pair:
    """The discrete Fourier transform along the last two axes of a pair."""
    return fourier.fft(fourier.fft(x), -2)


@operation
def ifft2(x: tuple[ArrayLike, ArrayLike]) -> Pair:
    """The inverse of `fft2`."""
    return fourier.ifft(fourier.ifft(x), -2)


@operation
def rfft(x: ArrayLike, fft_length: int | None = None) -> Pair:
    """The transform of real x, of which the first fft_length // 2 + 1 elements tell all."""
    return fourier.rfft(x, fft_length)


@operation
def irfft(x: tuple[ArrayLike, ArrayLike], fft_length: int | None = None) -> Tensor:
    """The real signal whose `rfft` is the pair."""
    return fourier.irfft(x, fft_length)


@operation
def extract_sequences(x: ArrayLike, sequence_length: int, sequence_stride: int) -> Tensor:
    """Frames of a signal along the last axis, one every `sequence_stride` elements."""
    return frames.extract_sequences(x, sequence_length, sequence_stride)


@operation
def stft(
    x: ArrayLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: WindowLike = "hann",
    center: bool = True,
) -> Pair:
    """The spectrum of each frame of a signal, (..., frames, fft_length // 2 + 1)."""
    return frames.stft(x, sequence_length, sequence_stride, fft_length, window, center)


@operation
def istft(
    x: tuple[ArrayLike, ArrayLike],
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: WindowLike = "hann",
    center: bool = True,
) -> Tensor:
    """The signal of which `stft` made the pair."""
    return frames.istft(x, sequence_length, sequence_stride, fft_length, length, window, center)


# ---- parts ---------------------------------------------------------------------------------------
@operation
def imag(x: ArrayLike) -> Tensor:
    """The imaginary part of a pair; of a real tensor zeros."""
    return fourier.pair_of("imag", x)[1] if _is_pair(x) else ops.zeros_like(tensor(x))


@operation
def angle(x: ArrayLike) -> Tensor:
    """The angle of a pair; of a real tensor 0, or pi below 0."""
    if _is_pair(x):
        real, imaginary = fourier.pair_of("angle", x)
        return ops.atan2(imaginary, real)
    value = floating(x)
    return ops.atan2(ops.zeros_like(value), value)


def _is_pair(x: object) -> TypeGuard[Pair]:
    return isinstance(x, tuple) and len(x) == 2


@operation
def polar(abs_: ArrayLike, angle: ArrayLike) -> Pair:
    """The pair of a magnitude and an angle; Keras returns a complex tensor."""
    magnitude, turn = floating(abs_), floating(angle)
    return magnitude * ops.cos(turn), magnitude * ops.sin(turn)


@operation
def view_as_complex(x: ArrayLike) -> Pair:
    """The pair whose parts are along the last axis; Keras returns a complex tensor."""
    value = tensor(x)
    if value.ndim == 0 or not same(value.shape[-1], 2):
        raise ShapeError(f"view_as_complex: expected a last axis of 2, got shape {value.shape}")
    return value[..., 0], value[..., 1]


@operation
def view_as_real(x: tuple[ArrayLike, ArrayLike]) -> Tensor:
    """The parts of a pair along a new last axis."""
    if not _is_pair(x):
        raise DTypeError(
            "view_as_real: expected a pair (real part, imaginary part), since tensors are real",
            hint="give a real x as (x, ops.zeros_like(x))",
        )
    return ops.stack(fourier.pair_of("view_as_real", x), axis=-1)
