"""Recurrent layers as the operators RNN, GRU and LSTM, which engines compute faster than a Scan.

While a model is recorded, such a layer is not traced: parameters of the graph stand for its
outputs, and the operator is written when its inputs are.

With a mask the valid steps are moved to the front, the operator computes as many as there are
(`sequence_lens`), and each step takes the output of the last valid step up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import context
from lamina import operations as ops
from lamina.configuration import NAMED_FUNCTIONS
from lamina.ir.graph import Node, parameter
from lamina.ir.types import Dim, TensorType, int32, plain
from lamina.layers import GRU, LSTM, SimpleRNN
from lamina.onnx.exporting.builder import Builder
from lamina.onnx.exporting.values import Value
from lamina.operations.creation import iota
from lamina.tensor import Tensor, as_tensor, from_node

ACTIVATIONS: dict[str, tuple[str, float | None, float | None]] = {
    "tanh": ("Tanh", None, None),
    "sigmoid": ("Sigmoid", None, None),
    "relu": ("Relu", None, None),
    "softsign": ("Softsign", None, None),
    "softplus": ("Softplus", None, None),
    "linear": ("Affine", 1.0, 0.0),
    "hard_sigmoid": ("HardSigmoid", 1 / 6, 0.5),
    "elu": ("Elu", 1.0, None),
}
"""Keras' names of activations -> name, alpha and beta in ONNX."""
GATES = {LSTM: (0, 3, 1, 2), GRU: (0, 1, 2), SimpleRNN: (0,)}
"""The gates of Keras (input, forget, cell, output; update, reset, hidden) in ONNX's order."""


@dataclass(eq=False)
class Call:
    """A call of a recurrent layer: its operands, and the parameters that represent its outputs.

    Args:
        layer: the layer.
        sequences: its inputs.
        states: initial states, if given.
        outputs: first output, and the last states.
        lengths: number of valid steps of each sequence, if there is a mask.
    """

    layer: Any
    sequences: Tensor
    states: list[Tensor]
    outputs: list[Node]
    lengths: Tensor | None = None

    @property
    def operands(self) -> list[Tensor]:
        """The operands of the operator."""
        return [self.sequences, *self.states, *([] if self.lengths is None else [self.lengths])]

    @property
    def is_reversed(self) -> bool:
        """True if the operator goes backwards; sequences with a mask are reversed before it."""
        return bool(self.layer.go_backwards) and self.lengths is None


@contextmanager
def kept_whole() -> Iterator[list[Call]]:
    """Context in which recurrent layers are recorded as calls where an operator computes them."""
    calls: list[Call] = []

    def replacement(layer: Any) -> Callable[..., Any] | None:
        if type(layer) not in GATES or layer.stateful or _functions(layer) is None:
            return None

        def call(
            sequences: Tensor, initial_state: Any = None, mask: Any = None, training: bool = False
        ) -> Any:
            if not sequences.dtype.is_float:
                return layer.call(
                    sequences, initial_state=initial_state, mask=mask, training=training
                )
            given = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
            states = [as_tensor(s) for s in given if s is not None]
            if mask is None:
                found = _recorded(calls, layer, as_tensor(sequences), states)
            else:
                found = _masked(calls, layer, as_tensor(sequences), states, as_tensor(mask))
            return tuple(found) if layer.return_state else found[0]

        return call

    with context.entered(replacement=replacement):
        yield calls


def _masked(
    calls: list[Call], layer: Any, x: Tensor, states: list[Tensor], mask: Tensor
) -> list[Tensor]:
    """A call of which some steps are left out: the state stays as it is there."""
    if layer.go_backwards:
        x, mask = ops.flip(x, axis=1), ops.flip(mask, axis=1)
    steps = x.shape[1]
    before = ops.astype(iota((steps, steps), 0) <= iota((steps, steps), 1), x.dtype)
    count = ops.astype(ops.matmul(ops.astype(mask, x.dtype), before), int32)  # up to each step
    total = count[:, -1]
    place = iota((1, steps, 1), 1)
    first = ops.sum(ops.expand_dims(count, 1) <= place, axis=2)
    first = ops.minimum(ops.astype(first, int32), steps - 1)  # of the k-th valid step
    packed = ops.take_along_axis(x, ops.expand_dims(first, 2), axis=1)
    output, *last = _recorded(calls, layer, packed, states, ops.maximum(total, 1))
    is_empty = ops.expand_dims(total == 0, 1)
    begin = states or [ops.zeros_like(state) for state in last]
    last = [ops.where(is_empty, a, b) for a, b in zip(begin, last, strict=True)]
    if not layer.return_sequences:
        return [last[0], *last]
    latest = ops.expand_dims(ops.maximum(count - 1, 0), 2)
    spread = ops.take_along_axis(output, latest, axis=1)
    if layer.zero_output_for_mask:
        return [ops.where(ops.expand_dims(mask, 2), spread, ops.zeros_like(spread)), *last]
    is_begun = ops.expand_dims(count > 0, 2)
    return [ops.where(is_begun, spread, ops.expand_dims(begin[0], 1)), *last]


