"""Faults planted in the compiler, one row each, to see that the fuzzer finds them.

    Fault(name, where, attribute, made)     `made(original)` is the faulty replacement

`where` is a module, a class or a table (a dict) of the compiler.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamina.engines.llvm.codegen import expressions, kernel, reducers, reduction_loops, values
from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.elementwise import SCALAR
from lamina.engines.llvm.codegen.expressions import Expressions
from lamina.engines.llvm.codegen.lanes import Lanes
from lamina.engines.llvm.codegen.program import Driver
from lamina.engines.llvm.codegen.totals import Totals
from lamina.engines.llvm.codegen.values import constant, zero
from lamina.engines.llvm.fusion import anchors
from lamina.engines.llvm.fusion.groups import FusionState
from lamina.engines.llvm.loops import buffers
from lamina.engines.llvm.loops.index import Index, Mod, at, linear
from lamina.engines.llvm.lowering.inline import VIEWS, Inliner
from lamina.engines.llvm.program.barriers import Pending
from lamina.engines.llvm.program.group_order import GroupOrder
from lamina.engines.llvm.program.in_place import Results
from lamina.engines.llvm.program.placement import Placement
from lamina.engines.llvm.runtime import executable
from lamina.ir import ops
from lamina.ir.graph import is_constant
from lamina.rewrite.algebra import RULES


@dataclass(frozen=True)
class Fault:
    name: str
    where: Any
    attribute: str
    made: Callable[[Any], Any]
    threads: tuple[int, ...] = (1,)

    def plant(self, monkeypatch: Any) -> None:
        if isinstance(self.where, dict):
            faulty = self.made(self.where[self.attribute])
            monkeypatch.setitem(self.where, self.attribute, faulty)
        else:
            faulty = self.made(getattr(self.where, self.attribute))
            monkeypatch.setattr(self.where, self.attribute, faulty)

    def __str__(self) -> str:
        return self.name


# ---- views -------------------------------------------------------------------------------------
def _slice(original: Any) -> Any:
    """Strides are forgotten."""

    def rule(p: Inliner, node: Any, position: Any) -> Any:
        starts = node.params["start_indices"]
        return p.at_point(node.args[0], [i + s for i, s in zip(position, starts, strict=True)])

    return rule


def _reverse(original: Any) -> Any:
    """Only the first of the axes is turned round."""

    def rule(p: Inliner, node: Any, position: Any) -> Any:
        first = node.params["dimensions"][0]
        flipped = [
            -i + (n - 1) if d == first and n != 0 else i
            for d, (i, n) in enumerate(zip(position, node.shape, strict=True))
        ]
        return p.at_point(node.args[0], flipped)

    return rule


def _transpose(original: Any) -> Any:
    """The permutation's inverse, which differs from it from three axes on."""

    def rule(p: Inliner, node: Any, position: Any) -> Any:
        order = node.params["permutation"]
        if any(node.shape[order[k]] != node.args[0].shape[k] for k in range(node.ndim)):
            return original(p, node, position)
        return p.at_point(node.args[0], [position[d] for d in order])

    return rule


def _concatenate(original: Any) -> Any:
    """Parts of equal size in reverse order."""

    def rule(p: Inliner, node: Any, position: Any) -> Any:
        if len({str(a.type) for a in node.args}) > 1:
            return original(p, node, position)
        turned = ops.concatenate(*node.args[::-1], dimension=node.params["dimension"])
        return original(p, turned, position)

    return rule


def _pad(original: Any) -> Any:
    """The gap between the elements holds the element before."""

    def rule(p: Inliner, node: Any, position: Any) -> Any:
        kept = p.guarded
        p.guarded = lambda tests, a, b: kept(  # type: ignore[method-assign]
            [t for t in tests if not any(isinstance(x, Mod) for x in t[0].terms)], a, b
        )
        try:
            return original(p, node, position)
        finally:
            p.guarded = kept  # type: ignore[method-assign]

    return rule


def _iota(original: Any) -> Any:
    return lambda p, node, position: original(p, node, [i + 1 for i in position])


