"""`keras.applications.nasnet`."""

from __future__ import annotations

import numpy as np

from lamina import namespaces
from lamina.annotations import ArrayLike
from lamina.tensor import Tensor
from lamina.zoo.nasnet import NASNetLarge, NASNetMobile
from lamina.zoo.preprocessing import decode_predictions
from lamina.zoo.preprocessing import preprocess_input as preprocessed

__all__ = ["NASNetMobile", "NASNetLarge", "decode_predictions", "preprocess_input"]


def preprocess_input(x: ArrayLike, data_format: str | None = None) -> np.ndarray | Tensor:
    """Return images from 0 to 255 as the network expects them: scaled to [-1, 1].

    Args:
        x: images (..., height, width, 3).
        data_format: "channels_last", or "channels_first" (..., 3, height, width).
    """
    return preprocessed(x, data_format, "tf")


namespaces.declare(__name__)
