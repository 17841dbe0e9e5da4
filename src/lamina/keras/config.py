"""`keras.config`: the default dtype, and the default policy of layers."""

from __future__ import annotations

from typing import Any

from lamina import dtype_policies, namespaces
from lamina.defaults import DEFAULTS
from lamina.dtype_policies import DTypePolicy
from lamina.errors import ArgumentError

__all__ = ["dtype_policy", "floatx", "set_dtype_policy", "set_floatx"]

FLOATS = ("float16", "bfloat16", "float32", "float64")


def floatx() -> str:
    """The default floating dtype of layers, models and arrays."""
    return DEFAULTS.floatx


def set_floatx(value: str) -> None:
    """Set the default floating dtype of the layers, models and arrays that are made from now on.

    Training with variables of 16 bits loses small updates; `set_dtype_policy("mixed_bfloat16")`
    keeps variables in float32.
    """
    if str(value) not in FLOATS:
        raise ArgumentError(
            f"set_floatx: unknown dtype (expected one of {', '.join(FLOATS)}, got {value!r})"
        )
    DEFAULTS.floatx = str(value)


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are made without a `dtype`."""
    return dtype_policies.current()


def set_dtype_policy(policy: Any) -> None:
    """Set the policy, such as "mixed_bfloat16", of layers that are made without a `dtype`."""
    DEFAULTS.dtype_policy = dtype_policies.get(policy)


namespaces.declare(__name__)
