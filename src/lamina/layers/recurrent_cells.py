"""Recurrent cells, one step of a recurrent network: SimpleRNN, LSTM, GRU, and stacks of cells.

    cell(inputs, states) -> output, [new state, ...]

inputs (batch, features), states and output (batch, units). For speed, a cell splits into `Parts`:
the projection of the inputs, computed for all steps in one product, and the step, which depends on
the previous state. Dropout masks are drawn once for all steps (Gal and Ghahramani 2016).
"""

from __future__ import annotations

from typing import Any, Unpack

from lamina import activations
from lamina import operations as ops
from lamina.annotations import ActivationLike
from lamina.layers._base.options import CellOptions
from lamina.layers._base.recurrent_cell import RecurrentCell, States, gates_of
from lamina.operations.shaping import sliced
from lamina.tensor import Tensor

__all__ = ["GRUCell", "LSTMCell", "SimpleRNNCell"]


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
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
        **kwargs: Unpack[CellOptions],
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
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        reset_after: bool = True,
        **kwargs: Unpack[CellOptions],
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
