"""`tf.compat`: errors for names of TensorFlow 1 that state today's form."""

from typing import Any

from lamina.string_tensor import text_of
from lamina.tf.naming import public


def as_str(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Return a text as str."""
    return text_of(bytes_or_text)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Return a text as bytes."""
    return bytes_or_text if isinstance(bytes_or_text, bytes) else bytes_or_text.encode(encoding)


public(
    __name__,
    {"as_text": as_str},
    None,
    {"v1": "TensorFlow 2's forms: functions instead of sessions, tf.Variable, tf.keras.layers"},
)
