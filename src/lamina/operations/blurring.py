"""Gaussian blur of images, each with its own width."""

from __future__ import annotations

from typing import Any

import numpy as np

from lamina.operations.creation import astype
from lamina.operations.einstein_sums import einsum
from lamina.operations.elementwise import exp, where
from lamina.operations.reductions import sum
from lamina.operations.shaping import reshape
from lamina.tensor import Tensor, as_tensor


def gaussian_blur(x: Tensor, kernel_size: tuple[int, int], sigma: tuple[Any, Any]) -> Tensor:
    """Return images (batch, rows, columns, channels) filtered by Gaussian kernels.

    kernel_size: columns and rows of the kernel, odd numbers. sigma: its standard deviations along
    columns and rows, numbers or tensors (batch,). Outside of an image are zeros.

    The kernel is separable, so the blur is a product with a band matrix on each side.
    """
    wide = _band(int(x.shape[2]), kernel_size[0], sigma[0], x.dtype)
    tall = _band(int(x.shape[1]), kernel_size[1], sigma[1], x.dtype)
    return einsum("bij,bjwc->biwc", tall, einsum("bij,bhjc->bhic", wide, x))


def _band(extent: int, size: int, sigma: Any, dtype: Any) -> Tensor:
    """Return the matrices (batch, extent, extent) of the blur along one axis."""
    spread = reshape(astype(as_tensor(sigma), dtype), (-1, 1, 1))
    reach = np.arange(size) - (size - 1) / 2
    weights = exp(-0.5 * (as_tensor(reach, dtype) / spread) ** 2)
    apart = np.abs(np.subtract.outer(np.arange(extent), np.arange(extent))).astype("float64")
    near = exp(-0.5 * (as_tensor(apart, dtype) / spread) ** 2)
    return where(apart <= (size - 1) / 2, near / sum(weights, axis=-1, keepdims=True), 0.0)
