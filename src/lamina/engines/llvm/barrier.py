"""Where the threads of a compiled program meet, and the atomic operations it takes, as LLVM text.

    synchronisation memory = lines of 128 bytes, so that no two threads write to one cache line:
        count | turn | sleepers | limits: see below
        gate | job | body: function, arguments | state of worker 0 | state of worker 1 | ...

A thread that waits spins for as long as it would take to be woken, and then sleeps. On a machine
with other work to do this matters: the one it waits for may have lost its processor to that, and
threads that spin for each other in turns get nothing done.
"""

from __future__ import annotations

import platform
import sys

from lamina.engines.llvm.builder import Builder, Function, Value, constant

LINE = 128  # bytes: two lines of 64 are fetched together on x86, and Apple's are this long

COUNT, TURN, SLEEPERS, LIMITS, GATE, JOB, BODY, WORKERS = (LINE * k for k in range(8))

# Limits: spins before sleeping, in this job, and where each thread has a processor; a worker's
# spins between jobs; processors; address of the system's function; longest sleep (a timespec).
SPINS, CALM_SPINS, IDLE_SPINS, PROCESSORS, SYSTEM, NAP = (LIMITS + 8 * k for k in range(6))
FUNCTION, ARGUMENTS = BODY, BODY + 8

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


# ---- waiting -----------------------------------------------------------------------------------
# Linux: numbers of the system call futex, by processor, and its operations on private memory.
_FUTEX = {"x86_64": 202, "aarch64": 98, "riscv64": 98}
_WAIT, _WAKE, _EVERYBODY = 128, 129, (1 << 31) - 1


def system_function() -> str:
    """The C library's function at SYSTEM: with `syscall` a thread can sleep until a number changes,
    and be woken; elsewhere it lets others run, again and again."""
    if sys.platform == "linux" and architecture() in _FUTEX:
        return "syscall"
    return "SwitchToThread" if sys.platform == "win32" else "sched_yield"


def wait_while(
    b: Builder,
    sync: Value,
    address: Value,
    value: Value,
    limit: Value,
    give_up: str | None = None,
) -> None:
    """Wait as long as the i64 at `address` is `value`: spinning `limit` times, then asleep.

    With `give_up`, go to that label if it still is after one sleep, which is short. Whoever changes
    the number calls `wake` afterwards.
    """
    entry = b.block
    look, rest, tired = (b.label(hint) for hint in ("look", "rest", "tired"))
    sleep, done = b.label("sleep"), b.label("done")
    b.branch(look)
    b.place(look)
    turns, following = Value(b.name("turns"), "i64"), Value(b.name("following"), "i64")
    b.lines.append(
        f"  {turns.text} = phi i64 [ 0, %{entry} ], "
        f"[ {following.text}, %{rest} ], [ {following.text}, %{sleep} ]"
    )
    b.branch_if(b.icmp("eq", load_atomic(b, address, "seq_cst"), value), rest, done)
    b.place(rest)
    pause(b)
    b.lines.append(f"  {following.text} = add i64 {turns.text}, 1")
    b.branch_if(b.icmp("sgt", following, limit), tired, look)
    b.place(tired)
    slept = b.icmp("sgt", turns, limit)
    b.branch_if(slept, give_up or sleep, sleep)
    b.place(sleep)
    _sleep(b, sync, address, value)
    b.branch(look)
    b.place(done)


def wake(b: Builder, sync: Value, address: Value) -> None:
    """Wake those who sleep over this number; to be called after a `seq_cst` store to it.

    Sleepers first count themselves and then look at the number once more, and here it is the
    other way round: nobody is missed.
    """
    if system_function() != "syscall":
        return
    sleepers = load_atomic(b, field(b, sync, SLEEPERS), "seq_cst")
    with b.when(b.icmp("sgt", sleepers, integer(0))):
        _system_call(b, sync, address, _WAKE, integer(_EVERYBODY))


def _sleep(b: Builder, sync: Value, address: Value, value: Value) -> None:
    """Sleep for a moment, unless the number has changed already; there may be no reason to wake."""
    if system_function() != "syscall":
        function = b.load("ptr", field(b, sync, SYSTEM), align=8)
        b.emit("i32", f"call i32 {function.text}()")
        return
    sleepers = field(b, sync, SLEEPERS)
    b.emit("i64", f"atomicrmw add {sleepers}, i64 1 seq_cst, align 8")
    _system_call(b, sync, address, _WAIT, b.and_(value, integer(0xFFFFFFFF)))
    b.emit("i64", f"atomicrmw sub {sleepers}, i64 1 seq_cst, align 8")


def _system_call(b: Builder, sync: Value, address: Value, operation: int, value: Value) -> None:
    """futex(address, operation, value, time limit); it sees the lower half of the number."""
    function = b.load("ptr", field(b, sync, SYSTEM), align=8)
    number = _FUTEX[architecture()]
    arguments = f"i64 {number}, {address}, i64 {operation}, {value}, {field(b, sync, NAP)}"
    b.emit("i64", f"call i64 (i64, ...) {function.text}({arguments})")


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
            store_atomic(b, b.add(turn, integer(1)), turn_at, "seq_cst")
            wake(b, sync, turn_at)
        wait_while(b, sync, turn_at, turn, b.load("i64", field(b, sync, SPINS)))
    b.ret()
