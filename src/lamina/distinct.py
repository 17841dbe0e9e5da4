"""Dictionary keys for Python values that compare equal though they differ.

`0.0 == -0.0`, `1 == 1.0 == True`, and NaN is not equal to itself: a cache keyed by such values
serves the result of the first one for all of them, or never finds NaN again.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import numpy as np


def distinct(value: Any) -> Any:
    """A hashable key for `value`, equal to another's only if type and bits are the same.

    Numbers are distinguished by type and bits; anything else is compared as it compares itself.
    """
    kind = type(value)
    if isinstance(value, float):
        return kind, struct.pack("<d", value)
    if isinstance(value, np.generic):
        return kind, value.tobytes()
    if isinstance(value, complex):
        return kind, struct.pack("<2d", value.real, value.imag)
    if isinstance(value, Decimal):
        return kind, value.as_tuple()
    if isinstance(value, tuple):
        return kind, tuple(map(distinct, value))
    if isinstance(value, frozenset):
        return kind, frozenset(map(distinct, value))
    return kind, value
