"""Dtype policies: which dtype a layer keeps its weights in, and which it computes in.

    layers.Dense(10, dtype="float64")                       weights and computation in float64
    layers.Dense(10, dtype="mixed_bfloat16")                weights float32, computation bfloat16
    keras.config.set_dtype_policy("mixed_bfloat16")         of all layers made from here on

Inputs and outputs of a layer have the dtype of its computation. Each operation of 16 bits is
computed in float32 and its result rounded once; products and sums are accumulated in float32.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

from lamina import configuration
from lamina.configuration import Configurable
from lamina.defaults import DEFAULTS
from lamina.errors import ArgumentError, DTypeError, describe
from lamina.ir import types

__all__ = [
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "QuantizedDTypePolicy",
    "current",
    "deserialize",
    "get",
    "serialize",
]

MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
QUANTIZATION_MODES = ("int8",)


class DTypePolicy(Configurable):
    """The dtypes of a layer's weights and of its computation.

    Args:
        name: name of a dtype, for both; or "mixed_float16" or "mixed_bfloat16": computation in 16
            bits, weights in float32. None is the name of the policy that is in effect.

    Raises:
        DTypeError: for another name.

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


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a layer whose weights are quantized.

    Args:
        mode: "int8".
        source_name: name of the policy of the layer before; None is the policy that is in effect.

    Example:
        >>> from lamina import keras
        >>> keras.dtype_policies.QuantizedDTypePolicy("int8", "float32").name
        'int8_from_float32'
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        super().__init__(source_name)
        if mode not in QUANTIZATION_MODES:
            raise ArgumentError(
                f"QuantizedDTypePolicy: unknown mode (expected one of {QUANTIZATION_MODES}, got "
                f"{describe(mode)})"
            )
        self._mode = mode

    @property
    def name(self) -> str:
        """ "int8_from_float32"."""
        return f"{self._mode}_from_{self._name}"

    @property
    def quantization_mode(self) -> str | None:
        """The quantization of the weights."""
        return self._mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of an equal policy."""
        return {"mode": self._mode, "source_name": self._name}

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and getattr(other, "_mode", None) == self._mode

    __hash__ = DTypePolicy.__hash__


class DTypePolicyMap(DTypePolicy):
    """Policies by the paths of layers, such as {"encoder/.*": "float64"}.

    Args:
        default_policy: policy of all other layers; None is the policy that is in effect.
        policy_map: dictionary from path, or regular expression that matches a whole path, to
            policy.

    Example:
        >>> from lamina import keras
        >>> policies = keras.dtype_policies.DTypePolicyMap("float32", {"head/.*": "float64"})
        >>> policies["head/dense"].name, policies["dense"].name
        ('float64', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: Any = None) -> None:
        if policy_map is not None and not isinstance(policy_map, Mapping):
            raise TypeError(
                f"DTypePolicyMap: expected a dictionary as policy_map, got {describe(policy_map)}"
            )
        self._default = None if default_policy is None else get(default_policy)
        self._map = {key: get(policy) for key, policy in (policy_map or {}).items()}
        self._name = self.default_policy.name

    @property
    def name(self) -> str:
        """ "map_float32"."""
        return f"map_{self.default_policy.name}"

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers that no key matches."""
        return current() if self._default is None else self._default

    @property
    def variable_dtype(self) -> str:
        """The dtype of weights of the default policy."""
        return self.default_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype of the computation of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """The quantization of the default policy."""
        return self.default_policy.quantization_mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of equal policies."""
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": {key: serialize(policy) for key, policy in self._map.items()},
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the policies that `get_config` described.

        Args:
            config: dictionary that `get_config` returned.
        """
        return cls(config["default_policy"], config["policy_map"])

    def __getitem__(self, key: str) -> DTypePolicy:
        if key in self._map:
            return self._map[key]
        found = [pattern for pattern in self._map if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ArgumentError(
                f"DTypePolicyMap: several keys match {key!r} (expected one, got {found})"
            )
        return self._map[found[0]] if found else self.default_policy

    def __setitem__(self, key: str, policy: Any) -> None:
        if key in self._map:
            raise ArgumentError(f"DTypePolicyMap: {key!r} is there already, as {self._map[key]!r}")
        self._map[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __repr__(self) -> str:
        named = {key: policy.name for key, policy in self._map.items()}
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, policies={named}>"


def _checked(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"DTypePolicy: expected the name of a dtype, got {describe(name)}")
    if name in MIXED:
        return name
    try:
        return types.dtype(name).name
    except DTypeError as error:
        raise DTypeError(
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
        mode, _, source = identifier.partition("_from_")
        return QuantizedDTypePolicy(mode, source) if source else DTypePolicy(identifier)
    return DTypePolicy(types.dtype(identifier).name)


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
