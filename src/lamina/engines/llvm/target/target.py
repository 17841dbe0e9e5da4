"""The target of a compilation: a machine, and the thresholds of the passes on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache

from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.machine import Machine, machine


@dataclass(frozen=True)
class Target:
    """The engine hands it to every pass that has a choice."""

    machine: Machine
    costs: Costs

    def key(self) -> list[float]:
        """Every figure that decides how a program is arranged, for the key of the cache."""
        this = self.machine
        registers = [this.vector_bits, this.vector_registers, this.fma, this.converts_half]
        return [*registers, this.l1, this.l2, this.line, *self.costs.key()]


def host() -> Target:
    """The machine that this process runs on, with its thresholds."""
    return _target_for(machine())


@cache
def _target_for(this: Machine) -> Target:
    return Target(this, Costs.of(this))


_chosen: ContextVar[Target | None] = ContextVar("lamina_target", default=None)


def target() -> Target:
    """Return the target of compilations here: the host, or that of a surrounding `with
    using(...)`."""
    return _chosen.get() or host()


@contextmanager
def using(other: Target) -> Iterator[None]:
    """Compile for another target: for tests and the fuzzer."""
    token = _chosen.set(other)
    try:
        yield
    finally:
        _chosen.reset(token)
