"""DTypePolicy: the dtypes of the weights and of the computation of a layer."""

from __future__ import annotations

from typing import Any

from lamina.configuration import Configurable
from lamina.defaults import DEFAULTS
from lamina.errors import DTypeError, UnknownNameError, describe
from lamina.ir import types

__all__ = ["DTypePolicy", "FloatDTypePolicy", "current"]

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy(Configurable):
    """The dtypes of a layer's weights and of its computation.

    Args:
        name: name of a dtype, for both; or "mixed_float16" or "mixed_bfloat16": computation in 16
            bits, weights in float32. None is the name of the policy that is in effect.

    Raises:
        UnknownNameError: for another name.

    Example:
        >>> from lamina import keras
        >>> policy = keras.DTypePolicy("mixed_bfloat16")
        >>> policy.variable_dtype, policy.compute_dtype
        ('float32', 'bfloat16')

    Source: Micikevicius et al. (2018), Mixed precision training.
    """

    family = "lamina.dtype_policies"

    def __init__(self, name: str | None = None) -> None:
        self._name = current().name if name is None else _checked(name)

    @property
    def name(self) -> str:
        """The name that the policy was made with."""
        return self._name

    @property
    def variable_dtype(self) -> str:
        """The dtype of weights."""
        return "float32" if self._name in MIXED else self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation and of the outputs."""
        return MIXED.get(self._name, self._name)

    @property
    def quantization_mode(self) -> str | None:
        """The quantization of the weights; None without."""
        return None

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal policy."""
        return {"name": self._name}

    def __eq__(self, other: object) -> bool:
        plain = (DTypePolicy, FloatDTypePolicy)
        same = type(other) in plain if type(self) in plain else type(other) is type(self)
        return same and isinstance(other, DTypePolicy) and self._name == other._name

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        plain = "DTypePolicy" if type(self) is FloatDTypePolicy else type(self).__name__
        return f'<{plain} "{self.name}">'


class FloatDTypePolicy(DTypePolicy):
    """A DTypePolicy, by the name of older programs.

    Args:
        name: name of a dtype, or of a mixed policy.

    Example:
        >>> from lamina import keras
        >>> keras.FloatDTypePolicy("float32") == keras.DTypePolicy("float32")
        True
    """


def _checked(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"DTypePolicy: expected the name of a dtype, got {describe(name)}")
    if name in MIXED:
        return name
    try:
        return types.dtype(name).name
    except DTypeError as error:
        raise UnknownNameError(
            f"DTypePolicy: unknown policy (expected a dtype, {' or '.join(map(repr, MIXED))}, got "
            f"{name!r})"
        ) from error


def current() -> DTypePolicy:
    """Return the policy of layers that are made without a `dtype`.

    Example:
        >>> from lamina import keras
        >>> keras.config.dtype_policy()
        <DTypePolicy "float32">
    """
    return DEFAULTS.dtype_policy or DTypePolicy(DEFAULTS.floatx)
