"""Single images, from a file to an array and back: under the names of `keras.utils`."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import DTypeLike

from lamina.annotations import ArrayLike, PathLike
from lamina.data.images import CHANNELS, INTERPOLATIONS, Decoder, pillow, unreadable
from lamina.defaults import DEFAULTS
from lamina.errors import FileFormatError, ShapeError, describe, unknown_name

_FORMATS = ("channels_last", "channels_first")


def load_img(
    path: PathLike | IO[bytes],
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Return the image in a file as a Pillow image: upright, in the given colors and size.

    Args:
        path: path of a file, or a file opened for reading bytes.
        color_mode: "rgb", "rgba" or "grayscale".
        target_size: (height, width) to resize to; None keeps the size.
        interpolation: method of resizing, as in `image_dataset_from_directory`.
        keep_aspect_ratio: cut out the middle part of the target's proportions before resizing.

    Raises:
        FileFormatError: the file cannot be read as an image.
        UnknownNameError: an unknown `color_mode` or `interpolation`.

    >>> import lamina as lm
    >>> image = lm.data.load_img("cat.png", target_size=(64, 64))  # doctest: +SKIP
    """
    for name, value, known in (
        ("color_mode", color_mode, CHANNELS),
        ("interpolation", interpolation, INTERPOLATIONS),
    ):
        if value not in known:
            raise unknown_name(name, value, known)
    try:
        content = path.read() if hasattr(path, "read") else Path(path).read_bytes()
        pixels = Decoder(target_size, color_mode, interpolation, keep_aspect_ratio)(content)
    except FileNotFoundError:
        raise
    except unreadable() as error:
        raise FileFormatError(f"{path}: not an image that can be read: {error}") from error
    return _image(pixels)


def img_to_array(
    img: ArrayLike, data_format: str | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """Return a Pillow image as an array (height, width, channels) from 0 to 255.

    Args:
        img: image of Pillow, or array with two or three axes.
        data_format: "channels_last" (also for None) or "channels_first".
        dtype: dtype of the array; None is float32.

    Raises:
        ShapeError: neither two nor three axes.

    >>> import lamina as lm
    >>> lm.data.img_to_array(np.zeros((4, 6))).shape
    (4, 6, 1)
    """
    array = np.asarray(img, np.float32 if dtype is None else dtype)
    if array.ndim not in (2, 3):
        raise ShapeError(f"img_to_array: {describe(array)}, expected two or three axes")
    array = array[:, :, None] if array.ndim == 2 else array
    return np.moveaxis(array, -1, 0) if is_first(data_format) else array


def array_to_img(
    x: ArrayLike, data_format: str | None = None, scale: bool = True, dtype: DTypeLike | None = None
) -> Any:
    """Return an array (height, width, channels) as a Pillow image of 1, 3 or 4 channels.

    Args:
        x: array of the pixels.
        data_format: "channels_last" (also for None) or "channels_first".
        scale: make the smallest value black and the largest white; otherwise values are 0 to 255.
        dtype: dtype that the array is converted to first; None is float32.

    Raises:
        ShapeError: an array of another shape.

    >>> import lamina as lm
    >>> lm.data.array_to_img(np.zeros((4, 6, 3))).size
    (6, 4)
    """
    array = np.asarray(x, np.float32 if dtype is None else dtype)
    array = np.moveaxis(array, 0, -1) if is_first(data_format) and array.ndim == 3 else array
    if array.ndim != 3 or array.shape[2] not in CHANNELS.values():
        raise ShapeError(
            f"array_to_img: {describe(array)}, expected (height, width, channels) with 1, 3 or 4 "
            "channels"
        )
    if scale:
        low, high = array.min(), array.max()
        array = (array - low) * (255.0 / (high - low or 1))
    return _image(np.clip(array, 0, 255).astype(np.uint8))


def save_img(
    path: PathLike | IO[bytes],
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **options: Any,
) -> None:
    """Write an array to an image file; JPEG files of RGBA images hold the colors only.

    Args:
        path: path of the file, or a file opened for writing bytes.
        x: array of the pixels, (height, width, channels).
        data_format: "channels_last" (also for None) or "channels_first".
        file_format: format such as "png"; None takes it from the name of the file.
        scale: make the smallest value black and the largest white; otherwise values are 0 to 255.

    >>> import lamina as lm
    >>> lm.data.save_img("noise.png", np.zeros((4, 6, 3)))  # doctest: +SKIP
    """
    image = array_to_img(x, data_format, scale)
    form = (file_format or str(path).rpartition(".")[2]).lower()
    if image.mode == "RGBA" and form in ("jpg", "jpeg"):
        image = image.convert("RGB")
    image.save(path, format="jpeg" if file_format == "jpg" else file_format, **options)


def _image(pixels: np.ndarray) -> Any:
    return pillow().fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def is_first(data_format: str | None) -> bool:
    """Whether channels come first; None is the setting of `keras.config`."""
    if data_format not in (*_FORMATS, None):
        raise unknown_name("data_format", data_format, _FORMATS)
    return (data_format or DEFAULTS.image_data_format) == "channels_first"
