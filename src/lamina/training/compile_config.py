"""The arguments of `compile` as JSON data, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias, TypedDict, cast

from lamina import losses, metrics, optimizers
from lamina.errors import ArgumentError, describe, warn
from lamina.losses.base import LossLike
from lamina.training.objectives import Compilation, Labelled

Written: TypeAlias = Mapping[str, object] | str
Change: TypeAlias = Callable[[object], object]


class _WrittenMetric(TypedDict):
    label: str
    metric: Mapping[str, object] | None


def compile_config(compilation: Compilation, name: str) -> dict[str, object] | None:
    """Return the arguments of `compile` of the model of this name. If one of them is a function,
    which has no place in a file, warn and return None: the model itself can still be saved."""
    try:
        written = {
            "optimizer": optimizers.serialize(compilation.optimizer),
            "loss": _nest(compilation.loss, _loss),
            "loss_weights": compilation.loss_weights,
            "metrics": _nest(compilation.metrics, _metric),
            "weighted_metrics": _nest(compilation.weighted_metrics, _metric),
            "steps_per_execution": compilation.steps_per_execution,
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
    written: Mapping[str, object], custom_objects: Mapping[str, object] | None
) -> dict[str, object]:
    """Return the keyword arguments of `compile` that `compile_config` wrote."""

    def metric(config: object) -> Labelled:
        row = cast(_WrittenMetric, config)
        known = row["metric"]
        found = None if known is None else metrics.deserialize(known, custom_objects)
        return Labelled(row["label"], found)

    def loss(config: object) -> object:
        return losses.deserialize(cast(Written, config), custom_objects)

    return {
        "optimizer": optimizers.deserialize(cast(Written, written["optimizer"]), custom_objects),
        "steps_per_execution": cast(int | None, written.get("steps_per_execution")),
        "loss": _restored(written["loss"], loss),
        "loss_weights": written.get("loss_weights"),
        "metrics": _restored(written["metrics"], metric),
        "weighted_metrics": _restored(written["weighted_metrics"], metric),
    }


def _loss(given: object) -> object:
    return losses.serialize(cast(LossLike, given))


def _metric(given: object) -> _WrittenMetric:
    row = cast(Labelled, given)
    return {
        "label": row.label,
        "metric": None if row.metric is None else metrics.serialize(row.metric),
    }


def _nest(value: object, write: Change) -> object:
    """Lists and dicts stay, tuples are {"tuple": [...]}; what is in them is {"is": ...}."""
    if isinstance(value, tuple):
        return {"tuple": [_nest(each, write) for each in value]}
    if isinstance(value, list):
        return [_nest(each, write) for each in value]
    if isinstance(value, dict):
        return {key: _nest(each, write) for key, each in value.items()}
    return None if value is None else {"is": write(value)}


def _restored(value: object, read: Change) -> object:
    if isinstance(value, list):
        return [_restored(each, read) for each in value]
    if isinstance(value, dict) and set(value) == {"is"}:
        return read(value["is"])
    if isinstance(value, dict) and set(value) == {"tuple"}:
        return tuple(_restored(each, read) for each in value["tuple"])
    if isinstance(value, dict):
        return {key: _restored(each, read) for key, each in value.items()}
    return None
