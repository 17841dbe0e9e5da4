"""Quantization of the layers of a model."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lamina.errors import ArgumentError, describe
from lamina.layers import Layer
from lamina.layers._base.facts import with_sublayers
from lamina.quantizers.configs import QuantizationConfig, resolved_config

if TYPE_CHECKING:
    from lamina.models.model import Model

Filters: TypeAlias = str | Sequence[str] | Callable[[Any], bool] | None


def quantize_layers(
    model: Model,
    mode: str | None,
    config: QuantizationConfig | None,
    filters: Filters,
    type_check: bool,
) -> None:
    """Quantize the layers without sublayers that the filters choose; see `Model.quantize`."""
    resolved = resolved_config(mode, config)
    chosen = _filter(filters)
    for layer in with_sublayers(model):
        if layer is model or len(with_sublayers(layer)) > 1 or not chosen(layer):
            continue
        try:
            layer.quantize(resolved.mode, type_check=type_check, config=resolved)
        except NotImplementedError as error:
            if layer.weights:
                warnings.warn(f"left as it is: {error}", stacklevel=3)


def _filter(filters: Filters) -> Callable[[Layer], bool]:
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return filters
    patterns = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ArgumentError(
            "quantize: invalid filters (expected a regular expression, a list of them or a "
            f"function, got {describe(filters)})"
        )
    return lambda layer: any(re.search(pattern, layer.name) for pattern in patterns)
