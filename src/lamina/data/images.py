"""Image files as arrays: decoded with Pillow, brought to one size and to one color mode."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina.errors import need_extra

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
# Pillow's names of their formats, the only ones that it may try: some others start programs.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
INTERPOLATIONS = {  # our name -> Pillow's
    "nearest": "NEAREST",
    "bilinear": "BILINEAR",
    "bicubic": "BICUBIC",
    "area": "BOX",
    "lanczos3": "LANCZOS",
}
ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held

# What Pillow raises for files that are not what they seem; its own classes derive from these,
# but for DecompressionBombError, which is found by `unreadable`.
_UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def unreadable() -> tuple[type[Exception], ...]:
    """The exceptions that say that a file is not an image, or a damaged one."""
    return (*_UNREADABLE, pillow().DecompressionBombError)


def pillow() -> Any:
    """Pillow's module Image, or a MissingExtraError."""
    return need_extra("PIL.Image", "images", "reading images")


@dataclass(frozen=True)
class Decoder:
    """The content of an image file -> uint8 (height, width, channels).

    size: (height, width), or None to keep the image's own. color_mode: a key of CHANNELS.
    crop: cut out the largest middle part of the size's proportions first, instead of distorting.
    pad: put black bars at the sides instead.

    Photographs are turned upright by what their EXIF data say. 16-bit images lose their lower 8
    bits, films all but the first frame, and colors their transparency unless it is wanted.
    """

    size: tuple[int, int] | None
    color_mode: str = "rgb"
    interpolation: str = "bilinear"
    crop: bool = False
    pad: bool = False

    def __call__(self, content: bytes) -> np.ndarray:
        with pillow().open(io.BytesIO(content), formats=FORMATS) as image:
            self._reduce(image)
            upright = _in_mode(_upright(image), MODES[self.color_mode])
            pixels = np.asarray(upright if self.size is None else self._resized(upright))
        return pixels if pixels.ndim == 3 else pixels[:, :, None]

    def _reduce(self, image: Any) -> None:
        """Let the JPEG decoder leave out what is far finer than wanted: several times faster."""
        if self.size is not None and self.interpolation != "nearest":
            least = 2 * max(self.size)
            if min(image.size) >= 2 * least:  # from half the size on
                image.draft(None, (least, least))

    def _resized(self, image: Any) -> Any:
        assert self.size is not None
        height, width = self.size
        if image.size == (width, height):
            return image
        method = pillow().Resampling[INTERPOLATIONS[self.interpolation]]
        if self.pad:
            return self._padded(image, method)
        if self.crop:
            image = image.crop(_middle(image.size, (width, height)))
        return image.resize((width, height), method)

    def _padded(self, image: Any, method: Any) -> Any:
        assert self.size is not None
        height, width = self.size
        scale = min(width / image.width, height / image.height)
        fitting = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        canvas = pillow().new(image.mode, (width, height))
        place = ((width - fitting[0]) // 2, (height - fitting[1]) // 2)
        canvas.paste(image.resize(fitting, method), place)
        return canvas


def _middle(extent: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int, int, int]:
    """The largest box in the middle of the image with the proportions of `wanted`."""
    width = max(1, min(extent[0], extent[1] * wanted[0] // wanted[1]))
    height = max(1, min(extent[1], extent[0] * wanted[1] // wanted[0]))
    left, top = (extent[0] - width) // 2, (extent[1] - height) // 2
    return left, top, left + width, top + height


def _upright(image: Any) -> Any:
    if "exif" not in image.info or image.getexif().get(ORIENTATION, 1) == 1:
        return image
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _in_mode(image: Any, mode: str) -> Any:
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("its pixels have more than 16 bits")
        image = pillow().fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("its pixels are floating point numbers")
    if image.mode == "P" and "transparency" in image.info and mode != "RGBA":
        image = image.convert("RGBA")
    return image if image.mode == mode else image.convert(mode)
