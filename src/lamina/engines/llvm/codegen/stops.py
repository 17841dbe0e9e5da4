"""Points where a program can be stopped (runtime/stopping.py): barriers, and polls in long work.

At a barrier all threads leave the program together. Between two barriers a thread that sees the
stop flag continues at the next barrier: other threads read its unfinished results only after it.
"""

from __future__ import annotations

from collections.abc import Callable

from lamina.engines.llvm.codegen.barrier import POLLS, emit_barrier, emit_poll
from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.target.target import target


class Stops:
    """Emits stop points into the function of a program."""

    def __init__(self, b: Builder, thread: Value, threads: Value, sync: Value) -> None:
        self.b, self.thread, self.threads, self.sync = b, thread, threads, sync
        self.out = b.label("out")

    def end(self) -> None:
        """Emit the end of the function, where all threads go when the program is stopped."""
        self.b.branch(self.out)
        self.b.place(self.out)
        self.b.ret()

    def meet(self) -> None:
        """Emit a barrier; if the program was stopped, all threads leave it there."""
        self._leave(emit_barrier(self.b, self.sync, self.thread, self.threads), self.out)

    def poll(self, leave: str, weight: Value | None = None) -> None:
        """Jump to `leave` if the program was stopped."""
        weight = weight or constant("i64", 1)
        self._leave(emit_poll(self.b, self.sync, self.thread, weight), leave)

    def _leave(self, stop: Value, to: str) -> None:
        on = self.b.label("on")
        self.b.branch_if(self.b.icmp("ne", stop, constant("i64", 0)), to, on)
        self.b.place(on)

    def in_portions(
        self,
        work: Value,
        typical: int,
        thread: Value,
        threads: Value,
        call: Callable[[Value, Value], None],
    ) -> None:
        """Emit call(thread, threads) for a kernel of `work` operations, `typical` at typical sizes.

        Long kernels (`Costs.portion_bits`) run in portions, by calls with a multiple of the
        threads: the same tiles in the same order.
        """
        b, bits = self.b, target().costs.portion_bits
        is_short = not work.text.startswith("%") and not int(work.text) >> bits
        if is_short or typical < target().costs.portioned:
            call(thread, threads)
            return
        more = b.lshr(work, constant("i64", bits))
        pieces, stopped = b.add(more, constant("i64", 1)), b.label("stopped")
        first, count = b.mul(thread, pieces), b.mul(threads, pieces)
        with b.loop(0, pieces, hint="piece") as loop:
            call(b.add(first, loop.value), count)
            self.poll(stopped, b.mul(more, constant("i64", POLLS)))
        b.branch(stopped)
        b.place(stopped)
