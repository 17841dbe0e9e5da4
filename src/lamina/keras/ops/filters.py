"""`keras.ops.image`: filters of images, and their similarity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.errors import ShapeError
from lamina.keras.ops.arguments import floating, operation, tensor
from lamina.operations.windows import channels_back, channels_last
from lamina.tensor import Tensor, as_tensor

__all__ = ["gaussian_blur", "sobel_edges", "ssim"]


def _batch(function: str, x: Tensor) -> Tensor:
    if x.ndim not in (3, 4):
        raise ShapeError(f"{function}: expected images of 4 axes, or one of 3; got {x.shape}")
    return x if x.ndim == 4 else ops.expand_dims(x, axis=0)


def _filtered(x: Tensor, kernel: Any, padding: str = "same") -> Tensor:
    """Return images (batch, height, width, channels), each channel with the kernel (h, w)."""
    weights = as_tensor(kernel, x.dtype)
    each = ops.expand_dims(weights, axis=(2, 3))
    kernels = ops.broadcast_to(each, (*weights.shape, x._type.shape[-1], 1))
    return ops.depthwise_conv(x, kernels, 1, padding, "channels_last")


def _bell(size: int, sigma: Any, dtype: Any) -> Tensor:
    """Return a normal distribution of this standard deviation at `size` places; the sum is 1."""
    place = as_tensor(np.arange(size) - (size - 1) / 2, dtype)
    weights = ops.exp(-0.5 * ops.square(place / as_tensor(sigma, dtype)))
    return weights / ops.sum(weights)


@operation
def gaussian_blur(
    images: ArrayLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Any = (1.0, 1.0),
    data_format: str | None = None,
) -> Tensor:
    """Images blurred by a normal distribution; its sizes and deviations are (width, height), as in
    Keras."""
    x = tensor(images)
    batch = channels_last("gaussian_blur", floating(_batch("gaussian_blur", x)), data_format)
    across, along = (_bell(kernel_size[k], sigma[k], batch.dtype) for k in range(2))
    blurred = _filtered(_filtered(batch, along[:, None]), across[None])
    result = channels_back(blurred, data_format)
    return ops.cast(result if x.ndim == 4 else ops.squeeze(result, axis=0), x.dtype)


_SOBEL = np.array([[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]])


@operation
def sobel_edges(images: ArrayLike, data_format: str | None = None) -> Tensor:
    """Slopes along height and width, along a new last axis (Sobel, 1968)."""
    x = channels_last("sobel_edges", tensor(images), data_format)
    slopes = [channels_back(_filtered(x, kernel), data_format) for kernel in (_SOBEL, _SOBEL.T)]
    return ops.stack(slopes, axis=-1)


@operation
def ssim(
    image1: ArrayLike,
    image2: ArrayLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """The structural similarity of images, 1 if they are equal (Wang et al., 2004)."""
    first, second = tensor(image1), tensor(image2)
    x, y = (
        channels_last("ssim", floating(_batch("ssim", each)), data_format)
        for each in (first, second)
    )
    bell = _bell(filter_size, filter_sigma, x.dtype)
    kernel = ops.outer(bell, bell)

    def local(z: Tensor) -> Tensor:
        return _filtered(z, kernel, "valid")

    mean_x, mean_y = local(x), local(y)
    variance_x = local(x * x) - mean_x * mean_x
    variance_y = local(y * y) - mean_y * mean_y
    covariance = local(x * y) - mean_x * mean_y
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    above = (2.0 * mean_x * mean_y + c1) * (2.0 * covariance + c2)
    below = (mean_x * mean_x + mean_y * mean_y + c1) * (variance_x + variance_y + c2)
    result = ops.mean(above / below, axis=(1, 2, 3))
    return ops.cast(result if first.ndim == 4 else result[0], first.dtype)