def _recorded(
    calls: list[Call], layer: Any, x: Tensor, states: list[Tensor], lengths: Tensor | None = None
) -> list[Tensor]:
    batch, steps, _ = map(plain, x.shape)
    shape: tuple[Dim, ...] = (batch, layer.units)
    kinds = [TensorType(shape, x.dtype)] * (3 if isinstance(layer, LSTM) else 2)
    if layer.return_sequences:
        kinds[0] = TensorType((batch, steps, layer.units), x.dtype)
    outputs = [parameter(kind, "recurrent") for kind in kinds]
    calls.append(Call(layer, x, states, outputs, lengths))
    return [from_node(node) for node in outputs]


def _functions(layer: Any) -> list[tuple[str, float | None, float | None]] | None:
    """The activations of a layer in ONNX; None if one has no name there."""
    cell = layer.cell
    names = [_name(cell.activation)]
    if not isinstance(layer, SimpleRNN):
        names.insert(0, _name(cell.recurrent_activation))
    if isinstance(layer, LSTM):
        names.append(names[1])
    found = [ACTIVATIONS.get(name) for name in names]
    return None if None in found else found  # type: ignore[return-value]


def _name(function: Any) -> str:
    """The name of an activation; "" for a function of the user's."""
    return "linear" if function is None else NAMED_FUNCTIONS.get(function, "")


def write(b: Builder, call: Call, operands: list[Value]) -> list[Value]:
    """Write the operator of a call; return the values of its outputs."""
    x, *states = operands
    lengths = states.pop() if call.lengths is not None else None
    layer, cell = call.layer, call.layer.cell
    units, dtype = layer.units, call.sequences.dtype
    batch, steps, _ = map(plain, call.sequences.shape)
    order = GATES[type(layer)]
    w, r = (_gates(v.numpy(), order, units).T[None] for v in (cell.kernel, cell.recurrent_kernel))
    bias = _biases(layer, order, units)
    functions = _functions(layer)
    assert functions is not None
    alphas = [a for _, a, _ in functions if a is not None]
    betas = [z for _, _, z in functions if z is not None]
    path = f"{layer.path}/"
    start = [b.reshape(s, (1, batch, units)) for s in states] + [None] * (2 - len(states))
    inputs = [
        x.transposed((1, 0, 2)),
        b.constant(np.ascontiguousarray(w), dtype, path + "kernel"),
        b.constant(np.ascontiguousarray(r), dtype, path + "recurrent_kernel"),
        None if bias is None else b.constant(bias[None], dtype, path + "bias"),
        lengths,
        *start[: 2 if isinstance(layer, LSTM) else 1],
    ]
    state = ((1, batch, units), dtype)
    kinds: list[Any] = [((steps, 1, batch, units), dtype), state]
    kind = {LSTM: "LSTM", GRU: "GRU", SimpleRNN: "RNN"}[type(layer)]
    if kind == "LSTM":
        kinds.append(state)
    more = {"linear_before_reset": int(cell.reset_after)} if kind == "GRU" else {}
    whole, *last = b.ops(
        kind,
        inputs,
        kinds,
        hidden_size=units,
        direction="reverse" if call.is_reversed else "forward",
        activations=[name for name, _, _ in functions],
        activation_alpha=alphas or None,
        activation_beta=betas or None,
        **more,
    )
    lasts = [b.reshape(s, (batch, units)) for s in last]
    if not layer.return_sequences:
        return [lasts[0], *lasts]
    sequence = b.reshape(whole, (steps, batch, units))
    if call.is_reversed:
        ends = [b.integers([n]) for n in (-1, np.iinfo(np.int64).min, 0, -1)]
        sequence = b.op("Slice", [sequence, *ends], sequence.shape, dtype)
    return [sequence.transposed((1, 0, 2)), *lasts]


def _gates(array: np.ndarray, order: tuple[int, ...], units: int) -> np.ndarray:
    return np.concatenate([array[..., g * units : (g + 1) * units] for g in order], -1)


def _biases(layer: Any, order: tuple[int, ...], units: int) -> np.ndarray | None:
    """The biases of the input and of the recurrent state in one vector."""
    if layer.cell.bias is None:
        return None
    bias = layer.cell.bias.numpy()
    both = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
    return np.concatenate([_gates(part, order, units) for part in both])
