"""`keras.ops.image`: resizing, cropping, colors, filters and patches of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import namespaces
from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError, DTypeError, ShapeError
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.keras.ops.filters import gaussian_blur, sobel_edges, ssim
from lamina.keras.ops.transforms import (
    affine_transform,
    elastic_transform,
    map_coordinates,
    perspective_transform,
    scale_and_translate,
)
from lamina.operations import images as resizing
from lamina.operations import patches
from lamina.operations.windows import channels_back, channels_last, checked_format, per_axis
from lamina.tensor import Tensor

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]


def images_of(function: str, images: Any, data_format: str | None) -> tuple[Tensor, int]:
    """Return images, of which the first axis may be missing, and the axis of their channels."""
    x = tensor(images)
    if x.ndim not in (3, 4):
        raise ShapeError(
            f"{function}: expected images (batch, height, width, channels), or one of them; got "
            f"shape {x.shape}"
        )
    return x, -1 if checked_format(function, data_format) == "channels_last" else -3


# ---- sizes ---------------------------------------------------------------------------------------
@operation
def resize(
    images: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: Any = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images of another height and width; cut, or enlarged by `fill_value`, to its proportions
    first if an aspect ratio is to be kept."""
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(
            "resize: crop_to_aspect_ratio and pad_to_aspect_ratio exclude each other"
        )
    if fill_mode != "constant":
        raise ArgumentError(f"resize: fill_mode must be 'constant', got {fill_mode!r}")
    x, channels = images_of("resize", images, data_format)
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        x = _in_proportion(x, channels, size, crop_to_aspect_ratio, fill_value)
    found = resizing.resize(x, tuple(size), interpolation, antialias, data_format)
    return resizing.rounded(found, x.dtype)


def _in_proportion(x: Tensor, channels: int, size: Any, crop: bool, value: Any) -> Tensor:
    first = x.ndim + (-3 if channels == -1 else -2)
    height, width = (n.__index__() for n in x.shape[first : first + 2])
    wanted = int(width * size[0] / size[1]), int(height * size[1] / size[0])
    if crop:
        kept = [max(min(n, w), 1) for n, w in zip((height, width), wanted, strict=True)]
        starts = [int((n - k) / 2) for n, k in zip((height, width), kept, strict=True)]
        key = [slice(None)] * first + [slice(a, a + k) for a, k in zip(starts, kept, strict=True)]
        return x[tuple(key)]
    room = [int((max(n, w) - n) / 2) for n, w in zip((height, width), wanted, strict=True)]
    room[1] = 0 if room[0] else room[1]
    widths = [(0, 0)] * first + [(r, r) for r in room]
    widths += [(0, 0)] * (x.ndim - len(widths))
    return ops.pad(x, widths, constant_values=value)


