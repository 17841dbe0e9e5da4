"""DTypePolicyMap: policies by the paths of layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Self

from lamina.dtype_policies.lookup import get, serialize
from lamina.dtype_policies.policy import DTypePolicy, current
from lamina.dtype_policies.quantized import QuantizedDTypePolicy
from lamina.errors import ArgumentError, LaminaError, describe

__all__ = ["DTypePolicyMap"]


class DTypePolicyMap(DTypePolicy, MutableMapping[str, DTypePolicy]):
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
        if isinstance(default_policy, DTypePolicyMap):
            raise ArgumentError("DTypePolicyMap: default_policy cannot be a DTypePolicyMap")
        is_map = isinstance(policy_map, Mapping) and not isinstance(policy_map, DTypePolicy)
        if policy_map is not None and not is_map:
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
        """Return the arguments of equal policies. If no default was given, the policies are
        described without the name of their source, and take it from the policy in effect later."""
        described = {key: serialize(policy) for key, policy in self._map.items()}
        if self._default is None:
            for key, policy in self._map.items():
                is_quantized = isinstance(policy, QuantizedDTypePolicy)
                described[key]["config"]["source_name" if is_quantized else "name"] = None
        return {
            "default_policy": None if self._default is None else serialize(self._default),
            "policy_map": described,
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
        try:
            self._map[key] = get(policy)
        except (LaminaError, TypeError) as error:
            raise ArgumentError(f"DTypePolicyMap: {key!r}: expected a policy: {error}") from error

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __len__(self) -> int:
        return len(self._map)

    def __repr__(self) -> str:
        mapping = [(key, policy.name) for key, policy in self._map.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"
