"""Recurrent cells, one step of a recurrent network: SimpleRNN, LSTM, GRU, and stacks of cells.

    cell(inputs, states) -> output, [new state, ...]

inputs (batch, features), states and output (batch, units). For speed, a cell splits into `Parts`:
the projection of the inputs, computed for all steps in one product, and the step, which depends on
the previous state. Dropout masks are drawn once for all steps (Gal and Ghahramani 2016).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.errors import ArgumentError, RangeError, ShapeError, describe
from lamina.ir.types import Dim, is_static
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.operations import random, random_keys
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor, as_tensor

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell", "StackedRNNCells"]

States = list[Tensor]


@dataclass(frozen=True)
class Parts:
    """A cell in two parts: cell(x, states) equals step(project(x), states).

    `project` accepts inputs with any leading axes; `step` takes its result, (batch, ...), and the
    states.
    """

    project: Callable[[Tensor], Tensor]
    step: Callable[[Tensor, States], tuple[Tensor, States]]


class RecurrentCell(Layer):
    """Base class of cells: `kernel` (features, gates * units), `recurrent_kernel` (units, gates *
    units), `bias`, dropout, and the call.
    """

    input_spec = InputSpec(ndim=2)
    gates = 1
    number_of_states = 1

    activation = activations.ActivationAttribute()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_integer(type(self).__name__, "units", units)
        self.activation = activation
        self.use_bias = bool(use_bias)
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.dropout = _rate(self, "dropout", dropout)
        self.recurrent_dropout = _rate(self, "recurrent_dropout", recurrent_dropout)
        self.seed = seed

    @property
    def state_size(self) -> Any:
        """The number of features of each state: an integer, or a list for several states."""
        sizes = [self.units] * self.number_of_states
        return sizes[0] if len(sizes) == 1 else sizes

    @property
    def output_size(self) -> int:
        return self.units

    # ---- weights -------------------------------------------------------------------------------
    def build(self, input_shape: Any) -> None:
        self.kernel = self._weight("kernel", (input_shape[-1], self.gates * self.units))
        width = self.gates * self.units
        self.recurrent_kernel = self._weight("recurrent_kernel", (self.units, width), "recurrent")
        self.bias = self._weight("bias", self.bias_shape()) if self.use_bias else None
        self.input_spec = InputSpec(ndim=2, axes={-1: input_shape[-1]})

    def _weight(self, name: str, shape: tuple[int, ...], kind: str | None = None) -> Any:
        kind = kind or name
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=self._initializer(kind),
            regularizer=getattr(self, f"{kind}_regularizer"),
            constraint=getattr(self, f"{kind}_constraint"),
        )

    def _initializer(self, kind: str) -> Any:
        return getattr(self, f"{kind}_initializer")

    def bias_shape(self) -> tuple[int, ...]:
        return (self.gates * self.units,)

    # ---- computing -----------------------------------------------------------------------------
    def get_initial_state(self, batch_size: Dim) -> States:
        """Return zeros.

        Args:
            batch_size: number of sequences.
        """
        shape = (batch_size, self.units)
        return [ops.zeros(shape, dtype=self.dtype) for _ in range(self.number_of_states)]

    def call(
        self, inputs: Tensor, states: Any, training: bool = False
    ) -> tuple[Tensor, list[Tensor]]:
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        wanted = [(inputs.shape[0], self.units)] * self.number_of_states
        states = checked_states(self._label(), "states", states, wanted)
        parts = self.parts(inputs.shape[0], inputs.shape[-1], training)
        return parts.step(parts.project(inputs), states)

    def parts(self, batch: Dim, features: Dim, training: bool) -> Parts:
        """Return the parts of the cell for a batch of this size; draws the dropout masks.

        Args:
            batch: number of sequences.
            features: number of input features.
            training: True in training, in which dropout applies.
        """
        outer = self._kept("dropout", (batch, features), training)
        inner = self._kept("recurrent_dropout", (batch, self.units), training)
        recurrent_kernel = self.recurrent_kernel.read()  # once, in front of the loop
        bias = self.bias.read() if self.bias is not None else None

        def project(x: Tensor) -> Tensor:
            x = ops.astype(x, self.dtype)
            x = x if outer is None else x * outer
            product = ops.matmul(x, self.kernel)
            own = self.input_bias(bias)
            return product if own is None else product + own

        def step(x: Tensor, states: States) -> tuple[Tensor, States]:
            seen = states[0] if inner is None else states[0] * inner
            return self.advance(x, seen, states, recurrent_kernel, bias)

        return Parts(project, step)

    def input_bias(self, bias: Tensor | None) -> Tensor | None:
        """Return the part of the bias that is added to the product with the inputs.

        Args:
            bias: whole bias of the cell.
        """
        return bias

    def advance(
        self, x: Tensor, seen: Tensor, states: States, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, States]:
        """Return output and new states for projected inputs and the first state after recurrent
        dropout.

        Args:
            x: projected inputs, (batch, gates * units).
            seen: first state after recurrent dropout, (batch, units).
            states: previous states.
            kernel: recurrent kernel.
            bias: bias of the recurrent product; None without one.
        """
        raise TypeError(f"{type(self).__name__} must define advance")

    def _kept(self, which: str, shape: tuple[Dim, ...], training: bool) -> Tensor | None:
        """Return a dropout factor: 0 for dropped elements, 1 / (1 - rate) for the others."""
        rate = getattr(self, which)
        if not training or rate == 0:
            return None
        key = random_keys.scoped_key(f"{self.path}/{which}")
        key = key if self.seed is None else random_keys.fold_in(key, self.seed)
        kept = random.bernoulli(shape, 1 - rate, key=key)
        return ops.astype(kept, self.dtype) * (1 / (1 - rate))


def _rate(cell: Layer, name: str, value: Any) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise RangeError(
            f"{type(cell).__name__}: {name} must be at least 0 and below 1, not {value!r}"
        )
    return float(value)


def gates_of(x: Tensor, count: int) -> list[Tensor]:
    """Split the last axis into equal parts."""
    axis, width = x.ndim - 1, x.shape[-1] // count
    return [sliced(x, axis, k * width, (k + 1) * width) for k in range(count)]


class SimpleRNNCell(RecurrentCell):
    """One step of a fully connected recurrent layer.

        h' = activation(x @ kernel + h @ recurrent_kernel + bias)

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        kernel_initializer: initializer of the kernel.
        recurrent_initializer: initializer of the recurrent kernel.
        bias_initializer: initializer of the bias.
        kernel_regularizer: regularizer of the kernel, a penalty added to the loss.
        recurrent_regularizer: regularizer of the recurrent kernel.
        bias_regularizer: regularizer of the bias.
        kernel_constraint: constraint applied to the kernel after each update.
        recurrent_constraint: constraint applied to the recurrent kernel after each update.
        bias_constraint: constraint applied to the bias after each update.
        dropout: fraction of the inputs set to 0 in training, in [0, 1).
        recurrent_dropout: fraction of the recurrent state set to 0 in training, in [0, 1).
        seed: integer that the random numbers depend on in addition to the global seed; None uses
            the global seed only.
        **kwargs: `name`, `trainable`, `dtype` and the other arguments of `Layer`.

    Shapes:
        inputs (batch, features), states [h (batch, units)] -> (batch, units), [h']

    Example:
        >>> import lamina as lm
        >>> lm.layers.RNN(lm.layers.SimpleRNNCell(4))(lm.Input((5, 3))).shape
        (batch, 4)

    Source: Elman (1990), Finding structure in time.
    """

    def advance(
        self, x: Tensor, seen: Tensor, states: States, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, States]:
        h = self.activation(x + ops.matmul(seen, kernel))
        return h, [h]


class LSTMCell(RecurrentCell):
    """One step of a long short-term memory layer with the states h and c.

        i, f, g, o = x @ kernel + h @ recurrent_kernel + bias, in four parts
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    sigmoid is `recurrent_activation`, tanh is `activation`.

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to candidates and outputs.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        unit_forget_bias: initialize the bias of the forget gate with 1 (Jozefowicz et al. 2015).
        **kwargs: other arguments of `SimpleRNNCell`: initializers, regularizers, constraints,
            dropout.

    Shapes:
        inputs (batch, features), states [h, c] (batch, units) -> (batch, units), [h', c']

    Example:
        >>> import lamina as lm
        >>> lm.layers.RNN(lm.layers.LSTMCell(4))(lm.Input((5, 3))).shape
        (batch, 4)

    Source: Hochreiter and Schmidhuber (1997), Long short-term memory; Gers et al. (2000), Learning
        to forget.
    """

    gates = 4
    number_of_states = 2

    recurrent_activation = activations.ActivationAttribute()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = recurrent_activation
        self.unit_forget_bias = bool(unit_forget_bias)

    def _initializer(self, kind: str) -> Any:
        return self._bias_begins if kind == "bias" else super()._initializer(kind)

    def _bias_begins(self, shape: Any, dtype: Any = None) -> Tensor:
        if not self.unit_forget_bias:
            return self.bias_initializer(shape, dtype=dtype)
        u = self.units
        first, rest = self.bias_initializer((u,), dtype=dtype), (2 * u,)
        ones = ops.ones((u,), dtype=dtype)
        return ops.concat([first, ones, self.bias_initializer(rest, dtype=dtype)])

    def advance(
        self, x: Tensor, seen: Tensor, states: States, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, States]:
        gate = self.recurrent_activation
        i, f, g, o = gates_of(x + ops.matmul(seen, kernel), 4)
        c = gate(f) * states[1] + gate(i) * self.activation(g)
        h = gate(o) * self.activation(c)
        return h, [h, c]


class GRUCell(RecurrentCell):
    """One step of a gated recurrent unit layer.

        z, r, n = x @ kernel + input bias, in three parts; and of h @ recurrent_kernel + its bias
        z = sigmoid(z_x + z_h)      r = sigmoid(r_x + r_h)
        n = tanh(n_x + r * n_h)     with reset_after=False: tanh(n_x + (r * h) @ its kernel)
        h' = z * h + (1 - z) * n

    sigmoid is `recurrent_activation`, tanh is `activation`.

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to the candidates.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        reset_after: apply the reset gate after the product with the recurrent kernel, with a
            separate recurrent bias (the variant of cuDNN).
        **kwargs: other arguments of `SimpleRNNCell`: initializers, regularizers, constraints,
            dropout.

    Shapes:
        inputs (batch, features), states [h (batch, units)] -> (batch, units), [h']

    Example:
        >>> import lamina as lm
        >>> lm.layers.RNN(lm.layers.GRUCell(4))(lm.Input((5, 3))).shape
        (batch, 4)

    Source: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.
    """

    gates = 3

    recurrent_activation = activations.ActivationAttribute()

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(units, activation, use_bias, **kwargs)
        self.recurrent_activation = recurrent_activation
        self.reset_after = bool(reset_after)

    def bias_shape(self) -> tuple[int, ...]:
        return (2, 3 * self.units) if self.reset_after else (3 * self.units,)

    def input_bias(self, bias: Tensor | None) -> Tensor | None:
        return bias if bias is None or not self.reset_after else bias[0]

    def advance(
        self, x: Tensor, seen: Tensor, states: States, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, States]:
        find = self._reset_after if self.reset_after else self._reset_before
        z, n = find(x, seen, kernel, bias)
        h = z * seen + (1 - z) * n
        return h, [h]

    def _reset_after(
        self, x: Tensor, h: Tensor, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        product = ops.matmul(h, kernel)
        product = product if bias is None else product + bias[1]
        edge = 2 * self.units
        z, r = self._both(sliced(x, 1, 0, edge) + sliced(product, 1, 0, edge))
        inner = sliced(product, 1, edge, 3 * self.units)
        return z, self.activation(sliced(x, 1, edge, 3 * self.units) + r * inner)

    def _both(self, zr: Tensor) -> list[Tensor]:
        """Return the update and the reset gate, computed together."""
        return gates_of(self.recurrent_activation(zr), 2)

    def _reset_before(
        self, x: Tensor, h: Tensor, kernel: Tensor, bias: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        edge, end = 2 * self.units, 3 * self.units
        product = ops.matmul(h, sliced(kernel, 1, 0, edge))
        z, r = self._both(sliced(x, 1, 0, edge) + product)
        product = ops.matmul(r * h, sliced(kernel, 1, edge, end))
        return z, self.activation(sliced(x, 1, edge, end) + product)


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

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
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
        return [initial_state(cell, batch_size, self.dtype) for cell in self.cells]

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


# ---- states ------------------------------------------------------------------------------------
def checked_states(label: str, what: str, given: Any, wanted: Sequence[Any]) -> list[Tensor]:
    """Return the given states as tensors. Raise ShapeError unless they have these shapes."""
    states = [as_tensor(state) for state in given]
    if len(states) != len(wanted) or not all(
        len(state.shape) == len(shape)
        and all(not is_static(s) or not is_static(n) or s == n for s, n in zip(state.shape, shape))
        for state, shape in zip(states, wanted)
    ):
        raise ShapeError(
            f"{label}: {what} has shapes {_listed([s.shape for s in states])}; the cell's states "
            f"have shapes {_listed(wanted)}",
            hint="pass the states of a layer of as many units: [h, c] for an LSTM, else h",
        )
    return states


def _listed(shapes: Sequence[Any]) -> str:
    return ", ".join(map(shape_text, shapes)) or "none"


# ---- any cell ----------------------------------------------------------------------------------
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
