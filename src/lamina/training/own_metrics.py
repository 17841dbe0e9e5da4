"""Metrics beside those of `compile`: what attributes of a model and of its layers hold.

Tensor code anywhere in a step may update them (`call`, `compute_loss`, `train_step`). They are
reset with the others, and their results are part of the logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.layers.tracking import PLAIN
from lamina.metrics import Metric
from lamina.tensor import Tensor, as_tensor
from lamina.training.step import has_own


def own_metrics(model: Any) -> list[Metric]:
    """All metrics that the model and the layers inside hold, those of models inside as well."""
    found: list[Metric] = []
    for layer in model._flatten_layers():
        _of_attributes(layer, found)
    found += model.metrics if has_own(model, "metrics") else []
    return list({id(metric): metric for metric in found}.values())


def reported_metrics(model: Any) -> list[Metric]:
    """Those whose results are part of the logs: not those of models inside, which report their own,
    as in Keras."""
    found: list[Metric] = []
    for layer in model._flatten_layers():
        if layer is model or not hasattr(layer, "train_step"):
            _of_attributes(layer, found)
    return list({id(metric): metric for metric in found}.values())


def results(metrics: Sequence[Metric], taken: Mapping[str, Any]) -> dict[str, Tensor]:
    """The results by name. A second metric of one name is numbered; one called "loss" beside the
    compiled loss is left to the step of the model's own that it was made for."""
    logs: dict[str, Tensor] = {}
    for metric in metrics:
        result = metric.result()
        named = result if isinstance(result, Mapping) else {metric.name: result}
        for name, value in named.items():
            if name == "loss" and name in taken:
                continue
            logs[_free(name, {*taken, *logs})] = as_tensor(value)
    return logs


def _free(name: str, taken: set[str]) -> str:
    found, count = name, 0
    while found in taken:
        count += 1
        found = f"{name}_{count}"
    return found


def _of_attributes(layer: Any, found: list[Metric]) -> None:
    for name, value in vars(layer).items():
        if type(value) not in PLAIN and name not in layer._unseen:
            _collect(value, found)


def _collect(value: Any, found: list[Metric]) -> None:
    if isinstance(value, Metric):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, found)
    elif isinstance(value, Mapping):
        for each in value.values():
            _collect(each, found)
