"""The function of a kernel: the versions of its schedule, each by the emitter that it needs.

    if condition: the nest under the version's schedule
    else:         the nest under the rest of the schedule

Every choice is the schedule's (loops/schedule.py): this module and the emitters only follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from lamina.engines.llvm.codegen.builder import Function, Module
from lamina.engines.llvm.codegen.kernel import NestEmitter, kernel_symbols
from lamina.engines.llvm.codegen.packed_product import PackedProduct
from lamina.engines.llvm.codegen.pipelined_epilogue import PipelinedEpilogue
from lamina.engines.llvm.codegen.prefetching import PrefetchingEmitter
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.loops.index import Var
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Condition, Schedule


def emit(
    nest: Nest, schedule: Schedule, name: str, buffers: int, aliased: bool = False
) -> tuple[Module, list[str]]:
    """Return the module of the kernel, and the symbols whose sizes it takes."""
    sizes = kernel_symbols(nest, schedule)
    module = Module()
    args = [(f"b{k}", "ptr") for k in range(buffers)]
    args += [(f"s{k}", "i64") for k in range(len(sizes))]
    args += [("first", "i64"), ("end", "i64")] if schedule.row_loop is not None else []
    args += [("thread", "i64"), ("threads", "i64")]
    restrict = () if aliased else tuple(f"b{k}" for k in range(buffers))
    function = module.function(name, args, noalias=restrict)
    values = dict(zip(sizes, function.args[buffers : buffers + len(sizes)], strict=True))
    _Versions(function, nest, values).emit(schedule, {})
    function.builder.ret()
    return module, sizes


class _Versions:
    """Emits a nest under each version of a schedule."""

    def __init__(self, function: Function, nest: Nest, sizes: dict[str, Value]) -> None:
        self.function, self.nest, self.sizes = function, nest, sizes

    def emit(self, schedule: Schedule, below: Mapping[Var, int]) -> None:
        """Emit the versions, where the extents of some loops are `below` these limits."""
        if not schedule.versions:
            self._emitter(schedule, below).run()
            return
        version, *others = schedule.versions
        rest, condition = replace(schedule, versions=tuple(others)), version.condition
        small = {**below, condition.loop: condition.limit}
        inside, outside = (small, below) if condition.below else (below, small)
        emitter = NestEmitter(self.function, self.nest, rest, self.sizes, outside)
        otherwise: Callable[[], None] = partial(self.emit, rest, outside)
        if not rest.versions and not rest.pipelined:  # it then knows the extent already
            emitter = self._emitter(rest, outside)
            otherwise = emitter.run
        extent = emitter.dim(condition.loop.extent)
        self._branch(condition, extent, partial(self.emit, version.schedule, inside), otherwise)

    def _emitter(self, schedule: Schedule, below: Mapping[Var, int]) -> NestEmitter:
        kind = PrefetchingEmitter if schedule.prefetches else NestEmitter
        kind = PipelinedEpilogue if schedule.pipelined else kind
        kind = PackedProduct if schedule.packing is not None else kind
        return kind(self.function, self.nest, schedule, self.sizes, below)

    def _branch(
        self,
        condition: Condition,
        extent: Value,
        inside: Callable[[], None],
        outside: Callable[[], None],
    ) -> None:
        b, (below, above) = self.function.builder, (inside, outside)
        if not condition.below:
            below, above = outside, inside
        test = b.icmp("slt", extent, constant("i64", condition.limit))
        b.branch_on(test, below, above, ("small", "large", "done"))
