"""From a graph to machine code: the list of passes, and what runs it.

    recorded graph --graph passes--> graph --bufferize--> program --program passes--> program
        --schedule--> scheduled program --passes--> scheduled program
        --emit--> LLVM text, a module per kernel and one for the program --compile--> image

`PASSES` is the one list: `compile_graph`, inspection, profiles, the fuzzer and the tests run it.
LAMINA_DEBUG times each pass, LAMINA_DUMP prints its argument or its result, LAMINA_SKIP leaves
optional ones out, and LAMINA_CHECK=1 verifies the result of each. An image is kept on disk, under a
key made of the simplified graph's text.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any, Self

import numpy as np

from lamina.engines.llvm.codegen.program import DRIVER, Driven, drive
from lamina.engines.llvm.codegen.versions import emit
from lamina.engines.llvm.graph.legalize import legalize
from lamina.engines.llvm.graph.partitions import distribute_maps
from lamina.engines.llvm.loops.buffers import Slot
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Nest
from lamina.engines.llvm.loops.schedule import Schedule
from lamina.engines.llvm.program import nest_passes
from lamina.engines.llvm.program.barriers import insert_barriers
from lamina.engines.llvm.program.bufferize import bufferize
from lamina.engines.llvm.program.dead_stores import eliminate_dead_stores
from lamina.engines.llvm.program.parallel_regions import form_parallel_regions
from lamina.engines.llvm.program.peel import peel_loops
from lamina.engines.llvm.program.plan_memory import plan_memory
from lamina.engines.llvm.program.prefetch import prefetch
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.replicate import replicate
from lamina.engines.llvm.program.row_parallel import find_row_parallel
from lamina.engines.llvm.program.row_tiling import tile_rows
from lamina.engines.llvm.program.row_versions import version_rows
from lamina.engines.llvm.program.statements import ParallelRegion, kernels_of, walk
from lamina.engines.llvm.runtime import cache, limits
from lamina.engines.llvm.runtime.executable import LlvmProgram
from lamina.engines.llvm.runtime.image import Image
from lamina.engines.llvm.runtime.manifest import THREADS, Array, Block, Plan
from lamina.engines.llvm.schedule.cost import operations
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.compilation import Compilation
from lamina.engines.llvm.target.target import Target, target
from lamina.engines.llvm.tools import dump
from lamina.engines.llvm.tools.stages import GRAPH, PROGRAM, SCHEDULED, KernelText, Pass, Stages
from lamina.engines.protocol import Executable
from lamina.errors import SettingError, unknown_name, warn
from lamina.ir.graph import Graph, Node
from lamina.ir.text import to_text
from lamina.ir.types import Dim, Extent, symbols
from lamina.rewrite import defer_accumulation, hoist_invariants, simplify
from lamina.settings import settings

LONG_DRIVER = 100_000  # characters: of about 60 kernels
_Signature = tuple[Schedule, int, bool]  # number of parameters, whether two share memory

OBJECTS: OrderedDict[str, bytes] = OrderedDict()  # kernels of this process, by their text


def _unused(text: str) -> None:
    """A text that is not compiled."""


def _plain(run: Callable[[Any], Any]) -> Callable[[Any, Target], Any]:
    """A pass that asks nothing of the target."""
    return lambda value, target: run(value)


# In order; each takes the result of the one before it. The level is that of its argument.
PASSES: list[Pass] = [
    Pass("simplify", GRAPH, _plain(simplify)),
    Pass("defer_accumulation", GRAPH, _plain(defer_accumulation), optional=True, changes_bits=True),
    Pass("legalize", GRAPH, legalize, changes_bits=True),
    Pass("distribute_maps", GRAPH, _plain(distribute_maps), optional=True),
    Pass("hoist_invariants", GRAPH, _plain(hoist_invariants), optional=True),
    Pass("bufferize", GRAPH, bufferize),
    Pass("fuse_loops", PROGRAM, nest_passes.fuse_loops, optional=True),
    Pass("eliminate_dead_stores", PROGRAM, _plain(eliminate_dead_stores), optional=True),
    Pass(
        "split_reductions", PROGRAM, nest_passes.split_reductions, optional=True, changes_bits=True
    ),
    Pass(
        "block_reductions", PROGRAM, nest_passes.block_reductions, optional=True, changes_bits=True
    ),
    Pass("coalesce_loops", PROGRAM, nest_passes.coalesce_loops, optional=True, changes_bits=True),
    Pass("peel_loops", PROGRAM, _plain(peel_loops), optional=True),
    Pass("schedule", PROGRAM, nest_passes.schedule_kernels, changes_bits=True),
    Pass("find_row_parallel", SCHEDULED, _plain(find_row_parallel), optional=True),
    Pass("prefetch", SCHEDULED, prefetch, optional=True),
    Pass("form_parallel_regions", SCHEDULED, form_parallel_regions, optional=True),
    Pass("tile_rows", SCHEDULED, tile_rows, optional=True),
    Pass("replicate", SCHEDULED, replicate, optional=True),
    Pass("version_rows", SCHEDULED, version_rows),
    Pass("insert_barriers", SCHEDULED, _plain(insert_barriers)),
    Pass("plan_memory", SCHEDULED, plan_memory),
]
NAMES = [each.name for each in PASSES]


def compile_graph(
    recorded: Graph,
    updates: Mapping[int, int],
    flush_denormals: bool = False,
    held: Collection[int] = (),
) -> Executable:
    """The executable of a graph: from the cache, or compiled."""
    log = dump.begin(recorded, updates, NAMES)
    graph = run_passes(recorded, updates, log, PASSES[:1])
    _announce_half(graph)
    key = cache.key_of(to_text(graph, full=True), repr(sorted(updates.items())))
    found = None if log.shows_kernels else cache.lookup(key)
    log.looked_up(found is not None)
    if found is not None:
        image = Image.unpacked(found)
    else:
        with Objects() as objects:
            image = image_of(stages_of(graph, updates, log, begin=objects.begin), objects)
        log.passed("compile")
        cache.store(key, image.packed())
    return log.ready(LlvmProgram(image, recorded, updates, flush_denormals, held))


_announced: set[str] = set()  # once a process


def _announce_half(graph: Graph) -> None:
    """Warn once of products of 16-bit floats, which no instruction of the engine computes."""
    if not _announced and _has_half_products(graph):
        _announced.add("half")
        warn(
            "products of 16-bit floats are slower than those of float32 on this processor: numbers "
            "are converted to float32 and back. Results and their rounding are as defined; for "
            "speed compute in float32, or on a device with engine='xla'"
        )


def _has_half_products(graph: Graph) -> bool:
    for node in graph.nodes():
        is_product = node.op in ("dot_general", "convolution")
        if is_product and any(map(_is_widened, node.args)):
            return True
        if any(isinstance(v, Graph) and _has_half_products(v) for v in node.params.values()):
            return True
    return False


def _is_widened(node: Node) -> bool:
    return node.op == "convert" and node.args[0].dtype.is_storage_only


# ---- the passes --------------------------------------------------------------------------------
def run_passes(
    value: Any,
    updates: Mapping[int, int],
    log: dump.Log = dump.SILENT,
    passes: Sequence[Pass] = PASSES[1:],
) -> Any:
    """Run passes on a graph or program, except for those that LAMINA_SKIP names."""
    skipped, chosen = skipped_passes(), target()
    for each in passes:
        if each.name in skipped:
            continue
        log.before(each, value)
        if each.name == "bufferize":
            value = bufferize(value, updates, chosen.costs)
        else:
            value = each.run(value, chosen)
        log.after(each, value)
    return value


def skipped_passes() -> frozenset[str]:
    """The passes that LAMINA_SKIP names.

    Raises:
        UnknownNameError: no pass has this name; the nearest is named.
        SettingError: a pass is needed.
    """
    optional = {each.name for each in PASSES if each.optional}
    for name in settings.skip:
        if name not in NAMES:
            raise unknown_name("pass", name, sorted(optional))
        if name not in optional:
            raise SettingError(
                f"setting 'skip': the pass {name} cannot be skipped",
                hint=f"these can: {', '.join(n for n in NAMES if n in optional)}",
            )
    return frozenset(settings.skip)


def until(name: str) -> list[Pass]:
    """The passes after `simplify`, up to and including the pass of this name."""
    return PASSES[1 : NAMES.index(name) + 1]


def program_of(graph: Graph, updates: Mapping[int, int], log: dump.Log = dump.SILENT) -> Program:
    """The scheduled program of a simplified graph."""
    program: Program = run_passes(graph, updates, log)
    return program


def stages_of(
    graph: Graph,
    updates: Mapping[int, int],
    log: dump.Log = dump.SILENT,
    drive: Callable[..., Driven] = drive,
    begin: Callable[[str], None] = _unused,
) -> Stages:
    """Everything up to LLVM text, of a simplified graph; `drive` writes the program's function, and
    `begin` may begin to compile a text while others are made."""
    program = program_of(graph, updates, log)
    kernels = kernel_texts(program, begin)
    log.passed("emit")
    called = {kernel: (text.symbol, text.sizes) for kernel, text in kernels.items()}
    driven = drive(program, called, _symbols(graph))
    begin(str(driven.module))
    plan = _plan(graph, program, driven, list(kernels))
    stages = Stages(graph, program, kernels, driven, plan)
    log.passed("drive")
    log.staged(stages)
    return stages


# ---- text and objects --------------------------------------------------------------------------
def kernel_texts(
    program: Program, begin: Callable[[str], None] = _unused
) -> dict[Kernel, KernelText]:
    """The LLVM text of each kernel; equal kernels have equal symbols."""
    known: dict[int, list[tuple[_Signature, KernelText]]] = {}  # by nest: kernels may share it
    texts: dict[Kernel, KernelText] = {}
    for kernel in kernels_of(program.statements):
        memories = [s.memory for s in kernel.slots]
        aliased = len(set(memories)) < len(memories)
        signature = (kernel.chosen, len(kernel.parameters), aliased)
        forms = known.setdefault(id(kernel.nest), [])
        found = next((text for each, text in forms if each == signature), None)
        if found is None:
            found = _kernel_text(kernel.nest, *signature)
            forms.append((signature, found))
            begin(found.text)
        texts[kernel] = found
    return texts


def _kernel_text(nest: Nest, schedule: Schedule, parameters: int, aliased: bool) -> KernelText:
    module, sizes = emit(nest, schedule, "KERNEL", parameters, aliased)
    text = str(module)
    symbol = "k" + hashlib.sha256(text.encode()).hexdigest()[:20]
    return KernelText(symbol, text.replace("@KERNEL(", f"@{symbol}("), sizes)


def image_of(stages: Stages, objects: Objects) -> Image:
    """The compiled program: every text as an object."""
    texts = list({k.symbol: k.text for k in stages.kernels.values()}.values())
    tables = [np.ascontiguousarray(t.array) for t in stages.program.tables]
    return Image(stages.plan, objects.of([*texts, str(stages.driven.module)]), tables)


def _symbols(graph: Graph) -> list[str]:
    return sorted(symbols(d for p in graph.parameters for d in p.shape))


class Objects:
    """Object code of texts; one that this process compiled before is not compiled again."""

    def __init__(self) -> None:
        self.jobs, self.processor = Compilation(), repr(toolchain.host())

    def __enter__(self) -> Self:
        self.jobs.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.jobs.__exit__()

    def begin(self, text: str) -> None:
        """Begin to compile a text."""
        if self._key(text) not in OBJECTS:
            self.jobs.begin(text, _level(text))

    def of(self, texts: Sequence[str]) -> list[bytes]:
        """Return the object code of each text."""
        found: list[bytes] = []
        for text in texts:
            self.begin(text)
            known = OBJECTS.get(self._key(text))
            found.append(self.jobs.object(text) if known is None else known)
        OBJECTS.update(zip(map(self._key, texts), found, strict=True))
        while len(OBJECTS) > limits.KEPT_OBJECTS:
            OBJECTS.popitem(last=False)
        return found

    def _key(self, text: str) -> str:
        return hashlib.sha256((self.processor + text).encode()).hexdigest()


def _level(text: str) -> int:
    """The effort of LLVM's code generator. The function of a long program, which only calls
    kernels, would take it as long as a third of the kernels."""
    is_driver = f"@{DRIVER}(" in text
    if is_driver and len(text) > LONG_DRIVER and sys.platform != "win32":  # frames of a page there
        return 0
    return 2


# ---- the plan ----------------------------------------------------------------------------------
def _plan(graph: Graph, program: Program, driven: Driven, kernels: list[Kernel]) -> Plan:
    arguments = [Array(list(p.shape), p.dtype) for p in graph.parameters]
    results = [
        Array(list(r.shape), r.dtype, program.arguments.index(s) if s in program.arguments else -1)
        for r, s in zip(graph.results, program.results, strict=True)
    ]
    displaced = {
        slot: bytes_
        for region in walk(program.statements)
        if isinstance(region, ParallelRegion)
        for slot, bytes_ in region.displaced.items()
    }
    blocks = [
        Block(
            s.kind,
            s.number,
            _bytes(s, program.private, displaced.get(s, 0)),
            program.lives.get(s, (0, 0)),
        )
        for s in program.owners()
    ]
    return Plan(driven.symbols, arguments, results, blocks, [operations(k.nest) for k in kernels])


def _bytes(slot: Slot, private: Set[Slot], displacement: int) -> Dim:
    threads = Extent.symbol(THREADS)
    if slot in private:
        return slot.bytes_per_thread * threads
    return slot.bytes + displacement * threads if displacement else slot.bytes
