"""The thread pool: threads that enter a compiled program together, and sleep between programs.

A program is a native function `void program(ptr arguments, i64 thread, i64 threads, ptr sync)`.
`run` enters it on `threads` threads at once; the calling thread is thread 0. The others are Python
threads that stay inside native code (worker.py), without the interpreter's lock: they spin for
about 100 us after their last job, and then sleep until there is another, so that a training loop
finds them awake and a user at the prompt finds the machine idle.

A caller that finds the pool busy with another Python thread's program runs its program alone: the
result is the same, since the number of threads never changes what is computed.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any

from lamina.engines.llvm.codegen import barrier
from lamina.engines.llvm.runtime import cache as disk
from lamina.engines.llvm.runtime import limits, worker
from lamina.engines.llvm.runtime.parking import System, system
from lamina.engines.llvm.runtime.worker import DONE, MOST, REFUSED
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import SHARED_LINE
from lamina.errors import RangeError
from lamina.settings import available_cpus

__all__ = ["run"]


def run(
    address: int,
    arguments: int,
    threads: int,
    flush_denormals: bool = False,
    guard: int | None = None,
) -> bool:
    """Enter the program at `address` on this many threads, and return when all have left it.

    With a guard (stopping.py) Ctrl-C stops it, if this is Python's main thread: False is returned,
    state is as it was, and the handler of the signal runs as soon as Python code goes on.

    `arguments` is the address that the program is handed. With `flush_denormals` its results below
    the smallest normal number become zero, on processors where such numbers are slow. Any number of
    Python threads may call this at once. The program must stay in memory until the call returns.

    Raises:
        RangeError: `threads` is not from 1 to 1024.
    """
    workers = _pool or _assemble()
    if threads > workers.size:
        threads = workers.grow(threads)
    result: int = workers.go(workers.sync, address, arguments, flush_denormals, threads, guard)
    if result == REFUSED:
        raise _impossible(threads)
    return result == DONE


def _impossible(threads: int) -> RangeError:
    return RangeError(f"threads is {threads}, expected 1 to {MOST}")


class WorkerPool:
    """Worker threads, and the memory through which they receive jobs.

    An exception may come out of a signal handler at any line of this class. A program is begun and
    ended inside one native call, so none is ever left half entered.
    """

    def __init__(self) -> None:
        entries = self._entries = _entries()  # keeps the code in memory
        self._memory = ctypes.create_string_buffer(barrier.SIZE + SHARED_LINE)
        self.sync = -(-ctypes.addressof(self._memory) // SHARED_LINE) * SHARED_LINE
        self.size = 1  # threads that a program can be entered on, the caller's included
        self.go, self._work, self._dismiss = (
            entries.functions[name] for name in ("go", "work", "dismiss")
        )
        self._workers: dict[int, _Worker] = {}
        self._leaving = False
        for offset, value in entries.constants.items():
            self._number(offset).value = value
        self._number(barrier.MAIN).value = threading.main_thread().ident or 0

    def _number(self, offset: int) -> ctypes.c_int64:
        return ctypes.c_int64.from_address(self.sync + offset)

    def grow(self, threads: int) -> int:
        """Start threads up to this number; return the number that a program can be entered on
        now."""
        if threads > MOST:
            raise _impossible(threads)
        for number in range(self.size, threads):
            worker = self._workers.get(number) or self._workers.setdefault(number, _Worker())
            seen = self._number(barrier.JOB).value  # no job until now has included this worker
            try:  # the plain call: an interrupt leaves it either done or not done
                _thread.start_new_thread(self._serve, (number, worker, seen))
            except RuntimeError:  # the system's limit, or the interpreter is leaving
                return 1
            self.size = max(self.size, number + 1)
        return 1 if self._leaving else threads

    def _serve(self, number: int, worker: _Worker, seen: int) -> None:
        if worker.begun.acquire(blocking=False):  # else an interrupt had it started twice
            self._work(self.sync, number, seen)
            worker.ended.release()

    def leave(self) -> None:
        """End the workers: they must not be in native code while the interpreter goes away."""
        self._leaving = True
        begun = [worker for worker in self._workers.values() if worker.begun.locked()]
        for _ in range(1000):
            if not self._dismiss(self.sync):
                break
            time.sleep(1e-3)  # another thread is inside a program
        else:
            return
        for thread in begun:
            thread.ended.acquire(timeout=1.0)


class _Worker:
    """A worker as Python knows it: whether it has begun to serve, and whether it has ended."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Lock(), threading.Lock()
        self.ended.acquire()


