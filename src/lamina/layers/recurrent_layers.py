"""Recurrent layers with a built-in cell: SimpleRNN, LSTM, GRU."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from lamina.annotations import ActivationLike
from lamina.errors import unknown_argument
from lamina.layers._base import arguments
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import GRUOptions, LSTMOptions, RecurrentOptions
from lamina.layers._base.recurrent_cell import RecurrentCell
from lamina.layers._base.spec import SEQUENCES, InputSpec
from lamina.layers.recurrent import RNN
from lamina.layers.recurrent_cells import GRUCell, LSTMCell, SimpleRNNCell

__all__ = ["GRU", "LSTM", "SimpleRNN"]


class OfCell(RNN):
    """Base class of recurrent layers that create their cell."""

    input_spec = InputSpec(ndim=3, layout=SEQUENCES)
    cell_class: ClassVar[type[RecurrentCell]]
    _hidden: ClassVar[tuple[str, ...]] = ("cell", "rank", "units")  # settled by the class

    @classmethod
    def _passes_keywords_to(cls) -> list[type]:
        """Return the classes whose arguments the constructor takes by keyword."""
        cell, own = cls.cell_class.__mro__, cls.__mro__
        return [*own[: own.index(RNN)], *cell[: cell.index(Layer)], *own[own.index(RNN) :]]

    def __init__(self, units: int, **kwargs: Any) -> None:
        kwargs.pop("implementation", None)  # of programs before Keras 3; has no effect
        self._arguments.pop("implementation", None)
        for_cell = _parameters(self.cell_class) - {"units"}
        for_layer = _parameters(RNN) | set(arguments.KEYWORDS)
        for name in kwargs:
            if name not in for_cell | for_layer:
                known = for_cell | for_layer - {"cell"}
                raise unknown_argument(type(self).__name__, name, known)
        own = {k: v for k, v in kwargs.items() if k in for_cell}
        rest = {k: v for k, v in kwargs.items() if k not in for_cell}
        cell = self.cell_class(units, **own, dtype=rest.get("dtype"))
        super().__init__(cell, **rest)

    @property
    def units(self) -> int:
        return self.cell.units  # type: ignore[union-attr]


def _parameters(cls: type) -> set[str]:
    """Return the arguments of a class and its bases, without those of `Layer`."""
    names: set[str] = set()
    for each in cls.__mro__:
        if each is Layer:
            break
        names |= set(arguments.parameters(each.__init__))  # type: ignore[misc]
    return names - {"self", "args", "kwargs"}


class SimpleRNN(OfCell):
    """Fully connected recurrent layer.

        h' = activation(x @ kernel + h @ recurrent_kernel + bias)

    Weights: kernel (features, units), recurrent_kernel (units, units), bias (units,).

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to the outputs; None applies none.
        use_bias: add a learned bias.
        **kwargs: arguments of `RNN` (`return_sequences`, ...), `SimpleRNNCell` (`dropout`, ...) and
            `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, units), or (batch, steps, units) with return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.SimpleRNN(4)(lm.Input((5, 3))).shape
        (batch, 4)

    Source: Elman (1990), Finding structure in time.
    """

    cell_class = SimpleRNNCell

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        **kwargs: Unpack[RecurrentOptions],
    ) -> None:
        super().__init__(units, activation=activation, use_bias=use_bias, **kwargs)


class LSTM(OfCell):
    """Long short-term memory layer with the states h and c.

        i, f, g, o = x @ kernel + h @ recurrent_kernel + bias, in four parts
        c' = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h' = sigmoid(o) * tanh(c')

    sigmoid is `recurrent_activation`, tanh is `activation`. Weights: kernel (features, 4 units),
    recurrent_kernel (units, 4 units), bias (4 units,).

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to candidates and outputs.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        use_cudnn: accepted for compatibility with Keras; has no effect.
        **kwargs: arguments of `RNN` (`return_sequences`, ...), `LSTMCell` (`dropout`, ...) and
            `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, units), or (batch, steps, units) with return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.LSTM(4, return_sequences=True)(lm.Input((5, 3))).shape
        (batch, 5, 4)

    Source: Hochreiter and Schmidhuber (1997), Long short-term memory; Gers et al. (2000), Learning
        to forget.
    """

    cell_class = LSTMCell

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[LSTMOptions],
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            **kwargs,
        )
        self.use_cudnn = use_cudnn


class GRU(OfCell):
    """Gated recurrent unit layer.

        z, r, n = x @ kernel + input bias, in three parts; and of h @ recurrent_kernel + its bias
        z = sigmoid(z_x + z_h)      r = sigmoid(r_x + r_h)
        n = tanh(n_x + r * n_h)     with reset_after=False: tanh(n_x + (r * h) @ its kernel)
        h' = z * h + (1 - z) * n

    sigmoid is `recurrent_activation`, tanh is `activation`. Weights: kernel (features, 3 units),
    recurrent_kernel (units, 3 units), bias (2, 3 units), or (3 units,) without `reset_after`.

    Args:
        units: number of output features, a positive integer.
        activation: name or function applied to the candidates.
        recurrent_activation: name or function applied to the gates.
        use_bias: add a learned bias.
        use_cudnn: accepted for compatibility with Keras; has no effect.
        **kwargs: arguments of `RNN` (`return_sequences`, ...), `GRUCell` (`reset_after`, ...) and
            `Layer`.

    Shapes:
        (batch, steps, features) -> (batch, units), or (batch, steps, units) with return_sequences

    Example:
        >>> import lamina as lm
        >>> lm.layers.GRU(4)(lm.Input((5, 3))).shape
        (batch, 4)

    Source: Cho et al. (2014), Learning phrase representations using RNN encoder-decoder.
    """

    cell_class = GRUCell

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        use_cudnn: bool | str = "auto",
        **kwargs: Unpack[GRUOptions],
    ) -> None:
        super().__init__(
            units,
            activation=activation,
            recurrent_activation=recurrent_activation,
            use_bias=use_bias,
            **kwargs,
        )
        self.use_cudnn = use_cudnn
