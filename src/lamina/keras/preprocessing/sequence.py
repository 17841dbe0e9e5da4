"""`keras.preprocessing.sequence`: sequences of several lengths as one array."""

from lamina.data.sequences import pad_sequences

__all__ = ["pad_sequences"]
