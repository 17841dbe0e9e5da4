"""Cells of cells: a stack of them as one, and what a layer asks of any cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from lamina import operations as ops
from lamina.errors import ArgumentError, describe
from lamina.ir.types import Dim
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.recurrent_cell import Parts
from lamina.tensor import Tensor

__all__ = ["StackedRNNCells"]


class StackedRNNCells(Layer):
    """Stack of recurrent cells as one cell: the output of each is the input of the next.

    The states are a list with the states of each cell.

    Args:
        cells: sequence of recurrent cells, the first one first.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        inputs (batch, features), states -> (batch, units of the last cell), new states

    Example:
        >>> import lamina as lm
        >>> cells = [lm.layers.LSTMCell(4), lm.layers.GRUCell(6)]
        >>> lm.layers.RNN(lm.layers.StackedRNNCells(cells))(lm.Input((5, 3))).shape
        (batch, 6)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)) or not cells:
            raise ArgumentError(
                f"StackedRNNCells: invalid cells (expected a list of cells, got {describe(cells)})"
            )
        self.cells = [checked_cell(cell) for cell in cells]

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> int:
        return output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        features = input_shape[-1]
        for cell in self.cells:
            if isinstance(cell, Layer):
                cell.build((None, features))
            features = output_size(cell)

    def get_initial_state(self, batch_size: Dim) -> list[Any]:
        """Return the initial states of all cells.

        Args:
            batch_size: number of sequences.
        """
        return [initial_state(cell, batch_size, self._compute_dtype) for cell in self.cells]

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> tuple[Tensor, list[Any]]:
        parts = self.parts(inputs.shape[0], inputs.shape[-1], training)
        return parts.step(parts.project(inputs), states)

    def parts(self, batch: Dim, features: Dim, training: bool) -> Parts:
        """Project the inputs of the first cell for all steps; the other cells project theirs in
        each step.

        Args:
            batch: number of sequences.
            features: number of input features.
            training: True in training, in which dropout applies.
        """
        each = []
        for cell in self.cells:
            each.append(parts_of(cell, batch, features, training))
            features = output_size(cell)

        def step(x: Tensor, states: Any) -> tuple[Tensor, list[Any]]:
            new = []
            for k, (parts, own) in enumerate(zip(each, states, strict=True)):
                x, state = parts.step(x if k == 0 else parts.project(x), own)
                new.append(state)
            return x, new

        return Parts(each[0].project, step)


def checked_cell(cell: Any) -> Any:
    """Return the cell, or raise an ArgumentError that names what it lacks."""
    if hasattr(cell, "return_sequences"):
        kind = type(cell).__name__
        raise ArgumentError(
            f"RNN: {kind} is a whole layer, not a cell",
            hint=f"use {kind}(...) without RNN, or RNN({kind}Cell(...))",
        )
    for needed in ("call", "state_size"):
        if not hasattr(type(cell), needed) and not hasattr(cell, needed):
            raise ArgumentError(
                f"RNN: a cell needs `{needed}`, which {type(cell).__name__} does not have",
                hint="a cell has call(inputs, states) -> output, new_states, and state_size",
            )
    return cell


def output_size(cell: Any) -> int:
    """Return the features of a cell's output, by default those of its first state."""
    found = getattr(cell, "output_size", None)
    if found is None:
        found = cell.state_size
        found = found[0] if isinstance(found, (list, tuple)) else found
    return int(found)


def initial_state(cell: Any, batch: Dim, dtype: Any) -> list[Any]:
    """Return the initial states of a cell as a list: from `get_initial_state`, or zeros."""
    if hasattr(cell, "get_initial_state"):
        found = cell.get_initial_state(batch_size=batch)
        return list(found) if isinstance(found, (list, tuple)) else [found]
    sizes = cell.state_size
    sizes = sizes if isinstance(sizes, (list, tuple)) else [sizes]
    return [ops.zeros((batch, n), dtype=dtype) for n in sizes]


def parts_of(cell: Any, batch: Dim, features: Dim, training: bool) -> Parts:
    """Return the parts of a cell; a cell without parts does all its work in the step."""
    if hasattr(cell, "parts"):
        return cell.parts(batch, features, training)
    options = {"training": training} if isinstance(cell, Layer) else {}

    def step(x: Tensor, states: Any) -> tuple[Tensor, list[Any]]:
        output, new = cell(x, states, **options)
        return output, list(new) if isinstance(new, (list, tuple)) else [new]

    return Parts(lambda x: x, step)
