"""Crops of photographs while they are decoded: random ones to train with, central ones to test.

Source: Szegedy et al. (2015), Going deeper with convolutions, section 6.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass

import numpy as np

from lamina.data.images import FORMATS, INTERPOLATIONS, pillow, rgb

Box = tuple[float, float, float, float]  # left, top, right, bottom
TRIES = 10


@dataclass(frozen=True)
class CropDecoder:
    """The content of an image file -> uint8 (height, width, 3), of a part of the image.

    size: (height, width). central: side of the central square by the shorter side of the image, or
    of the part in the proportions of `size`. area and ratio: ranges of the area of random parts by
    that of the image, and of their width by their height.
    """

    size: tuple[int, int]
    interpolation: str = "bilinear"
    central: float = 0.875
    area: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __call__(self, content: bytes, rng: np.random.Generator | None = None) -> np.ndarray:
        """Return the central part, or a random one, mirrored with probability 1/2."""
        height, width = self.size
        with pillow().open(io.BytesIO(content), formats=FORMATS) as image:
            extent = image.size
            left, top, right, bottom = (
                self.middle(extent) if rng is None else self.part(extent, rng)
            )
            across, down = (right - left) / width, (bottom - top) / height
            if min(across, down) >= 4:  # the JPEG decoder leaves out what is far finer than wanted
                least = (math.ceil(2 * extent[0] / across), math.ceil(2 * extent[1] / down))
                image.draft(None, least)
            x, y = image.size[0] / extent[0], image.size[1] / extent[1]
            box = (left * x, top * y, min(right * x, image.size[0]), min(bottom * y, image.size[1]))
            method = pillow().Resampling[INTERPOLATIONS[self.interpolation]]
            pixels = np.asarray(rgb(image).resize((width, height), method, box))
        return pixels[:, ::-1] if rng is not None and rng.random() < 0.5 else pixels

    def middle(self, extent: tuple[int, int]) -> Box:
        """Return the central part of an image of this width and height."""
        height, width = self.size
        scale = self.central * min(extent[0] / width, extent[1] / height)
        left, top = (extent[0] - scale * width) / 2, (extent[1] - scale * height) / 2
        return left, top, left + scale * width, top + scale * height

    def part(self, extent: tuple[int, int], rng: np.random.Generator) -> Box:
        """Return a random part; the largest in the middle whose proportions are allowed, if ten
        random ones are not within the image."""
        for _ in range(TRIES):
            area = rng.uniform(*self.area) * extent[0] * extent[1]
            ratio = math.exp(rng.uniform(*np.log(self.ratio)))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= extent[0] and 0 < height <= extent[1]:
                left = int(rng.integers(extent[0] - width + 1))
                top = int(rng.integers(extent[1] - height + 1))
                return left, top, left + width, top + height
        ratio = min(max(extent[0] / extent[1], self.ratio[0]), self.ratio[1])
        across, down = min(extent[0], extent[1] * ratio), min(extent[1], extent[0] / ratio)
        x, y = (extent[0] - across) / 2, (extent[1] - down) / 2
        return x, y, x + across, y + down
