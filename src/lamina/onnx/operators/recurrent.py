"""Recurrent networks: RNN, GRU and LSTM in one or two directions, with lengths of sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from lamina import activations
from lamina import operations as ops
from lamina.errors import UnknownNameError
from lamina.ir import types
from lamina.onnx.operators import functions
from lamina.onnx.rows import operator
from lamina.tensor import Tensor, as_tensor
from lamina.transforms import scan

Activation = Callable[[Any], Any]
State = tuple[Any, ...]

_PLAIN: dict[str, Callable[..., Any]] = {
    "relu": functions.relu,
    "tanh": ops.tanh,
    "sigmoid": activations.sigmoid,
    "softsign": activations.softsign,
    "softplus": activations.softplus,
}
_WITH_ALPHA: dict[str, tuple[Callable[..., Any], float]] = {
    "leakyrelu": (functions.leaky_relu, 0.01),
    "thresholdedrelu": (functions.thresholded_relu, 1.0),
    "elu": (functions.elu, 1.0),
}


def _activations(
    names: Sequence[str], alphas: Sequence[float], betas: Sequence[float]
) -> list[Activation]:
    """The functions by name; those with parameters take the next of alpha and beta."""
    alpha, beta = iter(alphas or ()), iter(betas or ())
    found: list[Activation] = []
    for name in names:
        key = name.lower()
        if key in _PLAIN:
            found.append(_PLAIN[key])
        elif key in _WITH_ALPHA:
            function, default = _WITH_ALPHA[key]
            found.append(_with(function, alpha=next(alpha, default)))
        elif key == "hardsigmoid":
            found.append(
                _with(functions.hard_sigmoid, alpha=next(alpha, 0.2), beta=next(beta, 0.5))
            )
        elif key == "scaledtanh":
            found.append(_scaled_tanh(next(alpha, 1.0), next(beta, 1.0)))
        elif key == "affine":
            found.append(_affine(next(alpha, 1.0), next(beta, 0.0)))
        else:
            raise UnknownNameError(f"ONNX: a recurrent operator has the activation {name!r}")
    return found


def _with(function: Callable[..., Any], **parameters: float) -> Activation:
    return lambda x: function(x, **parameters)


def _scaled_tanh(alpha: float, beta: float) -> Activation:
    return lambda x: alpha * ops.tanh(beta * x)


def _affine(alpha: float, beta: float) -> Activation:
    return lambda x: alpha * x + beta


def _clipped(x: Any, clip: float | None) -> Any:
    return x if not clip else ops.clip(x, -clip, clip)


Step = Callable[[Any, State], State]


def _run(
    x: Tensor, lengths: Tensor | None, start: State, step: Step, reverse: bool
) -> tuple[Any, State]:
    """The hidden states of all steps and the last state of one direction; x is (steps, batch, ...).

    A sequence's state stays after its length, and its outputs are zeros there.
    """
    count = x.shape[0]
    steps = ops.arange(count, dtype=types.int64)
    if reverse and lengths is not None:
        # each sequence backward from its own end
        order = ops.reshape(steps, (-1, 1))
        places = ops.where(order < lengths, lengths - 1 - order, order)
        x = ops.take_along_axis(x, places[:, :, None], axis=0)

    def body(state: State, given: tuple[Any, Any]) -> tuple[State, Any]:
        element, at = given
        new = step(element, state)
        if lengths is None:
            return new, new[0]
        alive = (at < lengths)[:, None]
        kept = tuple(ops.where(alive, n, o) for n, o in zip(new, state, strict=True))
        return kept, ops.where(alive, new[0], as_tensor(0, new[0].dtype))

    backward = reverse and lengths is None
    last, hidden = scan(body, start, (x, steps), reverse=backward)
    if reverse and lengths is not None:
        hidden = ops.take_along_axis(hidden, places[:, :, None], axis=0)
    return hidden, last


def _network(
    x: Any,
    lengths: Any,
    starts: Sequence[Any],
    hidden_size: int,
    direction: str,
    layout: int,
    steps: Callable[[int], Step],
) -> tuple[Tensor, ...]:
    """Y (steps, directions, batch, hidden) and the last states (directions, batch, hidden)."""
    x = as_tensor(x)
    if layout:
        x = ops.swapaxes(x, 0, 1)
        starts = [None if s is None else ops.swapaxes(as_tensor(s), 0, 1) for s in starts]
    directions = 2 if direction == "bidirectional" else 1
    shape = (x.shape[1], hidden_size)
    count = None if lengths is None else as_tensor(lengths, types.int64)
    results = []
    for d in range(directions):
        start = tuple(
            ops.zeros(shape, dtype=x.dtype) if s is None else as_tensor(s)[d] for s in starts
        )
        reverse = direction == "reverse" or d == 1
        results.append(_run(x, count, start, steps(d), reverse))
    hidden = ops.stack([y for y, _ in results], axis=1)
    lasts = [ops.stack([s[k] for _, s in results], axis=0) for k in range(len(starts))]
    if layout:
        hidden = ops.permute_dims(hidden, (2, 0, 1, 3))
        lasts = [ops.swapaxes(s, 0, 1) for s in lasts]
    return (hidden, *lasts)


def _parameters(w: Any, r: Any, b: Any, d: int, gates: int) -> tuple[Tensor, Tensor, Any, Any]:
    """W and R transposed, and the two biases, of a direction."""
    w, r = as_tensor(w)[d], as_tensor(r)[d]
    if b is None:
        return w.mT, r.mT, 0.0, 0.0
    bias = as_tensor(b)[d]
    half = bias.shape[0] // 2
    return w.mT, r.mT, bias[:half], bias[half:]


@operator("RNN", since=1)
def rnn(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    found = _activations(activations or ["Tanh"] * 2, activation_alpha or [], activation_beta or [])

    def steps(d: int) -> Step:
        wt, rt, wb, rb = _parameters(w, r, b, d, 1)
        return lambda e, s: (as_tensor(found[d](_clipped(e @ wt + s[0] @ rt + (wb + rb), clip))),)

    hidden = hidden_size or int(as_tensor(r).shape[-1])
    return _network(x, sequence_lens, [initial_h], hidden, direction, layout, steps)


@operator("GRU", since=1)
def gru(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    layout: int = 0,
    linear_before_reset: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    """Gates in the order update, reset, hidden."""
    names = activations or ["Sigmoid", "Tanh"] * 2
    found = _activations(names, activation_alpha or [], activation_beta or [])
    n = hidden_size or int(as_tensor(r).shape[-1])

    def steps(d: int) -> Step:
        wt, rt, wb, rb = _parameters(w, r, b, d, 3)
        f, g = found[2 * d], found[2 * d + 1]
        rb_hidden = rb[2 * n :] if b is not None else 0.0
        rb_gates = rb[: 2 * n] if b is not None else 0.0

        def step(e: Any, s: State) -> State:
            (h,) = s
            given = e @ wt + wb
            gates = as_tensor(f(_clipped(given[:, : 2 * n] + h @ rt[:, : 2 * n] + rb_gates, clip)))
            update, reset = gates[:, :n], gates[:, n:]
            if linear_before_reset:
                inner = reset * (h @ rt[:, 2 * n :] + rb_hidden)
            else:
                inner = (reset * h) @ rt[:, 2 * n :] + rb_hidden
            new = as_tensor(g(_clipped(given[:, 2 * n :] + inner, clip)))
            return ((1 - update) * new + update * h,)

        return step

    return _network(x, sequence_lens, [initial_h], n, direction, layout, steps)


@operator("LSTM", since=1)
def lstm(
    x: Any,
    w: Any,
    r: Any,
    b: Any = None,
    sequence_lens: Any = None,
    initial_h: Any = None,
    initial_c: Any = None,
    p: Any = None,
    *,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    activations: list[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int = 0,
    input_forget: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, ...]:
    """Gates in the order input, output, forget, cell; `p` are the weights of peepholes."""
    names = activations or ["Sigmoid", "Tanh", "Tanh"] * 2
    found = _activations(names, activation_alpha or [], activation_beta or [])
    n = hidden_size or int(as_tensor(r).shape[-1])

    def steps(d: int) -> Step:
        wt, rt, wb, rb = _parameters(w, r, b, d, 4)
        f, g, h = found[3 * d : 3 * d + 3]
        peep = None if p is None else as_tensor(p)[d]
        pi, po, pf = (0.0,) * 3 if peep is None else (peep[:n], peep[n : 2 * n], peep[2 * n :])

        def step(e: Any, s: State) -> State:
            hidden, cell = s
            z = e @ wt + hidden @ rt + (wb + rb)
            i = as_tensor(f(_clipped(z[:, :n] + pi * cell, clip)))
            if input_forget:
                forget = 1 - i
            else:
                forget = as_tensor(f(_clipped(z[:, 2 * n : 3 * n] + pf * cell, clip)))
            new = forget * cell + i * as_tensor(g(_clipped(z[:, 3 * n :], clip)))
            o = as_tensor(f(_clipped(z[:, n : 2 * n] + po * new, clip)))
            return o * as_tensor(h(new)), new

        return step

    return _network(x, sequence_lens, [initial_h, initial_c], n, direction, layout, steps)
