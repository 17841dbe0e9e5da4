"""`keras.preprocessing.sequence`: sequences of several lengths as one array."""

from lamina import namespaces
from lamina.data import pad_sequences

__all__ = ["pad_sequences"]

namespaces.declare(__name__)
