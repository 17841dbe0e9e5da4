"""Images as the bytes of files: JPEG, PNG, BMP and GIF, by Pillow."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from lamina.errors import DataError, ShapeError, need_extra
from lamina.string_tensor import StringTensor
from lamina.tensor import Tensor
from lamina.tf import own as lm

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def decode_image(
    contents: Any,
    channels: Any = None,
    dtype: Any = "uint8",
    name: Any = None,
    expand_animations: bool = True,
) -> Tensor:
    """Return the pixels (height, width, channels) of a file's bytes."""
    pillow = need_extra("PIL.Image", "images", "reading images")
    data = StringTensor(contents).numpy()
    try:
        image = pillow.open(io.BytesIO(data))
        wanted = channels or (len(image.getbands()) if image.mode in ("L", "RGB", "RGBA") else 3)
        array = np.asarray(image.convert(_MODES[int(wanted)]))
    except (OSError, KeyError) as error:
        raise DataError(
            f"decode_image: the bytes are not a readable image: {error}",
            hint="tf.io.read_file(path) returns the bytes of a file",
        ) from error
    array = array[..., None] if array.ndim == 2 else array
    kind = lm.dtype(dtype)
    return lm.asarray(array / 255.0 if kind.is_float else array, dtype=kind)


def decode_jpeg(
    contents: Any, channels: Any = 0, ratio: int = 1, name: Any = None, **_: Any
) -> Tensor:
    """Return the pixels of the bytes of a JPEG file, uint8."""
    return decode_image(contents, channels)


def decode_png(contents: Any, channels: Any = 0, dtype: Any = "uint8", name: Any = None) -> Tensor:
    """Return the pixels of the bytes of a PNG file."""
    return decode_image(contents, channels, dtype)


def decode_bmp(contents: Any, channels: Any = 0, name: Any = None) -> Tensor:
    """Return the pixels of the bytes of a BMP file, uint8."""
    return decode_image(contents, channels)


def decode_gif(contents: Any, name: Any = None) -> Tensor:
    """Return the first image of the bytes of a GIF file, with an axis of images, uint8."""
    return lm.expand_dims(decode_image(contents, 3), axis=0)


def _encoded(image: Any, kind: str, **options: Any) -> StringTensor:
    pillow = need_extra("PIL.Image", "images", "writing images")
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[-1] not in _MODES:
        raise ShapeError(
            f"tf.io.encode_{kind}: expected an image (height, width, channels), got {array.shape}"
        )
    out = io.BytesIO()
    pixels = array[..., 0] if array.shape[-1] == 1 else array
    pillow.fromarray(pixels.astype(np.uint8)).save(out, kind, **options)
    return StringTensor(out.getvalue())


def encode_jpeg(
    image: Any, format: str = "", quality: int = 95, name: Any = None, **_: Any
) -> StringTensor:
    """Return the bytes of a JPEG file."""
    return _encoded(image, "jpeg", quality=quality)


def encode_png(image: Any, compression: int = -1, name: Any = None) -> StringTensor:
    """Return the bytes of a PNG file."""
    return _encoded(image, "png")
