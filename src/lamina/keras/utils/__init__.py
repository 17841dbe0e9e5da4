"""`keras.utils`: the functions of `lamina.data` and others by the names of Keras."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from lamina import namespaces, tree
from lamina.annotations import ArrayLike
from lamina.data import (
    PyDataset,
    array_to_img,
    audio_dataset_from_directory,
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
from lamina.errors import ArgumentError, describe
from lamina.keras.backend import clear_session, is_keras_tensor, standardize_dtype
from lamina.keras.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from lamina.keras.downloads import get_file
from lamina.keras.drawing import model_to_dot, plot_model
from lamina.keras.progress_bar import Progbar
from lamina.keras.saving import register_keras_serializable
from lamina.keras.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    serialize_keras_object,
)
from lamina.layers import FeatureSpace, InputLayer
from lamina.layers._base.symbolic import SymbolicTensor, source_of
from lamina.operations.random_keys import set_seed
from lamina.tensor import Tensor, as_tensor, node_of
from lamina.training.columns import packed as pack_x_y_sample_weight
from lamina.training.columns import unpacked as unpack_x_y_sample_weight

if TYPE_CHECKING:
    from lamina.keras.utils import bounding_boxes as bounding_boxes

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]

Sequence = PyDataset  # its name before Keras 3


def normalize(x: ArrayLike, axis: int = -1, order: int = 2) -> np.ndarray | Tensor:
    """x divided by its norm along an axis; lines of zeros stay. A tensor of a tensor, otherwise an
    array."""
    array = np.asarray(x)
    norms = np.linalg.norm(np.atleast_1d(array), order, axis, keepdims=True)
    norms[norms == 0] = 1
    found = np.asarray(array / norms)
    return as_tensor(found) if isinstance(x, Tensor) else found


def set_random_seed(seed: int) -> None:
    """Seed Python's `random`, NumPy's global generator and Lamina's."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  (the global generator is what programs of others use)
    set_seed(seed)


def get_source_inputs(tensor: Tensor) -> list[Any]:
    """Return the Inputs that a symbolic tensor was computed from.

    Args:
        tensor: symbolic tensor.

    Raises:
        ArgumentError: if it is not symbolic.

    Example:
        >>> from lamina import keras
        >>> x = keras.Input((3,))
        >>> keras.utils.get_source_inputs(keras.layers.Dense(2)(x) + 1) == [x]
        True
    """
    if not isinstance(tensor, SymbolicTensor) and node_of(tensor) is None:
        raise ArgumentError(
            f"get_source_inputs: expected a symbolic tensor, got {describe(tensor)}"
        )
    found: dict[int, Any] = {}
    stack, seen = [node_of(tensor)], set()
    while stack:
        node = stack.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        source = source_of(node)
        if source is None:
            stack += node.args
        elif isinstance(source[0].layer, InputLayer):
            found[id(source[0])] = (source[0].order, source[0].outputs)
        else:
            stack += [node_of(t) for t in source[0].inputs]
    return [tree.leaves(outputs)[0] for _, outputs in sorted(found.values(), key=lambda e: e[0])]


class Config:
    """Values by name, as attributes and as entries of a dictionary.

    Args:
        **kwargs: the values.

    Example:
        >>> from lamina import keras
        >>> config = keras.utils.Config(rate=0.1)
        >>> config.rate, config["rate"]
        (0.1, 0.1)
    """

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_values", {})
        object.__setattr__(self, "_frozen", False)
        for name, value in kwargs.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if self._frozen:
            raise ArgumentError(f"Config: it is frozen, and {name!r} cannot be set")
        self._values[name] = value

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"Config: no value is named {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        del self._values[name]

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __iter__(self) -> Any:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def as_dict(self) -> dict[str, Any]:
        """Return the values as a dictionary."""
        return dict(self._values)

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set values, as `dict.update`.

        Args:
            *args: dictionary, or pairs.
            **kwargs: values by name.
        """
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def keys(self) -> Any:
        """Return the names."""
        return self._values.keys()

    def items(self) -> Any:
        """Return pairs of names and values."""
        return self._values.items()

    def pop(self, *args: Any) -> Any:
        """Remove a value, and return it.

        Args:
            *args: name, and what to return if there is none.
        """
        return self._values.pop(*args)

    def freeze(self) -> None:
        """Let no value be set any more."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Let values be set again."""
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        """True if no value can be set."""
        return bool(self._frozen)

    def __repr__(self) -> str:
        return f"<Config {self._values}>"


_LAZY = {
    "bounding_boxes": "lamina.keras.utils.bounding_boxes",
    "np_utils": "lamina.keras.utils.np_utils",
}

namespaces.declare(__name__, _LAZY)
