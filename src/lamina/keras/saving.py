"""`keras.saving`: files of models, and names for classes and functions in them."""

from __future__ import annotations

from lamina import namespaces
from lamina.keras.serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    serialize_keras_object,
)
from lamina.saving import load_model, load_weights, save_model, save_weights
from lamina.saving import register_serializable as register_keras_serializable

__all__ = [
    "CustomObjectScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

namespaces.declare(
    __name__,
    instead={
        "KerasFileEditor": "files of Lamina hold safetensors, which any reader of safetensors opens"
    },
)
