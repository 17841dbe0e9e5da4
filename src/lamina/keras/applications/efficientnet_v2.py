"""`keras.applications.efficientnet_v2`."""

from __future__ import annotations

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.zoo.efficientnet_v2 import (
    EfficientNetV2B0,
    EfficientNetV2B1,
    EfficientNetV2B2,
    EfficientNetV2B3,
    EfficientNetV2L,
    EfficientNetV2M,
    EfficientNetV2S,
)
from lamina.zoo.preprocessing import decode_predictions

__all__ = [
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2S",
    "EfficientNetV2M",
    "EfficientNetV2L",
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
