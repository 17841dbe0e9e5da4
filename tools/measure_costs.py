"""Measure the thresholds of the compiler (target/costs.py) on this machine.

    python tools/measure_costs.py                      # all of them: some minutes
    python tools/measure_costs.py region_rows halo     # these
    python tools/measure_costs.py --rounds 31          # on a machine where others work

For each threshold a small program is compiled twice, with a threshold that lets the pass act and
with one that does not, at sizes below and above the present value. A ratio below 1 says that the
pass pays at that size. Both programs run alternately in one process, so that whoever else uses the
machine slows both; the figure is the median of the ratios of the rounds, with their quartiles.
A threshold is well placed if ratios are at least 1 on the side where the pass does not act, and
below 1 on the other.
"""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm.runtime import limits
from lamina.engines.llvm.target.costs import UNLIMITED, Costs
from lamina.engines.llvm.target.target import host, using
from lamina.ir.types import Extent, TensorType, float32
from lamina.settings import settings
from lamina.transforms.tracing import record

BATCH = Extent.symbol("batch")
SAMPLE = 3e-3  # seconds of one sample at least
Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True)
class Row:
    """A threshold: values with which its pass acts and does not, and the programs at `sizes`.

    `program(size)` is a function and the shapes of its operands, `unit` says what a size is. The
    axis number `unknown` of the operands in `batched` is known only at run time; `also` are further
    thresholds of both programs."""

    name: str
    acts: float
    rests: float
    unit: str
    sizes: Sequence[int]
    program: Callable[[int], tuple[Callable[..., Any], Shapes]]
    unknown: int | None = None
    batched: tuple[int, ...] = (0,)
    also: Mapping[str, float] = field(default_factory=dict)
    threads: int = 1


