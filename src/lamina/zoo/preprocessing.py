"""Images as networks of the zoo expect them, and their predictions as names of classes."""

from __future__ import annotations

import json
from typing import Literal

import numpy as np

from lamina import operations as ops
from lamina.annotations import ArrayLike
from lamina.arguments import one_of
from lamina.errors import ShapeError
from lamina.ir import types
from lamina.tensor import Tensor, as_tensor
from lamina.zoo.imagenet import class_index
from lamina.zoo.parts import DEVIATIONS, MEANS

Mode = Literal["caffe", "tf", "torch"]
CAFFE_MEANS = (103.939, 116.779, 123.68)
"""Of ImageNet's channels blue, green and red, of pixels from 0 to 255."""


def preprocess_input(
    x: ArrayLike, data_format: str | None = None, mode: Mode = "caffe"
) -> np.ndarray | Tensor:
    """Return images as a network was trained on them.

    Args:
        x: images (..., height, width, 3) with values from 0 to 255.
        data_format: "channels_last", or "channels_first" (..., 3, height, width).
        mode: "tf" scales to [-1, 1]; "torch" to [0, 1], then to mean 0 and variance 1 of ImageNet;
            "caffe" converts RGB to BGR and subtracts ImageNet's means.

    Returns:
        An array for an array, a tensor for a tensor; x is not changed.

    Raises:
        UnknownNameError: the mode or the format is another one.
        ShapeError: the images do not have three channels.

    Example:
        >>> import numpy as np
        >>> from lamina.zoo.preprocessing import preprocess_input
        >>> preprocess_input(np.full((1, 1, 3), 255.0), mode="tf").tolist()
        [[[1.0, 1.0, 1.0]]]

    Source: Keras, `keras.applications.imagenet_utils`.
    """
    one_of("preprocess_input", "mode", mode, ("caffe", "tf", "torch"))
    one_of(
        "preprocess_input", "data_format", data_format, (None, "channels_last", "channels_first")
    )
    images = as_tensor(x)
    if not images.dtype.is_float:
        images = as_tensor(images, types.float32)
    axis = -3 if data_format == "channels_first" else -1
    if mode != "tf" and (images.ndim < 3 or images.shape[axis] != 3):
        raise ShapeError(f"preprocess_input: images of shape {images.shape} (expected 3 channels)")
    found = _scaled(images, axis, mode)
    return found if isinstance(x, Tensor) else found.numpy()


def _scaled(images: Tensor, axis: int, mode: Mode) -> Tensor:
    if mode == "tf":
        return images / 127.5 - 1.0
    shape = (3, 1, 1) if axis == -3 else (3,)

    def channels(values: tuple[float, ...]) -> Tensor:
        return as_tensor(np.asarray(values, images.dtype.storage).reshape(shape))

    if mode == "torch":
        return (images / 255.0 - channels(MEANS)) / channels(DEVIATIONS)
    return ops.flip(images, axis=axis) - channels(CAFFE_MEANS)


def decode_predictions(preds: ArrayLike, top: int = 5) -> list[list[tuple[str, str, float]]]:
    """Return the classes of ImageNet with the highest probabilities.

    Args:
        preds: probabilities (batch, 1000).
        top: number of classes.

    Returns:
        For each image (WordNet's identifier, name, probability) of the classes, the highest first.

    Raises:
        ShapeError: preds are not of 1000 classes.
        DownloadError: the file with the names is not there and cannot be downloaded.

    Example:
        >>> import lamina as lm
        >>> from lamina.zoo.preprocessing import decode_predictions
        >>> decode_predictions(lm.ones((1, 10)))
        Traceback (most recent call last):
        ...
        lamina.errors.ShapeError: decode_predictions: expected shape (batch, 1000), got (1, 10)

    Source: Keras, `keras.applications.imagenet_utils`.
    """
    array = np.asarray(as_tensor(preds).numpy())
    if array.ndim != 2 or array.shape[1] != 1000:
        raise ShapeError(f"decode_predictions: expected shape (batch, 1000), got {array.shape}")
    names = json.loads(class_index().read_text(encoding="utf-8"))
    found = []
    for row in array:
        best = np.argsort(-row, kind="stable")[:top]
        found.append([(*names[str(k)], float(row[k])) for k in best])
    return found
