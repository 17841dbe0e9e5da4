"""Output for debugging a compilation: LAMINA_DEBUG=1..6, on stderr.

    1 timings    time of each pass, whether the cache had the program, and at exit all runs
    2 passes     the recorded graph, and the graph after each pass
    3 kernels    a line each: name, domain, schedule, memory
    4 nests      what each kernel computes
    5 LLVM       the text of each kernel and of the driver
    6 assembly   this machine's instructions

Each level includes those above it. From level 3 on the cache is not used, so that there is
something to show. LAMINA_DUMP=after:tile_rows prints the graph or the program that a pass returns,
LAMINA_DUMP=before:schedule,dot_general the nests of one kind that it gets. LAMINA_CHECK=1 verifies
the graph as recorded, and the graph or program after each pass.
"""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import Routine
from lamina.engines.llvm.program.text import Names, nest_text
from lamina.engines.llvm.program.text import to_text as program_text
from lamina.engines.llvm.program.verify import verify as verify_program
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.tools import describe
from lamina.engines.llvm.tools.stages import Pass, Stages
from lamina.engines.protocol import Executable
from lamina.errors import SettingError, VerifyError, unknown_name
from lamina.ir.graph import Graph
from lamina.ir.text import to_text
from lamina.ir.verify import verify
from lamina.settings import settings


class Log:
    """Receives the pipeline's reports; this one only verifies, if LAMINA_CHECK asks for it."""

    shows_kernels = False

    def before(self, step: Pass, value: Graph | Program) -> None:
        """A pass begins."""

    def after(self, step: Pass, value: Graph | Program) -> None:
        """A pass is over."""
        if settings.check:
            _verify(value, f"after {step.name}")

    def passed(self, name: str) -> None:
        """A step that is not a pass is over."""

    def looked_up(self, found: bool) -> None:
        """The cache has answered."""

    def staged(self, stages: Stages) -> None:
        """All text is there."""

    def ready(self, program: Executable) -> Executable:
        """The program, about to be handed out."""
        return program


SILENT = Log()


def begin(graph: Graph, updates: Mapping[int, int], names: Sequence[str]) -> Log:
    """The log of one compilation, as the settings want it; `names` are those of the passes."""
    if settings.check:
        _verify(graph, "as recorded")
    wanted = _wanted(settings.dump, names)
    return Speaking(graph, updates, wanted) if settings.debug or wanted else SILENT


class Wanted(NamedTuple):
    """The request of LAMINA_DUMP: when, of which pass, and the kernels of which name (all if
    "")."""

    when: str
    name: str
    kernels: str


def _wanted(text: str, names: Sequence[str]) -> Wanted | None:
    if not text:
        return None
    when, _, rest = text.partition(":")
    name, _, kernels = rest.partition(",")
    if when not in ("before", "after"):
        raise SettingError(
            f"setting 'dump': expected before:PASS or after:PASS, got {text!r}",
            hint=f"the passes are {', '.join(names)}",
        )
    if name not in names:
        raise unknown_name("pass", name, names)
    return Wanted(when, name, kernels.strip())


class Speaking(Log):
    """Prints on stderr as much as `settings.debug` and `settings.dump` ask for."""

    def __init__(self, graph: Graph, updates: Mapping[int, int], wanted: Wanted | None) -> None:
        self.rung, self.name, self.updates = settings.debug, graph.name, updates
        self.wanted = wanted
        self.shows_kernels = self.rung >= 3 or wanted is not None
        self.begun = self.last = time.perf_counter()
        self._say(f"compiling {self.name!r}: {len(graph.nodes())} nodes")
        if self.rung >= 2:
            self._show("graph as recorded", to_text(graph))

    def before(self, step: Pass, value: Graph | Program) -> None:
        self._dump("before", step, value)
        self.last = time.perf_counter()

    def after(self, step: Pass, value: Graph | Program) -> None:
        super().after(step, value)
        count = (
            f"{len(value.nodes())} nodes"
            if isinstance(value, Graph)
            else f"{len(describe.running(value.statements))} kernels"
        )
        self._say(f"{step.name:21} {self._elapsed():8.1f} ms, {count}")
        if isinstance(value, Graph) and self.rung >= 2:
            self._show(f"graph after {step.name}", to_text(value))
        self._dump("after", step, value)
        self.last = time.perf_counter()

    def _dump(self, when: str, step: Pass, value: Graph | Program) -> None:
        if self.wanted is None or self.wanted[:2] != (when, step.name):
            return
        text = to_text(value) if isinstance(value, Graph) else program_text(value, self.wanted[2])
        self._show(f"{when} {step.name}", text)

    def passed(self, name: str) -> None:
        self._say(f"{name:21} {self._elapsed():8.1f} ms")
        self.last = time.perf_counter()

    def looked_up(self, found: bool) -> None:
        if self.shows_kernels:
            answer = "not asked, since what is compiled is to be shown"
        elif not settings.cache:
            answer = "off (LAMINA_CACHE=0)"
        else:
            answer = "hit" if found else "miss: this program is new to this machine and version"
        self.passed("cache")
        self._say(f"cache: {answer}")

    def staged(self, stages: Stages) -> None:
        names = Names(len(stages.graph.parameters))
        running = describe.running(stages.program.statements)
        for number, statement in enumerate(running if self.rung >= 3 else []):
            self._kernel(number, statement, stages, names)
        self._show_code("the driver", str(stages.driven.module))
        self.last = time.perf_counter()

    def _kernel(
        self, number: int, statement: Kernel | Routine, stages: Stages, names: Names
    ) -> None:
        self._say(f"kernel {number}: {describe.line_of(statement, names)}")
        if not isinstance(statement, Kernel):
            return
        if self.rung >= 4:
            self._show(f"nest of kernel {number}", nest_text(statement, names))
        text = stages.kernels[statement]
        self._show_code(f"kernel {number}, {text.symbol}", text.text)

    def _show_code(self, what: str, text: str) -> None:
        if self.rung >= 5:
            self._show(f"LLVM of {what}", text)
        if self.rung >= 6:
            self._show(f"assembly of {what}", toolchain.assembly(text))

    def ready(self, program: Executable) -> Executable:
        self.passed("link")
        self._say(f"{'in all':21} {(time.perf_counter() - self.begun) * 1e3:8.1f} ms")
        return Counted(program, self.name) if self.rung else program

    def _elapsed(self) -> float:
        return (time.perf_counter() - self.last) * 1e3

    def _say(self, line: str) -> None:
        if self.rung:
            print(f"lamina: {line}", file=sys.stderr)

    def _show(self, title: str, text: str) -> None:
        print(f"---- {self.name}: {title}\n{text.rstrip()}\n", file=sys.stderr)


def _verify(value: Graph | Program, when: str) -> None:
    try:
        if isinstance(value, Graph):
            verify(value)
        else:
            verify_program(value)
    except VerifyError as error:
        raise VerifyError(f"{when}: {error.message}", hint=error.hint) from error


# ---- runs --------------------------------------------------------------------------------------
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
