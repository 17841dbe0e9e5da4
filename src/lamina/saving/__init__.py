"""Models and weights in files: data only, written whole or not at all, checked when read."""

from lamina import namespaces
from lamina.configuration import custom_object_scope, register_serializable
from lamina.saving.models import load_model, save_model
from lamina.saving.weights import load_weights, save_weights

__all__ = [
    "custom_object_scope",
    "load_model",
    "load_weights",
    "register_serializable",
    "save_model",
    "save_weights",
]

namespaces.declare(__name__)
