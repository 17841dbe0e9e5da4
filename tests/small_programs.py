"""Small programs, one for each kind of work that the passes of the compiler treat separately.

    Small(name, graph, updates, every, target)      every: arrays for each batch size

They have golden texts (tests/golden) and are what planted faults are found with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import lamina as lm
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.machine import Machine
from lamina.engines.llvm.target.target import Target
from lamina.ir.graph import Graph
from lamina.ir.types import DType, Extent, TensorType, evaluate, float32, int32
from lamina.transforms.tracing import record

B = Extent.symbol("batch")
BATCHES = (1, 6)

# A fixed machine, so that golden texts are the same everywhere; thresholds that let every pass act.
MACHINE = Machine("x86_64", "", "", 512, 32, True, 48 << 10, 2 << 20, 30 << 20, 8)
NORMAL = Target(MACHINE, Costs.of(MACHINE))
EAGER = Target(MACHINE, NORMAL.costs.eager())
# kernels whose reductions are in blocks take part in no row-parallel statement
WHOLE = replace(EAGER, costs=replace(EAGER.costs, block_panel_l1=NORMAL.costs.block_panel_l1))


@dataclass(frozen=True)
class Small:
    name: str
    graph: Graph
    updates: Mapping[int, int]
    every: Sequence[Sequence[np.ndarray]]
    target: Target = WHOLE  # of its golden text


def _dense(x: Any, w: Any, b: Any) -> Any:
    return lm.maximum(x @ w + b, 0)


def _dense_adam(x: Any, y: Any, w: Any, mean: Any, square: Any) -> Any:
    slope = lm.grad(lambda w: lm.mean((lm.maximum(x @ w, 0) - y) ** 2))(w)
    mean = 0.9 * mean + 0.1 * slope
    square = 0.999 * square + 0.001 * slope * slope
    return w - 0.01 * mean / (lm.sqrt(square) + 1e-3), mean, square


def _lstm(xs: Any, kernel: Any, recurrent: Any) -> Any:
    """The last output, (time, batch, features) -> (batch, units)."""
    units = recurrent.shape[0]
    start = lm.zeros((xs.shape[1], units))

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, g, o = lm.split(x @ kernel + h @ recurrent, 4, axis=-1)
        c = lm.nn.sigmoid(f) * c + lm.nn.sigmoid(i) * lm.tanh(g)
        h = lm.nn.sigmoid(o) * lm.tanh(c)
        return (h, c), h

    return lm.scan(step, (start, start), xs)[0][0]


def _lstm_gradient(xs: Any, kernel: Any, recurrent: Any) -> Any:
    return lm.grad(lambda k, r: lm.sum(_lstm(xs, k, r) ** 2), argnums=(0, 1))(kernel, recurrent)


def _stacked_product(xs: Any, w: Any) -> Any:
    """A product of what a loop stacks, summed over the iterations and the batch."""
    _, ys = lm.scan(lambda h, x: ((y := lm.tanh(h @ w + x)), y), lm.zeros_like(xs[0]), xs)
    return lm.tensordot(ys, xs, axes=((0, 1), (0, 1)))


def _mixed_rows(x: Any, xs: Any) -> Any:
    """Rows that read one another: in sums, in a loop, and after a loop whose rows do not."""
    sums = lm.sum(x, -1)
    others = lm.sum(x * lm.flip(sums, axis=0)[:, None], -1)
    start = lm.zeros_like(xs[0])
    mixed, _ = lm.scan(lambda h, x: (lm.tanh(lm.flip(h, axis=0) * 0.5 + x), h), start, xs)
    apart, _ = lm.scan(lambda h, x: (lm.tanh(h * 0.5 + x), None), start, xs)
    return sums, others, mixed, lm.tanh(lm.flip(apart, axis=0)) * apart


def _convolutions(x: Any, first: Any, second: Any) -> Any:
    y = lm.maximum(lm.nn.conv(x, first, padding="same"), 0)
    return lm.nn.conv(y, second, padding="same")


def _winograd(x: Any, kernel: Any) -> Any:
    return lm.tanh(lm.nn.conv(x, kernel, padding="same")), kernel * kernel


def _batch_norm(x: Any, scale: Any, shift: Any) -> Any:
    mean = lm.mean(x, (0, 1))
    variance = lm.mean((x - mean) ** 2, (0, 1))
    return (x - mean) / lm.sqrt(variance + 1e-3) * scale + shift


def _attention(q: Any, k: Any, v: Any) -> Any:
    scores = q @ lm.swapaxes(k, -1, -2) * 0.5
    weights = lm.exp(scores - lm.max(scores, -1, keepdims=True))
    return weights / lm.sum(weights, -1, keepdims=True) @ v


def _while(x: Any) -> Any:
    return lm.while_loop(lambda x: lm.sum(x * x) < 1000, lambda x: x * 2 + 1, x)


def _cond(x: Any, w: Any) -> Any:
    def far() -> Any:
        return x / lm.sqrt(lm.sum(x * x, -1, keepdims=True) + 1)

    return lm.cond(lm.sum(x) > 0, lambda: x @ w, far)


def _sort_and_scatter(table: Any, indices: Any, x: Any) -> Any:
    slope = lm.grad(lambda t: lm.sum(lm.take(t, indices, axis=0) * x))(table)
    return lm.sort(x, axis=-1), slope


def _small(
    name: str,
    f: Callable[..., Any],
    updates: Mapping[int, int],
    *types: Any,
    target: Target = WHOLE,
) -> Small:
    given = [t if isinstance(t, TensorType) else TensorType(t, float32) for t in types]
    recorded = record(f, given, name)
    assert not recorded.captured, f"{name} has constants of many elements"
    every = [[_array(t, batch, k) for k, t in enumerate(given)] for batch in BATCHES]
    return Small(name, recorded.graph, updates, every, target)


def _array(type_: TensorType, batch: int, seed: int) -> np.ndarray:
    shape = tuple(evaluate(n, {"batch": batch}) for n in type_.shape)
    rng = np.random.default_rng([seed, *shape])
    dtype: DType = type_.dtype
    if dtype.is_integer:
        return rng.integers(0, 5, shape).astype(dtype.storage)
    return rng.uniform(0.1, 1.0, shape).astype(dtype.storage)


def programs() -> list[Small]:
    """All of them."""
    return [
        _small("dense", _dense, {}, (B, 20), (20, 12), (12,), target=EAGER),
        _small("dense_adam", _dense_adam, {2: 0, 3: 1, 4: 2}, (B, 20), (B, 12), *[(20, 12)] * 3),
        _small("lstm_gradient", _lstm_gradient, {}, (3, B, 3), (3, 16), (4, 16)),
        _small("stacked_product", _stacked_product, {}, (3, B, 8), (8, 8)),
        _small("mixed_rows", _mixed_rows, {}, (B, 5), (3, B, 4)),
        _small("convolutions", _convolutions, {}, (B, 6, 6, 3), (5, 5, 3, 8), (5, 5, 8, 4)),
        _small("winograd", _winograd, {}, (B, 6, 6, 4), (3, 3, 4, 4)),
        _small("batch_norm", _batch_norm, {}, (B, 10, 6), (6,), (6,)),
        _small("attention", _attention, {}, (B, 7, 5), (B, 9, 5), (B, 9, 4)),
        _small("while", _while, {}, (B, 5)),
        _small("cond", _cond, {}, (B, 5), (5, 5)),
        _small("sort_and_scatter", _sort_and_scatter, {}, (5, 6), TensorType((B,), int32), (B, 6)),
    ]
