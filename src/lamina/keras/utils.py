"""`keras.utils`: what programs written for Keras use beside layers and models."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from lamina import tree
from lamina.configuration import custom_object_scope
from lamina.data.dataset import Dataset, PyDataset
from lamina.data.image_folders import image_dataset_from_directory
from lamina.data.sequences import pad_sequences, timeseries_dataset_from_array
from lamina.data.single_images import array_to_img, img_to_array, load_img, save_img
from lamina.data.splitting import shuffled
from lamina.data.text_folders import text_dataset_from_directory
from lamina.errors import DTypeError, RangeError, describe
from lamina.keras.backend import clear_session
from lamina.keras.saving import register_keras_serializable
from lamina.operations.random import set_seed
from lamina.training.columns import packed as pack_x_y_sample_weight
from lamina.training.columns import unpacked as unpack_x_y_sample_weight

__all__ = [
    "PyDataset",
    "Sequence",
    "array_to_img",
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


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as rows with a 1 in the column of the class: a float32 array (..., classes).

    A last axis of 1 is dropped first, as in Keras. Raises RangeError for classes below 0 or from
    `num_classes` on.
    """
    labels = np.asarray(x)
    if labels.dtype.kind not in "biuf" or not np.all(labels == np.floor(labels)):
        raise DTypeError(f"to_categorical: classes must be whole numbers; got {describe(labels)}")
    labels = labels.astype(np.int64)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels.reshape(labels.shape[:-1])
    top = int(labels.max()) if labels.size else -1
    count = top + 1 if num_classes is None else int(num_classes)
    if labels.size and (labels.min() < 0 or top >= count):
        raise RangeError(
            f"to_categorical: classes run from {labels.min()} to {top}, which is not within "
            f"0 and {count - 1}",
            hint=f"num_classes must be at least {top + 1}" if labels.min() >= 0 else None,
        )
    return np.eye(count, dtype=np.float32)[labels]


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


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
) -> tuple[Dataset, Dataset]:
    """Arrays, or a Dataset, as two Datasets of samples: the first rows, and the rest.

    A size is a share (0.8) or a number of samples; one of the two is enough. shuffle: samples
    drawn at random, the same for the same seed. Raises RangeError where the parts do not fit.
    """
    if isinstance(dataset, Dataset):
        dataset = dataset.arrays()
    leaves, structure = tree.flatten(dataset)
    arrays = [np.asarray(leaf) for leaf in leaves]
    count = len(arrays[0])
    left, right = _share(left_size, count), _share(right_size, count)
    if left is None and right is None:
        raise RangeError("split_dataset: give left_size or right_size")
    left = count - right if left is None and right is not None else left
    right = count - left if right is None and left is not None else right
    if left is None or right is None or min(left, right) < 0 or left + right > count:
        raise RangeError(f"split_dataset: {left} and {right} samples of {count}")
    order = shuffled(count, seed or 0) if shuffle else np.arange(count)
    parts = order[:left], order[left : left + right]
    first, second = (
        Dataset.from_tensor_slices(tree.unflatten(structure, [a[rows] for a in arrays]))
        for rows in parts
    )
    return first, second


def _share(size: float | int | None, count: int) -> int | None:
    return round(size * count) if isinstance(size, float) else size
