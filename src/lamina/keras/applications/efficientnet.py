"""`keras.applications.efficientnet`."""

from __future__ import annotations

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.zoo.efficientnet import (
    EfficientNetB0,
    EfficientNetB1,
    EfficientNetB2,
    EfficientNetB3,
    EfficientNetB4,
    EfficientNetB5,
    EfficientNetB6,
    EfficientNetB7,
)
from lamina.zoo.preprocessing import decode_predictions

__all__ = [
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "decode_predictions",
    "preprocess_input",
]


def preprocess_input(x: ArrayLike, data_format: str | None = None) -> ArrayLike:
    """Return images from 0 to 255 unchanged: the network scales them itself.

    Args:
        x: images (..., height, width, 3).
        data_format: "channels_last", or "channels_first" (..., 3, height, width).
    """
    return x


namespaces.declare(__name__)
