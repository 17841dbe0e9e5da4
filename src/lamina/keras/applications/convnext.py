"""`keras.applications.convnext`."""

from __future__ import annotations

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.zoo.convnext import (
    ConvNeXtBase,
    ConvNeXtLarge,
    ConvNeXtSmall,
    ConvNeXtTiny,
    ConvNeXtXLarge,
)
from lamina.zoo.preprocessing import decode_predictions

__all__ = [
    "ConvNeXtTiny",
    "ConvNeXtSmall",
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: ArrayLike, data_format: str | None = None) -> ArrayLike:
    """Return images unchanged: the networks scale them themselves.

    Args:
        x: images (..., height, width, 3) with values from 0 to 255.
        data_format: has no effect.
    """
    return x


namespaces.declare(__name__)
