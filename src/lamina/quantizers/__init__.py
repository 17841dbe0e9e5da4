"""Quantizers: weights and inputs of layers as integers, or as floats of 8 bits.

    model.quantize("int8")             weights of all dense layers and embeddings as int8
    layer.quantize("int4")             those of one layer

Names, arguments and formulas are those of Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import namespaces
from lamina.quantizers.configs import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
)
from lamina.quantizers.fake import fake_quant_with_min_max_vars
from lamina.quantizers.float8 import (
    compute_float8_amax_history,
    compute_float8_scale,
    quantize_and_dequantize,
)
from lamina.quantizers.packing import pack_int4, unpack_int4
from lamina.quantizers.scaling import (
    AbsMaxQuantizer,
    Quantizer,
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
)
from lamina.registry import Registry

# fmt: off
__all__ = [
    "AWQConfig", "AbsMaxQuantizer", "Float8QuantizationConfig", "GPTQConfig",
    "Int4QuantizationConfig", "Int8QuantizationConfig", "QuantizationConfig", "Quantizer",
    "abs_max_quantize", "abs_max_quantize_grouped_with_zero_point", "compute_float8_amax_history",
    "compute_float8_scale", "deserialize", "fake_quant_with_min_max_vars", "get", "pack_int4",
    "quantize_and_dequantize", "serialize", "unpack_int4",
]

_REGISTRY = Registry("quantizer", Quantizer.family, [
    Quantizer, AbsMaxQuantizer, QuantizationConfig, Int8QuantizationConfig, Int4QuantizationConfig,
    Float8QuantizationConfig, GPTQConfig, AWQConfig,
])
# fmt: on


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return the quantizer of a name or configuration.

    Args:
        identifier: None, a name such as "abs_max_quantizer", a configuration, a class, or a
            quantizer.
        **kwargs: arguments of a quantizer that is given by name or as a class.

    Raises:
        UnknownNameError: for an unknown name, with the nearest known names.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.get("abs_max_quantizer").output_dtype
        'int8'
    """
    if kwargs and isinstance(identifier, str):
        identifier = _REGISTRY.named(identifier)
    return identifier(**kwargs) if kwargs else _REGISTRY.get(identifier)


def serialize(initializer: Any) -> Any:
    """Return a quantizer as JSON data, for `deserialize`.

    Args:
        initializer: quantizer to describe; Keras has this name for it.

    Example:
        >>> import lamina as lm
        >>> lm.quantizers.serialize(lm.quantizers.AbsMaxQuantizer())["class_name"]
        'AbsMaxQuantizer'
    """
    return _REGISTRY.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the quantizer that `serialize` described.

    Args:
        config: dictionary that `serialize` returned.
        custom_objects: dictionary from name to class of the caller's own.

    Example:
        >>> import lamina as lm
        >>> written = lm.quantizers.serialize(lm.quantizers.AbsMaxQuantizer(axis=0))
        >>> lm.quantizers.deserialize(written).axis
        (0,)
    """
    return _REGISTRY.deserialize(config, custom_objects)


namespaces.declare(__name__)
