"""Where the threads of a compiled program meet, and the memory that they share for it.

    synchronisation memory = lines of 128 bytes, so that no two threads write to one cache line:
        count | turn | sleepers | gate | job | body: function, arguments, flush | constants
    constants = spins, spins in a crowd, idle spins, processors, barrier, wait, wake

The last three are addresses: of the barrier's code, and of the system's functions (parking.py).
"""

from __future__ import annotations

import platform

from lamina.engines.llvm.codegen.builder import Builder, Value, constant

LINE = 128  # bytes: two lines of 64 are fetched together on x86, and Apple's are this long

COUNT, TURN, SLEEPERS, GATE, JOB, BODY, CONSTANTS = (LINE * k for k in range(7))
SIZE = 8 * LINE
FUNCTION, ARGUMENTS, FLUSH = BODY, BODY + 8, BODY + 16
SPINS, IDLE_SPINS, PROCESSORS, BARRIER, WAIT, WAKE = (CONSTANTS + 8 * k for k in range(6))

# How a processor is told that this is a waiting loop; others are told nothing.
_PAUSES: dict[str, tuple[str, list[Value]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "amd64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [constant("i32", 15)]),  # `yield` does nothing on most of them
    "arm64": ("llvm.aarch64.isb", [constant("i32", 15)]),
}


def emit_barrier(b: Builder, sync: Value, threads: Value) -> None:
    """No thread goes on before all have come here; what they wrote before, all may read after.

    `sync` (ptr) and `threads` (i64) are the arguments that the program was entered with. One thread
    alone passes at once.
    """
    code = b.load("ptr", field(b, sync, BARRIER), align=8)
    b.lines.append(f"  call void {code.text}({sync}, {threads})")


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
    """Add to the number at `address`; what was there before."""
    return b.emit("i64", f"atomicrmw add {address}, i64 {value} {order}, align 8")


def exchange(b: Builder, address: Value, expected: int, value: int) -> Value:
    """Store `value` if `expected` is there; whether it was (i1)."""
    pair = b.emit("{ i64, i1 }", f"cmpxchg {address}, i64 {expected}, i64 {value} seq_cst seq_cst")
    return b.emit("i1", f"extractvalue {pair}, 1")


def pause(b: Builder) -> None:
    """Let the processor rest for a moment inside a waiting loop."""
    if architecture() in _PAUSES:
        name, args = _PAUSES[architecture()]
        b.call(name, "void", args)
