"""The base class of recurrent cells, and the parts into which a layer separates a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from lamina import activations, constraints, initializers, regularizers
from lamina import operations as ops
from lamina.annotations import ActivationLike, ConstraintLike, InitializerLike, RegularizerLike
from lamina.errors import RangeError, ShapeError
from lamina.ir.types import Dim, is_static
from lamina.layers._base.arguments import positive_integer
from lamina.layers._base.layer import Layer
from lamina.layers._base.options import LayerOptions
from lamina.layers._base.spec import InputSpec, shape_text
from lamina.operations import random
from lamina.operations.shaping import sliced
from lamina.seeding import SeedLike, next_key
from lamina.tensor import Tensor, as_tensor

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
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: SeedLike = None,
        **kwargs: Unpack[LayerOptions],
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
        return [ops.zeros(shape, dtype=self._compute_dtype) for _ in range(self.number_of_states)]

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
            x = ops.astype(x, self._compute_dtype)
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
        key = next_key(f"{self.path}/{which}", self.seed)
        kept = random.bernoulli(shape, 1 - rate, key=key)
        return ops.astype(kept, self._compute_dtype) * (1 / (1 - rate))


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
