"""Barriers of a compiled program, and the memory that its threads synchronize through.

    synchronization memory = lines of machine.SHARED_LINE bytes, against false sharing:
        count | generation, leave | sleepers | gate | job | body: function, arguments, flush
        | constants | stop | watch: polls left, when to look
    constants = spins, idle spins, processors, barrier, wait, wake,
        poll, period, main, ident, ensure, release, occurred, again, move

From `barrier` on the constants are addresses: of the barrier's code, of system functions
(parking.py), and of the functions that stop a program (stopping.py). `period` is in ticks of the
clock, `main` is the identifier of Python's main thread.
"""

from __future__ import annotations

import platform

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.target.machine import ARM, SHARED_LINE

COUNT, GENERATION, SLEEPERS, GATE, JOB, BODY, CONSTANTS, STOP, WATCH = (
    SHARED_LINE * k for k in range(9)
)
SIZE = 9 * SHARED_LINE
LEAVE = GENERATION + 8
FUNCTION, ARGUMENTS, FLUSH = BODY, BODY + 8, BODY + 16
LEFT, DUE = WATCH, WATCH + 8
SPINS, IDLE_SPINS, PROCESSORS, BARRIER, WAIT, WAKE = (CONSTANTS + 8 * k for k in range(6))
POLL, PERIOD, MAIN = (CONSTANTS + 8 * k for k in range(6, 9))
IDENT, ENSURE, RELEASE, OCCURRED, AGAIN, MOVE = (CONSTANTS + 8 * k for k in range(9, 15))

# Barriers, or other polls of weight 1, from one look at the clock to the next. Programs and the
# native half of the thread pool both count by it, so it is part of their protocol.
POLLS = 16

# The instruction that marks a spin loop for the processor, where there is one.
_PAUSES: dict[str, tuple[str, list[Value]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "amd64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [constant("i32", 15)]),  # `yield` does nothing on most of them
    "arm64": ("llvm.aarch64.isb", [constant("i32", 15)]),
}


def emit_barrier(b: Builder, sync: Value, thread: Value, threads: Value) -> Value:
    """Emit a barrier: what threads wrote before it, all threads may read after it.

    `sync` (ptr), `thread` and `threads` (i64) are the arguments that the program was entered with.
    A single thread passes at once. A result (i64) other than 0 means that the program was stopped:
    all threads get the same result, and must leave the program.
    """
    code = b.load("ptr", field(b, sync, BARRIER), align=8)
    return b.emit("i64", f"call i64 {code.text}({sync}, {thread}, {threads})")


def emit_poll(b: Builder, sync: Value, thread: Value, weight: Value) -> Value:
    """Return nonzero if the program was stopped: this thread may then skip its work up to the next
    barrier. Other threads may still get 0."""
    code = b.load("ptr", field(b, sync, POLL), align=8)
    return b.emit("i64", f"call i64 {code.text}({sync}, {thread}, {weight})")


def clock(b: Builder) -> Value:
    """Read a clock of constant rate: the time stamp counter on x86, the virtual timer on AArch64
    (LLVM 20 and later read CNTVCT_EL0 for it; `llvm.readsteadycounter` is a constant 0 there)."""
    return b.call("llvm.readcyclecounter", "i64", [])


def architecture() -> str:
    """The processor family of this machine, in lower case: x86_64, amd64, aarch64, arm64, ..."""
    return platform.machine().lower()


def integer(value: int) -> Value:
    return constant("i64", value)


def field(b: Builder, base: Value, offset: int) -> Value:
    """The address `offset` bytes from `base`."""
    return b.element(base, offset, "i8")


def load_atomic(b: Builder, address: Value, order: str = "acquire") -> Value:
    return b.emit("i64", f"load atomic i64, {address} {order}, align 8")


def store_atomic(b: Builder, value: Value, address: Value, order: str = "release") -> None:
    b.lines.append(f"  store atomic {value}, {address} {order}, align 8")


def add_atomic(b: Builder, address: Value, value: int, order: str = "seq_cst") -> Value:
    """Add to the number at `address`; return the old value."""
    return b.emit("i64", f"atomicrmw add {address}, i64 {value} {order}, align 8")


def exchange(b: Builder, address: Value, expected: int, value: int) -> Value:
    """Store `value` if the memory holds `expected`; return whether it did (i1)."""
    pair = b.emit("{ i64, i1 }", f"cmpxchg {address}, i64 {expected}, i64 {value} seq_cst seq_cst")
    return b.emit("i1", f"extractvalue {pair}, 1")


def synchronize_instructions(b: Builder) -> None:
    """Make code that another thread has linked visible to this thread's instruction fetch.

    AArch64 wants it of each thread that runs the code; x86 does it by itself.
    """
    if architecture() in ARM:
        b.call("llvm.aarch64.isb", "void", [constant("i32", 15)])


def pause(b: Builder) -> None:
    """Emit the pause instruction of a spin loop."""
    if architecture() in _PAUSES:
        name, args = _PAUSES[architecture()]
        b.call(name, "void", args)
