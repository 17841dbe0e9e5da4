"""Layers that change images by a random factor, within a range of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Unpack

from lamina.layers._base.images import RandomImages, factor_range, value_pair
from lamina.layers._base.options import ImageOptions
from lamina.seeding import SeedLike

Factor = float | Sequence[float]


class RandomFactor(RandomImages):
    """Base class of layers with the arguments `factor`, within `limits`, and `value_range`."""

    limits: ClassVar[tuple[float, float]] = (-1, 1)

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: SeedLike = None,
        **kwargs: Unpack[ImageOptions],
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        own = type(self).__name__
        self.factor = factor
        self._pair = factor_range(own, "factor", factor, *self.limits)
        self.value_range = value_pair(own, value_range)
