"""The model's side of training: weights for the data that come, and what its outputs are."""

from __future__ import annotations

from typing import Any

from lamina import tree
from lamina.layers import symbolic
from lamina.training import checks
from lamina.training.columns import Columns


def build_for(model: Any, columns: Columns) -> None:
    """Make the weights, if they are not there, for data like these."""
    model.build_for(tree.unflatten(columns.input_structure, columns.inputs))


def output_shapes(model: Any, columns: Columns) -> tuple[list[Any], list[str]]:
    """The shape of each output, None for the batch, and what each is called."""
    nest = model._output_shape
    shapes: list[Any] = [(None, *a.shape[1:]) for a in columns.inputs]
    given = tree.unflatten(columns.input_structure, shapes)
    if nest is None or (model._graph is None and given != model._build_shape):
        nest = model.compute_output_shape(given)
    return shapes_and_names(model, nest)


def shapes_and_names(model: Any, nest: Any) -> tuple[list[Any], list[str]]:
    """The shapes of a nest of outputs and what each output is called: by its key in a dict of
    outputs, else by its layer."""
    found = symbolic.shape_leaves(nest)
    if isinstance(nest, dict) and all(symbolic.is_shape(shape) for shape in nest.values()):
        return found, sorted(map(str, nest))
    return found, _names(model, len(found))


def _names(model: Any, count: int) -> list[str]:
    """Outputs are called as the layers they come from; numbered where that is not known."""
    layers = checks.output_layers(model)
    names = [layer.name for layer in layers] if len(layers) == count else []
    if len(set(names)) == count:
        return names
    return [f"output_{k}" for k in range(count)] if count > 1 else ["output"]
