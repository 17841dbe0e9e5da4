"""The function of a kernel: its run-time versions, each by the emitter that its schedule needs.

few rows        another tile, if the number of rows turns out small
long reduction  another tile, if the extent of a reduction turns out large
pipelined       the epilogue of one tile runs during the next
prefetching     a product that prefetches for other kernels
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from lamina.engines.llvm.codegen.builder import Builder, Function, Module, Value, constant
from lamina.engines.llvm.codegen.kernel import NestEmitter, kernel_symbols
from lamina.engines.llvm.codegen.pipelined_epilogue import PipelinedEpilogue
from lamina.engines.llvm.codegen.prefetching import PrefetchingEmitter
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.schedule.choose import row_of, unknown_reduction


def emit(
    nest: Nest, schedule: Schedule, name: str, buffers: int, aliased: bool = False
) -> tuple[Module, list[str]]:
    """Return the module of the kernel, and the symbols whose sizes it takes."""
    sizes = kernel_symbols(nest)
    module = Module()
    args = [(f"b{k}", "ptr") for k in range(buffers)]
    args += [(f"s{k}", "i64") for k in range(len(sizes))]
    args += [("first", "i64"), ("end", "i64")] if nest.row_loop is not None else []
    args += [("thread", "i64"), ("threads", "i64")]
    restrict = () if aliased else tuple(f"b{k}" for k in range(buffers))
    function = module.function(name, args, noalias=restrict)
    values = dict(zip(sizes, function.args[buffers : buffers + len(sizes)], strict=True))
    over = unknown_reduction(nest)
    if schedule.long_reduction is not None and over is not None:
        short = partial(_emit_rows, function, nest, schedule, values)
        long = partial(_emit_rows, function, nest, schedule.long_reduction, values)
        extent = NestEmitter(function, nest, schedule, values).dim(over.extent)
        _either(function.builder, extent, schedule.long_from, short, long)
    else:
        _emit_rows(function, nest, schedule, values)
    function.builder.ret()
    return module, sizes


def _emit_rows(
    function: Function, nest: Nest, schedule: Schedule, values: dict[str, Value]
) -> None:
    """Emit the nest, with a version for few rows if their number is known only at run time."""
    if schedule.pipelined:
        PipelinedEpilogue(function, nest, schedule, values).run()
        return
    kind = PrefetchingEmitter if nest.prefetches else NestEmitter
    row = row_of(nest, schedule)
    many = kind(function, nest, schedule, values)
    if row is None or schedule.few_rows is None:
        many.run()
        return
    few = kind(function, nest, schedule.few_rows, values)
    _either(function.builder, many.dim(row.extent), schedule.few_below, few.run, many.run)


def _either(
    b: Builder, extent: Value, limit: int, below: Callable[[], None], above: Callable[[], None]
) -> None:
    """Emit two versions: `below` if the extent is below a limit, else `above`."""
    small, large, done = b.label("small"), b.label("large"), b.label("done")
    b.branch_if(b.icmp("slt", extent, constant("i64", limit)), small, large)
    for label, write in ((small, below), (large, above)):
        b.place(label)
        write()
        b.branch(done)
    b.place(done)
