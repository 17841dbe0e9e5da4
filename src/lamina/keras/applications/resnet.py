"""`keras.applications.resnet`."""

from __future__ import annotations

import numpy as np

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.tensor import Tensor
from lamina.zoo.preprocessing import decode_predictions
from lamina.zoo.preprocessing import preprocess_input as preprocessed
from lamina.zoo.resnet import ResNet50, ResNet101, ResNet152

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def preprocess_input(x: ArrayLike, data_format: str | None = None) -> np.ndarray | Tensor:
    """Return images from 0 to 255 as the network expects them: BGR, without ImageNet's means.

    Args:
        x: images (..., height, width, 3).
        data_format: "channels_last", or "channels_first" (..., 3, height, width).
    """
    return preprocessed(x, data_format, "caffe")


namespaces.declare(__name__)
