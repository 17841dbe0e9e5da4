"""Defaults of the whole process that programs for Keras set by `keras.config`.

`lamina.settings` holds what concerns the machine; these are the defaults of arguments. A row says
who reads it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

IMAGE_DATA_FORMATS = ("channels_last", "channels_first")


def _limit(name: str) -> int | None:
    text = os.environ.get(name, "")
    return int(text) if text.isdecimal() else None


@dataclass
class Defaults:
    """The defaults of one process.

    floatx: dtype of weights and of NumPy's float64 in Keras' functions (layers, `floatx`).
    epsilon: what `keras.backend.epsilon()` returns (`keras.ops`).
    image_data_format: of layers and operations on images whose `data_format` is None.
    dtype_policy: of layers whose `dtype` is None; None is floatx.
    interactive_logging: draw progress on standard output; False sends it to the logger "lamina".
    max_epochs, max_steps_per_epoch: limits of `fit`, `evaluate` and `predict`; None for none.
    traceback_filtering, flash_attention: kept for programs that ask for what they have set.
    """

    floatx: str = "float32"
    epsilon: float = 1e-7
    image_data_format: str = "channels_last"
    dtype_policy: Any = None
    interactive_logging: bool = True
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None
    traceback_filtering: bool = True
    flash_attention: bool | None = None


DEFAULTS = Defaults(
    max_epochs=_limit("KERAS_MAX_EPOCHS"),
    max_steps_per_epoch=_limit("KERAS_MAX_STEPS_PER_EPOCH"),
)


def limited(count: int | None, most: int | None) -> int | None:
    """Return the smaller of a number and a limit, either of which may be None."""
    if count is None or most is None:
        return most if count is None else count
    return min(count, most)
