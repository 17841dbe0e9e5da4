"""Where the threads of a compiled program meet, and the atomic operations it takes, as LLVM text.

synchronisation memory = lines of 128 bytes, so that no two threads write to one cache line:
    count | turn | limits: spins before yielding, idle spins, address of the yielding function
    gate | job | body: function, arguments | worker 0: state, done | worker 1 | ...
"""

from __future__ import annotations

import platform
from collections.abc import Callable

from lamina.engines.llvm.builder import Builder, Function, Value, constant

LINE = 128  # bytes: two lines of 64 are fetched together on x86, and Apple's are this long

COUNT, TURN, LIMITS, GATE, JOB, BODY, WORKERS = (LINE * k for k in range(7))
SPINS, IDLE_SPINS, YIELD = LIMITS, LIMITS + 8, LIMITS + 16
FUNCTION, ARGUMENTS = BODY, BODY + 8
STATE, DONE = 0, 8  # from the beginning of a worker's line

BARRIER = "lamina_barrier"

# How a processor is told that this is a waiting loop; others are told nothing.
_PAUSES: dict[str, tuple[str, list[Value]]] = {
    "x86_64": ("llvm.x86.sse2.pause", []),
    "amd64": ("llvm.x86.sse2.pause", []),
    "aarch64": ("llvm.aarch64.isb", [constant("i32", 15)]),  # `yield` does nothing on most of them
    "arm64": ("llvm.aarch64.isb", [constant("i32", 15)]),
}


def architecture() -> str:
    """The processor family of this machine, in lower case: x86_64, amd64, aarch64, arm64, ..."""
    return platform.machine().lower()


def integer(value: int) -> Value:
    return constant("i64", value)


# ---- atomics -----------------------------------------------------------------------------------
def field(b: Builder, base: Value, offset: int) -> Value:
    """The address `offset` bytes from `base`."""
    return b.element(base, offset, "i8")


def load_atomic(b: Builder, address: Value, order: str = "acquire") -> Value:
    return b.emit("i64", f"load atomic i64, {address} {order}, align 8")


def store_atomic(b: Builder, value: Value, address: Value, order: str = "release") -> None:
    b.lines.append(f"  store atomic {value}, {address} {order}, align 8")


def exchange(b: Builder, address: Value, expected: int, value: int) -> Value:
    """Store `value` if `expected` is there; whether it was (i1)."""
    pair = b.emit("{ i64, i1 }", f"cmpxchg {address}, i64 {expected}, i64 {value} seq_cst seq_cst")
    return b.emit("i1", f"extractvalue {pair}, 1")


def pause(b: Builder) -> None:
    """Let the processor rest for a moment inside a waiting loop."""
    if architecture() in _PAUSES:
        name, args = _PAUSES[architecture()]
        b.call(name, "void", args)


def give_way(b: Builder, sync: Value) -> None:
    """Let the operating system run another thread: there may be more threads than processors."""
    function = b.load("ptr", field(b, sync, YIELD), align=8)
    b.emit("i32", f"call i32 {function.text}()")


def wait_until(b: Builder, sync: Value, met: Callable[[], Value]) -> None:
    """Spin until the condition (i1) that `met` emits holds; after a while, yield between looks."""
    limit = b.load("i64", field(b, sync, SPINS))
    entry = b.block
    look, rest, tired, done = (b.label(hint) for hint in ("look", "rest", "tired", "done"))
    b.branch(look)
    b.place(look)
    turns, following = Value(b.name("turns"), "i64"), Value(b.name("following"), "i64")
    b.lines.append(
        f"  {turns.text} = phi i64 [ 0, %{entry} ], "
        f"[ {following.text}, %{rest} ], [ {following.text}, %{tired} ]"
    )
    b.branch_if(met(), done, rest)
    b.place(rest)
    pause(b)
    b.lines.append(f"  {following.text} = add i64 {turns.text}, 1")
    b.branch_if(b.icmp("sgt", following, limit), tired, look)
    b.place(tired)
    give_way(b, sync)
    b.branch(look)
    b.place(done)


# ---- the barrier -------------------------------------------------------------------------------
def emit_barrier(b: Builder, sync: Value, threads: Value) -> None:
    """No thread goes on before all have come here; what they wrote before, all may read after.

    `sync` (ptr) and `threads` (i64) are the arguments that the program was entered with. One thread
    alone passes at once.
    """
    module = b.function.module
    if all(function.name != BARRIER for function in module.functions):
        args = [("sync", "ptr"), ("threads", "i64")]
        _barrier(module.function(BARRIER, args, internal=True))
    b.call(BARRIER, "void", [sync, threads])


def _barrier(function: Function) -> None:
    """The last to come opens the next turn; the others wait for the turn to change."""
    b, (sync, threads) = function.builder, function.args
    with b.when(b.icmp("sgt", threads, integer(1))):
        turn_at, count_at = field(b, sync, TURN), field(b, sync, COUNT)
        turn = load_atomic(b, turn_at)
        before = b.emit("i64", f"atomicrmw add {count_at}, i64 1 acq_rel, align 8")
        last = b.icmp("eq", b.add(before, integer(1)), threads)
        with b.when(last):
            store_atomic(b, integer(0), count_at, "monotonic")
            store_atomic(b, b.add(turn, integer(1)), turn_at)
        wait_until(b, sync, lambda: b.icmp("ne", load_atomic(b, turn_at), turn))
    b.ret()
