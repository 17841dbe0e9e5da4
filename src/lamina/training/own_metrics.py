"""Metrics in addition to those of `compile`: attributes of a model and of its layers.

Tensor code anywhere in a step may update them (`call`, `compute_loss`, `train_step`). They are
reset with the others, and their results are part of the logs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lamina.layers import Layer
from lamina.layers._base.facts import attribute_values
from lamina.metrics import Metric
from lamina.tensor import Tensor, as_tensor
from lamina.training.protocol import Trainable


def own_metrics(model: Trainable) -> list[Metric]:
    """All metrics that the model and the layers inside hold, those of models inside as well."""
    found: list[Metric] = []
    for layer in model.layers:
        _of_attributes(layer, found)
    found += model.own_metrics
    return list({id(metric): metric for metric in found}.values())


def reported_metrics(layers: Sequence[Layer]) -> list[Metric]:
    """The metrics of a model and its layers whose results are part of the logs: without those of
    inner models, which report their own, as in Keras."""
    found: list[Metric] = []
    for layer in layers:
        if layer is layers[0] or not hasattr(layer, "train_step"):
            _of_attributes(layer, found)
    return list({id(metric): metric for metric in found}.values())


def results(metrics: Sequence[Metric], taken: Mapping[str, object]) -> dict[str, Tensor]:
    """The results by name. A second metric of one name is numbered; one called "loss" next to the
    compiled loss is left to the custom step that it was made for."""
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


def _of_attributes(layer: Layer, found: list[Metric]) -> None:
    for value in attribute_values(layer):
        _collect(value, found)


def _collect(value: object, found: list[Metric]) -> None:
    if isinstance(value, Metric):
        found.append(value)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, found)
    elif isinstance(value, Mapping):
        for each in value.values():
            _collect(each, found)
