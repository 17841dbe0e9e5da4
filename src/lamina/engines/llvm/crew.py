"""The native half of the crew, as LLVM text: how a program is begun, joined and finished.

    go      the dispatcher: enter a program on several threads
    work    a worker: wait for jobs, do them, return when there has been none for a while
    rest    one waiting loop of a given length, to find out how long a turn takes

The job is one number, its count and its number of threads (`count << 16 | threads`), so that a
worker that looks late or seldom never mistakes one job for another.
"""

from __future__ import annotations

from lamina.engines.llvm import barrier
from lamina.engines.llvm.barrier import field, integer, load_atomic, store_atomic
from lamina.engines.llvm.builder import Builder, Module, Value, constant

MOST = 1024  # threads
ASLEEP, AWAKE = 0, 1  # memory is zero at first: a worker that is not there yet is asleep
OPEN, SHUT = 0, 1

_MXCSR = 0x1F80  # x86: round to nearest, denormals as they are, no traps
_FPCR = 0  # AArch64: the same


def text() -> str:
    """The module that holds all of it."""
    module = Module()
    _enter(module)
    _go(module)
    _work(module)
    _rest(module)
    return str(module)


def _state(b: Builder, sync: Value, thread: Value) -> Value:
    """Address of a worker's state, which has a line of its own."""
    first = field(b, sync, barrier.WORKERS)
    return b.element(first, b.mul(thread, integer(barrier.LINE)), "i8")


# ---- entering ----------------------------------------------------------------------------------
def _enter(module: Module) -> None:
    """Call the program with floating point as IEEE 754 has it: other libraries switch denormals off
    in the threads they run in, and a thread hands that down to those it starts."""
    args = [("function", "ptr"), ("arguments", "ptr"), ("thread", "i64"), ("threads", "i64")]
    made = module.function("enter", [*args, ("sync", "ptr")], internal=True)
    b, (function, arguments, thread, threads, sync) = made.builder, made.args
    call = f"  call void {function.text}({arguments}, {thread}, {threads}, {sync})"
    around = _AROUND.get(barrier.architecture(), lambda b, call: b.lines.append(call))
    around(b, call)
    b.ret()


def _with_mxcsr(b: Builder, call: str) -> None:
    found, wanted = (b.emit("ptr", "alloca i32, align 4") for _ in range(2))
    b.call("llvm.x86.sse.stmxcsr", "void", [found])
    b.store(constant("i32", _MXCSR), wanted)
    b.call("llvm.x86.sse.ldmxcsr", "void", [wanted])
    b.lines.append(call)
    b.call("llvm.x86.sse.ldmxcsr", "void", [found])


def _with_fpcr(b: Builder, call: str) -> None:
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
    """go(sync, function, arguments, threads, patience) -> 0 when the program has run, or 1 when
    nothing was begun, because a worker is asleep or `threads` is not from 1 to MOST.

    With one thread, or with the gate shut by another dispatcher, this thread runs it alone.
    `patience`: how often to look again at workers that were woken, before sleeping once; or 0.
    """
    args = [("sync", "ptr"), ("function", "ptr"), ("arguments", "ptr")]
    args += [("threads", "i64"), ("patience", "i64")]
    made = module.function("go", args, returns="i64")
    b, (sync, function, arguments, threads, patience) = made.builder, made.args
    gate = field(b, sync, barrier.GATE)

    def enter(count: Value) -> None:
        b.call("enter", "void", [function, arguments, integer(0), count, sync])

    several, alone, shut = b.label("several"), b.label("alone"), b.label("shut")
    refuse, begin, busy = b.label("refuse"), b.label("begin"), b.label("busy")
    b.branch_if(b.icmp("eq", threads, integer(1)), alone, several)

    b.place(several)
    possible = b.icmp("ult", b.sub(threads, integer(1)), integer(MOST))
    b.branch_if(possible, shut, refuse)

    b.place(shut)
    b.branch_if(barrier.exchange(b, gate, OPEN, SHUT), begin, alone)

    b.place(alone)
    enter(integer(1))
    b.ret(integer(0))

    b.place(begin)
    with b.loop(1, threads) as worker:
        _await_waking(b, sync, worker.value, patience, otherwise=busy)
    _set_spins(b, sync, threads)
    _publish(b, sync, function, arguments, threads)
    enter(threads)
    barrier.emit_barrier(b, sync, threads)
    store_atomic(b, integer(OPEN), gate)
    b.ret(integer(0))

    b.place(busy)
    store_atomic(b, integer(OPEN), gate)
    b.branch(refuse)

    b.place(refuse)
    b.ret(integer(1))


