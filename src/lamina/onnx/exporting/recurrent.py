"""Recurrent layers as the operators RNN, GRU and LSTM, which engines compute faster than a Scan.

While a model is recorded, such a layer is not traced: parameters of the graph stand for its
outputs, and the operator is written when its inputs are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from lamina import context
from lamina.configuration import NAMED_FUNCTIONS
from lamina.ir.graph import Node, parameter
from lamina.ir.types import Dim, TensorType, plain
from lamina.layers import GRU, LSTM, SimpleRNN
from lamina.onnx.exporting.builder import Builder
from lamina.onnx.exporting.values import Value
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
    """A call of a recurrent layer: its operands, and the parameters that represent its outputs."""

    layer: Any
    sequences: Tensor
    states: list[Tensor]
    outputs: list[Node]


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
            if mask is not None or not sequences.dtype.is_float:
                return layer.call(
                    sequences, initial_state=initial_state, mask=mask, training=training
                )
            given = initial_state if isinstance(initial_state, (list, tuple)) else [initial_state]
            states = [as_tensor(s) for s in given if s is not None]
            return _recorded(calls, layer, as_tensor(sequences), states)

        return call

    with context.entered(replacement=replacement):
        yield calls


def _recorded(calls: list[Call], layer: Any, x: Tensor, states: list[Tensor]) -> Any:
    batch, steps, _ = map(plain, x.shape)
    shape: tuple[Dim, ...] = (batch, layer.units)
    kinds = [TensorType(shape, x.dtype)] * (3 if isinstance(layer, LSTM) else 2)
    if layer.return_sequences:
        kinds[0] = TensorType((batch, steps, layer.units), x.dtype)
    outputs = [parameter(kind, "recurrent") for kind in kinds]
    calls.append(Call(layer, x, states, outputs))
    found = [from_node(node) for node in outputs]
    return tuple(found) if layer.return_state else found[0]


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


def write(b: Builder, call: Call, x: Value, states: list[Value]) -> list[Value]:
    """Write the operator of a call; return the values of its outputs."""
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
        None,
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
        direction="reverse" if layer.go_backwards else "forward",
        activations=[name for name, _, _ in functions],
        activation_alpha=alphas or None,
        activation_beta=betas or None,
        **more,
    )
    lasts = [b.reshape(s, (batch, units)) for s in last]
    if not layer.return_sequences:
        return [lasts[0], *lasts]
    sequence = b.reshape(whole, (steps, batch, units))
    if layer.go_backwards:
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
