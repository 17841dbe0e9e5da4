"""The crew runs programs on several threads, whatever happens around it."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from lamina.engines.llvm.codegen import barrier
from lamina.engines.llvm.codegen.builder import Function, Module
from lamina.engines.llvm.codegen.values import constant
from lamina.engines.llvm.runtime import parking, threadpool, worker
from lamina.engines.llvm.target import toolchain
from lamina.errors import RangeError

PROGRAM = [("arguments", "ptr"), ("thread", "i64"), ("threads", "i64"), ("sync", "ptr")]
PHASES = 300
COUNTS = [1, 2, 3, 5]


def attendance(module: Module) -> None:
    """arguments: i64[threads]. Each thread adds 1000 * (how many there are) + 1 to its own."""
    made = module.function("attendance", PROGRAM)
    b, (arguments, thread, count, _) = made.builder, made.args
    at = b.element(arguments, thread, "i64")
    mark = b.add(b.mul(count, constant("i64", 1000)), constant("i64", 1))
    b.store(b.add(b.load("i64", at), mark), at)
    b.ret()


def relay(module: Module) -> None:
    """arguments: i64[2, threads]. In each phase every thread takes its neighbor's value of the
    last phase and adds its own number: wrong at once if anybody is early or late."""
    made = module.function("relay", PROGRAM)
    b, (arguments, thread, count, sync) = made.builder, made.args
    one = constant("i64", 1)
    neighbor = b.binary("urem", b.add(thread, one), count)
    with b.loop(0, PHASES) as phase:
        odd = b.and_(phase.value, one)
        old = b.element(arguments, b.mul(odd, count), "i64")
        new = b.element(arguments, b.mul(b.xor(odd, one), count), "i64")
        taken = b.load("i64", b.element(old, neighbor, "i64"))
        b.store(b.add(taken, thread), b.element(new, thread, "i64"))
        barrier.emit_barrier(b, sync, thread, count)
    b.ret()


def shrinking(module: Module) -> None:
    """arguments: float[threads]. Multiplies by a thousandth: the result may be a denormal."""
    made = module.function("shrinking", PROGRAM)
    b, (arguments, thread, _, _) = made.builder, made.args
    at = b.element(arguments, thread, "float")
    b.store(b.fmul(b.load("float", at), constant("float", 1e-3)), at)
    b.ret()


@pytest.fixture(scope="module")
def library():
    module = Module()
    for emit in (attendance, relay, shrinking):
        emit(module)
    names = ["attendance", "relay", "shrinking"]
    return toolchain.link([toolchain.compile_object(str(module))], names)


def relay_by_hand(start: np.ndarray) -> np.ndarray:
    value = start.copy()
    for _ in range(PHASES):
        value = np.roll(value, -1) + np.arange(len(value))
    return value


def check_relay(program: int, count: int, seed: int) -> None:
    start = np.random.default_rng(seed).integers(0, 1 << 40, count)
    values = np.stack([start, start])
    threadpool.run(program, values.ctypes.data, count)
    np.testing.assert_array_equal(values[PHASES % 2], relay_by_hand(start))


@pytest.mark.parametrize("count", COUNTS)
def test_every_thread_enters_once(library, count):
    marks = np.zeros(count + 1, np.int64)
    for turn in range(1, 20):
        threadpool.run(library.address("attendance"), marks.ctypes.data, count)
        assert marks.tolist() == [turn * (1000 * count + 1)] * count + [0]


def test_the_number_of_threads_may_change_from_call_to_call(library):
    for count in [1, 4, 2, 3, 1, 2, 4] * 5:
        marks = np.zeros(4, np.int64)
        threadpool.run(library.address("attendance"), marks.ctypes.data, count)
        assert marks.tolist() == [1000 * count + 1] * count + [0] * (4 - count)


@pytest.mark.parametrize("count", COUNTS)
def test_no_thread_passes_the_barrier_early(library, count):
    for seed in range(30):
        check_relay(library.address("relay"), count, seed)


def test_workers_that_fell_asleep_wake_again(library):
    for seed, pause in enumerate([0.0, 50e-6, 90e-6, 100e-6, 110e-6, 200e-6, 0.002] * 20):
        until = time.perf_counter() + pause
        while time.perf_counter() < until:
            pass
        check_relay(library.address("relay"), 2, seed)


@pytest.mark.parametrize("count", [0, -1, 1025, 1 << 40])
def test_impossible_numbers_of_threads(library, count):
    with pytest.raises(RangeError, match=f"threads is {count}, expected 1 to 1024"):
        threadpool.run(library.address("attendance"), 0, count)
    check_relay(library.address("relay"), 2, 0)


def test_two_python_threads_at_once(library):
    """Whoever comes second runs alone, so the number of threads varies, the work does not."""
    failures: list[AssertionError] = []

    def work() -> None:
        try:
            for _ in range(300):
                marks = np.zeros(2, np.int64)
                threadpool.run(library.address("attendance"), marks.ctypes.data, 2)
                assert marks.tolist() in ([2001, 2001], [1001, 0])
        except AssertionError as failure:
            failures.append(failure)

    callers = [threading.Thread(target=work) for _ in range(3)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert not failures


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_interrupts_leave_the_crew_whole(library, monkeypatch):
    """An exception out of a signal handler, at random moments: while a crew is made, its threads
    are begun or woken, between calls and during them."""

    class Interrupt(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise Interrupt

    random = np.random.default_rng(0)
    before = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    gc.disable()  # out of a callback of the collector no exception comes
    try:
        for seed in range(150):
            if seed % 3 == 1:
                monkeypatch.setattr(threadpool, "_pool", None)
            try:
                signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-5, 2e-3), 0.1)
                while True:
                    check_relay(library.address("relay"), 2, seed)
                    if seed % 3 == 0:
                        time.sleep(random.uniform(0, 3e-4))
            except Interrupt:
                signal.setitimer(signal.ITIMER_REAL, 0)
                interrupted += 1
    finally:
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert interrupted == 150
    for seed in range(20):
        check_relay(library.address("relay"), 2, seed)


def test_idle_threads_take_no_processor_time(library):
    check_relay(library.address("relay"), 2, 0)
    time.sleep(0.02)
    begun = time.process_time()
    time.sleep(0.3)
    assert time.process_time() - begun < 0.05


def set_flushing(on: bool) -> None:
    """Have the processor make denormals zero in this thread, as some libraries do."""
    wanted = 0x1F80 | (0x8040 if on else 0)
    function = Function("set_flushing", [])
    b = function.builder
    place = b.emit("ptr", "alloca i32, align 4")
    b.store(constant("i32", wanted), place)
    b.call("llvm.x86.sse.ldmxcsr", "void", [place])
    b.ret()
    library = toolchain.link([toolchain.compile_object(str(function.module))], ["set_flushing"])
    ctypes.CFUNCTYPE(None)(library.address("set_flushing"))()


@pytest.mark.skipif(barrier.architecture() not in ("x86_64", "amd64"), reason="sets MXCSR")
def test_denormals_are_kept_whatever_the_caller_has_set(library):
    tiny = np.float32(1e-37)
    set_flushing(True)
    try:
        for count in (1, 2):
            values = np.full(count, tiny)
            threadpool.run(library.address("shrinking"), values.ctypes.data, count)
            bits = values.view(np.int32).copy()
            assert np.all(bits > 0) and np.all(bits < 0x00800000)
        assert not np.any((np.full(4, tiny) * np.float32(1e-3)).view(np.int32))  # as it was
    finally:
        set_flushing(False)


@pytest.mark.skipif(barrier.architecture() not in ("x86_64", "amd64"), reason="sets MXCSR")
def test_denormal_results_become_zero_on_every_thread_when_asked(library):
    for count in (1, 2):
        values = np.full(count, 1e-37, np.float32)
        threadpool.run(
            library.address("shrinking"), values.ctypes.data, count, flush_denormals=True
        )
        assert not values.any()
    assert np.all(np.full(4, 1e-37, np.float32) * np.float32(1e-3))  # here they stay


@pytest.mark.parametrize(
    ("system", "architecture", "triple"),
    [
        (parking.LINUX, "aarch64", "aarch64-unknown-linux-gnu"),
        (parking.MACOS, "arm64", "arm64-apple-macosx14.0"),
        (parking.WINDOWS, "amd64", "x86_64-pc-windows-msvc-elf"),
        (parking.OTHER, "riscv64", "riscv64-unknown-freebsd"),
    ],
    ids=["linux", "macos", "windows", "other"],
)
def test_the_crew_compiles_elsewhere(system, architecture, triple, monkeypatch):
    import llvmlite.binding as llvm

    for module in (barrier, parking):
        monkeypatch.setattr(module, "architecture", lambda: architecture)
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(opt=2)
    parsed = llvm.parse_assembly(worker.text(system), llvm.create_context())
    parsed.verify()
    assembly = machine.emit_assembly(parsed)
    assert all(name in assembly for name in worker.SYMBOLS)
    assert ("FPCR" in assembly.upper()) == (architecture in ("aarch64", "arm64"))


def test_the_pool_works_if_the_system_cannot_wake_threads(library, monkeypatch):
    monkeypatch.setattr(threadpool, "system", lambda: parking.OTHER)
    monkeypatch.setattr(threadpool, "_entries", threadpool._Entries)
    monkeypatch.setattr(threadpool, "_pool", None)
    for count in (2, 3):
        for seed in range(5):
            check_relay(library.address("relay"), count, seed)


def test_without_more_threads_a_program_runs_alone(library, monkeypatch):
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threadpool._thread, "start_new_thread", no_thread)
    monkeypatch.setattr(threadpool, "_pool", None)  # other tests' pool may have nine already
    marks = np.zeros(9, np.int64)
    threadpool.run(library.address("attendance"), marks.ctypes.data, 9)
    assert marks.tolist() == [1001] + [0] * 8


# ---- whole processes ---------------------------------------------------------------------------
PRELUDE = """
import os, sys, time
import numpy as np
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.runtime import threadpool
from lamina.engines.llvm.codegen.builder import Module
from test_threads import attendance
module = Module()
attendance(module)
library = toolchain.link([toolchain.compile_object(str(module))], ["attendance"])

