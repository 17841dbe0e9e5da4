"""One random program through an engine: does it compute what its shadow allows?

Beyond the values: the same bits again with the temporaries filled with NaN, the same bits on other
numbers of threads, arguments that are not state left alone, and nothing written outside them.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from lamina.engines import Executable, engine
from lamina.engines.llvm.target.target import Target, host
from lamina.errors import ShapeError
from lamina.fuzz.bounds import Shadow
from lamina.fuzz.generate import Case
from lamina.fuzz.shadow import Refused, shadows
from lamina.ir.graph import Node
from lamina.ir.types import bfloat16, evaluate, float32
from lamina.reference import interpreter, special
from lamina.settings import settings

FENCE = 64  # bytes before and after each argument
PATTERN = 0xA5
NEVER = 1 << 40  # calls, or seconds


@dataclass
class Failure:
    """A failure: "refused" (an error), "value", "repeat", "threads", "argument" or "fence"."""

    kind: str
    message: str


def check(case: Case, name: str = "llvm", threads: Sequence[int] = (1, 2, 3)) -> Failure | None:
    """Compile the case and call it at each of its sizes; None where all is well."""
    with (
        settings(cache=False, check=True, threads=threads[0]),
        everything_threaded(len(threads) > 1),
        short_sums(sum(map(ord, case.seed)) % 2 == 0),
    ):
        try:
            executable = engine(name).compile(case.graph, case.updates)
            for arrays in (case.arrays, *case.more):
                failure = _at(case, executable, arrays, threads)
                if failure is not None:
                    return failure
        except Exception:  # noqa: BLE001 (any error of the engine is what is looked for)
            return Failure("refused", traceback.format_exc(limit=-6))
    return None


@contextmanager
def everything_threaded(on: bool) -> Iterator[None]:
    """Even the smallest kernels and programs run on all threads, at every call and whatever else
    the machine does: small races show too."""
    from lamina.engines.llvm.runtime import limits
    from lamina.engines.llvm.target.target import target, using

    kept = limits.PROBE, limits.PROBE_LONG, limits.LASTING
    chosen = target()
    if on:
        limits.PROBE = limits.PROBE_LONG = NEVER
        limits.LASTING = float(NEVER)
        chosen = replace(chosen, costs=replace(chosen.costs, serial=0, alone=0))
    try:
        with using(chosen):
            yield
    finally:
        limits.PROBE, limits.PROBE_LONG, limits.LASTING = kept


def eager_target(seed: str) -> Target:
    """The host with thresholds at which every pass does the most that it may; with two seeds of
    three no reduction is blocked, since loops of blocked products are not row-parallel; with one of
    these, products are packed. With every other seed only an optimizer's epilogue is pipelined."""
    chosen = host()
    costs = chosen.costs.packing() if sum(map(ord, seed)) % 3 == 1 else chosen.costs.eager()
    if sum(map(ord, seed)) % 3:
        costs = replace(costs, block_panel_l1=chosen.costs.block_panel_l1)
    if sum(map(ord, seed)) % 4 < 2:
        costs = replace(costs, update_arrays=chosen.costs.update_arrays)
    return replace(chosen, costs=costs)


@contextmanager
def short_sums(on: bool) -> Iterator[None]:
    """The sums of a few terms are cut into blocks as if they were long (totals.py)."""
    from lamina.engines.llvm.target.target import target, using

    chosen = target()
    short = replace(chosen.costs, plain_sum=3, total_block=2, float64_updates=0)
    with using(replace(chosen, costs=short) if on else chosen):
        yield


def _at(
    case: Case, executable: Executable, arrays: list[np.ndarray], threads: Sequence[int]
) -> Failure | None:
    try:
        expected = shadows(case.graph, arrays, case.lane)
    except (Refused, ShapeError):  # the latter: a shrunk program from which a size is gone
        return None
    first: list[np.ndarray] = []
    for count in (threads[0], *threads):
        with settings(threads=count):
            failure, results = _call(case, executable, arrays)
        if failure is not None:
            return failure
        if not first:
            first = results
            failure = _compared(case, arrays, expected, results)
        else:
            kind = "repeat" if count == threads[0] else "threads"
            failure = _repeated(case, kind, first, results)
        if failure is not None:
            return failure
        poison = getattr(executable, "poison", None)
        if poison is not None:
            poison()
    return None


