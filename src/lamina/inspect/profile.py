"""The time of each kernel of a program and the limits of the machine, as a table."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from lamina.inspect.subject import subject

TRIES = 4  # measurements of the machine's limits, at most
SHORT = 1e-6  # seconds a call, below which no limit of the machine tells anything


@dataclass(frozen=True)
class Row:
    """The measured figures of one kernel in one run of the program.

    Args:
        number: position in the order of execution, from 0.
        name: name of the kernel.
        calls: number of executions.
        seconds: time of all calls together in the quickest run.
        share: fraction of the time of all kernels.
        operations: arithmetic operations of all calls; a multiply-add counts as two.
        bytes: bytes that all calls have to move at least.
        limit: what bounds the kernel: "arithmetic", the memory level that holds the data, or
            "short" below a microsecond, which start-up costs dominate.
        fraction: least possible time at the machine's limit divided by `seconds`.

    Example:
        >>> import lamina as lm
        >>> profile = lm.inspect.profile(lambda x: x @ x, lm.ones((64, 64)), seconds=0.05)
        >>> profile.rows[0].calls
        1
    """

    number: int
    name: str
    calls: int
    seconds: float
    share: float
    operations: int
    bytes: int
    limit: str
    fraction: float

    @property
    def gflops(self) -> float:
        """Operations per second, in billions."""
        return self.operations / max(self.seconds, 1e-9) / 1e9

    @property
    def gbytes(self) -> float:
        """Bytes per second, in billions."""
        return self.bytes / max(self.seconds, 1e-9) / 1e9


@dataclass(frozen=True)
class Profile:
    """The measured times of the kernels of a program, the slowest first.

    Args:
        name: name of the object; by default its class in snake case, with a number if needed.
        rows: one Row for each kernel.
        quickest: time of the quickest run without clocks inside, in seconds.
        median: median time of a run, in seconds.
        threads: number of threads of the runs.
        runs: number of measured runs.
        ceilings: the machine's measured limits, as one line.

    Example:
        >>> import lamina as lm
        >>> profile = lm.inspect.profile(lambda x: x @ x, lm.ones((64, 64)), seconds=0.05)
        >>> profile.runs > 0
        True
    """

    name: str
    rows: list[Row]
    quickest: float
    median: float
    threads: int
    runs: int
    ceilings: str

    def __repr__(self) -> str:
        """A table: in color when it goes to a terminal, else plain text."""
        if not sys.stdout.isatty():
            return str(self)
        from rich.console import Console

        console = Console(file=io.StringIO(), force_terminal=True)
        with console.capture() as captured:
            console.print(self)
        return captured.get().rstrip()

    def __str__(self) -> str:
        return "\n".join([*self._head(), "", *_aligned([HEADER, *map(_cells, self.rows)])])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.table import Table

        table = Table(box=None, header_style="bold", pad_edge=False)
        for name in HEADER:
            table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
        for row in self.rows:
            table.add_row(*_cells(row), style=None if row.share >= 0.01 else "dim")
        return Group(*self._head(), "", table)

    def _head(self) -> list[str]:
        inside = sum(row.seconds for row in self.rows)
        crew = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        lines = [
            f"{self.name}: {_time(self.quickest)} a run at best, {_time(self.median)} median "
            f"({crew}, {self.runs} runs); in kernels {_time(inside)}",
            f"this machine: {self.ceilings}",
        ]
        if any(row.fraction > 1.05 and row.limit != "short" for row in self.rows):
            lines.append("(it was busy with something else: at rest its limits are higher)")
        return lines


def profile(f: Callable[..., Any], *args: Any, seconds: float = 0.5, **kwargs: Any) -> Profile:
    """Return the time of each kernel of f(*args, **kwargs).

    Each kernel is timed inside the running program, with all its threads, on copies of the arrays.
    The quickest of many runs counts, since other programs can only slow a run down. GFLOP/s count
    useful arithmetic, GB/s the bytes that have to be moved at least. The first call also measures
    the machine's ceilings, which takes about 0.3 s.

    Args:
        f: function of tensors, or what `compile` returned.
        seconds: approximate time to measure for.

    Example:
        >>> import lamina as lm
        >>> x = lm.ones((64, 64))
        >>> lm.inspect.profile(lambda x: lm.tanh(x @ x), x).rows[0].name
        'dot_general[64 x 64 over 64]'
    """
    from lamina.engines.llvm.tools.profile import measure

    seen = subject(f, args, kwargs)
    times = measure(seen.simplified, seen.updates, seen.arrays, seconds)
    rows, limits = _beside_limits(times)
    rows.sort(key=lambda row: -row.seconds)
    told = (
        f"{limits.gflops_all:.0f} GFLOP/s ({limits.gflops_one:.0f} on one thread); reads "
        f"{limits.l2:.0f} GB/s from L2, {limits.l3:.0f} from L3, {limits.dram:.0f} from memory"
    )
    name = seen.recorded.name
    return Profile(name, rows, times.quickest, times.median, times.threads, times.runs, told)


def _beside_limits(times: Any) -> tuple[list[Row], Any]:
    """The rows, and the machine's limits: measured again where a kernel seems to be faster than
    they allow, which means that something else kept the machine busy before."""
    from lamina.engines.llvm.target.machine import machine
    from lamina.engines.llvm.tools.peaks import ceilings, measured

    limits = ceilings()
    for _ in range(TRIES):
        rows = _rows(times, limits)
        if all(row.fraction <= 1 or row.limit == "short" for row in rows):
            break
        again = measured(machine())
        limits = type(limits)(*map(max, astuple(limits), astuple(again)))
    return rows, limits


def _rows(times: Any, limits: Any) -> list[Row]:
    from lamina.engines.llvm.target.machine import machine
    from lamina.engines.llvm.tools.describe import name_of
    from lamina.engines.llvm.tools.roofline import bound

    total = sum(t.seconds for t in times.kernels) or 1.0
    rows = []
    for number, timing in enumerate(times.kernels):
        at_best = bound(timing, times.threads, limits, machine())
        work, calls = timing.work, timing.calls
        figures = (work.operations * calls, work.bytes * calls)
        fraction = at_best.seconds / max(timing.seconds, 1e-9)
        share = timing.seconds / total
        head = (number, name_of(timing.statement), calls, timing.seconds, share)
        limit = "short" if timing.seconds < SHORT * calls else at_best.limit
        rows.append(Row(*head, *figures, limit, fraction))
    return rows


# ---- the table ---------------------------------------------------------------------------------
HEADER = ["#", "kernel", "calls", "time", "share", "GFLOP/s", "GB/s", "limit", "reached"]
LEFT = {"kernel", "limit"}


def _cells(row: Row) -> list[str]:
    return [
        str(row.number),
        row.name,
        str(row.calls),
        _time(row.seconds),
        f"{row.share:.1%}",
        f"{row.gflops:.1f}",
        f"{row.gbytes:.1f}",
        row.limit,
        "" if row.limit == "short" else f"{row.fraction:.0%}",
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_placed(*each) for each in zip(HEADER, row, widths)).rstrip() for row in rows]


def _placed(name: str, cell: str, width: int) -> str:
    return cell.ljust(width) if name in LEFT else cell.rjust(width)


def _time(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"
