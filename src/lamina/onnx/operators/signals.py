"""Signals: discrete Fourier transforms, windows, the matrix of mel bands."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.ir.types import DType
from lamina.onnx.rows import operator
from lamina.onnx.tensors import dtype_of
from lamina.onnx.values import axis_in, integers, known
from lamina.operations import fourier
from lamina.tensor import Tensor, as_tensor


def _transformed(x: Tensor, axis: int, length: int, inverse: bool, onesided: bool) -> Tensor:
    """The transform of (..., real or pair) along an axis; pairs, or reals if it is the inverse of
    one side."""
    parts = [ops.moveaxis(x[..., k], axis, -1) for k in range(int(x.shape[-1]))]
    real = parts[0]
    imaginary = parts[1] if len(parts) == 2 else None
    if inverse and onesided:
        zero = ops.zeros_like(real) if imaginary is None else imaginary
        found = [fourier.irfft((real, zero), length)]
    elif onesided and imaginary is None:
        found = list(fourier.rfft(real, length))
    else:
        real = fourier.fitted(real, length)
        zero = ops.zeros_like(real) if imaginary is None else fourier.fitted(imaginary, length)
        found = list((fourier.ifft if inverse else fourier.fft)((real, zero)))
        if onesided:
            found = [part[..., : length // 2 + 1] for part in found]
    return ops.stack([ops.moveaxis(part, -1, axis) for part in found], axis=-1)


@operator("DFT", since=20)
def dft(
    x: Any, dft_length: Any = None, axis: Any = None, *, inverse: int = 0, onesided: int = 0
) -> Tensor:
    """The discrete Fourier transform of (batch, ..., 1 or 2), as pairs of real and imaginary."""
    along = -2 if axis is None else int(integers(axis, "the axis of DFT")[0])
    return dft_along(x, dft_length, axis=along, inverse=inverse, onesided=onesided)


@operator("DFT", since=17)
def dft_along(
    x: Any, dft_length: Any = None, *, axis: int = 1, inverse: int = 0, onesided: int = 0
) -> Tensor:
    x = as_tensor(x)
    axis = axis_in(axis, x.ndim)
    length = int(x.shape[axis])
    if inverse and onesided:
        length = 2 * (length - 1)
    if dft_length is not None:
        length = int(integers(dft_length, "the length of DFT")[0])
    return _transformed(x, axis, length, bool(inverse), bool(onesided))


@operator("STFT", since=17)
def stft(
    signal: Any, frame_step: Any, window: Any = None, frame_length: Any = None, *, onesided: int = 1
) -> Tensor:
    """Transforms of overlapping frames of (batch, samples, 1 or 2): (batch, frames, bins, 2)."""
    x = as_tensor(signal)
    x = x[..., None] if x.ndim == 2 else x
    (step,) = integers(frame_step, "the step of STFT")
    if frame_length is not None:
        (length,) = integers(frame_length, "the length of STFT")
    else:
        length = int(as_tensor(window).shape[0])
    count = (int(x.shape[1]) - length) // step + 1
    places = np.arange(count)[:, None] * step + np.arange(length)
    frames = ops.take(x, places, axis=1)
    if window is not None:
        frames = frames * as_tensor(window, x.dtype)[:, None]
    return _transformed(frames, 2, length, False, bool(onesided))


# ---- windows -----------------------------------------------------------------------------------
def _window(size: Any, periodic: int, dtype: int, weights: tuple[float, ...]) -> Tensor:
    """A sum of cosines with alternating signs."""
    (count,) = integers(size, "the size of a window")
    angle = 2 * np.pi * np.arange(count) / (count if periodic else count - 1)
    found = sum((-1) ** k * w * np.cos(k * angle) for k, w in enumerate(weights))
    return as_tensor(as_tensor(np.asarray(found)), dtype_of(dtype, "a window"))


@operator("HannWindow", since=17)
def hann_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _window(size, periodic, output_datatype, (0.5, 0.5))


@operator("HammingWindow", since=17)
def hamming_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _window(size, periodic, output_datatype, (25 / 46, 21 / 46))


@operator("BlackmanWindow", since=17)
def blackman_window(size: Any, *, output_datatype: int = 1, periodic: int = 1) -> Tensor:
    return _window(size, periodic, output_datatype, (0.42, 0.5, 0.08))


@operator("MelWeightMatrix", since=17)
def mel_weight_matrix(
    num_mel_bins: Any,
    dft_length: Any,
    sample_rate: Any,
    lower_edge_hertz: Any,
    upper_edge_hertz: Any,
    *,
    output_datatype: int = 1,
) -> Tensor:
    """Triangles over the bins of a transform, equally wide in mels."""
    bands, length, rate = (
        int(integers(v, "a number of MelWeightMatrix")[0])
        for v in (num_mel_bins, dft_length, sample_rate)
    )
    edges = [float(known(v, "an edge").ravel()[0]) for v in (lower_edge_hertz, upper_edge_hertz)]
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in edges)
    mels = np.arange(bands + 2) * ((high - low) / (bands + 2)) + low
    hertz = 700 * (10 ** (mels / 2595) - 1)
    places = (((length + 1) * hertz) // rate).astype(int)
    found = np.zeros((length // 2 + 1, bands))
    for k, (left, middle, right) in enumerate(zip(places, places[1:], places[2:], strict=False)):
        if middle == left:
            found[middle, k] = 1
        else:
            rising = np.arange(left, middle + 1)
            found[rising, k] = (rising - left) / (middle - left)
        falling = np.arange(middle, right)
        if right > middle:
            found[falling, k] = (right - falling) / (right - middle)
    return as_tensor(as_tensor(found), _dtype(output_datatype))


def _dtype(code: int) -> DType:
    return dtype_of(code, "the result of MelWeightMatrix")
