"""Layers that prepare images and features: scaling, standardizing, resizing.

They are part of the model: compiled into its step and saved with it. Integer inputs, such as uint8
images, become floats. Arguments and defaults are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Unpack

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike, DataLike
from lamina.defaults import DEFAULTS
from lamina.errors import ArgumentError, StateError
from lamina.layers._base import symbolic
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.images import ImageLayer, Transformation
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import ImageOptions, LayerOptions, PlacedImageOptions
from lamina.operations import shaping
from lamina.operations.boxes import crop, numbers_of, without_boxes
from lamina.operations.promote import axis_of
from lamina.operations.reductions import as_number
from lamina.tensor import Tensor, as_tensor

__all__ = ["Rescaling", "Normalization", "Resizing", "CenterCrop"]

EPSILON = 1e-7  # standard deviations below count as this


class Rescaling(Layer):
    """Linear transformation of the values.

        inputs * scale + offset

    Args:
        scale: factor, for example 1 / 255 for images with values from 0 to 255.
        offset: summand.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Rescaling(0.5, offset=-1.0)(lm.asarray([[0.0, 4.0]])).tolist()
        [[-1.0, 1.0]]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(
        self, scale: ArrayLike, offset: ArrayLike = 0.0, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        self.scale, self.offset = scale, offset

    def call(self, inputs: Tensor) -> Any:
        x = ops.astype(inputs, self._compute_dtype)
        scale, offset = (_factor(v, self._compute_dtype, x.ndim) for v in (self.scale, self.offset))
        return x * scale + offset


def _factor(value: Any, dtype: Any, ndim: int) -> Any:
    """The factor, one for each channel as it broadcasts."""
    if not isinstance(value, (list, tuple)):
        return value
    factor = ops.asarray(value, dtype=dtype)
    is_first = DEFAULTS.image_data_format == "channels_first" and factor.ndim == 1 and ndim > 2
    return ops.reshape(factor, (-1, *[1] * (ndim - 2))) if is_first else factor


class Normalization(Layer):
    """Normalization of data by a fixed mean and variance.

        (inputs - mean) / sqrt(variance)

    The statistics are given, or learned from data by `adapt`, and are not trained.

    Args:
        axis: axis or axes with separate statistics; None uses one mean and variance for all values.
        mean: mean of the data; None learns it with `adapt`.
        variance: variance of the data; None learns it with `adapt`.
        invert: compute inputs * sqrt(variance) + mean instead.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, ...) -> (batch, ...)

    Raises:
        StateError: a call before `adapt` without given statistics.

    Example:
        >>> import lamina as lm
        >>> layer = lm.layers.Normalization(mean=3.0, variance=4.0)
        >>> layer(lm.asarray([[1.0, 5.0]])).tolist()
        [[-1.0, 1.0]]
    """

    streams = "each_step"
    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: ArrayLike | None = None,
        variance: ArrayLike | None = None,
        invert: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if (mean is None) != (variance is None):
            raise ArgumentError("Normalization: give both mean and variance, or neither and adapt")
        self.axis = () if axis is None else tuple(axis) if isinstance(axis, Sequence) else (axis,)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.is_adapted = mean is not None

    def _kept(self, ndim: int) -> tuple[int, ...]:
        """Return the axes with separate statistics, counted from the front."""
        kept = tuple(sorted(axis_of("Normalization", a, ndim) for a in self.axis))
        if 0 in kept:
            raise ArgumentError("Normalization: the batch axis, 0, cannot be kept")
        return kept

    def build(self, input_shape: Any) -> None:
        kept = self._kept(len(input_shape))
        shape = tuple(input_shape[a] for a in kept)
        if self.input_mean is None:
            self.mean = self.add_weight(shape, "zeros", trainable=False, name="mean")
            self.variance = self.add_weight(shape, "ones", trainable=False, name="variance")
            self.count = self.add_weight((), "zeros", "int32", trainable=False, name="count")
            return
        found = [np.asarray(v, np.float64) for v in (self.input_mean, self.input_variance)]
        if None not in shape:
            wide = tuple(n if d in kept else 1 for d, n in enumerate(input_shape))
            found = [np.broadcast_to(v, shape).reshape(wide) for v in found]
        self.mean, self.variance = found  # type: ignore[assignment]

    def adapt(self, data: DataLike) -> None:
        """Learn mean and variance from an array or an iterable of batches.

        Args:
            data: array, or iterable of batches.
        """
        if self.input_mean is not None:
            raise StateError(f"{self._label()}: mean and variance were given; nothing to adapt")
        batches: Any = [data] if hasattr(data, "__array__") or hasattr(data, "shape") else data
        count, mean, square, shape = self._moments(batches)
        if not self.built:
            self.build((None, *shape))
        self.mean.assign(mean.astype(np.float32).reshape(self.mean.shape))
        self.variance.assign((square / count).astype(np.float32).reshape(self.mean.shape))
        self.count.assign(np.int32(min(count, 2**31 - 1)))
        self.is_adapted = True

    def _moments(self, batches: Iterable[Any]) -> tuple[int, Any, Any, tuple[int, ...]]:
        """Return count, mean and sum of squared deviations, merged batch by batch (Chan et al.
        1979)."""
        count, mean, square, shape = 0, np.float64(0), np.float64(0), None
        for batch in batches:
            x = np.asarray(batch[0] if isinstance(batch, tuple) else batch, np.float64)
            shape = x.shape[1:]
            axes = tuple(d for d in range(x.ndim) if d not in self._kept(x.ndim))
            n = int(np.prod([x.shape[d] for d in axes]))
            if n:
                found = x.mean(axes)
                step = found - mean
                square = square + x.var(axes) * n + step**2 * (count * n / (count + n))
                mean, count = mean + step * (n / (count + n)), count + n
        if not count or shape is None:
            raise ArgumentError(f"{self._label()}: adapt got no data")
        return count, mean, square, shape

    def _need_statistics(self) -> None:
        """Raise if mean and variance are still the initial ones; loaded or assigned ones need no
        `adapt`."""
        if self.input_mean is not None or symbolic.is_inferring() or self.count.numpy() > 0:
            return
        if np.all(self.mean.numpy() == 0) and np.all(self.variance.numpy() == 1):
            raise StateError(
                f"{self._label()}: it has no mean and variance yet, and would change nothing",
                hint="call adapt(data) once, before the model is used, or give mean= and variance=",
            )

    def call(self, inputs: Tensor) -> Any:
        self._need_statistics()
        x = ops.astype(inputs, self._compute_dtype)
        kept = self._kept(x.ndim)
        shape = tuple(n if d in kept else 1 for d, n in enumerate(x.shape))
        mean, variance = self._statistics()
        if mean.size > 1 or mean.ndim:
            mean, variance = (ops.reshape(t, shape) for t in (mean, variance))
        deviation = ops.maximum(ops.sqrt(variance), EPSILON)
        return x * deviation + mean if self.invert else (x - mean) / deviation

    def _statistics(self) -> Any:
        if self.input_mean is None:
            return self.mean, self.variance
        both: tuple[Any, ...] = (self.mean, self.variance)
        return tuple(ops.asarray(v, dtype=self._compute_dtype) for v in both)


# ---- images in other sizes ---------------------------------------------------------------------
class _Sized(ImageLayer):
    """Base class of layers that give images another size, in training and in inference."""

    moves = True
    only_in_training = False

    def __init__(self, *, height: int, width: int, **kwargs: Unpack[PlacedImageOptions]) -> None:
        super().__init__(**kwargs)
        own = type(self).__name__
        self.height = positive_integer(own, "height", height)
        self.width = positive_integer(own, "width", width)

    def new_size(self, rows: Any, columns: Any) -> tuple[Any, Any]:
        return self.height, self.width


class Resizing(_Sized):
    """Resizing of images.

    Args:
        height: number of rows of the output.
        width: number of columns of the output.
        interpolation: a method of `lm.nn.resize`, such as "bilinear", "nearest" or "bicubic".
        crop_to_aspect_ratio: crop the images instead of distorting them.
        pad_to_aspect_ratio: pad the images with `fill_value` instead of distorting them.
        fill_mode: must be "constant"; accepted for compatibility with Keras.
        fill_value: value of the padding.
        antialias: filter images before they are reduced in size.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, rows, columns, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.Resizing(4, 6)(lm.Input((10, 12, 3))).shape
        (batch, 4, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ArgumentError("Resizing: crop to the aspect ratio, or pad to it, not both")
        if fill_mode != "constant":
            raise ArgumentError(f"Resizing: fill_mode must be 'constant', not {fill_mode!r}")
        self.interpolation, self.antialias = interpolation, antialias
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode, self.fill_value = fill_mode, fill_value

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._resized(x, self.interpolation, self.fill_value)

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._resized(x, "nearest", self.fill_value)

    def _resized(self, x: Tensor, interpolation: str, fill_value: float) -> Tensor:
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            self._need_size(x, "an aspect ratio")
        if self.crop_to_aspect_ratio:
            x = centred(x, *self._part(*x.shape[1:3]))
        if self.pad_to_aspect_ratio:
            x = _bordered(x, *self._part(*x.shape[1:3]), fill_value)
        antialias = self.antialias and interpolation != "nearest"
        return ops.resize(x, (self.height, self.width), interpolation, antialias)

    def _part(self, rows: Any, columns: Any) -> tuple[int, int]:
        """Return rows and columns of the part that is kept, or of the image with its border."""
        choose = min if self.crop_to_aspect_ratio else max
        return _fitting((rows, columns), self.height, self.width, choose)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        rows, columns = transformation["input_shape"][1:3]
        down, right = 0, 0
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            part = self._part(rows, columns)
            down, right = (_half(n - int(old)) for n, old in zip(part, (rows, columns)))
            if self.pad_to_aspect_ratio:  # the border is the same on both sides
                part = (rows + 2 * down, columns + 2 * right)
            rows, columns = part
        tall, wide = (
            float(new) / as_tensor(as_number(old), boxes.dtype)
            for new, old in ((self.height, rows), (self.width, columns))
        )
        left, top, end, bottom = numbers_of(boxes)
        found = [(left + right) * wide, (top + down) * tall]
        found += [(end + right) * wide, (bottom + down) * tall]
        found = [ops.where(without_boxes(boxes)[..., None], 0.0, v) for v in found]
        return ops.concat(found, axis=-1)


class CenterCrop(_Sized):
    """Cropping of images to their center.

    Smaller images are enlarged first.

    Args:
        height: number of rows of the output.
        width: number of columns of the output.
        data_format: "channels_last" for inputs (batch, ..., channels) or "channels_first" for
            (batch, channels, ...); None is "channels_last".
        **kwargs: `bounding_box_format` (the format of boxes that come with the images), `name`,
            `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, rows, columns, channels) -> (batch, height, width, channels)

    Example:
        >>> import lamina as lm
        >>> lm.layers.CenterCrop(4, 6)(lm.Input((10, 12, 3))).shape
        (batch, 4, 6, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        data_format: str | None = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(height=height, width=width, data_format=data_format, **kwargs)

    def changed(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._middle(x, "bilinear")

    def moved_masks(self, x: Tensor, transformation: Transformation) -> Tensor:
        return self._middle(x, "nearest")

    def _middle(self, x: Tensor, interpolation: str) -> Tensor:
        self._need_size(x, "the middle")
        x = centred(x, *self._part(x.shape[1], x.shape[2]))
        return ops.resize(x, (self.height, self.width), interpolation)

    def _part(self, rows: Any, columns: Any) -> tuple[int, int]:
        """Return rows and columns of the part that is kept, before it is enlarged."""
        if rows >= self.height and columns >= self.width:
            return self.height, self.width
        return _fitting((int(rows), int(columns)), self.height, self.width, min)

    def moved_boxes(self, boxes: Tensor, transformation: Transformation) -> Tensor:
        rows, columns = transformation["input_shape"][1:3]
        part = self._part(rows, columns)
        top, left = (int(rows) - part[0]) // 2, (int(columns) - part[1]) // 2
        found = numbers_of(crop(boxes, top, left, *part))
        scales = (self.width / part[1], self.height / part[0]) * 2
        return ops.concat([c * n for c, n in zip(found, scales, strict=True)], axis=-1)


def _half(difference: int) -> int:
    """Return half of a difference, rounded toward 0."""
    return int(difference / 2)


def _fitting(size: Any, height: int, width: int, choose: Any) -> tuple[int, int]:
    """Return rows and columns in the ratio of height and width, inside (min) or around (max) those
    of `size`."""
    rows, columns = (int(n) for n in size)
    fit = (int(columns * height / width), int(rows * width / height))
    return max(choose(rows, fit[0]), 1), max(choose(columns, fit[1]), 1)


def centred(x: Tensor, height: int, width: int) -> Tensor:
    """Return the central rows and columns."""
    for axis, count in ((1, height), (2, width)):
        start = (int(x.shape[axis]) - count) // 2
        x = shaping.sliced(x, axis, start, start + count)
    return x


def _bordered(x: Tensor, height: int, width: int, value: float) -> Tensor:
    """Pad x with a value on all sides to more rows and columns; as in Keras both sides are equal,
    and an odd row or column is omitted."""
    room = [n - int(own) for n, own in zip((height, width), x.shape[1:3], strict=True)]
    sides = [(n // 2, n // 2) for n in room]
    return ops.pad(x, [(0, 0), *sides, (0, 0)], constant_values=value)