def _not_written(original: Any) -> Any:
    """The values that are written over stay."""
    return lambda p, node, position: p.at_point(node.args[0], position)


def _clamped_early(original: Any) -> Any:
    def data(self: Inliner, node: Any, position: Any, most: Any) -> Index:
        return original(self, node, position, most - 1 if isinstance(most, int) and most else most)

    return data


def _counter(original: Any) -> Any:
    """Random bits of every element alike."""
    return lambda p, node, position: original(p, node, [at(0)] * len(position))


# ---- nests -------------------------------------------------------------------------------------
def _swapped_strides(original: Any) -> Any:
    def swapped(position: Any, shape: Any) -> Index:
        return linear(position[::-1], shape[::-1])

    return swapped


def _rhs_contraction(original: Any) -> Any:
    """Two contracted axes of equal extent are taken in the other order on one side."""

    def row(node: Any) -> Any:
        p, core = node.params, original(node)
        if len(core.over) == 2 and core.over[0].extent == core.over[1].extent:
            first, second = p["rhs_contracting_dimensions"]
            at = list(core.operands[1])
            at[first], at[second] = at[second], at[first]
            core.operands[1] = tuple(at)
        return core

    return row


# ---- emission ----------------------------------------------------------------------------------
def _short_mask(original: Any) -> Any:
    """The last lane of a part register is left out."""

    def mask(self: Lanes, position: int) -> Any:
        scope = self.scope
        numbers = self.numbers(position * scope.width + 1)
        return self.b.icmp("slt", numbers, self.wide(scope.remaining[scope.vector]))

    return mask


def _no_rest(original: Any) -> Any:
    """The rest of a reduction after whole registers is left out."""

    def loop(self: Builder, begin: Any, end: Any, *args: Any, hint: str = "", **more: Any) -> Any:
        return original(
            self, begin, begin if hint.endswith("rest") else end, *args, hint=hint, **more
        )

    return loop


def _neutral(kind: str, value: float) -> Callable[[Any], Any]:
    return lambda original: lambda k, dtype: value if k == kind else original(k, dtype)


def _half_across(original: Any) -> Any:
    """Lanes are combined but for the last two."""

    def horizontal(b: Any, kind: str, dtype: Any, values: Any) -> Any:
        return [b.extract(values[0], 0)]

    return horizontal


def _no_sum_mask(original: Any) -> Any:
    """Lanes past the end of a reduction take part in it."""

    def accumulate(self: Expressions, *args: Any) -> Any:
        nest = self.scope.nest
        kept, nest.reductions = nest.reductions, []
        try:
            return original(self, *args)
        finally:
            nest.reductions = kept

    return accumulate


def _last_wins(original: Any) -> Any:
    """Of equal elements, the last is the greatest."""
    return lambda b, kind, dtype, old, new: original(b, kind, dtype, new, old)


def _missing_tile(original: Any) -> Any:
    """With several threads, no thread has the last tile."""

    def tiles(self: Any, var: Any) -> Any:
        count = original(self, var)
        if self.function.name == "KERNEL" and var is self.schedule.order[0]:
            several = self.b.icmp("sgt", self.function.args[-1], constant("i64", 1))
            less = self.b.intrinsic(
                "llvm.smax", self.b.sub(count, constant("i64", 1)), constant("i64", 0)
            )
            return self.b.select(several, less, count)
        return count

    return tiles


def _lost_block(original: Any) -> Any:
    """Accumulators begin again without having been added."""
    return lambda self, values: [zero(v.type) for v in values]


def _without_totals(original: Any) -> Any:
    return lambda self, values: list(values)


# ---- programs ----------------------------------------------------------------------------------
def _one_phase(original: Any) -> Any:
    """Arrays are given up after the phase they are made in; conditions of loops are not."""

    def plan(sizes: Any, lives: Any) -> Any:
        short = [(a, a if n > 8 else z) for n, (a, z) in zip(sizes, lives, strict=True)]
        return original(sizes, short)

    return plan


def _forwards(original: Any) -> Any:
    def iterations(self: Driver, item: Any) -> Any:
        item.counter.reverse = False
        return original(self, item)

    return iterations


