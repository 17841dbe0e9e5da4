"""`keras.applications.imagenet_utils`."""

from lamina import namespaces
from lamina.zoo.preprocessing import decode_predictions, preprocess_input

__all__ = ["decode_predictions", "preprocess_input"]

namespaces.declare(__name__)
