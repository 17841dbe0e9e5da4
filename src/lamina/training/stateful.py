"""Batches for models with stateful layers: each as large as the number of sequences they hold."""

from __future__ import annotations

from lamina import tree
from lamina.data.arrays import Array
from lamina.errors import DataError, ShapeError
from lamina.layers import Layer
from lamina.layers._base.facts import label
from lamina.training.columns import Columns
from lamina.training.protocol import Trainable
from lamina.training.sources import Resident


def batch_size_for(model: Trainable, given: int | None, default: int = 32) -> int:
    """The batch size: what was given, or as many sequences as stateful layers hold, or `default`.

    Raises ShapeError where a stateful layer holds another number than was given.
    """
    held = _held(model)
    if held is None:
        return default if given is None else given
    layer, count = held
    size = count if given is None else given
    if size != count:
        raise ShapeError(
            f"{label(layer)}: is stateful and holds the state of {count} sequences; now {size} "
            "came",
            hint=f"batches of one size only: batch_size={count}, or Input(batch_shape=({size}, "
            "...)) in a new model",
        )
    return size


def resident(
    model: Trainable,
    data: Columns,
    batch_size: int | None,
    default: int,
    rows: Array | None = None,
    seed: int | None = None,
    limit: int | None = None,
    limit_name: str = "steps",
) -> Resident:
    """Return arrays in batches of a size that the model can take; arguments as of Resident."""
    size = batch_size_for(model, batch_size, default)
    source = Resident(data, size, rows, seed, limit, limit_name)
    if source.limit is None:
        check_rows(model, len(source.rows))
    return source


def check_rows(model: Trainable, rows: int, batches: bool = True) -> None:
    """Raise DataError where rows do not form whole batches of a stateful layer's sequences; with
    `batches` False, where they are not one."""
    held = _held(model)
    if held is None or rows == held[1] or (batches and rows % held[1] == 0):
        return
    layer, count = held
    whole = rows // count * count if batches else count
    raise DataError(
        f"{label(layer)}: is stateful and takes batches of {count} sequences; there are {rows} "
        "rows",
        hint=f"leave rows out, x[:{whole}]" if 0 < whole < rows else "a model for fewer sequences",
    )


def sequences_held(model: Trainable) -> int | None:
    """The number of sequences that a model with stateful layers holds; None for one without."""
    held = _held(model)
    return None if held is None else held[1]


def _held(model: Trainable) -> tuple[Layer, int] | None:
    """A stateful layer of the model, and the number of sequences that it holds."""
    for layer in model.layers:
        states = getattr(layer, "states", None)
        if getattr(layer, "stateful", False) and states is not None:
            return layer, int(tree.leaves(states)[0].shape[0])
    return None
