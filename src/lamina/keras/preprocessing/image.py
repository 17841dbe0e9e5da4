"""`keras.preprocessing.image`: single images, from files to arrays and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.arguments import integer_pair
from lamina.data import array_to_img, img_to_array, load_img, save_img
from lamina.data.image_generator import ImageDataGenerator
from lamina.keras.ops.image import resize
from lamina.tensor import Tensor

__all__ = [
    "ImageDataGenerator",
    "array_to_img",
    "img_to_array",
    "load_img",
    "save_img",
    "smart_resize",
]


def smart_resize(
    x: ArrayLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> np.ndarray | Tensor:
    """Return images cropped to the proportions of a size, then resized: nothing is distorted.

    Args:
        x: images (height, width, channels) or (batch, height, width, channels).
        size: (height, width) of the result.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        data_format: "channels_last" or "channels_first".

    Returns:
        An array for an array, otherwise a tensor.

    Raises:
        ArgumentError: if `size` is not a pair.

    Example:
        >>> import numpy as np
        >>> from lamina import keras
        >>> keras.preprocessing.image.smart_resize(np.ones((4, 8, 3)), (2, 2)).shape
        (2, 2, 3)
    """
    found = resize(
        x,
        integer_pair("smart_resize", "size", size, 1),
        interpolation,
        crop_to_aspect_ratio=True,
        data_format=data_format,
    )
    return found.numpy() if isinstance(x, np.ndarray) else found


namespaces.declare(__name__)