@operation
def crop_images(
    images: ArrayLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without some rows and columns: of top, bottom and height two are given, of left, right
    and width too."""
    x, channels = images_of("crop_images", images, data_format)
    first = x.ndim + (-3 if channels == -1 else -2)
    key: list[Any] = [slice(None)] * first
    for name, n, low, high, size in (
        ("height", x._type.shape[first], top_cropping, bottom_cropping, target_height),
        ("width", x._type.shape[first + 1], left_cropping, right_cropping, target_width),
    ):
        low, _, size = _third("crop_images", name, n, low, high, size, -1)
        key.append(slice(low, low + size))
    return x[tuple(key)]


@operation
def pad_images(
    images: ArrayLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with zeros around them: of top, bottom and height two are given, of left, right and
    width too."""
    x, channels = images_of("pad_images", images, data_format)
    first = x.ndim + (-3 if channels == -1 else -2)
    widths: list[Any] = [(0, 0)] * first
    for name, n, low, high, size in (
        ("height", x._type.shape[first], top_padding, bottom_padding, target_height),
        ("width", x._type.shape[first + 1], left_padding, right_padding, target_width),
    ):
        low, high, _ = _third("pad_images", name, n, low, high, size, 1)
        widths.append((low, high))
    return ops.pad(x, widths + [(0, 0)] * (x.ndim - len(widths)))


def _third(
    function: str, name: str, n: Any, low: Any, high: Any, size: Any, sign: int
) -> tuple[Any, Any, Any]:
    """Return the amounts at both ends and the size that follows, of which two are given."""
    if sum(value is None for value in (low, high, size)) != 1:
        raise ArgumentError(
            f"{function}: expected two of three: the amounts at both ends and target_{name}"
        )
    if low is None:
        low = sign * (size - n) - high
    elif high is None:
        high = sign * (size - n) - low
    else:
        size = n + sign * (low + high)
    for value in (low, high, size):
        if isinstance(value, int) and value < 0:
            raise ArgumentError(
                f"{function}: the {name} of {n} does not allow {low} and {high} at its ends, and "
                f"a target_{name} of {size}"
            )
    return low, high, size


# ---- patches -------------------------------------------------------------------------------------
@operation
def extract_patches(
    images: ArrayLike,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of images as vectors (height, width, channels); of volumes if `size` has three
    numbers. By default they neither overlap nor leave gaps."""
    rank = 3 if not isinstance(size, int) and len(size) == 3 else 2
    return _patches("extract_patches", images, size, strides, dilation_rate, padding,
                    data_format, rank)  # fmt: skip


@operation
def extract_patches_3d(
    volumes: ArrayLike,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of volumes as vectors (depth, height, width, channels)."""
    return _patches("extract_patches_3d", volumes, size, strides, dilation_rate, padding,
                    data_format, 3)  # fmt: skip


def _patches(
    function: str,
    x: Any,
    size: Any,
    strides: Any,
    dilation: Any,
    padding: str,
    form: Any,
    rank: int,
) -> Tensor:
    value = tensor(x)
    if value.ndim not in (rank + 1, rank + 2):
        raise ShapeError(f"{function}: expected {rank + 2} axes, or {rank + 1}; got {value.shape}")
    if str(padding).lower() not in ("valid", "same"):
        raise ArgumentError(f"{function}: padding must be 'valid' or 'same', got {padding!r}")
    batch = value if value.ndim == rank + 2 else ops.expand_dims(value, axis=0)
    found = patches.patches(
        channels_last(function, batch, form),
        per_axis(function, "size", size, rank),
        per_axis(function, "strides", size if strides is None else strides, rank),
        per_axis(function, "dilation_rate", dilation, rank),
        str(padding).lower(),
    )
    result = channels_back(found, form)
    return result if value.ndim == rank + 2 else ops.squeeze(result, axis=0)


# ---- colors --------------------------------------------------------------------------------------
@operation
def rgb_to_grayscale(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """0.2989 red + 0.5870 green + 0.1140 blue, with one channel."""
    x, channels = images_of("rgb_to_grayscale", images, data_format)
    if x.shape[channels] == 1:
        return x
    red, green, blue = _planes("rgb_to_grayscale", floating(x), channels)
    gray = 0.2989 * red + 0.5870 * green + 0.1140 * blue
    return ops.cast(ops.expand_dims(gray, axis=channels), x.dtype)


def _planes(function: str, x: Tensor, channels: int) -> tuple[Tensor, ...]:
    if x.shape[channels] != 3:
        raise ShapeError(f"{function}: expected 3 channels, got shape {x.shape}")
    return ops.unstack(x, axis=channels)


def _colors(function: str, images: Any, data_format: str | None) -> tuple[tuple[Tensor, ...], int]:
    x, channels = images_of(function, images, data_format)
    if not x.dtype.is_float:
        raise DTypeError(f"{function}: expected images of floats, got {x.dtype}",
                         hint="divide them by 255")  # fmt: skip
    return _planes(function, x, channels), channels


@operation
def rgb_to_hsv(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value, each from 0 to 1, of float images from 0 to 1."""
    (red, green, blue), channels = _colors("rgb_to_hsv", images, data_format)
    value = ops.maximum(ops.maximum(red, green), blue)
    extent = value - ops.minimum(ops.minimum(red, green), blue)
    scale = 1.0 / (6.0 * ops.where(extent > 0, extent, 1.0))
    hue = ops.where(value == green, scale * (blue - red) + 1 / 3, scale * (red - green) + 2 / 3)
    hue = ops.where(value == red, scale * (green - blue), hue)
    hue = ops.where(extent > 0, hue, 0.0)
    hue = ops.where(hue < 0.0, hue + 1.0, hue)
    saturation = ops.where(value > 0, extent / ops.where(value > 0, value, 1.0), 0.0)
    return ops.stack([hue, saturation, value], axis=channels)


@operation
def hsv_to_rgb(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Red, green and blue of hue, saturation and value."""
    (hue, saturation, value), channels = _colors("hsv_to_rgb", images, data_format)
    turn = ops.remainder(hue, 1.0) * 6.0
    shares = (
        ops.abs(turn - 3.0) - 1.0,
        2.0 - ops.abs(turn - 2.0),
        2.0 - ops.abs(turn - 4.0),
    )
    planes = [
        value * (1.0 - saturation + saturation * ops.clip(share, 0.0, 1.0)) for share in shares
    ]
    return ops.stack(planes, axis=channels)


namespaces.declare(__name__)