# ---- calling -----------------------------------------------------------------------------------
def _call(
    case: Case, executable: Executable, arrays: list[np.ndarray]
) -> tuple[Failure | None, list[np.ndarray]]:
    """Copies of the results, of a call with arguments between fences."""
    fenced = [_fenced(a, k) for k, a in enumerate(arrays)]
    results = executable([view for view, _ in fenced])
    for k, (view, memory) in enumerate(fenced):
        start = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
        around = np.concatenate([memory[:start], memory[start + view.nbytes :]])
        if (around != PATTERN).any():
            return Failure("fence", f"memory next to argument {k} was written"), []
        if k not in case.updates and view.tobytes() != arrays[k].tobytes():
            return Failure("argument", f"argument {k} is not state, but was written"), []
        if k in case.updates and results[case.updates[k]] is not view:
            return Failure("argument", f"argument {k} was not updated in place"), []
    return None, [np.array(r) for r in results]


def _fenced(array: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The array in the middle of a larger piece of memory, aligned to its elements alone."""
    start = FENCE + array.itemsize * (k % 5)
    memory = np.full(start + array.nbytes + FENCE, PATTERN, np.uint8)
    view = memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    view[...] = array
    return view, memory


# ---- comparing ---------------------------------------------------------------------------------
def _repeated(
    case: Case, kind: str, first: list[np.ndarray], second: list[np.ndarray]
) -> Failure | None:
    for k, (a, b) in enumerate(zip(first, second, strict=True)):
        if a.tobytes() != b.tobytes():
            with np.errstate(invalid="ignore"):
                at = np.flatnonzero(a.reshape(-1) != b.reshape(-1))[:1]
            values = f"{a.reshape(-1)[at]} then {b.reshape(-1)[at]}"
            return Failure(kind, f"result {k} differs when run again: at {at} {values}")
    return None


def _compared(
    case: Case, arrays: list[np.ndarray], expected: list[Shadow], results: list[np.ndarray]
) -> Failure | None:
    sizes = interpreter.bind_sizes(case.graph.parameters, [a.shape for a in arrays])
    rows = zip(case.graph.results, expected, results, strict=True)
    for k, (node, shadow, found) in enumerate(rows):
        shape = tuple(evaluate(d, sizes) for d in node.shape)
        if found.shape != shape or found.dtype != node.dtype.storage:
            came = f"{found.dtype}{found.shape}"
            return Failure("value", f"result {k} is {came}, expected {node.type} {shape}")
        message = difference(node, shadow, found)
        if message:
            return Failure("value", f"result {k} ({node.op}), with sizes {sizes}: {message}")
    return None


@np.errstate(all="ignore")
def difference(node: Node, shadow: Shadow, found: np.ndarray) -> str:
    """Return a description of the elements of `found` outside the shadow's bound, or an empty
    string."""
    if node.dtype == bfloat16:
        found = special.convert(found, dtype=float32, source=bfloat16)
    wrong = (found != shadow.value) & ~np.isinf(shadow.error)
    if node.dtype.is_float:
        wide = found.astype(np.float64)
        near = np.abs(wide - shadow.value) <= shadow.error
        both = np.isnan(wide) & np.isnan(shadow.value)
        wrong &= ~(near | both)
        if shadow.signed is not None:
            zeros = (wide == 0) & (shadow.value == 0) & shadow.signed & (shadow.error == 0)
            wrong |= zeros & (np.signbit(wide) != np.signbit(shadow.value))
    if not wrong.any():
        return ""
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    return (
        f"{int(wrong.sum())} of {wrong.size} elements differ; at {at}: {found[at]!s} came, "
        f"expected {shadow.value[at]!s} within {shadow.error[at]:.3g}"
    )
