"""Dtype policies: which dtype a layer keeps its weights in, and which it computes in.

    layers.Dense(10, dtype="float64")                       weights and computation in float64
    layers.Dense(10, dtype="mixed_bfloat16")                weights float32, computation bfloat16
    layers.Dense(10, dtype="int8_from_float32")             quantized weights
    keras.config.set_dtype_policy("mixed_bfloat16")         of all layers made from here on

Inputs and outputs of a layer have the dtype of its computation. Each operation of 16 bits is
computed in float32 and its result rounded once; products and sums are accumulated in float32.
"""

from lamina import namespaces
from lamina.dtype_policies.lookup import deserialize, get, serialize
from lamina.dtype_policies.mapping import DTypePolicyMap
from lamina.dtype_policies.policy import DTypePolicy, FloatDTypePolicy, current
from lamina.dtype_policies.quantized import (
    QUANTIZATION_MODES as QUANTIZATION_MODES,
)
from lamina.dtype_policies.quantized import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "current",
    "deserialize",
    "get",
    "serialize",
]

namespaces.declare(__name__)
