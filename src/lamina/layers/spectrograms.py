"""Layers from waves to their spectra over time."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Unpack

from lamina import initializers
from lamina import operations as ops
from lamina.annotations import WindowLike
from lamina.arguments import Checks, Integer, Number, Numbers, OneOf
from lamina.errors import DTypeError, RangeError
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec
from lamina.operations.frames import stft
from lamina.operations.windows import checked_format
from lamina.tensor import Tensor, as_tensor

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

EPSILON = 1e-7
MEL = 1127.0  # mels of a factor e, above 700 hertz
MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Short-time Fourier transform of waves, as a convolution.

    Weights: real_kernel and imag_kernel (frame_length, 1, fft_length / 2 + 1), cosines and sines
    times the window, which can be trained.

    Args:
        mode: "log" (logarithm of the magnitude), "magnitude", "psd" (power spectral density),
            "real", "imag", "angle", or "stft" (real and imaginary parts, one after the other).
        frame_length: samples of a frame.
        frame_step: samples between frames; None is half a frame.
        fft_length: samples of the transform, at least `frame_length`; None is the next power of 2.
        window: name or array of the window, or None.
        periodic: use the periodic form of the window.
        scaling: "density", "spectrum" or None.
        padding: "valid" adds no padding; "same" pads so that the output has ceil(extent / stride)
            elements.
        expand_dims: give the frequencies a separate axis instead of joining them with the
            channels.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, samples, channels) -> (batch, frames, channels * frequencies)
        with expand_dims: (batch, frames, frequencies, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.STFTSpectrogram(frame_length=64)(lm.Input((640, 1))).shape
        (batch, 19, 33)
    """

    input_spec = InputSpec(ndim=3)
    autocast = False
    argument_checks: ClassVar[Checks] = {
        "mode": OneOf(MODES),
        "frame_length": Integer(2),
        "frame_step": Integer(1, optional=True),
        "fft_length": Integer(2, optional=True),
        "scaling": OneOf((None, "density", "spectrum")),
        "padding": OneOf(("valid", "same")),
    }

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: WindowLike = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if frame_step is not None and frame_step > frame_length:
            raise RangeError(
                f"STFTSpectrogram: invalid frame_step (expected at most frame_length, "
                f"{frame_length}, got {frame_step})"
            )
        if fft_length is not None and fft_length < frame_length:
            raise RangeError(
                f"STFTSpectrogram: invalid fft_length (expected at least frame_length, "
                f"{frame_length}, got {fft_length})"
            )
        self.mode, self.window, self.periodic, self.scaling = mode, window, periodic, scaling
        self.frame_length, self.frame_step = frame_length, frame_step
        self.fft_length, self.padding, self.expand_dims = fft_length, padding, expand_dims
        self.data_format = checked_format("STFTSpectrogram", data_format)
        self._step = frame_step or frame_length // 2
        self._size = fft_length or 2 ** math.ceil(math.log2(frame_length))

    def build(self, input_shape: Any) -> None:
        for part in ("real", "imag"):
            if self.mode in ("real", "imag") and part != self.mode:
                continue
            make = initializers.STFT(part, self.window, self.scaling, self.periodic)
            shape = (self.frame_length, 1, self._size // 2 + 1)
            setattr(self, f"{part}_kernel", self.add_weight(shape, make, name=f"{part}_kernel"))

    def call(self, inputs: Tensor) -> Tensor:
        if not inputs.dtype.is_float:
            raise DTypeError(f"{self._label()}: expected floats, got {inputs.dtype}")
        channels = inputs.shape[-1] if self.data_format == "channels_last" else inputs.shape[1]
        waves = self._wide(inputs)
        if self.data_format == "channels_last":
            waves = ops.permute_dims(waves, (0, 2, 1))
        flat = ops.reshape(waves, (-1, waves.shape[2], 1))
        parts = [
            ops.conv(flat, self._wide(getattr(self, f"{part}_kernel")), self._step, self.padding)
            for part in ("real", "imag")
            if self.mode not in ("real", "imag") or part == self.mode
        ]
        found = self._combined(parts)  # (batch * channels, frames, frequencies)
        found = ops.reshape(found, (-1, channels, *found.shape[1:]))
        return as_tensor(self._arranged(found), self._compute_dtype)

    def _combined(self, parts: list[Tensor]) -> Tensor:
        if self.mode in ("real", "imag"):
            return parts[0]
        real, imaginary = parts
        if self.mode == "angle":
            return ops.atan2(imaginary, real)
        if self.mode == "stft":
            return ops.concat(parts, axis=-1)
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":  # frequencies that stand for their negatives, too, count twice
            return power + ops.pad(power[:, :, 1:-1], [(0, 0), (0, 0), (1, 1)])
        magnitude = ops.sqrt(ops.maximum(power, EPSILON))
        return magnitude if self.mode == "magnitude" else ops.log(ops.maximum(magnitude, EPSILON))

    def _arranged(self, x: Tensor) -> Tensor:
        """Return (batch, channels, frames, frequencies) in the layout of the outputs."""
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return ops.permute_dims(x, (0, 2, 3, 1)) if last else x
        moved = ops.permute_dims(x, (0, 2, 1, 3) if last else (0, 1, 3, 2))
        if last:
            return ops.reshape(moved, (-1, x.shape[2], x.shape[1] * x.shape[3]))
        return ops.reshape(moved, (-1, x.shape[1] * x.shape[3], x.shape[2]))


def _check_window(owner: str, name: str, value: Any) -> None:
    """A window is None, a name, or the weights of a frame."""
    if isinstance(value, str):
        OneOf(("hann", "hamming"))(owner, name, value)
    elif value is not None:
        Numbers()(owner, name, value)


class MelSpectrogram(Layer):
    """Spectra of waves over time on the mel scale, which follows the perception of pitch.

    Args:
        fft_length: samples of the transform.
        sequence_stride: samples between frames.
        sequence_length: samples of a frame; None is `fft_length`.
        window: "hann", "hamming", an array, or None.
        sampling_rate: samples per second.
        num_mel_bins: number of bins on the mel scale.
        min_freq: lowest frequency, in hertz.
        max_freq: highest frequency, in hertz; None is half of `sampling_rate`.
        power_to_db: give decibels.
        top_db: decibels below the maximum at which values are cut.
        mag_exp: exponent of the magnitudes; 2 for powers.
        min_power: smallest power.
        ref_power: power of 0 decibels.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, samples) -> (batch, num_mel_bins, frames); (samples,) -> (num_mel_bins, frames)

    Example:
        >>> import lamina as lm
        >>> lm.layers.MelSpectrogram(256, 128, num_mel_bins=20)(lm.zeros((2, 1024))).shape
        (2, 20, 9)

    Source: Stevens, Volkmann and Newman (1937), A scale for the measurement of the psychological
        magnitude pitch; the constants are those of HTK.
    """

    input_spec = InputSpec(min_ndim=1, max_ndim=2)
    autocast = False
    argument_checks: ClassVar[Checks] = {
        "fft_length": Integer(2),
        "sequence_stride": Integer(1),
        "sequence_length": Integer(1, optional=True),
        "sampling_rate": Number(above=0),
        "num_mel_bins": Integer(1),
        "window": _check_window,
        "min_freq": Number(0),
        "max_freq": Number(above=0, optional=True),
        "mag_exp": Number(above=0),
    }

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: WindowLike = "hann",
        sampling_rate: float = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.fft_length, self.sequence_stride = fft_length, sequence_stride
        self.sequence_length = sequence_length or fft_length
        if self.sequence_length > fft_length:
            raise RangeError(
                f"MelSpectrogram: invalid sequence_length (expected at most fft_length, "
                f"{fft_length}, got {self.sequence_length})"
            )
        self.window, self.sampling_rate, self.num_mel_bins = window, sampling_rate, num_mel_bins
        self.min_freq, self.max_freq = min_freq, max_freq or int(sampling_rate / 2)
        self.power_to_db, self.top_db, self.mag_exp = power_to_db, top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power

    def call(self, inputs: Tensor) -> Tensor:
        x = self._wide(inputs)
        real, imaginary = stft(
            x, self.sequence_length, self.sequence_stride, self.fft_length, self.window
        )
        power = ops.square(real) + ops.square(imaginary)
        spectrum = power if self.mag_exp == 2 else ops.sqrt(power) ** self.mag_exp
        frequencies = self.fft_length // 2 + 1
        limits = self.sampling_rate, self.min_freq, self.max_freq
        mel = mel_weights(self.num_mel_bins, frequencies, *limits)
        found = ops.matmul(spectrum, as_tensor(mel, x.dtype))
        if self.power_to_db:
            found = self._decibels(found)
        return as_tensor(ops.matrix_transpose(found), self._compute_dtype)

    def _decibels(self, x: Tensor) -> Tensor:
        reference = 10.0 * math.log10(max(abs(self.ref_power), self.min_power))
        found = 10.0 * ops.log10(ops.maximum(x, self.min_power)) - reference
        return ops.maximum(found, ops.max(found) - self.top_db)


def mel_weights(bins: int, frequencies: int, rate: float, low: float, high: float) -> Tensor:
    """Return the triangles (frequencies, bins) that are regular on the mel scale, as float64."""
    hertz = ops.linspace(0.0, rate / 2, frequencies, dtype="float64")[1:]
    places = ops.expand_dims(MEL * ops.log(1.0 + hertz / 700.0), 1)
    first, last = (MEL * math.log(1.0 + limit / 700.0) for limit in (low, high))
    edges = ops.linspace(first, last, bins + 2, dtype="float64")
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    up, down = (places - left) / (middle - left), (right - places) / (right - middle)
    return ops.pad(ops.maximum(0.0, ops.minimum(up, down)), [(1, 0), (0, 0)])
