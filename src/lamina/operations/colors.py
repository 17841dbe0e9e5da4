"""Colors of images: gray values, and hue, saturation and value (HSV)."""

from __future__ import annotations

from typing import Any

from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.operations.elementwise import abs, clip, maximum, minimum, remainder, where
from lamina.operations.joining import stack, unstack
from lamina.operations.promote import floating
from lamina.operations.reductions import sum
from lamina.operations.windows import checked_format
from lamina.tensor import Tensor, as_tensor

GRAY = (0.2989, 0.5870, 0.1140)  # ITU-R BT.601, as rounded by TensorFlow and Keras


def _axis(function: str, x: Tensor, data_format: str | None, allowed: tuple[int, ...]) -> int:
    """Return the axis of the channels, counted from the end."""
    axis = -1 if checked_format(function, data_format) == "channels_last" else -3
    if x.ndim not in (3, 4) or x.shape[axis] not in allowed:
        raise ShapeError(
            f"{function}: needs images (batch, height, width, channels) with "
            f"{' or '.join(map(str, allowed))} channels; got shape {x.shape}"
        )
    return axis


def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Return gray images of one channel: 0.2989 red + 0.587 green + 0.114 blue."""
    x = as_tensor(images)
    axis = _axis("rgb_to_grayscale", x, data_format, (1, 3))
    if x.shape[axis] == 1:
        return x
    channels = 3 if axis == -1 else (3, 1, 1)
    weights = as_tensor(GRAY).reshape(channels)
    gray = sum(floating(x) * as_tensor(weights, floating(x).dtype), axis=axis, keepdims=True)
    return as_tensor(gray, x.dtype)


def rgb_to_hsv(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Return hue and saturation in [0, 1], and value, the largest of the three colors.

    Source: Smith (1978), Color gamut transform pairs.
    """
    x = floating(images)
    axis = _axis("rgb_to_hsv", x, data_format, (3,))
    red, green, blue = unstack(x, axis=axis)
    value = maximum(maximum(red, green), blue)
    spread = value - minimum(minimum(red, green), blue)
    some = spread > 0
    saturation = where(value > 0, spread / where(value > 0, value, 1.0), 0.0)
    sixth = 1.0 / (6.0 * where(some, spread, 1.0))
    hue = where(value == green, sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = where(value == red, sixth * (green - blue), hue)
    hue = where(some, hue, 0.0)
    return stack([where(hue < 0, hue + 1.0, hue), saturation, value], axis=axis)


def hsv_to_rgb(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Return red, green and blue for hue, saturation and value: the inverse of `rgb_to_hsv`."""
    x = floating(images)
    axis = _axis("hsv_to_rgb", x, data_format, (3,))
    hue, saturation, value = unstack(x, axis=axis)
    angle = remainder(hue, 1.0) * 6.0

    def color(share: Any) -> Tensor:
        return value * ((1.0 - saturation) + saturation * clip(share, 0.0, 1.0))

    shares = (abs(angle - 3.0) - 1.0, 2.0 - abs(angle - 2.0), 2.0 - abs(angle - 4.0))
    return stack([color(share) for share in shares], axis=axis)
