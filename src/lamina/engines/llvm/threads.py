"""The crew: threads that enter a compiled program together, and sleep when there is none.

A program is a native function `void program(ptr arguments, i64 thread, i64 threads, ptr sync)`.
`run` enters it on `threads` threads at once; the calling thread is thread 0. The others are Python
threads that wait inside native code, for about 100 us after their last job, and then sleep on a
lock, so that a training loop finds them awake and a user at the prompt finds the machine idle.

    dispatcher                               worker
    shut the gate: nobody may fall asleep    look at the job
    someone asleep? open it, wake them       a new one that includes me: do it
    write the job                                meet the others
    do one's own part                        nothing for 100 us: say asleep
    meet the others, open the gate               gate shut? then awake again
                                                 else sleep, until a token comes

Who finds the gate shut by another Python thread runs the program alone: the result is the same,
since the number of threads never changes what is computed.
"""

from __future__ import annotations

import _thread
import atexit
import ctypes
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

from lamina.engines.llvm import barrier, crew, native
from lamina.engines.llvm import cache as disk
from lamina.engines.llvm.crew import MOST
from lamina.errors import RangeError
from lamina.settings import available_cpus

__all__ = ["run"]

IDLE = 100e-6  # seconds that a worker waits for the next job before it sleeps
SPIN = 50e-6  # seconds that a thread waits for another inside a program before it sleeps
WAKING = 200e-6  # seconds that the dispatcher spins for those that it has woken
NAP = 1e-3  # seconds after which it looks again, whatever happened


def run(address: int, arguments: int, threads: int) -> None:
    """Enter the program at `address` on this many threads, and return when all have left it.

    `arguments` is the address that the program is handed. Any number of Python threads may call
    this at once. The program must stay in memory until the call returns.

    Raises:
        RangeError: `threads` is not from 1 to 1024.
    """
    workers = _crew or _assemble()
    if workers.go(workers.sync, address, arguments, threads, 0):
        workers.wake_and_run(address, arguments, threads)


class Crew:
    """Worker threads and the memory through which they are told what to do."""

    def __init__(self) -> None:
        entries = _entries()
        self._memory = ctypes.create_string_buffer(barrier.WORKERS + barrier.LINE * (MOST + 1))
        self.sync = -(-ctypes.addressof(self._memory) // barrier.LINE) * barrier.LINE
        self.go, self.work = entries.go, entries.work
        self._workers: dict[int, _Worker] = {}
        self._leaving = False
        pace = _seconds_per_turn(entries.rest)
        self._patience = round(WAKING / pace)
        self._put(barrier.CALM_SPINS, round(SPIN / pace))
        self._put(barrier.PROCESSORS, available_cpus())
        self._put(barrier.IDLE_SPINS, round(IDLE / pace))
        self._put(barrier.SYSTEM, _system_function())
        self._put(barrier.NAP + 8, round(NAP * 1e9))  # a timespec: 0 seconds, and nanoseconds

    def _put(self, offset: int, value: int) -> None:
        ctypes.c_int64.from_address(self.sync + offset).value = value

    def wake_and_run(self, address: int, arguments: int, threads: int) -> None:
        """`go` when workers are asleep, or not there yet.

        An exception may come out of a signal handler at any line of this class. Nothing is begun
        before all are awake, so it leaves no program half entered.
        """
        if not 1 <= threads <= MOST:
            raise RangeError(f"threads is {threads}, expected 1 to {MOST}")
        while True:
            count = threads if self._wake(threads - 1) else 1
            if not self.go(self.sync, address, arguments, count, self._patience):
                return

    def _wake(self, count: int) -> bool:
        """Give the first `count` workers a token each; False if there can be no such threads."""
        for number in range(1, count + 1):
            worker = self._workers.get(number) or self._workers.setdefault(number, _Worker())
            if not worker.begun.locked() and not self._begin(number):
                return False
            with suppress(RuntimeError):  # it has a token already
                worker.token.release()
        return not self._leaving

    def _begin(self, number: int) -> bool:
        """Start a thread by the plain call, which an interrupt leaves either done or not done."""
        try:
            _thread.start_new_thread(self._serve, (number,))
        except RuntimeError:  # the system's limit, or the interpreter is leaving
            return False
        return True

    def _serve(self, number: int) -> None:
        worker = self._workers[number]
        if not worker.begun.acquire(blocking=False):
            return  # started twice, since the first had not come this far
        while not self._leaving:
            self.work(self.sync, number)
            worker.token.acquire()
        worker.ended.release()

    def leave(self) -> None:
        """End the workers: they must not be in native code while the interpreter goes away."""
        self._leaving = True
        begun = [worker for worker in self._workers.values() if worker.begun.locked()]
        for worker in begun:
            with suppress(RuntimeError):
                worker.token.release()
        for worker in begun:
            worker.ended.acquire(timeout=1.0)


class _Worker:
    """What Python knows of a worker: whether it serves, its token to wake up with, its end."""

    def __init__(self) -> None:
        self.begun, self.token, self.ended = (threading.Lock() for _ in range(3))
        self.token.acquire()
        self.ended.acquire()


_crew: Crew | None = None
_assembling = threading.Lock()


def _assemble() -> Crew:
    global _crew
    with _assembling:
        if _crew is None:
            _crew = Crew()
            atexit.register(_crew.leave)
        return _crew


def _forget() -> None:
    """After a fork: the child has the memory of the crew, but none of its threads."""
    global _crew, _assembling
    if _crew is not None:
        atexit.unregister(_crew.leave)
    _crew, _assembling = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


# ---- what the platform brings ------------------------------------------------------------------
@cache
def _system_function() -> int:
    """Address of the function through which waiting threads sleep, or let others run."""
    library = ctypes.CDLL("kernel32" if sys.platform == "win32" else None)
    function = getattr(library, barrier.system_function())
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _seconds_per_turn(rest: Callable[..., int], turns: int = 500) -> float:
    """How long one turn of a waiting loop takes; the quickest of several tries."""
    times = []
    for _ in range(5):
        begun = time.perf_counter()
        rest(turns)
        times.append(time.perf_counter() - begun)
    return max(min(times) / turns, 1e-10)


# ---- the native side ---------------------------------------------------------------------------
class _Entries:
    """The crew's native functions, and the library that holds them."""

    def __init__(self) -> None:
        text = crew.text()
        key = disk.key_of("crew", text)
        image = disk.lookup(key)
        if image is None:
            image = native.compile_object(text)
            disk.store(key, image)
        self.library = native.link([image], ["go", "work", "rest"])
        pointer, number = ctypes.c_void_p, ctypes.c_int64
        self.go = self._function("go", number, pointer, pointer, pointer, number, number)
        self.work = self._function("work", None, pointer, number)
        self.rest = self._function("rest", None, number)

    def _function(self, name: str, *types: Any) -> Callable[..., int]:
        return ctypes.CFUNCTYPE(*types)(self.library.address(name))


@cache
def _entries() -> _Entries:
    return _Entries()