_pool: WorkerPool | None = None
_assembling = threading.Lock()


def _assemble() -> WorkerPool:
    global _pool
    with _assembling:
        if _pool is None:
            made = WorkerPool()
            atexit.register(made.leave)
            _pool = made
        return _pool


def _forget() -> None:
    """After a fork, forget the pool: the child has its memory, but none of its threads."""
    global _pool, _assembling
    if _pool is not None:
        atexit.unregister(_pool.leave)
    _pool, _assembling = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


# ---- the native side ---------------------------------------------------------------------------
class _Entries:
    """The pool's native functions, the library that holds them, and their constants."""

    def __init__(self) -> None:
        this = system()
        text = worker.text(this)
        key = disk.key_of("crew", text)
        image = disk.lookup(key)
        if image is None:
            image = toolchain.compile_object(text)
            disk.store(key, image)
        self.library = toolchain.link([image], worker.SYMBOLS)
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        types: dict[str, tuple[Any, ...]] = {
            "go": (number, pointer, pointer, pointer, number, number, pointer),
            "work": (None, pointer, number, number),
            "dismiss": (number, pointer),
            "rest": (None, number),
            "ticks": (number,),
        }
        self.functions: dict[str, Callable[..., int]] = {
            name: ctypes.CFUNCTYPE(*each)(self.library.address(name))
            for name, each in types.items()
        }
        self.constants = self._constants(this)

    def _constants(self, this: System) -> dict[int, int]:
        per_spin, period = self._measured()
        wait, wake = this.addresses()
        return {
            barrier.SPINS: round(limits.SPIN / per_spin),
            barrier.IDLE_SPINS: round(limits.IDLE / per_spin),
            barrier.PROCESSORS: available_cpus(),
            barrier.BARRIER: self.library.address("barrier"),
            barrier.WAIT: wait,
            barrier.WAKE: wake,
            barrier.POLL: self.library.address("poll"),
            barrier.PERIOD: period,
            **_python_functions(),
        }

    def _measured(self) -> tuple[float, int]:
        """Return the seconds per iteration of a spin loop, and the clock's ticks in limits.LOOK
        seconds."""
        ticks = self.functions["ticks"]
        begun, first = time.perf_counter(), ticks()
        per_spin = _seconds_per_spin(self.functions["rest"])
        elapsed, last = time.perf_counter() - begun, ticks()
        return per_spin, max(round(limits.LOOK * (last - first) / elapsed), 1)


def _python_functions() -> dict[int, int]:
    """Addresses of the functions that stopping.py calls."""
    names = {
        barrier.IDENT: "PyThread_get_thread_ident",
        barrier.ENSURE: "PyGILState_Ensure",
        barrier.RELEASE: "PyGILState_Release",
        barrier.OCCURRED: "PyOS_InterruptOccurred",
        barrier.AGAIN: "PyErr_SetInterrupt",
    }
    found = {at: getattr(ctypes.pythonapi, name) for at, name in names.items()}
    found[barrier.MOVE] = ctypes.memmove
    return {at: ctypes.cast(f, ctypes.c_void_p).value or 0 for at, f in found.items()}


@cache
def _entries() -> _Entries:
    return _Entries()


def _seconds_per_spin(rest: Callable[..., int], spins: int = 500) -> float:
    """Return the seconds per iteration of a spin loop: the quickest of several tries."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        rest(spins)
        times.append(time.perf_counter() - begun)
    return max(min(times) / spins, 1e-10)
