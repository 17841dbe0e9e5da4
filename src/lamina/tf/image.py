"""`tf.image`: sizes, flips, colors and files of images (batch, height, width, channels)."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina import nn
from lamina.errors import ArgumentError, ShapeError
from lamina.tensor import Tensor, as_tensor
from lamina.tf import own as lm
from lamina.tf import random as tf_random
from lamina.tf.naming import public


class ResizeMethod:
    """Names of interpolations."""

    BILINEAR, NEAREST_NEIGHBOR, BICUBIC = "bilinear", "nearest", "bicubic"
    AREA, LANCZOS3, LANCZOS5 = "area", "lanczos3", "lanczos5"


# ---- sizes -------------------------------------------------------------------------------------
def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: Any = None,
) -> Tensor:
    """Return images resampled to another height and width, float32 (except "nearest")."""
    x = as_tensor(images)
    height, width = (int(each) for each in size)
    if preserve_aspect_ratio:
        rows, columns = int(x.shape[-3]), int(x.shape[-2])
        scale = min(height / rows, width / columns)
        height, width = max(1, round(rows * scale)), max(1, round(columns * scale))
    kind = {"nearest_neighbor": "nearest", "area": "bilinear"}.get(method, method)
    if kind == "nearest":
        return lm.cast(nn.resize(lm.cast(x, "float32"), (height, width), "nearest"), x.dtype)
    wide = antialias or method == "area"
    return nn.resize(lm.cast(x, "float32"), (height, width), kind, wide)


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return a rectangle of the images."""
    x = as_tensor(image)
    top, left = int(offset_height), int(offset_width)
    bottom, right = top + int(target_height), left + int(target_width)
    if top < 0 or left < 0 or bottom > x.shape[-3] or right > x.shape[-2]:
        raise ShapeError(
            f"tf.image.crop_to_bounding_box: rectangle ({top}, {left}) to ({bottom}, {right}) is "
            f"not inside of an image of shape {x.shape}"
        )
    return x[..., top:bottom, left:right, :]


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Tensor:
    """Return images with zeros around them."""
    x = as_tensor(image)
    top, left = int(offset_height), int(offset_width)
    below = int(target_height) - top - int(x.shape[-3])
    right = int(target_width) - left - int(x.shape[-2])
    if min(top, left, below, right) < 0:
        raise ShapeError(
            f"tf.image.pad_to_bounding_box: an image of shape {x.shape} is larger than the target"
        )
    outer = [(0, 0)] * (x.ndim - 3)
    return lm.pad(x, [*outer, (top, below), (left, right), (0, 0)])


