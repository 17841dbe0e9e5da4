"""What a model was compiled for, as JSON data, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lamina import losses, metrics, optimizers
from lamina.errors import ArgumentError, describe, warn
from lamina.training.objectives import Compilation, Labelled


def compile_config(compilation: Compilation, name: str) -> dict[str, Any] | None:
    """Return the arguments of `compile` of the model of this name. If one of them is a function,
    which has no place in a file, warn and return None: the model itself can still be saved."""
    try:
        written = {
            "optimizer": optimizers.serialize(compilation.optimizer),
            "loss": _nest(compilation.loss, losses.serialize),
            "loss_weights": compilation.loss_weights,
            "metrics": _nest(compilation.metrics, _metric),
            "weighted_metrics": _nest(compilation.weighted_metrics, _metric),
        }
        json.dumps(written)
    except (ArgumentError, TypeError) as error:
        warn(
            f"save: what {name} was compiled for cannot be written ({describe(str(error))}), "
            "and is left out: call compile again after load_model"
        )
        return None
    return written


def compile_arguments(
    written: Mapping[str, Any], custom_objects: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the keyword arguments of `compile` that `compile_config` wrote."""

    def metric(config: Any) -> Labelled:
        if config["metric"] is None:
            return Labelled(config["label"], None)
        return Labelled(config["label"], metrics.deserialize(config["metric"], custom_objects))

    def loss(config: Any) -> Any:
        return losses.deserialize(config, custom_objects)

    return {
        "optimizer": optimizers.deserialize(written["optimizer"], custom_objects),
        "loss": _restored(written["loss"], loss),
        "loss_weights": written.get("loss_weights"),
        "metrics": _restored(written["metrics"], metric),
        "weighted_metrics": _restored(written["weighted_metrics"], metric),
    }


def _metric(row: Labelled) -> dict[str, Any]:
    return {
        "label": row.label,
        "metric": None if row.metric is None else metrics.serialize(row.metric),
    }


def _nest(value: Any, write: Any) -> Any:
    """Lists and dicts stay; what is in them is written as {"is": ...}."""
    if isinstance(value, list):
        return [_nest(each, write) for each in value]
    if isinstance(value, dict):
        return {key: _nest(each, write) for key, each in value.items()}
    return None if value is None else {"is": write(value)}


def _restored(value: Any, read: Any) -> Any:
    if isinstance(value, list):
        return [_restored(each, read) for each in value]
    if isinstance(value, dict) and set(value) == {"is"}:
        return read(value["is"])
    if isinstance(value, dict):
        return {key: _restored(each, read) for key, each in value.items()}
    return None
