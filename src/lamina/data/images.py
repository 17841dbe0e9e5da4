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

    Photographs are turned upright by what their EXIF data say, unless `upright` is False. 16-bit
    images lose their lower 8 bits, films all but the first frame, and colors their transparency
    unless it is wanted.
    """

    size: tuple[int, int] | None
    color_mode: str = "rgb"
    interpolation: str = "bilinear"
    crop: bool = False
    pad: bool = False
    upright: bool = True
    fill: int = 0  # of what is padded

    def __call__(self, content: bytes) -> np.ndarray:
        return self.sized(content)[0]

    def sized(self, content: bytes) -> tuple[np.ndarray, tuple[int, int]]:
        """Return the pixels, and the height and width of the image in the file."""
        with pillow().open(io.BytesIO(content), formats=FORMATS) as image:
            size = (image.height, image.width)
            self._reduce(image)
            ready = self._in_mode(_upright(image) if self.upright else image)
            pixels = np.asarray(ready if self.size is None else self._resized(ready))
        return (pixels if pixels.ndim == 3 else pixels[:, :, None]), size

    def placement(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return factors and shifts of rows and columns, (down, right, top, left): where row y of
        an image of this size goes is down * y + top."""
        if self.size is None:
            return 1.0, 1.0, 0.0, 0.0
        (rows, columns), (height, width) = size, self.size
        top = left = 0
        if self.pad:
            scale = min(width / columns, height / rows)
            rows_to, columns_to = max(1, round(rows * scale)), max(1, round(columns * scale))
            top, left = (height - rows_to) // 2, (width - columns_to) // 2
            return rows_to / rows, columns_to / columns, float(top), float(left)
        if self.crop:
            first, upper, last, lower = _middle((columns, rows), (width, height))
            down, right = height / (lower - upper), width / (last - first)
            return down, right, -upper * down, -first * right
        return height / rows, width / columns, 0.0, 0.0

    def _in_mode(self, image: Any) -> Any:
        return _in_mode(image, MODES[self.color_mode])

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
        canvas = pillow().new(image.mode, (width, height), self.fill)
        place = ((width - fitting[0]) // 2, (height - fitting[1]) // 2)
        canvas.paste(image.resize(fitting, method), place)
        return canvas


@dataclass(frozen=True)
class MaskDecoder(Decoder):
    """The content of an image of classes -> uint8 (height, width, 1), the index of each pixel.

    Images with a palette give its indices, gray ones their values; sizes change without
    interpolation.
    """

    interpolation: str = "nearest"
    upright: bool = False
    fill: int = 255

    def _in_mode(self, image: Any) -> Any:
        if image.mode not in ("P", "L", "1"):
            raise ValueError(
                f"expected a mask with a palette or gray values of 8 bits, got {image.mode}"
            )
        return image.convert("L") if image.mode == "1" else image

    def of_array(self, mask: np.ndarray) -> np.ndarray:
        """Return a mask (rows, columns) of uint8 in the size of the decoder."""
        image = pillow().fromarray(mask)
        return np.asarray(image if self.size is None else self._resized(image))[:, :, None]


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


def rgb(image: Any) -> Any:
    """Return an image of Pillow in the mode RGB."""
    return _in_mode(image, "RGB")


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
