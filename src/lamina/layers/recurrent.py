"""Recurrent layers: RNN with any cell, and SimpleRNN, LSTM and GRU with their own cells.

Inputs (batch, steps, features). One product with `kernel` projects all steps before the loop; the
loop is a `scan` that carries the states, with one recurrent product per iteration. Batch and number
of steps are symbolic, so one program runs sequences of any length.

A mask (batch, steps) is True at valid steps. A masked step keeps the states and repeats the last
output; a fully masked row returns the initial values, by default zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Unpack

import numpy as np

from lamina import operations as ops
from lamina import restoring, tree
from lamina.errors import ShapeError, StateError
from lamina.ir.types import Dim, Extent, bool_, is_static, same
from lamina.layers._base import building
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.recurrent_cell import RecurrentCell, checked_states
from lamina.layers._base.spec import SEQUENCES, InputSpec, shape_text
from lamina.layers._base.streaming import Streaming, refused, streaming
from lamina.layers.stacked_cells import (
    StackedRNNCells,
    checked_cell,
    initial_state,
    output_size,
    parts_of,
)
from lamina.locks import MAKING
from lamina.operations import limits, masks, updating
from lamina.tensor import Tensor, as_tensor
from lamina.transforms.loops import scan
from lamina.variables import Variable

__all__ = ["RNN"]


class RNN(Layer):
    """Recurrent layer that applies a cell to each step of a sequence.

    A cell has `call(inputs, states) -> output, new_states` for one step, and `state_size`. A masked
    step keeps the states and repeats the previous output; a fully masked row returns the initial
    values.

    Args:
        cell: recurrent cell, or a list of cells that are stacked.
        return_sequences: return the outputs of all steps, (batch, steps, units), instead of that of
            the last.
        return_state: also return the final states, after the output.
        go_backwards: process the steps from the last to the first; the outputs are in the order of
            processing.
        stateful: start each call with the final states of the previous one, until `reset_state()`;
            needs a fixed batch size.
        unroll: accepted for compatibility with Keras; has no effect.
        zero_output_for_mask: output zeros at masked steps instead of the previous output.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, units), or (batch, steps, units) with return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.RNN(lm.layers.LSTMCell(4), return_sequences=True)(lm.Input((5, 3))).shape
        (batch, 5, 4)
    """

    input_spec = InputSpec(min_ndim=3)
    supports_masking = True
    _unseen: ClassVar[frozenset[str]] = Layer._unseen | {"states"}
    states: Any

    def __init__(
        self,
        cell: Layer | Sequence[Layer],
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell, dtype=self.dtype_policy)
        self.cell = checked_cell(cell)
        self.return_sequences, self.return_state = bool(return_sequences), bool(return_state)
        self.go_backwards, self.stateful = bool(go_backwards), bool(stateful)
        self.zero_output_for_mask = bool(zero_output_for_mask)
        self.states = None

    def build(self, input_shape: Any) -> None:
        if isinstance(self.cell, Layer):
            self.cell.build((None, *input_shape[2:]))
        axes = {-1: input_shape[-1]}
        words = SEQUENCES if len(input_shape) == 3 else None
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes, layout=words)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Return the mask of the inputs if there is an output for every step, otherwise None.

        Args:
            inputs: inputs of the call.
            mask: mask of the inputs; None if all entries count.
        """
        if not self.return_sequences or mask is None:
            return None
        return ops.flip(mask, axis=1) if self.go_backwards else mask

    # ---- calling -------------------------------------------------------------------------------
    def call(
        self,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        batch = sequences.shape[0]
        states = self._begin(initial_state, batch)
        last, states, outputs, _ = self._over(sequences, states, None, mask, training)
        if self.stateful:
            self._keep(states, batch)
        return self._given(last, states, outputs)

    def call_streaming(
        self,
        stream: Streaming,
        sequences: Tensor,
        initial_state: Any = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Process one step, from the states of the previous step.

        Args:
            stream: stream in progress.
            sequences: one step of the inputs, (batch, 1, features).
            initial_state: must be None; the stream keeps the states.
            mask: mask of the step; None if it counts.
            training: True in training.
        """
        if self.go_backwards or self.stateful or initial_state is not None:
            what = "it goes backwards" if self.go_backwards else "its states come from elsewhere"
            raise refused(self, what)
        kept = stream.state(self, lambda: self._first(stream.batch))
        states, held = kept.read()
        with streaming(None):
            last, states, outputs, new = self._over(sequences, states, held, mask, training)
        kept.keep((states, held if new is None else new))
        return self._given(last, states, outputs)

    def _first(self, batch: int) -> tuple[list[Any], Tensor | None]:
        """Return the initial states of a stream, and the output if it is not one of them."""
        is_state = _place_of_output(self.cell) is not None and not self.zero_output_for_mask
        states = self.get_initial_state(batch)
        return states, None if is_state else self._no_output(states, batch)

    def _no_output(self, states: list[Any], batch: Dim) -> Tensor:
        """Return zeros of the shape of the output of a step."""
        place = _place_of_output(self.cell)
        like = None if place is None else tree.leaves(states)[place].shape
        return ops.zeros(like or (batch, output_size(self.cell)), dtype=self._compute_dtype)

    def _given(self, last: Any, states: list[Any], outputs: Any) -> Any:
        """Select the results that the caller asked for."""
        if self.return_sequences:
            outputs = ops.flip(outputs, axis=0) if self.go_backwards else outputs
            last = ops.swapaxes(outputs, 0, 1)
        return (last, *states) if self.return_state else last

    def _over(
        self, sequences: Tensor, states: list[Any], held: Tensor | None, mask: Any, training: bool
    ) -> tuple[Any, list[Any], Any, Any]:
        """Return the last output (None if unused), the last states, all outputs, and the previous
        output (`held`), which a masked step repeats and which is carried only if it is not a state.
        """
        xs = ops.swapaxes(ops.astype(sequences, self._compute_dtype), 0, 1)
        valid = self._valid(mask, sequences)
        if valid is not None:  # values at masked steps must not matter
            xs = ops.where(masks.fitted(valid, sequences.ndim), xs, 0)
        parts = parts_of(self.cell, xs.shape[1], xs.shape[-1], training)
        xs = parts.project(xs)
        place = _place_of_output(self.cell)
        is_state = place is not None and (valid is None or not self.zero_output_for_mask)
        needed = not is_state and (valid is not None or not self.return_sequences)
        if needed and held is None:
            held = self._no_output(states, xs.shape[1])
        held = held if needed else None

        def turn(carry: Any, this: Any) -> Any:
            (states, held), (x, there) = carry, this
            output, new = parts.step(x, states)
            if there is not None:
                if not is_state:
                    before = output * 0 if self.zero_output_for_mask else held
                    output = _select(there, output, before)
                new = tree.map_structure(lambda a, b: _select(there, a, b), new, states)
            if is_state:
                output = tree.leaves(new)[place or 0]
            return (new, output if needed else None), output if self.return_sequences else None

        (states, held), outputs = scan(turn, (states, held), (xs, valid), reverse=self.go_backwards)
        return tree.leaves(states)[place or 0] if is_state else held, states, outputs, held

    def _valid(self, mask: Any, sequences: Tensor) -> Tensor | None:
        """Return the mask as bools with the steps first, (steps, batch)."""
        if mask is None:
            return None
        mask = as_tensor(as_tensor(mask), bool_)
        pairs = zip(mask.shape, sequences.shape, strict=False)
        if mask.ndim != 2 or any(is_static(m) and is_static(n) and m != n for m, n in pairs):
            raise ShapeError(
                f"{self._label()}: the mask has shape {shape_text(mask.shape)}, the sequences have "
                f"shape {shape_text(sequences.shape)}",
                hint="a mask has one bool a step, (batch, steps): True where the step is there",
            )
        return ops.swapaxes(mask, 0, 1)

    # ---- states --------------------------------------------------------------------------------
    def get_initial_state(self, batch_size: Dim) -> list[Any]:
        """Return the default initial states of the cell, zeros.

        Args:
            batch_size: number of sequences.
        """
        return initial_state(self.cell, batch_size, self._compute_dtype)

    def _begin(self, given: Any, batch: Dim) -> list[Any]:
        """Return the first states."""
        zeros = self.get_initial_state(batch)
        if given is not None:
            return self._fitting(given, zeros)
        if not self.stateful:
            return zeros
        with MAKING:
            if self.states is None:
                self._make_states(zeros, batch)
        return tree.map_structure(lambda v: _rows(self, v, batch), self.states)

    def _fitting(self, given: Any, zeros: list[Any]) -> list[Any]:
        """Return the given initial state if it has the expected structure."""
        given = list(given) if isinstance(given, (list, tuple)) else [given]
        flat, structure = tree.flatten(zeros)
        wanted = [z.shape for z in flat]
        states = checked_states(self._label(), "initial_state", tree.leaves(given), wanted)
        return tree.unflatten(structure, [as_tensor(s, self._compute_dtype) for s in states])

    def _make_states(self, zeros: list[Any], batch: Dim) -> None:
        if isinstance(batch, Extent):
            raise ShapeError(
                f"{self._label()}: a stateful layer needs to know how many sequences run side by "
                "side",
                hint="give the size of the batch, such as 32: Input(batch_shape=(32, steps, "
                "features))",
            )
        restoring.claim(self._label(), "its states", sum(math.prod(z.shape) for z in zeros))
        with building.outside_traces():
            self.states = tree.map_structure(
                lambda z: Variable(
                    np.zeros(z.shape), trainable=False, dtype=z.dtype, name="rnn_state"
                ),
                zeros,
            )

    def _keep(self, states: list[Any], batch: Dim) -> None:
        for variable, state in zip(tree.leaves(self.states), tree.leaves(states), strict=True):
            if same(batch, variable.shape[0]):
                variable.assign(state)
            else:
                first = ops.arange(batch)
                variable.assign(updating.at(variable.read())[first].set(state))

    def reset_state(self) -> None:
        """Reset the states of a stateful layer to their initial values."""
        if not self.stateful:
            raise StateError(f"{self._label()}: reset_state needs stateful=True")
        for variable in tree.leaves(self.states):
            variable.assign(np.zeros(variable.shape, variable.dtype.storage))

    reset_states = reset_state


def _select(there: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return ops.where(masks.fitted(there, new.ndim), new, old)


def _rows(layer: RNN, variable: Variable, batch: Dim) -> Tensor:
    """Return the state of the first `batch` rows, if a program serves any batch size."""
    count = variable.shape[0]
    if same(batch, count):
        return variable.read()

    def other(came: int) -> ShapeError:
        return ShapeError(
            f"{layer._label()}: is stateful and holds the state of {count} sequences; now "
            f"{came} came",
            hint=f"batches of one size only: batch_size={count}, or a new layer for another",
        )

    if not isinstance(batch, Extent):
        raise other(batch)
    limits.at_most(batch, int(count), other)
    return ops.take(variable.read(), ops.arange(batch), axis=0)


def _place_of_output(cell: Any) -> int | None:
    """Return the flat index of the cell's state that is its output; None if unknown."""
    if isinstance(cell, RecurrentCell):
        return 0
    if isinstance(cell, StackedRNNCells) and isinstance(cell.cells[-1], RecurrentCell):
        return len(tree.leaves(cell.state_size[:-1]))
    return None
