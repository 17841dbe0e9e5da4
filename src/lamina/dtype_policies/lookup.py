"""Policies by name and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import configuration
from lamina.dtype_policies.policy import DTypePolicy, current
from lamina.dtype_policies.quantized import (
    QUANTIZATION_MODES,
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)
from lamina.errors import ArgumentError, DTypeError, UnknownNameError, describe
from lamina.ir import types

_BY_MODE = {"float8": QuantizedFloat8DTypePolicy, "gptq": GPTQDTypePolicy, "awq": AWQDTypePolicy}


def get(identifier: Any) -> DTypePolicy:
    """Return the policy of a name, a configuration or a dtype; a policy as it is.

    Args:
        identifier: policy, name of one, dtype, configuration, or None for the policy in effect.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.get("float64")
        <DTypePolicy "float64">
    """
    if identifier is None:
        return current()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, Mapping):
        return deserialize(identifier)
    if isinstance(identifier, str):
        is_quantized = identifier.startswith(QUANTIZATION_MODES)
        is_dtype = identifier in types.DTYPES  # "int8" is one as well
        return _quantized(identifier) if is_quantized and not is_dtype else DTypePolicy(identifier)
    try:
        return DTypePolicy(types.dtype(identifier).name)
    except DTypeError as error:
        raise ArgumentError(
            f"dtype: expected a dtype, a policy or the name of one, got {describe(identifier)}"
        ) from error


def _quantized(name: str) -> DTypePolicy:
    """Return the policy of a name such as "int4/128_from_float32"."""
    mode, separator, source = name.partition("_from_")
    if not separator:
        raise UnknownNameError(
            f"dtype: unknown policy (expected such as 'int8_from_float32', got {name!r})"
        )
    method, _, numbers = mode.partition("/")
    if method == "int4":
        return (Int4DTypePolicy if numbers else QuantizedDTypePolicy)(mode, source)
    return _BY_MODE.get(method, QuantizedDTypePolicy)(mode, source)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return a policy as JSON data.

    Args:
        dtype_policy: policy to describe.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.serialize(keras.DTypePolicy("float32"))["config"]
        {'name': 'float32'}
    """
    return configuration.serialize(dtype_policy)


def deserialize(
    config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> DTypePolicy:
    """Return the policy that `serialize` described.

    Args:
        config: what `serialize` returned.
        custom_objects: dictionary from name to class of the caller's own.

    Example:
        >>> from lamina import keras
        >>> policy = keras.DTypePolicy("float64")
        >>> keras.dtype_policies.deserialize(keras.dtype_policies.serialize(policy)) == policy
        True
    """
    found: DTypePolicy = configuration.deserialize(config, custom_objects, "lamina.dtype_policies")
    return found
