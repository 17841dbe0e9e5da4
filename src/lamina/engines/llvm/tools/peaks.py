"""Measured peaks of this machine: the limits that kernels are compared with.

ceilings().gflops_all, ceilings().dram      # GFLOP/s in float32, GB/s
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from lamina.engines.llvm.codegen.builder import Builder, Module
from lamina.engines.llvm.codegen.values import Value, constant, lanes, vector
from lamina.engines.llvm.runtime import threadpool
from lamina.engines.llvm.target import toolchain
from lamina.engines.llvm.target.machine import Machine, machine

TRIES = 20  # short ones: on a busy machine one of them is left alone
PROGRAM = [("arguments", "ptr"), ("thread", "i64"), ("threads", "i64"), ("sync", "ptr")]
LOADS = 8  # vectors read in one iteration


@dataclass(frozen=True)
class Ceilings:
    """Arithmetic in GFLOP/s (float32, multiply-adds counted as two) on one thread and on all;
    reading in GB/s, on all threads together, from the second and third level caches and memory."""

    gflops_one: float
    gflops_all: float
    l2: float
    l3: float
    dram: float


def ceilings() -> Ceilings:
    """The limits of this machine, measured at the first call, which takes about 0.3 s."""
    return _known(machine())


@cache
def _known(this: Machine) -> Ceilings:
    return measured(this)


def measured(this: Machine) -> Ceilings:
    """The limits of this machine, measured again."""
    library = _library(this)
    each = this.l3 // this.cores if this.l3 else 2 * this.l2
    largest = min(max(4 * this.l3, 64 << 20), 256 << 20) // this.cores
    memory = np.ones(largest * this.cores // 4, np.float32)
    read = library.address("read")
    return Ceilings(
        _arithmetic(library, this, 1),
        _arithmetic(library, this, this.cores),
        _reading(read, memory, this, this.l2 // 2, 8 << 20),
        _reading(read, memory, this, max(each // 2, this.l2), 8 << 20),
        _reading(read, memory, this, largest, largest),
    )


def _arithmetic(library: toolchain.Library, this: Machine, count: int) -> float:
    iterations = 30_000
    seconds = _best(library.address("multiply"), [iterations], count)
    return 2 * iterations * _chains(this) * this.lanes(32) * count / seconds / 1e9


def _reading(read: int, memory: np.ndarray, this: Machine, each: int, total: int) -> float:
    """GB/s when every thread reads its own `each` bytes again and again, `total` bytes in all."""
    iteration = LOADS * this.vector_bits // 8
    each = min(each, memory.nbytes // this.cores) // iteration * iteration
    repeats = max(1, total // each)
    seconds = _best(read, [memory.ctypes.data, each // 4, repeats], this.cores)
    return each * repeats * this.cores / seconds / 1e9


def _best(program: int, arguments: Sequence[int], count: int) -> float:
    """Seconds that the quickest of several runs took; the first wakes threads and fills caches."""
    block = (ctypes.c_int64 * len(arguments))(*arguments)
    times = []
    for _ in range(TRIES):
        begun = time.perf_counter()
        threadpool.run(program, ctypes.addressof(block), count)
        times.append(time.perf_counter() - begun)
    return min(times)


# ---- the programs that are measured ------------------------------------------------------------
def _library(this: Machine) -> toolchain.Library:
    module = Module()
    _emit_multiply(module, this)
    _emit_read(module, this)
    return toolchain.link([toolchain.compile_object(str(module))], ["multiply", "read"])


def _chains(this: Machine) -> int:
    """Independent multiply-adds: enough to fill the pipelines, few enough for the registers."""
    return 16 if this.vector_registers >= 32 else 12


def _emit_multiply(module: Module, this: Machine) -> None:
    """arguments: iterations. Each chain goes x -> x / 2 + 1."""
    made = module.function("multiply", PROGRAM)
    b, arguments = made.builder, made.args[0]
    type_ = vector("float", this.lanes(32))
    half, one = constant(type_, 0.5), constant(type_, 1.0)
    iterations = b.load("i64", arguments)
    with b.loop(0, iterations, carry=[one] * _chains(this)) as loop:
        loop.next = [b.fma(x, half, one) for x in loop.carried]
    _keep(b, loop.result)
    b.ret()


def _emit_read(module: Module, this: Machine) -> None:
    """arguments: memory, floats for each thread, repeats. Adds them up."""
    made = module.function("read", PROGRAM)
    b, (arguments, thread, _, _) = made.builder, made.args
    type_ = vector("float", this.lanes(32))
    memory, count, repeats = (
        b.load(kind, b.element(arguments, k, "i64"), align=8)
        for k, kind in enumerate(("ptr", "i64", "i64"))
    )
    mine = b.element(memory, b.mul(thread, count), "float")
    sums = [constant(type_, 0.0)] * LOADS
    with b.loop(0, repeats, carry=sums) as again:
        with b.loop(0, count, step=LOADS * lanes(type_), carry=again.carried) as loop:
            at = b.element(mine, loop.value, "float")
            places = [b.element(at, k * lanes(type_), "float") for k in range(LOADS)]
            loaded = [b.load(type_, place) for place in places]
            loop.next = [b.fadd(x, y) for x, y in zip(loop.carried, loaded)]
        again.next = loop.result
    _keep(b, again.result)
    b.ret()


def _keep(b: Builder, values: Sequence[Value]) -> None:
    """Store the result to memory that is never read, so that the code generator must compute it."""
    place = b.emit("ptr", f"alloca {values[0].type}, align 64")
    for value in values:
        b.lines.append(f"  store volatile {value}, {place}, align 4")
    b.emit("i64", f"load volatile i64, {place}, align 4")