# ---- programs ----------------------------------------------------------------------------------
def _recurrent(units: int, rows: int, length: int = 16) -> tuple[Callable[..., Any], Shapes]:
    def run(xs: Any, u: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = lm.tanh(x + h @ u)
            return h, h

        return lm.scan(step, lm.zeros((xs.shape[1], units)), xs)[1]

    return run, [(length, rows, units), (units, units)]


def _trained_recurrent(units: int, rows: int) -> tuple[Callable[..., Any], Shapes]:
    run, shapes = _recurrent(units, rows, 28)
    return lm.grad(lambda u, xs: lm.sum(run(xs, u) ** 2)), [shapes[1], shapes[0]]


def _square(side: int, rows: int | None = None) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w: x @ w, [(rows or side, side), (side, side)]


def _square_transposed(side: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w: lm.matmul(x, lm.transpose(w)), [(side, side), (side, side)]


def _projected(size: int) -> tuple[Callable[..., Any], Shapes]:
    """A recurrent layer after a product with `size` KiB of weights."""
    units, features = 64, max(size * 256 // 64, 8)
    run, shapes = _recurrent(units, 32)

    def whole(xs: Any, w: Any, u: Any) -> Any:
        return run(xs @ w, u)

    return whole, [(16, 32, features), (features, units), shapes[1]]


def _map(size: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x: x * 2.0 + 1.0, [(size // 2,)]


def _shared(cost: int) -> tuple[Callable[..., Any], Shapes]:
    """A value of about this many instructions, with readers in two kernels."""

    def run(x: Any) -> Any:
        y = x
        for k in range(cost):
            y = y * x + float(k) if k % 2 else lm.maximum(y, x * 0.5)
        return lm.sum(y, 0), lm.sum(y, 1)

    return run, [(1024, 1024)]


def _transposed(rows: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w: lm.einsum("ij,kj->ik", x, w), [(rows, 512), (512, 512)]


def _short_sum(terms: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w: lm.einsum("ij,kj->ik", x, w), [(32, terms), (512, terms)]


def _product(rows: int, terms: int = 256) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w, b: lm.maximum(x @ w + b, 0.0), [(rows, terms), (terms, 256), (256,)]


def _strided(columns: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, w, v: lm.tanh(x @ w) @ v, [(128, 64), (64, columns), (columns, 64)]


def _padded(size: int) -> tuple[Callable[..., Any], Shapes]:
    """A convolution of a value of `size` Ki elements that another convolution makes."""
    rows = max(size * 1024 // (16 * 16 * 8), 1)

    def run(x: Any, k: Any) -> Any:
        return lm.nn.conv(lm.nn.relu(lm.nn.conv(x, k, padding="same")), k, padding="same")

    return run, [(rows, 16, 16, 8), (5, 5, 8, 8)]


def _stacked(units: int) -> tuple[Callable[..., Any], Shapes]:
    run, shapes = _recurrent(units, 32)
    return lambda xs, u: lm.tensordot(run(xs, u), xs, axes=((0, 1), (0, 1))), shapes


def _contraction(terms: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, y: x.T @ y, [(terms, 128), (terms, 256)]


def _parts(size: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, y: lm.concatenate([lm.tanh(x), y * 2.0], axis=1), [(4096, size), (4096, size)]


def _inner(size: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x, y: lm.exp(x) * y, [(1 << 16 >> int(math.log2(size)), size)] * 2


def _adam(rows: int) -> tuple[Callable[..., Any], Shapes]:
    def run(x: Any, g: Any, w: Any, mean: Any, square: Any) -> Any:
        slope = x.T @ g
        mean = 0.9 * mean + 0.1 * slope
        square = 0.999 * square + 0.001 * slope * slope
        return w - 0.01 * mean / (lm.sqrt(square) + 1e-3), mean, square

    return run, [(rows, 256), (rows, 512), *[(256, 512)] * 3]


def _several(arrays: int) -> tuple[Callable[..., Any], Shapes]:
    """A product whose epilogue reads and writes this many arrays in all."""
    more = max(arrays - 2, 0)

    def run(x: Any, g: Any, *others: Any) -> Any:
        slope, total = x.T @ g, 0.0
        for other in others:
            total = total + other * 0.5
        return slope + total, slope * 2.0

    return run, [(32, 256), (32, 512), *[(256, 512)] * more]


def _chain(kib: int) -> tuple[Callable[..., Any], Shapes]:
    """Maps and sums of rows with `kib` KiB between them."""
    rows, width = kib, 256

    def run(x: Any, w: Any) -> Any:
        y = lm.tanh(x @ w)
        y = y - lm.mean(y, -1, keepdims=True)
        return y / lm.sqrt(lm.mean(y * y, -1, keepdims=True) + 1e-3)

    return run, [(rows, 64), (64, width)]


def _wide_chain(kib: int) -> tuple[Callable[..., Any], Shapes]:
    """Two layers whose weights and rows have `kib` KiB."""
    units = int(math.sqrt(kib * 256 / 2))
    weights = (units, units)
    return lambda x, w, v: lm.tanh(lm.tanh(x @ w) @ v), [(512, units), weights, weights]


def _convolution(features: int) -> tuple[Callable[..., Any], Shapes]:
    return (
        lambda x, k: lm.nn.conv(x, k, padding="same"),
        [(8, 28, 28, features), (3, 3, features, features)],
    )


def _upsampled(stride: int) -> tuple[Callable[..., Any], Shapes]:
    def run(x: Any, k: Any) -> Any:
        return lm.nn.conv_transpose(x, k, strides=stride, padding="same")

    return run, [(8, 14, 14, 16), (4, 4, 16, 16)]


def _narrow(columns: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x: lm.sum(lm.tanh(x), 0), [((1 << 20) // columns, columns)]


def _long_sum(terms: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x: lm.sum(x, 1), [(256, terms)]


def _gathered(stride: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x: lm.sum(lm.exp(x[:, ::stride]), 1), [(256, 256 * stride)]


def _many_maps(count: int) -> tuple[Callable[..., Any], Shapes]:
    return lambda x: [x * float(k) + 1.0 for k in range(count)], [(1 << 18,)]


ROWS = [
    Row("region_rows", 1, UNLIMITED, "rows per thread", (1, 2, 3, 4, 6, 8, 16),
        lambda n: _recurrent(128, 2 * n), 1, threads=2),
    Row("row_alignment", 8, 1, "rows per thread", (9, 12, 18, 20), lambda n: _recurrent(128, 2 * n),
        1, threads=2),
    Row("region_shared", UNLIMITED, 0, "KiB of weights", (32, 128, 256, 512, 1024), _projected, 1,
        threads=2),
    Row("displacement", 3 * 4096, 0, "rows", (8, 32), lambda n: _trained_recurrent(128, n), 1, (1,),
        threads=2),
    Row("prefetch_lines", 12, 0, "units", (32, 64, 128), lambda n: _trained_recurrent(n, 32), 1,
        (1,), threads=2),
    Row("serial", 0, UNLIMITED, "operations", (1 << 10, 1 << 12, 1 << 13, 1 << 15, 1 << 17), _map,
        threads=2),
    Row("alone", 0, UNLIMITED, "operations", (20_000, 100_000, 200_000, 400_000, 2_000_000), _map,
        threads=2),
    Row("recompute", 0, 100, "instructions", (2, 4, 8, 16), _shared),
    Row("short_sum", UNLIMITED, 0, "terms", (16, 32, 64, 128, 256), _short_sum),
    Row("many_rows", 0, UNLIMITED, "rows", (16, 64, 128, 256), _transposed),
    Row("few_rows", 0, UNLIMITED, "rows", (1, 4, 8, 16, 32), _transposed, also={"many_rows": 0}),
    Row("narrow_result", UNLIMITED, 0, "results", (1, 4, 16, 128, 1024, 8192), _narrow, threads=2),
    Row("phases", UNLIMITED, 0, "stride", (2, 3, 4), _upsampled),
    Row("winograd_gain", 0, UNLIMITED, "features", (8, 16, 32, 64), _convolution),
    Row("conflicting_rows", 1, UNLIMITED, "columns", (256, 512, 1024), _strided),
    Row("halo", 1, UNLIMITED, "Ki elements", (8, 32, 64, 128, 512), _padded),
    Row("fuse_stores", UNLIMITED, 1, "streams", (4, 8, 12, 16, 24), _many_maps),
    Row("piece", 1, UNLIMITED, "elements", (4, 8, 16, 64), _parts),
    Row("split_reads", 0, UNLIMITED, "units", (16, 32, 64, 128), _stacked, 1, threads=2),
    Row("block_panel_l1", 0, UNLIMITED, "terms", (256, 512, 1024, 2048, 8192), _contraction),
    Row("packed_bytes", 0, UNLIMITED, "side", (256, 512, 768, 1024, 2048), _square),
    Row("packed_rows", 1, UNLIMITED, "rows", (8, 16, 32, 64, 128), lambda n: _square(1024, n),
        also={"packed_bytes": 0}),
    Row("packed_transposed", 0, UNLIMITED, "side", (64, 128, 256, 512), _square_transposed),
    Row("gather", 0, UNLIMITED, "stride", (2, 16), _gathered),
    Row("short_loop", UNLIMITED, 0, "iterations", (2, 4, 8, 16, 64), _inner),
    Row("update_arrays", 0, UNLIMITED, "arrays", (2, 3, 4, 6), _several),
    Row("long_reduction", UNLIMITED, 1, "rows", (32, 64, 128, 256, 512), _adam, 0, (0, 1)),
    Row("few_rows_version", UNLIMITED, 0, "rows", (1, 2, 3, 4, 6, 8), _product, 0),
    Row("hide_latency", 0, UNLIMITED, "terms", (8, 16, 32, 128), lambda n: _product(256, n)),
    Row("tile_least", 0, UNLIMITED, "KiB", (64, 256, 512, 1024, 4096), _chain),
    Row("tile_most", UNLIMITED, 0, "KiB", (256, 1024, 1536, 3072, 6144), _wide_chain,
        also={"tile_least": 0}),
    Row("balance", 0, UNLIMITED, "rows", (257, 513, 1025), _chain, also={"tile_least": 0},
        threads=2),
    Row("replicated", UNLIMITED, 0, "features", (16, 32, 48), _convolution, 0, threads=2),
    Row("total_block", 64, UNLIMITED, "terms", (1 << 12,), _long_sum),
    Row("total_block", 512, UNLIMITED, "terms", (1 << 12,), _long_sum),
    Row("total_block", 2048, UNLIMITED, "terms", (1 << 12,), _long_sum),
]  # fmt: skip


# ---- measuring ---------------------------------------------------------------------------------
def compiled(row: Row, size: int, **costs: float) -> Callable[[], Any]:
    """The program of a row at a size, compiled with these thresholds, ready to run."""
    function, shapes = row.program(size)
    types = [TensorType(_open(shape, row, k), float32) for k, shape in enumerate(shapes)]
    recorded = record(function, types)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) * 0.1 for shape in shapes]
    arrays += [np.asarray(each) for each in recorded.captured]
    target = host()
    wanted = {"alone": 0, **row.also, **costs}  # all threads, unless this is what is measured
    with using(replace(target, costs=replace(target.costs, **wanted))):
        return engine("llvm").compile(recorded.graph, {}).fixed(arrays)[1]


def _open(shape: tuple[int, ...], row: Row, operand: int) -> tuple[Any, ...]:
    """The shape with the axis that is known only at run time as a symbol."""
    if row.unknown is None or operand not in row.batched:
        return shape
    return tuple(BATCH if k == row.unknown else n for k, n in enumerate(shape))


def ratios(row: Row, size: int, rounds: int) -> np.ndarray:
    """Times with the pass by times without it, a ratio for each round."""
    acts, rests = (compiled(row, size, **{row.name: v}) for v in (row.acts, row.rests))
    count = max(1, int(SAMPLE / max(_seconds(rests, 3) / 3, 1e-7)))
    _seconds(acts, count)
    found = []
    with priority():
        for k in range(rounds):
            pair = (acts, rests) if k % 2 else (rests, acts)
            each = {run: _seconds(run, count) for run in pair}
            found.append(each[acts] / each[rests])
    return np.array(found)


@contextmanager
def priority() -> Iterator[None]:
    """Real-time priority for all threads of this process, where the system lets it have that."""

    def give(policy: int, priority: int) -> None:
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):
                os.sched_setscheduler(int(task.name), policy, os.sched_param(priority))

    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    give(os.SCHED_RR, 1)
    try:
        yield
    finally:
        give(os.SCHED_OTHER, 0)


def _seconds(run: Callable[[], Any], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        run()
    return time.perf_counter() - began


@contextmanager
def without_throttling() -> Iterator[None]:
    """All calls run on all threads."""
    kept = limits.PROBE, limits.PROBE_LONG, limits.LASTING
    limits.PROBE = limits.PROBE_LONG = UNLIMITED
    limits.LASTING = float("inf")
    yield
    limits.PROBE, limits.PROBE_LONG, limits.LASTING = kept


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", help="thresholds (all)")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    print(host().machine)
    for row in ROWS:
        if options.names and row.name not in options.names:
            continue
        now = getattr(Costs.of(host().machine), row.name)
        print(f"{row.name} (now {now}): {row.acts:g} against {row.rests:g}, by {row.unit}")
        with settings(threads=row.threads, cache=False), without_throttling():
            for size in row.sizes:
                low, median, high = np.quantile(
                    ratios(row, size, options.rounds), (0.25, 0.5, 0.75)
                )
                print(f"  {size:9} {median:6.2f}  ({low:.2f} to {high:.2f})", flush=True)


if __name__ == "__main__":
    main()
