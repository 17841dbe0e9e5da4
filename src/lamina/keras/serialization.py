"""Objects as JSON data by the names of Keras; in `keras.saving` and `keras.utils`.

The data are those of `lamina.configuration`, with marks for bytes, slices and tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lamina import configuration
from lamina.configuration import REGISTERED, custom_object_scope, own_name, own_object
from lamina.errors import ArgumentError, describe
from lamina.layers import Layer
from lamina.layers._base.symbolic import SymbolicTensor
from lamina.models import Model
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "serialize_keras_object",
]

CustomObjectScope = custom_object_scope


def serialize_keras_object(obj: object) -> Any:
    """Return an object of Lamina, a value, or a nest of them as data for
    `deserialize_keras_object`.

    Args:
        obj: layer, model, loss or the like; function with a name; number, text, array, tensor;
            list, tuple or dictionary of these.

    Raises:
        ArgumentError: for what has no place in data, such as a lambda.

    Example:
        >>> from lamina import keras
        >>> keras.saving.serialize_keras_object(keras.layers.Dense(3))["class_name"]
        'Dense'
    """
    if isinstance(obj, (list, tuple)):
        written = [serialize_keras_object(each) for each in obj]
        return tuple(written) if isinstance(obj, tuple) else written
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return _mark("__bytes__", {"value": obj.decode("utf-8")})
    if isinstance(obj, slice):
        return _mark("__slice__", {"start": obj.start, "stop": obj.stop, "step": obj.step})
    if obj is Ellipsis:
        return _mark("__ellipsis__", {})
    if isinstance(obj, SymbolicTensor):
        shape = [n if isinstance(n, int) else None for n in obj.shape]
        return _mark("__keras_tensor__", {"shape": shape, "dtype": str(obj.dtype)})
    if isinstance(obj, (Tensor, Variable)):
        value = np.asarray(obj)
        return _mark("__tensor__", {"value": value.tolist(), "dtype": str(obj.dtype)})
    if isinstance(obj, np.ndarray):
        return _mark("__numpy__", {"value": obj.tolist(), "dtype": str(obj.dtype)})
    written = configuration.plain(obj, "serialize_keras_object")
    return _completed(obj, written) if isinstance(obj, Layer) else written


def _mark(name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": name, "config": config}


def _completed(layer: Layer, written: dict[str, Any]) -> dict[str, Any]:
    """Add the shape that a layer was built for, and what a model was compiled with."""
    built = layer.get_build_config()
    if built is not None:
        written["build_config"] = built
    if isinstance(layer, Model) and layer.compiled:
        written["compile_config"] = layer.get_compile_config()
    return written


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Return the object that `serialize_keras_object` described.

    Args:
        config: data from `serialize_keras_object`.
        custom_objects: dictionary from name to class or function of the caller's own.
        safe_mode: accepted for Keras; data never hold code.

    Raises:
        UnknownNameError: for a class or function that is not known.

    Example:
        >>> from lamina import keras
        >>> config = keras.saving.serialize_keras_object(keras.layers.Dense(3))
        >>> keras.saving.deserialize_keras_object(config).units
        3
    """
    with custom_object_scope(custom_objects):
        return _restored(config, custom_objects)


def _restored(config: Any, custom_objects: Mapping[str, Any] | None) -> Any:
    if isinstance(config, (list, tuple)):
        return type(config)(_restored(each, custom_objects) for each in config)
    if isinstance(config, str) and own_object(config) is not None:
        return own_object(config)
    if not isinstance(config, Mapping):
        return config
    if not {"class_name", "config"} <= config.keys():
        return {key: _restored(value, custom_objects) for key, value in config.items()}
    if config["class_name"] in _MARKS:
        return _MARKS[config["class_name"]](config["config"])
    made = configuration.deserialize(config, custom_objects)
    if isinstance(made, Layer) and not made.built and config.get("build_config"):
        made.build_from_config(config["build_config"])
    if isinstance(made, Model) and config.get("compile_config"):
        made.compile_from_config(config["compile_config"], custom_objects)
    return made


def _keras_tensor(config: Mapping[str, Any]) -> Any:
    from lamina.keras.symbolic import KerasTensor

    return KerasTensor(config["shape"], config["dtype"])


_MARKS: dict[str, Callable[[Any], Any]] = {
    "__bytes__": lambda config: config["value"].encode("utf-8"),
    "__slice__": lambda config: slice(config["start"], config["stop"], config["step"]),
    "__ellipsis__": lambda config: Ellipsis,
    "__keras_tensor__": _keras_tensor,
    "__numpy__": lambda config: np.array(config["value"], config["dtype"]),
    "__tensor__": lambda config: as_tensor(np.array(config["value"], config["dtype"])),
}


# ---- names -------------------------------------------------------------------------------------
def get_custom_objects() -> dict[str, Any]:
    """Return the dictionary of registered classes and functions by name; changes count at once.

    Example:
        >>> from lamina import keras
        >>> def doubled(x):
        ...     return 2 * x
        >>> keras.utils.get_custom_objects()["doubled"] = doubled
        >>> keras.activations.get("doubled")(1)
        2
    """
    return REGISTERED


def get_registered_name(obj: Callable[..., Any]) -> str:
    """Return the name "package>name" that a class or function was registered by, else its own.

    Args:
        obj: class or function.

    Example:
        >>> from lamina import keras
        >>> @keras.saving.register_keras_serializable("mine")
        ... def doubled(x):
        ...     return 2 * x
        >>> keras.saving.get_registered_name(doubled)
        'mine>doubled'
    """
    return own_name(obj)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any:
    """Return the class or function of a name; None if it is not known.

    Args:
        name: name that `get_registered_name` returned.
        custom_objects: dictionary to look the name up in, after the scope that is in effect.
        module_objects: further dictionary to look the name up in.
    """
    if not isinstance(name, str):
        raise ArgumentError(f"get_registered_object: expected a name, got {describe(name)}")
    found = own_object(name)
    for known in (custom_objects, module_objects):
        if found is None and known:
            found = known.get(name)
    return found
