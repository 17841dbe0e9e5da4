"""Stopping a program on Ctrl-C, as LLVM text: detection, exit of all threads, restoration of state.

    look      thread 0, a few times a second: has Ctrl-C been pressed? Then set STOP
    poll      a point where a thread may leave by itself: look when it is due; the value of STOP
    copy      state into its backup before the program runs, and back after it was stopped

Python's signal handlers do not run while the main thread is in native code. `look` asks the
interpreter whether SIGINT is pending, and leaves it pending: its handler runs as soon as the
program has been left. Only Python's main thread looks, as only that thread runs handlers.

A stopped program has done part of its work, and state is updated in place. So a program may stop
only if it has no state, or if its caller provides memory for a backup: the guard,

    guard = count, then for each array of state: its address, its backup's, bytes

With a guard, `go` makes the copies before the program begins, and restores state from them before
it returns: no other code ever sees the state of a stopped program. Without one, it runs to its end.
"""

from __future__ import annotations

from lamina.engines.llvm.codegen import barrier
from lamina.engines.llvm.codegen.barrier import field, integer, load_atomic, store_atomic
from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.values import Value

NEVER = 1 << 62  # polls until the first look


def emit_begin(b: Builder, sync: Value, guard: Value) -> None:
    """Before a program is entered: nothing has stopped it; with a guard it can be."""
    store_atomic(b, integer(0), field(b, sync, barrier.STOP), "monotonic")
    b.store(integer(0), field(b, sync, barrier.DUE), align=8)
    has_guard = b.icmp("ne", guard, Value("null", "ptr"))
    polls = b.select(has_guard, integer(barrier.POLLS), integer(NEVER))
    b.store(polls, field(b, sync, barrier.LEFT), align=8)
    with b.when(has_guard):
        b.call("crew_copy", "void", [sync, guard, integer(0), integer(8)])


def emit_end(b: Builder, sync: Value, guard: Value) -> Value:
    """Emit the end of a program, after all threads have left it: restore state; return whether it
    was stopped (i1)."""
    stopped = b.icmp("ne", stop(b, sync), integer(0))
    with b.when(stopped):
        b.call("crew_copy", "void", [sync, guard, integer(8), integer(0)])
    return stopped


def stop(b: Builder, sync: Value) -> Value:
    """The value of STOP: not 0 where the program is to be left."""
    return load_atomic(b, field(b, sync, barrier.STOP), "monotonic")


def emit_functions(module: Module) -> None:
    """look, poll and copy."""
    _look(module)
    _poll(module)
    _copy(module)


def _look(module: Module) -> None:
    """crew_look(sync): at the first call, and when it is too early, only note when it is due."""
    made = module.function("crew_look", [("sync", "ptr")], internal=True)
    b, (sync,) = made.builder, made.args
    b.store(integer(barrier.POLLS), field(b, sync, barrier.LEFT), align=8)
    first, later, over = b.label("first"), b.label("later"), b.label("over")
    now, due = barrier.clock(b), b.load("i64", field(b, sync, barrier.DUE), align=8)
    following = b.add(now, b.load("i64", field(b, sync, barrier.PERIOD), align=8))
    b.branch_if(b.icmp("eq", due, integer(0)), first, later)
    b.place(first)
    b.store(following, field(b, sync, barrier.DUE), align=8)
    b.branch(over)
    b.place(later)
    with b.when(b.icmp("sge", b.sub(now, due), integer(0))):
        b.store(following, field(b, sync, barrier.DUE), align=8)
        with b.when(_is_main(b, sync)):
            _ask(b, sync)
    b.branch(over)
    b.place(over)
    b.ret()


def _is_main(b: Builder, sync: Value) -> Value:
    """Return whether this is Python's main thread; identifiers are compared by the 32 bits that
    they have on all systems."""
    main = b.cast("trunc", b.load("i64", field(b, sync, barrier.MAIN), align=8), "i32")
    return b.icmp("eq", _python(b, sync, barrier.IDENT, "i32"), main)


def _ask(b: Builder, sync: Value) -> None:
    """With the interpreter's lock: is SIGINT waiting? Asking takes it away, so put it back."""
    state = _python(b, sync, barrier.ENSURE, "i32")
    waiting = _python(b, sync, barrier.OCCURRED, "i32")
    with b.when(b.icmp("ne", waiting, Value("0", "i32"))):
        _python(b, sync, barrier.AGAIN, "void")
        store_atomic(b, integer(1), field(b, sync, barrier.STOP), "monotonic")
    _python(b, sync, barrier.RELEASE, "void", state)


def _python(b: Builder, sync: Value, at: int, returns: str, *args: Value) -> Value:
    """Call the function of Python's C interface whose address is there."""
    code = b.load("ptr", field(b, sync, at), align=8)
    call = f"call {returns} {code.text}({', '.join(map(str, args))})"
    if returns != "void":
        return b.emit(returns, call)
    b.lines.append(f"  {call}")
    return Value("", "void")


def _poll(module: Module) -> None:
    """poll(sync, thread, weight) -> the value of STOP. A poll after much work weighs more."""
    made = module.function(
        "poll", [("sync", "ptr"), ("thread", "i64"), ("weight", "i64")], returns="i64"
    )
    b, (sync, thread, weight) = made.builder, made.args
    with b.when(b.icmp("eq", thread, integer(0))):
        at = field(b, sync, barrier.LEFT)
        left = b.sub(b.load("i64", at, align=8), weight)
        b.store(left, at, align=8)
        with b.when(b.icmp("sle", left, integer(0))):
            b.call("crew_look", "void", [sync])
    b.ret(stop(b, sync))


def _copy(module: Module) -> None:
    """crew_copy(sync, guard, from, to): of each row of the guard, the bytes from one of its two
    addresses to the other."""
    args = [("sync", "ptr"), ("guard", "ptr"), ("from", "i64"), ("to", "i64")]
    made = module.function("crew_copy", args, internal=True)
    b, (sync, guard, source, target) = made.builder, made.args
    move = b.load("ptr", field(b, sync, barrier.MOVE), align=8)
    with b.loop(0, b.load("i64", guard, align=8)) as loop:
        row = field(b, b.element(guard, b.mul(loop.value, integer(24)), "i8"), 8)
        into, origin = (
            b.load("ptr", b.element(row, offset, "i8"), align=8) for offset in (target, source)
        )
        bytes_ = b.load("i64", field(b, row, 16), align=8)
        b.lines.append(f"  call ptr {move.text}({into}, {origin}, {bytes_})")
    b.ret()
