"""The roofline model: the least time of a kernel on this machine, by arithmetic or memory traffic.

    seconds = max(operations / peak arithmetic, bytes / bandwidth of the level that holds them)

See Williams, Waterman and Patterson, 2009. The peaks are measured (peaks.py); a kernel's data is
assumed to be in the smallest level that holds all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.target.machine import Machine
from lamina.engines.llvm.tools.peaks import Ceilings
from lamina.engines.llvm.tools.profile import Timing


@dataclass(frozen=True)
class Bound:
    """The limit that binds, such as "arithmetic" or "L3", and the seconds of one run at it."""

    limit: str
    seconds: float


def bound(timing: Timing, threads: int, ceilings: Ceilings, machine: Machine) -> Bound:
    """The least time that all calls of a kernel in one run could take."""
    active = 1 if timing.serial else min(threads, machine.cores)
    full = ceilings.gflops_one if active == 1 else ceilings.gflops_all * active / machine.cores
    width = _bits(timing)
    arithmetic = timing.work.operations / (full * 32 / width) / 1e9
    level, speed = _level(timing.work.bytes, active, ceilings, machine)
    traffic = timing.work.bytes / (speed * active / machine.cores) / 1e9 if speed else 0.0
    limit, seconds = max(("arithmetic", arithmetic), (level, traffic), key=lambda each: each[1])
    return Bound(limit, seconds * timing.calls)


def _level(count: int, active: int, ceilings: Ceilings, machine: Machine) -> tuple[str, float]:
    """Return the level that holds this many bytes, and the bandwidth (GB/s) of all processors from
    there; the first level is as fast as arithmetic."""
    levels = [
        ("L1", machine.l1 * active, 0.0),
        ("L2", machine.l2 * active, ceilings.l2),
        ("L3", machine.l3, ceilings.l3),
    ]
    return next(((n, s) for n, size, s in levels if count <= size), ("memory", ceilings.dram))


def _bits(timing: Timing) -> int:
    """Width of the elements that are computed with: twice as wide means half as many at once."""
    if not isinstance(timing.statement, Kernel):
        return 32
    nest = timing.statement.nest
    dtypes = [s.buffer.dtype for s in nest.stores] + [a.dtype for a in nest.accumulators]
    return max([32, *(d.bits for d in dtypes if d.is_float)])
