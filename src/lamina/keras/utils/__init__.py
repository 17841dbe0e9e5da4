"""`keras.utils`: the functions of `lamina.data` and others by the names of Keras."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import namespaces
from lamina.configuration import custom_object_scope
from lamina.data import (
    PyDataset,
    array_to_img,
    image_dataset_from_directory,
    img_to_array,
    load_img,
    pad_sequences,
    save_img,
    split_dataset,
    text_dataset_from_directory,
    timeseries_dataset_from_array,
    to_categorical,
)
from lamina.keras.backend import clear_session
from lamina.keras.saving import register_keras_serializable
from lamina.operations.random_keys import set_seed
from lamina.training.columns import packed as pack_x_y_sample_weight
from lamina.training.columns import unpacked as unpack_x_y_sample_weight

if TYPE_CHECKING:
    from lamina.keras.utils import bounding_boxes as bounding_boxes

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "set_random_seed",
    "split_dataset",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset  # its name before Keras 3


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norm along an axis; lines of zeros stay."""
    array = np.asarray(x)
    norms = np.linalg.norm(np.atleast_1d(array), order, axis, keepdims=True)
    norms[norms == 0] = 1
    return np.asarray(array / norms)


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_layer_names: bool = False,
) -> Any:
    """Draw the layers of a model into a file, with matplotlib: `lamina.plot.model`."""
    from lamina.plot import model as drawn

    return drawn(model, show_shapes, show_layer_names, path=to_file)


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and Lamina's."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global generator is what programs of others use)
    set_seed(seed)


namespaces.declare(__name__, {"bounding_boxes": "lamina.keras.utils.bounding_boxes"})
