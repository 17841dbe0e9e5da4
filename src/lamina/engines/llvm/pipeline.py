"""From a graph to machine code: every pass, named, in order.

    simplify    graph -> graph          rewrite/: constants, algebra, equal nodes
    sink        graph -> graph          products that a loop only sums up, after it
    prepare     graph -> graph          layouts and sums made to suit loops and vectors
    hoist       graph -> graph          what a loop computes alike in each turn, before it
    assemble    graph -> program        which values are stored, by which kernels, in which order
    schedule    nest -> nest, schedule  tiles, vectors, order of loops
    emit        -> LLVM text            one module a kernel, equal kernels once
    drive       program -> LLVM text    calls, barriers, loops; which memory is in use when
    compile     text -> object          in parallel
    link        objects -> program      ready to run

What comes out of `compile` is kept on disk, under a key made of the graph's text.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lamina.engines import Executable
from lamina.engines.llvm.codegen.kernel import emit
from lamina.engines.llvm.codegen.program import Driven, drive
from lamina.engines.llvm.graph.legalize import prepare
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import walk
from lamina.engines.llvm.program.bufferize import Program, assemble
from lamina.engines.llvm.program.parallel_regions import in_regions
from lamina.engines.llvm.program.peel import shorten
from lamina.engines.llvm.program.prefetch import fetch_ahead
from lamina.engines.llvm.program.replicate import duplicate
from lamina.engines.llvm.program.row_parallel import rows_of
from lamina.engines.llvm.program.row_tiling import in_strips
from lamina.engines.llvm.program.statements import leaves, loops
from lamina.engines.llvm.runtime import cache
from lamina.engines.llvm.runtime.executable import LlvmProgram
from lamina.engines.llvm.runtime.image import Image
from lamina.engines.llvm.runtime.manifest import THREADS, Array, Block, Plan
from lamina.engines.llvm.schedule.choose import Schedule, choose, expr_cost
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import machine
from lamina.engines.llvm.tools import dump
from lamina.ir.graph import Graph
from lamina.ir.text import to_text
from lamina.ir.types import Dim, Extent, symbols
from lamina.rewrite import hoist_loops, simplify, sink_sums

OBJECTS: OrderedDict[str, bytes] = OrderedDict()  # kernels of this process, by their text
MOST_OBJECTS = 2048


@dataclass
class Compiled:
    """Everything between the graph and the machine code, for those who want to look."""

    graph: Graph
    program: Program
    kernels: dict[Kernel, tuple[Schedule, str, str]]  # schedule, symbol, LLVM text
    driven: Driven
    plan: Plan


def compile_graph(
    recorded: Graph, updates: Mapping[int, int], flush_denormals: bool = False
) -> Executable:
    """The executable of a graph: from the cache, or compiled."""
    log = dump.begin(recorded, updates)
    graph = simplify(recorded)
    log.passed("simplify", graph)
    key = cache.key_of(to_text(graph, full=True), repr(sorted(updates.items())))
    found = None if log.shows_kernels else cache.lookup(key)
    log.looked_up(found is not None)
    if found is not None:
        image = Image.unpacked(found)
    else:
        image = image_of(stages_of(graph, updates, log))
        log.passed("compile")
        cache.store(key, image.packed())
    return log.ready(LlvmProgram(image, recorded, updates, flush_denormals))


def stages_of(
    graph: Graph,
    updates: Mapping[int, int],
    log: dump.Log = dump.SILENT,
    drive: Callable[..., Driven] = drive,
) -> Compiled:
    """All passes up to LLVM text, of a simplified graph; `drive` writes the driver."""
    graph, program = program_of(graph, updates, log)
    kernels: dict[Kernel, tuple[Schedule, str, str]] = {}
    called: dict[Kernel, tuple[str, list[str]]] = {}
    found = [item for item in leaves(program.items) if isinstance(item, Kernel)]
    for item in [*found, *(k.at_first for k in found)]:
        if item is not None:
            schedule, symbol, text, sizes = _kernel(item)
            kernels[item] = (schedule, symbol, text)
            called[item] = (symbol, sizes)
    log.passed("kernels")
    driven = drive(program, called, _symbols(graph))
    plan = _plan(graph, program, driven, list(kernels))
    stages = Compiled(graph, program, kernels, driven, plan)
    log.passed("drive")
    log.staged(stages)
    return stages


def program_of(
    graph: Graph, updates: Mapping[int, int], log: dump.Log = dump.SILENT
) -> tuple[Graph, Program]:
    """All passes up to the program of loop nests, of a simplified graph."""
    graph = sink_sums(graph)
    log.passed("sink", graph)
    graph = prepare(graph)
    log.passed("prepare", graph)
    graph = hoist_loops(graph)
    log.passed("hoist", graph)
    program = assemble(graph, updates)
    shorten(program)
    for loop in loops(program.items):
        loop.rows = rows_of(loop.items)
        fetch_ahead(loop)
    program.items = in_regions(program)
    program.items = in_strips(program)
    duplicate(program)
    log.passed("assemble")
    return graph, program


def image_of(stages: Compiled) -> Image:
    """The compiled program: every text as an object."""
    texts = list({symbol: text for _, symbol, text in stages.kernels.values() if text}.values())
    objects = _objects([*texts, str(stages.driven.module)])
    tables = [np.ascontiguousarray(t.array) for t in stages.program.tables]
    return Image(stages.plan, objects, tables)


def _kernel(kernel: Kernel) -> tuple[Schedule, str, str, list[str]]:
    nest, slots = kernel.nest, kernel.slots
    if nest.name == "copy" and slots[0].actual is slots[1].actual:
        return Schedule((), None, 1), "", "", []
    schedule = choose(nest, machine())
    memories = [s.memory for s in slots[: len(slots) - len(nest.ahead)]]
    aliased = len(set(memories)) < len(memories)
    module, sizes = emit(nest, schedule, "KERNEL", len(slots), aliased)
    text = str(module)
    symbol = "k" + hashlib.sha256(text.encode()).hexdigest()[:20]
    return schedule, symbol, text.replace("@KERNEL(", f"@{symbol}("), sizes


def _symbols(graph: Graph) -> list[str]:
    return sorted(symbols(d for p in graph.parameters for d in p.shape))


def _objects(texts: list[str]) -> list[bytes]:
    """Object code of each text; what this process has compiled before is not compiled again."""
    keys = [hashlib.sha256(t.encode()).hexdigest() for t in texts]
    missing = [k for k in dict.fromkeys(keys) if k not in OBJECTS]
    by_key = dict(zip(keys, texts, strict=True))
    compiled = toolchain.compile_objects([by_key[k] for k in missing])
    fresh = dict(zip(missing, compiled, strict=True))
    found = [fresh[k] if k in fresh else OBJECTS[k] for k in keys]
    OBJECTS.update(fresh)
    while len(OBJECTS) > MOST_OBJECTS:
        OBJECTS.popitem(last=False)
    return found


# ---- the plan ----------------------------------------------------------------------------------
def _plan(graph: Graph, program: Program, driven: Driven, kernels: list[Kernel]) -> Plan:
    arguments = [Array(list(p.shape), p.dtype) for p in graph.parameters]
    results = [
        Array(list(r.shape), r.dtype, program.arguments.index(s) if s in program.arguments else -1)
        for r, s in zip(graph.results, program.results, strict=True)
    ]
    blocks = [Block(s.kind, s.number, _bytes(s), driven.lives.get(s, (0, 0))) for s in driven.slots]
    return Plan(driven.symbols, arguments, results, blocks, [_work(k) for k in kernels])


def _bytes(slot: Slot) -> Dim:
    if slot.each:
        return slot.bytes_each * Extent.symbol(THREADS)
    return slot.bytes + slot.between * Extent.symbol(THREADS) if slot.between else slot.bytes


def _work(kernel: Kernel) -> Dim:
    nest = kernel.nest
    turns: Dim = math.prod(v.extent for v in (*nest.loops, *nest.reductions))
    return turns * max(1, int(sum(expr_cost(e) for e in walk(nest.roots()))))
