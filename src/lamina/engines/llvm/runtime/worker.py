"""The native half of the thread pool, as LLVM text: how programs are begun, joined and finished.

    go        the dispatcher: enter a program on several threads
    work      a worker: wait for jobs and do them, until it is dismissed
    dismiss   ask all workers to leave
    barrier   the barrier of a program's threads
    poll      a point where a thread of a stopped program may leave (stopping.py)
    rest      a spin loop of a given length, to measure one of its iterations
    ticks     the clock

The job is one number, its count and its number of threads (`count << 16 | threads`), so that a
worker that looks late or seldom never mistakes one job for another. A job that includes a worker
cannot end without it, so the latest one is the only one that a worker can have missed.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen import barrier
from lamina.engines.llvm.codegen.barrier import (
    add_atomic,
    field,
    integer,
    load_atomic,
    store_atomic,
)
from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.values import Value
from lamina.engines.llvm.runtime import stopping
from lamina.engines.llvm.runtime.parking import System
from lamina.engines.llvm.target.machine import SHARED_LINE

SYMBOLS = ["go", "work", "dismiss", "barrier", "poll", "rest", "ticks"]
DONE, REFUSED, STOPPED = 0, 1, 2  # the results of `go`

MOST = 1024  # threads
LEAVE = 0xFFFF  # in place of a number of threads: workers are to return
OPEN, SHUT = 0, 1

_MXCSR = 0x1F80  # x86: round to nearest, denormals as they are, no traps
_FLUSH = 15  # the bit that makes denormal results zero
_FPCR = 0  # AArch64: as _MXCSR; denormals cost nothing there, so they always stay


def text(system: System) -> str:
    """The module that holds all of it."""
    module = Module()
    _wake(module, system)
    _wait(module, system)
    _meet(module)
    _barrier(module)
    stopping.emit_functions(module)
    _enter(module)
    _go(module)
    _work(module)
    _dismiss(module)
    _rest(module)
    _ticks(module)
    return str(module)


# ---- waiting -----------------------------------------------------------------------------------
def _wait(module: Module, system: System) -> None:
    """crew_wait(sync, address, value, spins): return when the number at `address` is not `value`.

    Spin for about as long as being woken would take, then sleep: the one that this thread waits for
    may have lost its processor to other work, and may get this one.
    """
    args = [("sync", "ptr"), ("address", "ptr"), ("value", "i64"), ("spins", "i64")]
    made = module.function("crew_wait", args, internal=True)
    b, (sync, address, value, spins) = made.builder, made.args
    sleepers = field(b, sync, barrier.SLEEPERS)
    function = b.load("ptr", field(b, sync, barrier.WAIT), align=8)

    done, doze, asleep = b.label("done"), b.label("doze"), b.label("asleep")
    with b.loop(0, spins):
        _leave_if_changed(b, address, value, done)
        barrier.pause(b)
    b.branch(doze)

    b.place(doze)
    add_atomic(b, sleepers, 1)
    _leave_if_changed(b, address, value, asleep)
    b.call("crew_sleep", "void", [function, address, value])
    b.branch(asleep)

    b.place(asleep)
    add_atomic(b, sleepers, -1)
    _leave_if_changed(b, address, value, done)
    b.branch(doze)

    b.place(done)
    b.ret()
    _sleep(module, system)


def _leave_if_changed(b: Builder, address: Value, value: Value, to: str) -> None:
    stay = b.label("stay")
    same = b.icmp("eq", load_atomic(b, address, "seq_cst"), value)
    b.branch_if(same, stay, to)
    b.place(stay)


def _sleep(module: Module, system: System) -> None:
    """crew_sleep(function, address, value): the system call, in a separate stack frame."""
    args = [("function", "ptr"), ("address", "ptr"), ("value", "i64")]
    made = module.function("crew_sleep", args, internal=True)
    system.emit_wait(made.builder, *made.args)
    made.builder.ret()


def _wake(module: Module, system: System) -> None:
    """crew_wake(sync, address): wake those who sleep over this number, after a store to it.

    A sleeper counts itself and then looks at the number once more; here it is the other way round,
    so one of the two sees the other.
    """
    made = module.function("crew_wake", [("sync", "ptr"), ("address", "ptr")], internal=True)
    b, (sync, address) = made.builder, made.args
    sleepers = load_atomic(b, field(b, sync, barrier.SLEEPERS), "seq_cst")
    with b.when(b.icmp("sgt", sleepers, integer(0))):
        function = b.load("ptr", field(b, sync, barrier.WAKE), align=8)
        system.emit_wake(b, function, address, integer(0))
    b.ret()


# ---- the barrier -------------------------------------------------------------------------------
def _barrier(module: Module) -> None:
    """barrier(sync, thread, threads) -> nonzero if the program is stopped.

    The last thread to arrive decides it, once per barrier; so all threads leave together.
    """
    args = [("sync", "ptr"), ("thread", "i64"), ("threads", "i64")]
    made = module.function("barrier", args, returns="i64")
    b, (sync, thread, threads) = made.builder, made.args
    stop = b.call("poll", "i64", [sync, thread, integer(1)])
    alone, several = b.label("alone"), b.label("several")
    b.branch_if(b.icmp("sgt", threads, integer(1)), several, alone)
    b.place(alone)
    b.ret(stop)
    b.place(several)
    b.call("crew_meet", "void", [sync, threads])
    b.ret(load_atomic(b, field(b, sync, barrier.LEAVE), "monotonic"))


def _meet(module: Module) -> None:
    """crew_meet(sync, threads): the last thread to arrive starts the next generation; the others
    wait for that."""
    made = module.function("crew_meet", [("sync", "ptr"), ("threads", "i64")], internal=True)
    b, (sync, threads) = made.builder, made.args
    several, last, wait, leave = (b.label(hint) for hint in ("several", "last", "wait", "leave"))
    b.branch_if(b.icmp("sgt", threads, integer(1)), several, leave)

    b.place(several)
    generation_at, count_at = field(b, sync, barrier.GENERATION), field(b, sync, barrier.COUNT)
    generation = load_atomic(b, generation_at)
    before = add_atomic(b, count_at, 1, "acq_rel")
    b.branch_if(b.icmp("eq", b.add(before, integer(1)), threads), last, wait)

    b.place(last)
    store_atomic(b, integer(0), count_at, "monotonic")
    store_atomic(b, stopping.stop(b, sync), field(b, sync, barrier.LEAVE), "monotonic")
    store_atomic(b, b.add(generation, integer(1)), generation_at, "seq_cst")
    b.call("crew_wake", "void", [sync, generation_at])
    b.branch(leave)

    b.place(wait)
    # with more threads than processors, spinning threads hinder those that they wait for
    crowded = b.icmp("sgt", threads, b.load("i64", field(b, sync, barrier.PROCESSORS)))
    spins = b.load("i64", field(b, sync, barrier.SPINS))
    b.call(
        "crew_wait", "void", [sync, generation_at, generation, b.select(crowded, integer(0), spins)]
    )
    b.branch(leave)

    b.place(leave)
    b.ret()


# ---- entering ----------------------------------------------------------------------------------
def _enter(module: Module) -> None:
    """Call the program with floating point as IEEE 754 has it, or with denormal results made zero
    if `flush` is 1. Other libraries switch denormals off in the threads they run in, and a thread
    hands that down to those it starts."""
    args = [("function", "ptr"), ("arguments", "ptr"), ("flush", "i64"), ("thread", "i64")]
    more = [("threads", "i64"), ("sync", "ptr")]
    made = module.function("crew_enter", [*args, *more], internal=True)
    b, (function, arguments, flush, thread, threads, sync) = made.builder, made.args
    call = f"  call void {function.text}({arguments}, {thread}, {threads}, {sync})"
    barrier.synchronize_instructions(b)
    around = _AROUND.get(barrier.architecture(), lambda b, call, flush: b.lines.append(call))
    around(b, call, flush)
    b.ret()


def _with_mxcsr(b: Builder, call: str, flush: Value) -> None:
    found, wanted = (b.emit("ptr", "alloca i32, align 4") for _ in range(2))
    b.call("llvm.x86.sse.stmxcsr", "void", [found])
    control = b.or_(b.shl(flush, integer(_FLUSH)), integer(_MXCSR))
    b.store(b.emit("i32", f"trunc {control} to i32"), wanted)
    b.call("llvm.x86.sse.ldmxcsr", "void", [wanted])
    b.lines.append(call)
    b.call("llvm.x86.sse.ldmxcsr", "void", [found])


def _with_fpcr(b: Builder, call: str, flush: Value) -> None:
    found = b.call("llvm.aarch64.get.fpcr", "i64", [])
    b.call("llvm.aarch64.set.fpcr", "void", [integer(_FPCR)])
    b.lines.append(call)
    b.call("llvm.aarch64.set.fpcr", "void", [found])


_AROUND = {
    "x86_64": _with_mxcsr,
    "amd64": _with_mxcsr,
    "aarch64": _with_fpcr,
    "arm64": _with_fpcr,
}


# ---- the dispatcher ----------------------------------------------------------------------------
def _go(module: Module) -> None:
    """go(sync, function, arguments, flush, threads, guard) -> DONE; REFUSED if `threads` is not
    from 1 to MOST; STOPPED if the program was stopped, with its state restored.

    With one thread, or if another dispatcher has shut the gate, this thread runs the program alone,
    with other memory in place of `sync`.
    """
    args = [("sync", "ptr"), ("function", "ptr"), ("arguments", "ptr"), ("flush", "i64")]
    more = [("threads", "i64"), ("guard", "ptr")]
    made = module.function("go", [*args, *more], returns="i64")
    b, (sync, function, arguments, flush, threads, guard) = made.builder, made.args
    own = b.reserve(f"[{barrier.SIZE} x i8]", SHARED_LINE)
    gate = field(b, sync, barrier.GATE)
    several, alone, shut = b.label("several"), b.label("alone"), b.label("shut")
    begin, refuse = b.label("begin"), b.label("refuse")

    def enter(count: Value, sync: Value) -> None:
        b.call("crew_enter", "void", [function, arguments, flush, integer(0), count, sync])

    def end(sync: Value) -> Value:
        stopped = stopping.emit_end(b, sync, guard)
        return b.select(stopped, integer(STOPPED), integer(DONE))

    b.branch_if(b.icmp("eq", threads, integer(1)), alone, several)

    b.place(several)
    possible = b.icmp("ult", b.sub(threads, integer(1)), integer(MOST))
    b.branch_if(possible, shut, refuse)

    b.place(shut)
    b.branch_if(barrier.exchange(b, gate, OPEN, SHUT), begin, alone)

    b.place(begin)
    b.store(function, field(b, sync, barrier.FUNCTION), align=8)
    b.store(arguments, field(b, sync, barrier.ARGUMENTS), align=8)
    b.store(flush, field(b, sync, barrier.FLUSH), align=8)
    stopping.emit_begin(b, sync, guard)
    _publish(b, sync, threads)
    enter(threads, sync)
    b.call("crew_meet", "void", [sync, threads])
    result = end(sync)
    store_atomic(b, integer(OPEN), gate)
    b.ret(result)

    b.place(alone)
    for offset in range(barrier.CONSTANTS, barrier.MOVE + 8, 8):
        b.store(b.load("i64", field(b, sync, offset), align=8), field(b, own, offset), align=8)
    stopping.emit_begin(b, own, guard)
    enter(integer(1), own)
    b.ret(end(own))

    b.place(refuse)
    b.ret(integer(REFUSED))


def _publish(b: Builder, sync: Value, threads: Value) -> None:
    """Write the next job down, and wake whoever sleeps."""
    at = field(b, sync, barrier.JOB)
    count = b.lshr(load_atomic(b, at, "monotonic"), integer(16))
    following = b.shl(b.add(count, integer(1)), integer(16))
    store_atomic(b, b.or_(following, threads), at, "seq_cst")
    b.call("crew_wake", "void", [sync, at])


# ---- a worker ----------------------------------------------------------------------------------
def _work(module: Module) -> None:
    """work(sync, thread, seen): do all jobs after the job `seen` that include this thread."""
    made = module.function("work", [("sync", "ptr"), ("thread", "i64"), ("seen", "i64")])
    b, (sync, thread, before) = made.builder, made.args
    job_at = field(b, sync, barrier.JOB)
    spins = b.load("i64", field(b, sync, barrier.IDLE_SPINS))
    look, news, mine, leave = (b.label(hint) for hint in ("look", "news", "mine", "leave"))
    entry = b.block
    b.branch(look)

    b.place(look)
    job, seen = Value(b.name("job"), "i64"), Value(b.name("seen"), "i64")
    phi = f"phi i64 [ {before.text}, %{entry} ], [ {job.text}, %{news} ], [ {job.text}, %{mine} ]"
    b.lines.append(f"  {seen.text} = {phi}")
    b.call("crew_wait", "void", [sync, job_at, seen, spins])
    b.lines.append(f"  {job.text} = load atomic i64, {job_at} acquire, align 8")
    threads = b.and_(job, integer(0xFFFF))
    b.branch_if(b.icmp("eq", threads, integer(LEAVE)), leave, news)

    b.place(news)
    b.branch_if(b.icmp("ult", thread, threads), mine, look)

    b.place(mine)
    function = b.load("ptr", field(b, sync, barrier.FUNCTION), align=8)
    arguments = b.load("ptr", field(b, sync, barrier.ARGUMENTS), align=8)
    flush = b.load("i64", field(b, sync, barrier.FLUSH), align=8)
    b.call("crew_enter", "void", [function, arguments, flush, thread, threads, sync])
    b.call("crew_meet", "void", [sync, threads])
    b.branch(look)

    b.place(leave)
    b.ret()


def _dismiss(module: Module) -> None:
    """dismiss(sync) -> 0 when workers were asked to leave, 1 while a program runs on them. The gate
    stays shut: later callers run alone."""
    made = module.function("dismiss", [("sync", "ptr")], returns="i64")
    b, (sync,) = made.builder, made.args
    notify, busy = b.label("tell"), b.label("busy")
    shut = barrier.exchange(b, field(b, sync, barrier.GATE), OPEN, SHUT)
    b.branch_if(shut, notify, busy)
    b.place(notify)
    _publish(b, sync, integer(LEAVE))
    b.ret(integer(0))
    b.place(busy)
    b.ret(integer(1))


def _rest(module: Module) -> None:
    made = module.function("rest", [("turns", "i64")])
    b, (spins,) = made.builder, made.args
    with b.loop(0, spins):
        barrier.pause(b)
    b.ret()


def _ticks(module: Module) -> None:
    b = module.function("ticks", [], returns="i64").builder
    b.ret(barrier.clock(b))
