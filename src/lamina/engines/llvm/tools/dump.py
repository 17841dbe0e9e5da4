"""The ladder for looking inside while a program is compiled: LAMINA_DEBUG=1..6, on stderr.

    1 timings    what each pass took, whether the cache had it, and at exit what each program ran
    2 passes     the graph as it came and after each pass
    3 kernels    a line each: name, domain, schedule, memory
    4 nests      what each kernel computes
    5 LLVM       the text of each kernel and of the driver
    6 assembly   this machine's instructions

Each rung shows what those below it show. From rung 3 on the cache is not asked, so that there is
something to show. LAMINA_CHECK=1 verifies the graph as recorded and after each pass.
"""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from lamina.engines import Executable
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.statements import Routine
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.tools import describe
from lamina.errors import VerifyError
from lamina.ir.graph import Graph
from lamina.ir.text import to_text
from lamina.ir.verify import verify
from lamina.settings import settings

if TYPE_CHECKING:
    from lamina.engines.llvm.pipeline import Compiled


class Log:
    """What the pipeline tells as it goes; this one only checks, if that is wanted."""

    shows_kernels = False

    def passed(self, name: str, graph: Graph | None = None) -> None:
        """A pass is over."""
        if graph is not None and settings.check:
            _verify(graph, f"after {name}")

    def looked_up(self, found: bool) -> None:
        """The cache has answered."""

    def staged(self, stages: Compiled) -> None:
        """All text is there."""

    def ready(self, program: Executable) -> Executable:
        """The program, about to be handed out."""
        return program


SILENT = Log()


def begin(graph: Graph, updates: Mapping[int, int]) -> Log:
    """The log of one compilation, as the settings want it."""
    if settings.check:
        _verify(graph, "as recorded")
    return Speaking(graph, updates) if settings.debug else SILENT


class Speaking(Log):
    """Prints on stderr, as much as `settings.debug` says."""

    def __init__(self, graph: Graph, updates: Mapping[int, int]) -> None:
        self.rung, self.name, self.updates = settings.debug, graph.name, updates
        self.shows_kernels = self.rung >= 3
        self.begun = self.last = time.perf_counter()
        self._say(f"compiling {self.name!r}: {len(graph.nodes())} nodes")
        if self.rung >= 2:
            self._show("graph as recorded", to_text(graph))

    def passed(self, name: str, graph: Graph | None = None) -> None:
        super().passed(name, graph)
        nodes = f", {len(graph.nodes())} nodes" if graph is not None else ""
        self._say(f"{name:12} {self._elapsed():8.1f} ms{nodes}")
        if graph is not None and self.rung >= 2:
            self._show(f"graph after {name}", to_text(graph))
        self.last = time.perf_counter()

    def looked_up(self, found: bool) -> None:
        if self.shows_kernels:
            answer = f"not asked, since LAMINA_DEBUG={self.rung} shows what is compiled"
        elif not settings.cache:
            answer = "off (LAMINA_CACHE=0)"
        else:
            answer = "hit" if found else "miss: this program is new to this machine and version"
        self.passed("cache")
        self._say(f"cache: {answer}")

    def staged(self, stages: Compiled) -> None:
        names = describe.Names(len(stages.graph.parameters))
        running = describe.running(stages.program.items, stages.kernels)
        for number, item in enumerate(running if self.rung >= 3 else []):
            self._kernel(number, item, stages, names)
        self._show_code("the driver", str(stages.driven.module))
        self.last = time.perf_counter()

    def _kernel(
        self, number: int, item: Kernel | Routine, stages: Compiled, names: describe.Names
    ) -> None:
        if not isinstance(item, Kernel):
            self._say(f"kernel {number}: {describe.line_of(item, None, names)}")
            return
        schedule, symbol, text = stages.kernels[item]
        self._say(f"kernel {number}: {describe.line_of(item, schedule, names)}")
        if self.rung >= 4:
            lines = [*describe.buffers_of(item, names), str(item.nest)]
            self._show(f"nest of kernel {number}", "\n".join(lines))
        self._show_code(f"kernel {number}, {symbol}", text)

    def _show_code(self, what: str, text: str) -> None:
        if text and self.rung >= 5:
            self._show(f"LLVM of {what}", text)
        if text and self.rung >= 6:
            self._show(f"assembly of {what}", toolchain.assembly(text))

    def ready(self, program: Executable) -> Executable:
        self.passed("link")
        self._say(f"{'in all':12} {(time.perf_counter() - self.begun) * 1e3:8.1f} ms")
        return Counted(program, self.name)

    def _elapsed(self) -> float:
        return (time.perf_counter() - self.last) * 1e3

    def _say(self, line: str) -> None:
        print(f"lamina: {line}", file=sys.stderr)

    def _show(self, title: str, text: str) -> None:
        print(f"---- {self.name}: {title}\n{text.rstrip()}\n", file=sys.stderr)


def _verify(graph: Graph, when: str) -> None:
    try:
        verify(graph)
    except VerifyError as error:
        raise VerifyError(f"{when}: {error.message}", hint=error.hint) from error


# ---- what ran ----------------------------------------------------------------------------------
class Counted:
    """A program that counts its calls and their time, and prints both when the process ends."""

    def __init__(self, program: Executable, name: str) -> None:
        self.program, self.name = program, name
        self.graph, self.updates = program.graph, program.updates
        self.calls, self.seconds = 0, 0.0
        atexit.register(self.say)

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        with self._call():
            return self.program(arrays)

    def fixed(self, arrays: Sequence[np.ndarray]) -> tuple[list[np.ndarray], Callable[[], None]]:
        results, run = self.program.fixed(arrays)

        def counted() -> None:
            with self._call():
                run()

        return results, counted

    @contextmanager
    def _call(self) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begun
        self.calls += 1

    def say(self) -> None:
        """One line on stderr: calls, time in all, time of a call."""
        each = self.seconds / max(1, self.calls)
        print(
            f"lamina: {self.name!r} ran {self.calls} times in {self.seconds * 1e3:.1f} ms, "
            f"{each * 1e6:.1f} us a call",
            file=sys.stderr,
        )