def _await_waking(b: Builder, sync: Value, worker: Value, patience: Value, otherwise: str) -> None:
    """Make sure that a worker is awake; if it is not, and does not wake in time, to `otherwise`."""
    state = _state(b, sync, worker)
    asleep = b.icmp("eq", load_atomic(b, state, "seq_cst"), integer(ASLEEP))
    with b.when(asleep):
        waiting = b.label("waiting")
        b.branch_if(b.icmp("ne", patience, integer(0)), waiting, otherwise)
        b.place(waiting)
        barrier.wait_while(b, sync, state, integer(ASLEEP), patience, give_up=otherwise)


def _set_spins(b: Builder, sync: Value, threads: Value) -> None:
    """With more threads than processors, spinning threads hinder those that they wait for."""
    crowded = b.icmp("sgt", threads, b.load("i64", field(b, sync, barrier.PROCESSORS)))
    calm, now_at = b.load("i64", field(b, sync, barrier.CALM_SPINS)), field(b, sync, barrier.SPINS)
    spins = b.select(crowded, integer(0), calm)
    with b.when(b.icmp("ne", spins, b.load("i64", now_at))):  # others read this line: write rarely
        b.store(spins, now_at)


def _publish(b: Builder, sync: Value, function: Value, arguments: Value, threads: Value) -> None:
    """Write down the program, then the new job, which is what workers look at."""
    b.store(function, field(b, sync, barrier.FUNCTION), align=8)
    b.store(arguments, field(b, sync, barrier.ARGUMENTS), align=8)
    at = field(b, sync, barrier.JOB)
    count = b.lshr(load_atomic(b, at, "monotonic"), integer(16))
    following = b.shl(b.add(count, integer(1)), integer(16))
    store_atomic(b, b.or_(following, threads), at)


# ---- a worker ----------------------------------------------------------------------------------
def _work(module: Module) -> None:
    """work(sync, thread): do jobs until none has come for a while, then say asleep and return."""
    made = module.function("work", [("sync", "ptr"), ("thread", "i64")])
    b, (sync, thread) = made.builder, made.args
    job_at, gate = field(b, sync, barrier.JOB), field(b, sync, barrier.GATE)
    state = _state(b, sync, thread)
    limit = b.load("i64", field(b, sync, barrier.IDLE_SPINS))
    first = load_atomic(b, job_at)  # before saying awake: until then no job includes this thread
    store_atomic(b, integer(AWAKE), state, "seq_cst")
    barrier.wake(b, sync, state)

    look, news, mine, idle = (b.label(hint) for hint in ("look", "news", "mine", "idle"))
    tired, stay, leave = (b.label(hint) for hint in ("tired", "stay", "leave"))
    entry = b.block
    b.branch(look)
    b.place(look)
    seen, turns, following = (Value(b.name(), "i64") for _ in range(3))
    job = Value(b.name("job"), "i64")
    at = len(b.lines)  # the phi nodes are written when the blocks that come back are known
    b.lines.append(f"  {job.text} = load atomic i64, {job_at} acquire, align 8")
    b.branch_if(b.icmp("eq", job, seen), idle, news)

    b.place(news)
    includes_me = b.icmp("ult", thread, b.and_(job, integer(0xFFFF)))
    b.branch_if(includes_me, mine, idle)

    b.place(mine)
    function = b.load("ptr", field(b, sync, barrier.FUNCTION), align=8)
    arguments = b.load("ptr", field(b, sync, barrier.ARGUMENTS), align=8)
    threads = b.and_(job, integer(0xFFFF))
    b.call("enter", "void", [function, arguments, thread, threads, sync])
    barrier.emit_barrier(b, sync, threads)
    b.branch(look)

    b.place(idle)
    barrier.pause(b)
    b.lines.append(f"  {following.text} = add i64 {turns.text}, 1")
    b.branch_if(b.icmp("sgt", following, limit), tired, look)

    b.place(tired)  # say so first and look at the gate then: the dispatcher does the reverse
    store_atomic(b, integer(ASLEEP), state, "seq_cst")
    is_open = b.icmp("eq", load_atomic(b, gate, "seq_cst"), integer(OPEN))
    b.branch_if(is_open, leave, stay)

    b.place(stay)
    store_atomic(b, integer(AWAKE), state, "seq_cst")
    barrier.wake(b, sync, state)
    stayed = b.block
    b.branch(look)

    b.place(leave)
    b.ret()
    b.lines[at:at] = [
        f"  {seen.text} = phi i64 [ {first.text}, %{entry} ], [ {job.text}, %{mine} ], "
        f"[ {job.text}, %{idle} ], [ {job.text}, %{stayed} ]",
        f"  {turns.text} = phi i64 [ 0, %{entry} ], [ 0, %{mine} ], "
        f"[ {following.text}, %{idle} ], [ 0, %{stayed} ]",
    ]


def _rest(module: Module) -> None:
    made = module.function("rest", [("turns", "i64")])
    b, (turns,) = made.builder, made.args
    with b.loop(0, turns):
        barrier.pause(b)
    b.ret()
