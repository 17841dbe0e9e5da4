"""A quantity that callbacks watch: its value in the logs, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lamina.errors import ArgumentError, UnknownNameError, unknown_name

# names of quantities that are better when they are larger
_LARGER = ("acc", "auc", "precision", "recall", "f1", "fbeta", "f_score", "iou", "r2", "top_k")
MODES = ("auto", "min", "max")


class Monitor:
    """Compares the values of one quantity: `mode` "min", "max", or "auto", which goes by its name.

    An improvement is one of more than `min_delta`.
    """

    def __init__(self, name: str, mode: str = "auto", min_delta: float = 0.0) -> None:
        if mode not in MODES:
            raise unknown_name("mode", mode, MODES)
        self.name = name
        larger = mode == "max" or (mode == "auto" and any(part in name for part in _LARGER))
        self.sign = 1.0 if larger else -1.0
        self.min_delta = abs(min_delta)

    def value(
        self, logs: Mapping[str, float] | None, who: str, params: Mapping[str, Any]
    ) -> float | None:
        """The value in the logs; None after an epoch without validation, of which `validation_freq`
        asked. `params` are those of the callback. Raises UnknownNameError if the value will never
        be there: a callback that watches nothing would do nothing, silently."""
        if logs and self.name in logs:
            value = logs[self.name]
            if np.size(value) > 1:
                raise ArgumentError(
                    f"{who} watches {self.name!r}, which has {np.size(value)} values",
                    hint="a metric of one number, such as F1Score(average='macro')",
                )
            return float(value)
        is_validated = any(name.startswith("val_") for name in logs or ())
        if self.name.startswith("val_") and "validation_freq" in params and not is_validated:
            return None
        error = unknown_name(f"quantity watched by {who}", self.name, logs or ())
        hint = error.hint or ""
        if self.name.startswith("val_") and not is_validated:
            hint = f"give fit validation_data or validation_split. {hint}"
        raise UnknownNameError(error.message, hint=hint)

    def is_better(self, value: float, best: float | None) -> bool:
        if value != value:  # NaN is never better
            return False
        return best is None or self.sign * (value - best) > self.min_delta
