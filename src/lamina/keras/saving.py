"""`keras.saving`: files of models, and names for classes and functions in them."""

from lamina import namespaces
from lamina.saving import custom_object_scope, load_model, save_model
from lamina.saving import register_serializable as register_keras_serializable

__all__ = ["custom_object_scope", "load_model", "register_keras_serializable", "save_model"]

namespaces.declare(__name__)