def resize_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Tensor:
    """Return images cut or padded around their center to a size."""
    x = as_tensor(image)
    height, width = int(target_height), int(target_width)
    rows, columns = int(x.shape[-3]), int(x.shape[-2])
    cut = (min(rows, height), min(columns, width))
    x = crop_to_bounding_box(x, (rows - cut[0]) // 2, (columns - cut[1]) // 2, *cut)
    return pad_to_bounding_box(x, (height - cut[0]) // 2, (width - cut[1]) // 2, height, width)


def resize_with_pad(
    image: Any,
    target_height: Any,
    target_width: Any,
    method: str = "bilinear",
    antialias: bool = False,
) -> Tensor:
    """Return images resized with their aspect ratio, and padded to a size."""
    x = as_tensor(image)
    height, width = int(target_height), int(target_width)
    ratio = max(int(x.shape[-2]) / width, int(x.shape[-3]) / height)
    size = (int(int(x.shape[-3]) / ratio), int(int(x.shape[-2]) / ratio))
    return resize_with_crop_or_pad(resize(x, size, method, antialias=antialias), height, width)


def central_crop(image: Any, central_fraction: float) -> Tensor:
    """Return the middle of the images."""
    x = as_tensor(image)
    rows, columns = int(x.shape[-3]), int(x.shape[-2])
    top = int((rows - rows * central_fraction) / 2)
    left = int((columns - columns * central_fraction) / 2)
    return crop_to_bounding_box(x, top, left, rows - 2 * top, columns - 2 * left)


def random_crop(value: Any, size: Any, seed: Any = None, name: Any = None) -> Tensor:
    """Return a block of a tensor at a random place."""
    x = as_tensor(value)
    extents = [int(n) for n in size]
    room = [int(n) - m for n, m in zip(x.shape, extents, strict=True)]
    if min(room) < 0:
        raise ShapeError(f"random_crop: expected at most {x.shape}, got {tuple(extents)}")
    key = tf_random.key_of(seed)
    starts = [
        lm.random.randint((), 0, n + 1, key=None if key is None else lm.random.fold_in(key, k))
        for k, n in enumerate(room)
    ]
    return lm.dynamic_slice(x, starts, extents)


# ---- flips and rotations -----------------------------------------------------------------------
def flip_left_right(image: Any) -> Tensor:
    """Return images mirrored along their width."""
    return lm.flip(image, axis=-2)


def flip_up_down(image: Any) -> Tensor:
    """Return images mirrored along their height."""
    return lm.flip(image, axis=-3)


def transpose(image: Any, name: Any = None) -> Tensor:
    """Return images with height and width exchanged."""
    return lm.swapaxes(as_tensor(image), -3, -2)


def rot90(image: Any, k: int = 1, name: Any = None) -> Tensor:
    """Return images rotated counter-clockwise by k quarters."""
    x = as_tensor(image)
    steps = int(k) % 4
    if steps == 2:
        return flip_up_down(flip_left_right(x))
    if steps % 2:
        return flip_up_down(transpose(x)) if steps == 1 else transpose(flip_up_down(x))
    return x


def _random_flip(image: Any, axis: int, seed: Any) -> Tensor:
    x = as_tensor(image)
    shape = (x.shape[0], 1, 1, 1) if x.ndim == 4 else ()
    flips = lm.random.uniform(shape, key=tf_random.key_of(seed)) < 0.5
    return lm.where(flips, lm.flip(x, axis=axis), x)


def random_flip_left_right(image: Any, seed: Any = None) -> Tensor:
    """Return images, each mirrored along its width with probability 1/2."""
    return _random_flip(image, -2, seed)


def random_flip_up_down(image: Any, seed: Any = None) -> Tensor:
    """Return images, each mirrored along its height with probability 1/2."""
    return _random_flip(image, -3, seed)


# ---- colors ------------------------------------------------------------------------------------
def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: Any = None) -> Tensor:
    """Return images in another dtype: integers up to their largest value, floats from 0 to 1."""
    x, kind = as_tensor(image), lm.dtype(dtype)
    if x.dtype == kind:
        return x
    if x.dtype.is_integer and kind.is_float:
        return lm.cast(x, kind) * (1.0 / np.iinfo(x.dtype.storage).max)
    if x.dtype.is_float and kind.is_integer:
        top = np.iinfo(kind.storage).max
        scaled = x * (top + 0.5)
        return lm.cast(lm.clip(scaled, 0, top) if saturate else scaled, kind)
    return lm.cast(x, kind)


def _as_floats(image: Any) -> tuple[Tensor, Any]:
    x = as_tensor(image)
    return (x if x.dtype.is_float else convert_image_dtype(x, "float32")), x.dtype


def _back(x: Tensor, dtype: Any) -> Tensor:
    return x if dtype.is_float else convert_image_dtype(x, dtype, saturate=True)


def adjust_brightness(image: Any, delta: Any) -> Tensor:
    """Return images with a number added to floats from 0 to 1."""
    x, dtype = _as_floats(image)
    return _back(x + delta, dtype)


def adjust_contrast(images: Any, contrast_factor: Any) -> Tensor:
    """Return images whose distance from the mean of each channel is multiplied."""
    x, dtype = _as_floats(images)
    mean = lm.mean(x, axis=(-3, -2), keepdims=True)
    return _back((x - mean) * contrast_factor + mean, dtype)


def adjust_saturation(image: Any, saturation_factor: Any, name: Any = None) -> Tensor:
    """Return images whose saturation is multiplied."""
    x, dtype = _as_floats(image)
    hsv = rgb_to_hsv(x)
    saturation = lm.clip(hsv[..., 1:2] * saturation_factor, 0.0, 1.0)
    return _back(hsv_to_rgb(lm.concat([hsv[..., :1], saturation, hsv[..., 2:]], axis=-1)), dtype)


def adjust_hue(image: Any, delta: Any, name: Any = None) -> Tensor:
    """Return images whose hue is moved around the circle of colors."""
    x, dtype = _as_floats(image)
    hsv = rgb_to_hsv(x)
    hue = lm.remainder(hsv[..., :1] + delta, 1.0)
    return _back(hsv_to_rgb(lm.concat([hue, hsv[..., 1:]], axis=-1)), dtype)


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Tensor:
    """Return gain * image^gamma of floats from 0 to 1."""
    x, dtype = _as_floats(image)
    return _back(gain * x**gamma, dtype)


def rgb_to_hsv(images: Any, name: Any = None) -> Tensor:
    """Return hue, saturation and value, from 0 to 1."""
    x = as_tensor(images)
    red, green, blue = x[..., 0], x[..., 1], x[..., 2]
    high, low = lm.max(x, axis=-1), lm.min(x, axis=-1)
    span = high - low
    safe = lm.where(span == 0, 1.0, span)
    hue = lm.where(
        high == red,
        lm.remainder((green - blue) / safe, 6.0),
        lm.where(high == green, (blue - red) / safe + 2.0, (red - green) / safe + 4.0),
    )
    hue = lm.where(span == 0, 0.0, hue / 6.0)
    saturation = lm.where(high == 0, 0.0, span / lm.where(high == 0, 1.0, high))
    return lm.stack([hue, saturation, high], axis=-1)


def hsv_to_rgb(images: Any, name: Any = None) -> Tensor:
    """Return red, green and blue of hue, saturation and value."""
    x = as_tensor(images)
    hue, saturation, value = x[..., 0] * 6.0, x[..., 1], x[..., 2]

    def channel(shift: float) -> Tensor:
        place = lm.remainder(hue + shift, 6.0)
        return value - value * saturation * lm.clip(lm.minimum(place, 4.0 - place), 0.0, 1.0)

    return lm.stack([channel(5.0), channel(3.0), channel(1.0)], axis=-1)


def rgb_to_grayscale(images: Any, name: Any = None) -> Tensor:
    """Return the luma of images, with one channel."""
    x, dtype = _as_floats(images)
    weights = lm.asarray([0.2989, 0.587, 0.114])
    return _back(lm.sum(x * weights, axis=-1, keepdims=True), dtype)


def grayscale_to_rgb(images: Any, name: Any = None) -> Tensor:
    """Return images with their channel three times."""
    return lm.concat([as_tensor(images)] * 3, axis=-1)


def _drawn(low: float, high: float, seed: Any) -> Tensor:
    if high < low:
        raise ArgumentError(f"tf.image: expected a rising range, got {low} to {high}")
    return low + (high - low) * lm.random.uniform((), key=tf_random.key_of(seed))


def random_brightness(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """Return images of random brightness."""
    return adjust_brightness(image, _drawn(-max_delta, max_delta, seed))


def random_contrast(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Return images of random contrast."""
    return adjust_contrast(image, _drawn(lower, upper, seed))


def random_saturation(image: Any, lower: float, upper: float, seed: Any = None) -> Tensor:
    """Return images of random saturation."""
    return adjust_saturation(image, _drawn(lower, upper, seed))


def random_hue(image: Any, max_delta: float, seed: Any = None) -> Tensor:
    """Return images of random hue."""
    return adjust_hue(image, _drawn(-max_delta, max_delta, seed))


def per_image_standardization(image: Any) -> Tensor:
    """Return images of mean 0 and variance 1 each."""
    x = lm.cast(image, "float32")
    axes = (-3, -2, -1)
    count = float(np.prod([int(x.shape[k]) for k in axes]))
    spread = lm.maximum(lm.std(x, axis=axes, keepdims=True), float(count**-0.5))
    return (x - lm.mean(x, axis=axes, keepdims=True)) / spread


# ---- measures ----------------------------------------------------------------------------------
def image_gradients(image: Any) -> tuple[Tensor, Tensor]:
    """Return the differences of neighboring rows and columns, 0 at the end."""
    x = as_tensor(image)
    return (
        lm.pad(x[:, 1:] - x[:, :-1], [(0, 0), (0, 1), (0, 0), (0, 0)]),
        lm.pad(x[:, :, 1:] - x[:, :, :-1], [(0, 0), (0, 0), (0, 1), (0, 0)]),
    )


def total_variation(images: Any, name: Any = None) -> Tensor:
    """Return the sum of absolute differences of neighboring pixels, for each image."""
    x = as_tensor(images)
    axes = (-3, -2, -1)
    rows = lm.sum(lm.abs(x[..., 1:, :, :] - x[..., :-1, :, :]), axis=axes)
    return rows + lm.sum(lm.abs(x[..., :, 1:, :] - x[..., :, :-1, :]), axis=axes)


def psnr(a: Any, b: Any, max_val: float, name: Any = None) -> Tensor:
    """Return the ratio of the largest value to the noise between images, in decibel."""
    x, y = lm.cast(a, "float32"), lm.cast(b, "float32")
    error = lm.mean(lm.square(x - y), axis=(-3, -2, -1))
    return 20.0 * float(np.log10(max_val)) - 10.0 * lm.log10(error)


def extract_patches(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: Any = None
) -> Tensor:
    """Return the windows of images, each along the last axis."""
    from lamina.keras import ops

    image: Any = ops.image  # type: ignore[attr-defined]
    return image.extract_patches(
        images,
        size=tuple(int(n) for n in sizes[1:3]),
        strides=tuple(int(n) for n in strides[1:3]),
        dilation_rate=tuple(int(n) for n in rates[1:3]),
        padding=padding.lower(),
    )


public(
    __name__,
    None,
    {
        "lamina.tf.image_files": "decode_image decode_jpeg decode_png decode_bmp decode_gif "
        "encode_jpeg encode_png",
    },
    {
        "non_max_suppression": "lamina.boxes.non_max_suppression",
        "draw_bounding_boxes": "lamina.keras.visualization.draw_bounding_boxes",
        "resize_images": "tf.image.resize",
        "sobel_edges": "keras.ops.image.sobel_edges",
        "ssim": "keras.ops.image.ssim",
        "crop_and_resize": "tf.image.crop_to_bounding_box, then tf.image.resize",
    },
)
