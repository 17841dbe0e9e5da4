"""Quantization of the layers of a model."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from lamina.errors import ArgumentError, describe
from lamina.layers import Layer
from lamina.layers._base.facts import with_sublayers
from lamina.quantizers.configs import Calibrated, QuantizationConfig, resolved_config

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
    if isinstance(resolved, Calibrated):
        _refuse_calibration(model, resolved)
    for layer in with_sublayers(model):
        if layer is model or len(with_sublayers(layer)) > 1 or not chosen(layer):
            continue
        try:
            layer.quantize(resolved.mode, type_check=type_check, config=resolved)
        except NotImplementedError as error:
            if layer.weights:
                warnings.warn(f"left as it is: {error}", stacklevel=3)


def _refuse_calibration(model: Model, config: Calibrated) -> None:
    """Raise for a method that rounds weights by what samples show, which Lamina does not do."""
    structure = config.quantization_layer_structure  # type: ignore[attr-defined]
    if structure is None and model.get_quantization_layer_structure(config.mode) is None:
        raise ArgumentError(
            f"quantize: {config.mode!r} needs the layers before the blocks and the blocks",
            hint="give the config quantization_layer_structure={'pre_block_layers': [...], "
            "'sequential_blocks': [...]}; or quantize('int4'), which needs no samples",
        )
    raise NotImplementedError(
        f"quantize: weights are not rounded by samples here ({config.mode!r}); quantize('int4') "
        "rounds each block of weights by its range"
    )


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
