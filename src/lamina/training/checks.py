"""Checks before the first step: whether data, model and loss fit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from lamina import activations, losses, tree
from lamina.annotations import ArrayLike
from lamina.errors import ArgumentError
from lamina.layers import Layer
from lamina.layers._base.facts import label
from lamina.training.columns import Columns
from lamina.training.outputs import aligned
from lamina.training.protocol import Extents, Structure, Trainable
from lamina.training.step import Steps


def check_inputs(model: Trainable, columns: Columns, first: int = 0) -> None:
    """Raise if the data hold what a layer cannot process, such as a number outside of a
    vocabulary; rows are counted from `first`."""
    for place, reader in model.structure.readers(columns.places):
        reader.check_data(columns.inputs[place], first)


def check_targets(
    model: Trainable, steps: Steps, columns: Columns, shapes: Sequence[Extents], what: str
) -> None:
    """Raise unless each output has targets and an activation that go with its loss."""
    names = [row.name for row in steps.objectives]
    y = tree.unflatten(columns.target_structure, columns.targets)
    targets = aligned(y, names, "y", needed=steps.needed)
    structure = model.structure
    found = structure.output_layers
    layers = found if len(found) == len(names) else [None] * len(names)
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
        last = None if layer is None else structure.last_layer(layer)
        losses.check_activation(row.loss, last, shape[-1] if along_last else None)
        losses.check_targets(row.loss, cast(ArrayLike, target), shape)
    _refuse_double_softmax(structure)


# ---- the last layers ---------------------------------------------------------------------------
def _is_softmax(structure: Structure, layer: Layer) -> bool:
    """Return True if the layer ends with probabilities that sum to 1."""
    return activations.output_range(structure.last_layer(layer)) == "distribution"


def _refuse_double_softmax(structure: Structure) -> None:
    for layer in structure.output_layers:
        if layer is None or layer.weights or not _is_softmax(structure, layer):
            continue
        before = structure.layer_before(layer)
        if before is not None and _is_softmax(structure, before):
            raise ArgumentError(
                f"{label(layer)}: its softmax comes after the softmax of {label(before)}: "
                "probabilities would go through a second one",
                hint="leave one of the two out",
            )
