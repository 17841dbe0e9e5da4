"""The loss of a model as a function of its weights, for plots of gradients and of the loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lamina import tree
from lamina.errors import ArgumentError, NotBuiltError, describe
from lamina.models import Model
from lamina.operations import random_keys
from lamina.stateless import StatelessScope
from lamina.tensor import Tensor, as_tensor
from lamina.variables import Variable


def first_rows(nest: Any, rows: int) -> Any:
    """Return the first rows of arrays as tensors, float64 as float32, as `fit` takes them."""

    def taken(values: Any) -> Tensor:
        array = np.asarray(values[:rows] if hasattr(values, "shape") else values)[:rows]
        return as_tensor(array.astype(np.float32) if array.dtype == np.float64 else array)

    if hasattr(nest, "to_numpy"):  # a frame, whose columns are not separate inputs
        return taken(nest.to_numpy())
    is_rows = isinstance(nest, list) and nest and not hasattr(nest[0], "shape")
    return taken(nest) if is_rows else tree.map_structure(taken, nest)


def first_batch(x: Any, y: Any, rows: int) -> tuple[Any, Any]:
    """Return the first rows of inputs and targets, or of a data set its first batch."""
    is_stream = hasattr(x, "__iter__") and not hasattr(x, "shape")
    if y is None and is_stream and not isinstance(x, list | tuple | Mapping):
        batch = next(iter(x), None)
        if not isinstance(batch, list | tuple) or len(batch) < 2:
            raise ArgumentError(
                f"a data set gives {describe(batch)}, expected batches (x, y)",
                hint="give inputs and targets as arrays",
            )
        x, y = batch[:2]
    return first_rows(x, rows), None if y is None else first_rows(y, rows)


def need_objective(owner: str, model: Any, x: Any, y: Any) -> None:
    """Check model and data as `evaluate` does, on these rows, which also builds the loss.

    Raises ArgumentError if the model is not a model, or was not compiled.
    """
    if not isinstance(model, Model):
        raise ArgumentError(f"{owner}: got {describe(model)}, expected a model")
    if not model.compiled:
        raise ArgumentError(
            f"{owner}: '{model.name}' has no loss yet",
            hint="call model.compile(optimizer, loss) first",
        )
    model.evaluate(x, y, verbose=0)
    if not model.trainable_weights:
        raise NotBuiltError(f"{owner}: '{model.name}' has no trainable weights")


def loss_of(
    model: Model, variables: Sequence[Variable], values: Any, x: Any, y: Any, training: bool
) -> Tensor:
    """The loss if the variables had these values, penalties included; nothing of the model changes.
    Random layers draw from a fixed key."""
    scope = StatelessScope(list(zip(variables, values, strict=True)))
    with scope, random_keys.key_scope(random_keys.key(0)):
        try:
            outputs = model(x, training=training)
            loss: Tensor = model.compute_loss(x=x, y=y, y_pred=outputs, training=training)
        finally:
            model.reset_losses()
    return loss