def check(count):
    marks = np.zeros(count, np.int64)
    threadpool.run(library.address("attendance"), marks.ctypes.data, count)
    assert marks.tolist() == [1000 * count + 1] * count, marks
"""


def in_a_process(body: str) -> None:
    script = PRELUDE + textwrap.dedent(body)
    path = os.pathsep.join([os.path.dirname(__file__), *sys.path])
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", script],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ending", ["", "time.sleep(0.05)", "sys.exit(0)"])
def test_leaving_with_workers_awake_or_asleep(ending):
    in_a_process(f"check(4)\n{ending}\n")


def test_leaving_while_another_thread_runs_programs():
    in_a_process(
        """
        import threading
        def forever():
            while True:
                marks = np.zeros(3, np.int64)
                threadpool.run(library.address("attendance"), marks.ctypes.data, 3)
        threading.Thread(target=forever, daemon=True).start()
        time.sleep(0.1)
        """
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("before", ["", "check(1)", "check(3)", "check(3); time.sleep(0.01)"])
def test_after_a_fork_both_processes_continue(before):
    in_a_process(
        f"""
        {before}
        for _ in range(5):
            child = os.fork()
            check(3)
            check(2)
            if child == 0:
                grandchild = os.fork()
                check(2)
                os._exit(0 if not grandchild or os.waitpid(grandchild, 0)[1] == 0 else 1)
            assert os.waitpid(child, 0)[1] == 0
        """
    )


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_in_the_middle_of_a_program():
    in_a_process(
        """
        import threading
        stop = False
        def forever():
            while not stop:
                marks = np.zeros(2, np.int64)
                threadpool.run(library.address("attendance"), marks.ctypes.data, 2)
        other = threading.Thread(target=forever)
        other.start()
        for _ in range(20):
            child = os.fork()
            if child == 0:
                check(2)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        stop = True
        other.join()
        """
    )