def _algebra(original: Any) -> Any:
    """x - y -> y - x where x is a constant."""
    return lambda node: node.args[1] if node.args[0].op == "broadcast_in_dim" else original(node)


def _first_part(original: Any) -> Any:
    """All parts of a value begin where the first does."""
    return lambda self, joint, part, start: original(self, joint, part, [0] * len(start))


def _select(original: Any) -> Any:
    return lambda b, operand, result, p, x, y: original(b, operand, result, p, y, x)


def _always(answer: Any) -> Callable[[Any], Any]:
    """The compiler asks, and is always told the same."""
    return lambda original: lambda *args: answer


def _one_zero(original: Any) -> Any:
    """-0.0 is the constant 0.0."""
    return lambda type_, bits: original(
        type_, bytes(8) if bits == struct.pack("<d", -0.0) else bits
    )


def _zero_added(original: Any) -> Any:
    """x + 0.0 -> x and 0.0 + x -> x, which are wrong where x is -0.0."""

    def rule(node: Any) -> Any:
        x, y = node.args
        return x if is_constant(y, 0) else y if is_constant(x, 0) else original(node)

    return rule


FAULTS = [
    Fault("a slice forgets its strides", VIEWS, "slice", _slice),
    Fault("reverse turns one axis round", VIEWS, "reverse", _reverse),
    Fault("a permutation's inverse", VIEWS, "transpose", _transpose),
    Fault("parts joined in reverse", VIEWS, "concatenate", _concatenate),
    Fault("padding between elements repeats them", VIEWS, "pad", _pad),
    Fault("positions count from one", VIEWS, "iota", _iota),
    Fault("an update is dropped", VIEWS, "dynamic_update_slice", _not_written),
    Fault("positions are clamped too early", Inliner, "indirect", _clamped_early),
    Fault("random bits do not count", VIEWS, "rng_bit_generator", _counter),
    Fault("strides swapped", buffers, "linear", _swapped_strides),
    Fault("contracted axes swapped", anchors.ROWS, "dot_general", _rhs_contraction),
    Fault("the last lane is masked too", Lanes, "_edge_mask", _short_mask),
    Fault("the rest of a reduction is dropped", Builder, "loop", _no_rest),
    Fault("a maximum begins at zero", reducers, "_neutral", _neutral("max", 0)),
    Fault("a minimum begins at zero", reducers, "_neutral", _neutral("min", 0)),
    Fault("a sum begins at one", reducers, "_neutral", _neutral("sum", 1)),
    Fault("lanes are not summed", reduction_loops, "horizontal", _half_across),
    Fault("a block is not added to its total", Totals, "_flushed", _lost_block),
    Fault("totals are left out of the sums", Totals, "finished", _without_totals),
    Fault("lanes past the end are reduced", Expressions, "accumulate", _no_sum_mask),
    Fault("the last of equals wins", expressions, "best", _last_wins),
    Fault("select the other", SCALAR, "select", _select),
    Fault("no thread has the last tile", kernel.NestEmitter, "_tiles", _missing_tile, (1, 2)),
    Fault("no barriers between kernels", Pending, "conflict", _always(None), (2, 3, 2, 3)),
    Fault("temporaries given up early", executable.arena, "plan", _one_phase),
    Fault("written in place whatever is read", Results, "_in_place", _always(True)),
    Fault("readers after the writer", GroupOrder, "put_before", _always(True)),
    Fault("parts overlap", Placement, "part", _first_part),
    Fault("moves overwrite each other", Results, "_is_overwritten", _always(False)),
    Fault("a group reads its values elsewhere", FusionState, "reads_off_point", _always(False)),
    Fault("loops run forwards only", Driver, "_iterations", _forwards),
    Fault("a wrong rule of algebra", RULES, "subtract", _algebra),
]  # fmt: skip

SIGNS = [  # they change nothing but signs of zeros
    Fault("zeros of both signs are one constant", values, "_float_constant", _one_zero),
    Fault("adding a zero is left out", RULES, "add", _zero_added),
]
