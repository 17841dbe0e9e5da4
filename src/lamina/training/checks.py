"""What is checked before anything is computed: do data, model and loss go together?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lamina import losses, tree
from lamina.errors import ArgumentError, StateError
from lamina.layers import symbolic
from lamina.training.columns import Columns
from lamina.training.step import Steps, aligned


def need_compiled(model: Any, what: str) -> None:
    if model._session is None:
        raise StateError(
            f"{model._label()}: {what} comes before compile",
            hint="call model.compile(optimizer='adam', loss=..., metrics=[...]) first",
        )


def check_inputs(model: Any, columns: Columns, first: int = 0) -> None:
    """Raise where the data hold what a layer that takes them cannot, such as a number outside of a
    vocabulary; rows are counted from `first`."""
    graph = getattr(model, "_graph", None)
    if graph is None or not graph.readers:
        return
    numbers = tree.unflatten(columns.input_structure, range(len(columns.inputs)))
    places = graph.ordered(model._label(), numbers)
    for k, layer in graph.readers:
        layer.check_data(columns.inputs[places[k]], first)


def check_targets(
    model: Any, steps: Steps, columns: Columns, shapes: Sequence[Any], what: str
) -> None:
    """Raise unless each output has targets and an activation that go with its loss."""
    names = [row.name for row in steps.objectives]
    y = tree.unflatten(columns.target_structure, columns.targets)
    targets = aligned(y, names, "y")
    layers = output_layers(model)
    layers = layers if len(layers) == len(names) else [None] * len(names)
    for row, target, shape, layer in zip(steps.objectives, targets, shapes, layers, strict=True):
        if row.loss is None:
            continue
        if target is None:
            raise ArgumentError(
                f"{what}: the loss {row.loss.name} needs targets, and y is missing"
                + (f" for output '{row.name}'" if len(names) > 1 else ""),
                hint=f"{what}(x, y)",
            )
        along_last = bool(shape) and getattr(layer, "axis", -1) == -1
        losses.check_activation(row.loss, activation_of(layer), shape[-1] if along_last else None)
        losses.check_targets(row.loss, target, shape)
    _refuse_double_softmax(model)


# ---- the last layers ---------------------------------------------------------------------------
def output_layers(model: Any) -> list[Any]:
    """The layer that each output comes from, where the model knows; else nothing."""
    graph = getattr(model, "_graph", None)
    if graph is not None:
        found = [symbolic.source_of(node) for node in graph.output_nodes]
        return [source[0].layer for source in found if source is not None]
    return model.layers[-1:] if hasattr(model, "_stage") else []


def activation_of(layer: Any) -> str | None:
    """The name of what a layer ends with, or None where that cannot be told."""
    if layer is None:
        return None
    if getattr(layer, "_graph", None) is not None or hasattr(layer, "_stage"):
        inner = output_layers(layer)
        return activation_of(inner[0]) if len(inner) == 1 else None
    own = type(layer).__name__
    if own in ("Softmax", "ReLU", "LeakyReLU", "ELU", "PReLU"):
        return {"LeakyReLU": "leaky_relu", "PReLU": "leaky_relu"}.get(own, own.lower())
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None)


def _refuse_double_softmax(model: Any) -> None:
    for layer in output_layers(model):
        if activation_of(layer) != "softmax" or own_weights(layer):
            continue
        before = _before(model, layer)
        if before is not None and activation_of(before) == "softmax":
            raise ArgumentError(
                f"{layer._label()}: its softmax comes after the softmax of {before._label()}: "
                "probabilities would go through a second one",
                hint="leave one of the two out",
            )


def own_weights(layer: Any) -> bool:
    return bool(layer.weights)


def _before(model: Any, layer: Any) -> Any:
    """The layer in front of one, in a chain."""
    graph = getattr(model, "_graph", None)
    for call in graph.calls if graph is not None else ():
        if call.layer is layer and len(call.inputs) == 1 and call.inputs[0]._node is not None:
            source = symbolic.source_of(call.inputs[0]._node)
            return source[0].layer if source is not None else None
    return None
