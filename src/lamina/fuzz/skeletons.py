"""Programs to begin a random one with: the small networks for which the passes of the compiler are.

Each is a Python function, recorded and put into the graph; what grows afterwards reads its values.
All have rows of a batch, of unknown number if the program has a symbol. `SKELETONS` lists them,
`ROTATION` in the order in which they are taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from lamina import operations as lm
from lamina.fuzz.grower import Grower, Move, Refused
from lamina.ir.graph import Node, substitute
from lamina.ir.types import Dim, TensorType, float32, is_static
from lamina.tensor import Tensor
from lamina.transforms import grad, scan
from lamina.transforms.tracing import record

MOST_ROWS = 33
Function = Callable[..., Any]


# ---- putting -----------------------------------------------------------------------------------
def _put(g: Grower, function: Function, *operands: Node) -> list[Node]:
    """The results of a function of tensors, computed from nodes."""
    recorded = record(function, [_type_of(n) for n in operands])
    if recorded.captured:
        raise Refused
    inputs = dict(zip(recorded.graph.parameters, operands, strict=True))
    return [g.put(n) for n in substitute(recorded.graph.results, inputs)]


def _type_of(node: Node) -> TensorType:
    assert isinstance(node.type, TensorType)
    return node.type


def _rows(g: Grower, most: int = MOST_ROWS) -> Dim:
    rows = g.extents[0]
    if g.concrete((rows,))[0] > most:
        raise Refused
    return rows


def _inputs(g: Grower, *shapes: Sequence[Dim]) -> list[Node]:
    return [g.parameter(tuple(shape), float32) for shape in shapes]


def _activation(g: Grower) -> Function:
    """A map that keeps numbers small; in the exact lane, whole."""
    if g.lane == "exact":
        return g.rng.choice([lambda x: lm.clip(x, -2, 2), lambda x: lm.minimum(lm.abs(x), 3)])
    return g.rng.choice([lm.tanh, lm.sigmoid, lambda x: lm.tanh(lm.maximum(x, 0.1 * x))])


def _weight(g: Grower) -> Function:
    """A map of weights: light, so that it is inlined, or costly, so that it is stored."""
    if g.rng.random() < 0.2:
        return lambda w: w * (1 if g.lane == "exact" else 0.2)
    if g.lane == "exact":
        return lambda w: lm.clip(lm.round(lm.abs(w)), 0, 2)
    return g.rng.choice([lm.tanh, lambda w: lm.exp(-lm.abs(w)) * 0.3])


# ---- recurrent networks ------------------------------------------------------------------------
def _cell(g: Grower, activation: Function) -> tuple[Function, int]:
    """One step (x, h, u) -> h of a recurrent network, and how many gates it has."""

    def plain(x: Tensor, h: Tensor, u: Tensor) -> Tensor:
        return activation(x + h @ u)

    def gated(x: Tensor, h: Tensor, u: Tensor) -> Tensor:
        gate, new = lm.split(x + h @ u, 2, axis=-1)
        return lm.minimum(h, gate) if g.lane == "exact" else h + lm.sigmoid(gate) * (new - h) * 0.5

    return g.rng.choice([(plain, 1), (gated, 2)])


def recurrence(g: Grower) -> list[Node]:
    """A recurrent layer, with weights that are computed before, and all its states."""
    if g.lane == "special":
        raise Refused
    activation, weight = _activation(g), _weight(g)
    cell, gates = _cell(g, activation)
    units, batch = g.rng.choice((8, 16, 32)), _rows(g)
    features = g.rng.choice((3, 16))
    shapes = [(g.rng.randint(2, 4), batch, features), (features, gates * units)]
    operands = _inputs(g, *shapes, (units, gates * units))
    ahead = g.rng.random() < 0.5  # the product with the inputs, of all steps at once

    def run(xs: Tensor, w: Tensor, u: Tensor) -> Any:
        u = weight(u)
        xs = xs @ w if ahead else xs

        def step(h: Tensor, x: Tensor) -> Any:
            h = activation(cell(x if ahead else x @ w, h, u))
            return h, h

        return scan(step, lm.zeros((xs.shape[1], units)), xs)

    return _put(g, run, *operands)


def trained_recurrence(g: Grower) -> list[Node]:
    """The gradient of a recurrent layer with respect to its weights."""
    if g.lane != "smooth":
        raise Refused
    activation, weight = _activation(g), _weight(g)
    cell, gates = _cell(g, activation)
    units, batch = g.rng.choice((32, 32, 64)), _rows(g)
    features, length = g.rng.choice((3, 32, 40)), g.rng.randint(2, 4)
    operands = _inputs(
        g, (length, batch, features), (features, gates * units), (units, gates * units)
    )
    last, ahead = g.rng.random() < 0.5, g.rng.random() < 0.5

    def loss(w: Tensor, u: Tensor, xs: Tensor) -> Tensor:
        u = weight(u) * (1.0 / units)
        xs = xs @ w if ahead else xs

        def step(h: Tensor, x: Tensor) -> Any:
            h = cell(x if ahead else x @ w, h, u)
            return h, h

        h, hs = scan(step, lm.zeros((xs.shape[1], units)), xs)
        return lm.sum(h * h) if last else lm.sum(hs * hs)

    return _put(g, lambda xs, w, u: grad(loss, (0, 1))(w, u, xs), *operands)


def accumulation(g: Grower) -> list[Node]:
    """A loop that adds up products of its rows, or what it stacks."""
    if g.lane == "special":
        raise Refused
    units, features, batch = g.rng.choice((32, 33)), g.rng.choice((32, 40)), _rows(g)
    length, activation = g.rng.randint(2, 4), _activation(g)
    operands = _inputs(g, (length, batch, units), (length, batch, features), (units, features))
    stacks, zeros = g.rng.random() < 0.5, g.rng.random() < 0.5

    def run(xs: Tensor, ys: Tensor, start: Tensor) -> Any:
        def step(carry: Any, row: Any) -> Any:
            total, h = carry
            x, y = row
            h = activation(h + x)
            product = lm.swapaxes(h, 0, 1) @ y
            return (total + product, h), (product if stacks else h)

        first = lm.zeros((units, features)) if zeros else start
        (total, _), stack = scan(step, (first, lm.zeros_like(xs[0])), (xs, ys))
        return total, stack

    return _put(g, run, *operands)


def stacked_product(g: Grower) -> list[Node]:
    """A product of what a row-parallel loop stacks, summed over iterations and rows."""
    if g.lane == "special":
        raise Refused
    units, batch, length = g.rng.choice((4, 8, 17)), _rows(g), g.rng.randint(2, 4)
    activation, axes = _activation(g), g.rng.choice([((0, 1), (0, 1)), ((1,), (1,))])
    xs, w = _inputs(g, (length, batch, units), (units, units))

    def run(xs: Tensor, w: Tensor) -> Tensor:
        def step(h: Tensor, x: Tensor) -> Any:
            h = activation(h @ w * (0.2 if g.lane == "smooth" else 1) + x)
            return h, h

        states = scan(step, lm.zeros_like(xs[0]), xs)[1]
        if axes[0] == (0, 1):
            return lm.tensordot(states, xs, axes=axes)
        return lm.tensordot(states[-1], xs[0], axes=((0,), (0,)))

    return _put(g, run, xs, w)


# ---- networks of rows --------------------------------------------------------------------------
def dense_chain(g: Grower) -> list[Node]:
    """Dense layers one after the other, and a softmax: rows that never meet."""
    if g.lane == "special":
        raise Refused
    batch, sizes = _rows(g), [g.rng.choice((5, 16, 24, 33)) for _ in range(3)]
    activation, weight = _activation(g), _weight(g)
    transposed = g.rng.random() < 0.4
    second = (sizes[2], sizes[1]) if transposed else (sizes[1], sizes[2])
    operands = _inputs(g, (batch, sizes[0]), (sizes[0], sizes[1]), (sizes[1],), second)

    def run(x: Tensor, w: Tensor, b: Tensor, v: Tensor) -> Tensor:
        x = activation(x @ weight(w) + b)
        x = activation(x @ (lm.swapaxes(v, 0, 1) if transposed else v))
        if g.lane == "exact":
            return x - lm.max(x, axis=-1, keepdims=True)
        x = lm.exp(x - lm.max(x, axis=-1, keepdims=True))
        return x / lm.sum(x, axis=-1, keepdims=True)

    return _put(g, run, *operands)


def wide_rows(g: Grower) -> list[Node]:
    """A few rows with so much between the kernels that tiling them pays with normal thresholds,
    which assume 32 rows if their number is known only at run time."""
    rows = _rows(g, 2 * g.scale)
    if g.lane == "special" or is_static(rows):
        raise Refused
    height, width = g.rng.choice(((64, 130), (128, 65), (33, 260)))
    operands = _inputs(g, (rows, height), (height, width), (width, g.rng.choice((3, 8))))
    activation = _activation(g)
    normalized, projected = g.rng.random() < 0.7, g.rng.random() < 0.7

    def run(x: Tensor, w: Tensor, v: Tensor) -> Tensor:
        y = activation(x[:, :, None] * w)
        if normalized:
            y = activation(y - lm.max(y, axis=-1, keepdims=True))
        return y @ v if projected else lm.sum(lm.abs(y), axis=-1)

    return _put(g, run, *operands)


def attention(g: Grower) -> list[Node]:
    """Scores of rows by rows, normalized, times values."""
    if g.lane != "smooth":
        raise Refused
    batch, keys, size = _rows(g, 17), g.rng.choice((3, 8, 9)), g.rng.choice((4, 8))
    q, k, v = _inputs(g, (batch, 7, size), (batch, keys, size), (batch, keys, 5))

    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ lm.swapaxes(k, -1, -2) * 0.5
        weights = lm.exp(scores - lm.max(scores, axis=-1, keepdims=True))
        return weights / lm.sum(weights, axis=-1, keepdims=True) @ v

    return _put(g, run, q, k, v)


def long_contraction(g: Grower) -> list[Node]:
    """A product over more terms than a cache holds, and elementwise operations on it."""
    if g.lane == "special":
        raise Refused
    terms = g.rng.choice((1600, 1728)) if g.scale > 1 else g.rng.choice((160, 192, 320))
    rows, columns = (24, 32) if g.scale > 1 else (12, 33)
    x, y = _inputs(g, *([(terms, rows), (terms, columns)]))
    activation = _activation(g)

    def run(x: Tensor, y: Tensor) -> Any:
        product = lm.swapaxes(x, 0, 1) @ y
        return product, activation(product * (0.1 if g.lane == "smooth" else 1))

    return _put(g, run, x, y)


def optimizer_step(g: Grower) -> list[Node]:
    """The gradient of a dense layer, and Adam's or a momentum's update of its weights."""
    if g.lane != "smooth":
        raise Refused
    batch, features, units = _rows(g), g.rng.choice((8, 20)), g.rng.choice((16, 32, 48))
    first = len(g.parameters)
    shapes = [(batch, features), (batch, units), *[(features, units)] * 3]
    operands = _inputs(g, *shapes)
    adam = g.rng.random() < 0.7

    def run(x: Tensor, y: Tensor, w: Tensor, mean: Tensor, square: Tensor) -> Any:
        slope = grad(lambda w: lm.mean((lm.tanh(x @ w) - y) ** 2))(w)
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * lm.abs(square) + 0.001 * slope * slope
        step = mean / (lm.sqrt(square) + 0.1) if adam else mean
        return w - 0.01 * step, mean, square

    new = _put(g, run, *operands)
    g.updated |= {first + 2 + k: node for k, node in enumerate(new)}
    return new


# ---- images ------------------------------------------------------------------------------------
def upsampled(g: Grower) -> list[Node]:
    """A transposed convolution, with a bias or another image added, and an activation."""
    if g.lane == "special":
        raise Refused
    batch, size, stride = _rows(g, 17), g.rng.randint(2, 4), g.rng.choice((2, 2, 3))
    features, outputs, window = g.rng.choice((2, 8)), g.rng.choice((3, 8)), g.rng.choice((2, 3, 4))
    image, kernel = (batch, size, size, features), (window, window, outputs, features)
    bias = (outputs,) if g.rng.random() < 0.5 else (batch, size * stride, size * stride, outputs)
    x, w, b = _inputs(g, image, kernel, bias)
    activation = _activation(g)

    def run(x: Tensor, w: Tensor, b: Tensor) -> Tensor:
        return activation(lm.conv_transpose(x, w, strides=stride, padding="same") + b)

    return _put(g, run, x, w, b)


def convolutions(g: Grower) -> list[Node]:
    """Two padded convolutions, an activation between them, perhaps with the gradient."""
    if g.lane == "special":
        raise Refused
    batch, size, window = _rows(g, 17), g.rng.choice((4, 5, 6)), g.rng.choice((3, 5, 5))
    features = [g.rng.choice((2, 4, 8)) for _ in range(3)]
    shapes = [(window, window, a, b) for a, b in pairwise(features)]
    operands = _inputs(g, (batch, size, size, features[0]), *shapes)
    activation, stride = _activation(g), g.rng.choice((1, 1, 2))
    derived = g.lane == "smooth" and g.rng.random() < 0.5

    def run(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        y = activation(lm.conv(x, first, padding="same"))
        return lm.conv(y, second, strides=stride, padding="same")

    def loss(first: Tensor, second: Tensor, x: Tensor) -> Tensor:
        return lm.sum(run(x, first, second) ** 2) * 0.01

    if derived:
        return _put(g, lambda x, first, second: grad(loss, (0, 1))(first, second, x), *operands)
    return _put(g, run, *operands)


SKELETONS: dict[Move, int] = {  # how often each is selected
    trained_recurrence: 6,
    convolutions: 4,
    upsampled: 6,
    recurrence: 5,
    dense_chain: 3,
    optimizer_step: 2,
    stacked_product: 2,
    wide_rows: 2,
    accumulation: 1,
    attention: 1,
    long_contraction: 1,
}
ROTATION = [f for k in range(max(SKELETONS.values())) for f, n in SKELETONS.items() if n > k]
