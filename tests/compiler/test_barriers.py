"""Barriers are statements of a program: they are counted, and missed, without compiling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

import lamina as lm
from lamina.engines.llvm.pipeline import run_passes, until
from lamina.engines.llvm.program.barriers import Pending, access_of, check_barriers
from lamina.engines.llvm.program.interpreter import Order, run
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import (
    Barrier,
    Loop,
    ParallelRegion,
    RowVersions,
    Statement,
    kernels_of,
    unpeeled,
    walk,
)
from lamina.engines.llvm.program.verify import verify
from lamina.engines.llvm.target.target import using
from lamina.errors import VerifyError
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.transforms.tracing import record
from small_programs import NORMAL, WHOLE, Small, programs

SMALL = {each.name: each for each in programs()}
BATCH = Extent.symbol("batch")


def program_of(small: Small) -> Program:
    with using(small.target):
        passes = until("insert_barriers")  # later, barriers also separate what shares memory
        program: Program = run_passes(simplify(small.graph), small.updates, passes=passes)
    return program


def recorded(f, *shapes) -> Program:
    graph = record(f, [TensorType(shape, float32) for shape in shapes], "f").graph
    with using(NORMAL):
        program: Program = run_passes(simplify(graph), {})
    return program


def lists_of(statements: list[Statement]) -> Iterator[list[Statement]]:
    """Every list of statements of a program."""
    yield statements
    for statement in walk(statements):
        for name in getattr(statement, "lists", ()):
            yield getattr(statement, name)


def count(statements: list[Statement]) -> int:
    return sum(isinstance(s, Barrier) for s in walk(statements))


# ---- numbers of barriers -------------------------------------------------------------------------
def test_a_chain_of_products_has_a_barrier_between_each_two() -> None:
    program = recorded(lambda x, w: lm.tanh(x @ w) @ w @ w, (BATCH, 512), (512, 512))
    assert len(kernels_of(program.statements)) == 3
    assert count(program.statements) == 2


def test_independent_products_have_no_barrier() -> None:
    program = recorded(lambda x, w: (x @ w, lm.tanh(x) @ w), (BATCH, 512), (512, 512))
    assert count(program.statements) <= 1  # tanh(x) may be stored first


def test_a_training_step_of_a_perceptron_has_three_barriers() -> None:
    """After the hidden layer, after the error, and after the hidden layer's gradient; the update of
    each weight is part of the product that computes its gradient."""

    def loss(w, v, x, y):
        return lm.mean((lm.maximum(x @ w, 0) @ v - y) ** 2)

    def step(x, y, w, v):
        dw, dv = lm.grad(lambda w, v: loss(w, v, x, y), argnums=(0, 1))(w, v)
        return w - 0.1 * dw, v - 0.1 * dv

    program = recorded(step, (BATCH, 784), (BATCH, 16), (784, 512), (512, 16))
    assert len(kernels_of(program.statements)) == 6
    assert count(program.statements) == 3


def test_a_row_parallel_loop_has_barriers_only_if_there_are_few_rows() -> None:
    """An LSTM: one barrier after all iterations, against three in each."""
    (versions,) = [
        s for s in program_of(SMALL["lstm_gradient"]).statements if isinstance(s, RowVersions)
    ]
    region, barrier = versions.statements
    assert isinstance(region, ParallelRegion) and isinstance(barrier, Barrier)
    assert count(region.statements) == 0
    (loop,) = [s for s in versions.otherwise if isinstance(s, Loop)]
    assert len(kernels_of(unpeeled(loop.statements))) == count(loop.statements) == 3
    assert kernels_of(region.statements) == kernels_of(versions.otherwise)


def test_a_scan_whose_rows_depend_on_each_other_has_a_barrier_in_each_iteration() -> None:
    def f(h, xs):
        return lm.scan(lambda h, x: (lm.tanh(lm.flip(h, axis=0) * 0.5 + x), None), h, xs)[0]

    program = recorded(f, (BATCH, 64), (7, BATCH, 64))
    (loop,) = [s for s in walk(program.statements) if isinstance(s, Loop)]
    assert count(loop.statements) == count(program.statements) - 1 >= 1


# ---- missing barriers ----------------------------------------------------------------------------
def without_one(program: Program) -> Iterator[None]:
    """Leave out each barrier of the program, one at a time."""
    for body in list(lists_of(program.statements)):
        for barrier in [s for s in body if isinstance(s, Barrier)]:
            place = body.index(barrier)
            del body[place]
            yield
            body.insert(place, barrier)


def is_missed_by_verifier(program: Program) -> bool:
    try:
        check_barriers(program)
    except VerifyError:
        return True
    return False


def is_missed_by_interpreter(program: Program, small: Small) -> bool:
    """True if two threads access one element, in some order of the threads' work."""
    try:
        for seed in range(4):
            for divided in (True, False):
                run(program, small.every[-1], Order(3, divided, seed))
    except VerifyError as error:
        assert "another thread" in str(error)
        return True
    return False


NEEDED = {  # barriers, those that the verifier misses, those that the interpreter misses
    "dense": (1, 1, 1),
    "dense_adam": (1, 1, 1),
    "lstm_gradient": (10, 9, 8),
    "stacked_product": (5, 5, 4),
    "mixed_rows": (7, 7, 7),
    "convolutions": (4, 2, 2),
    "winograd": (8, 4, 4),
    "batch_norm": (2, 2, 2),
    "attention": (8, 6, 5),
    "while": (4, 4, 4),
    "cond": (7, 3, 2),
    "sort_and_scatter": (1, 1, 1),
}


@pytest.mark.parametrize("name", SMALL)
def test_a_barrier_that_is_left_out_is_missed_unless_no_statement_needs_it(name: str) -> None:
    """The verifier compares whole buffers, the interpreter elements: so it misses fewer."""
    small = SMALL[name]
    program = program_of(small)
    verify(program)
    missed = [
        (is_missed_by_verifier(program), is_missed_by_interpreter(program, small))
        for _ in without_one(program)
    ]
    assert all(verifier for verifier, interpreter in missed if interpreter)
    verifier, interpreter = (sum(answers) for answers in zip(*missed, strict=True))
    assert (len(missed), verifier, interpreter) == NEEDED[name]


def test_the_verifier_names_the_kernel_and_the_memory_of_a_missing_barrier() -> None:
    program = program_of(replace(SMALL["dense_adam"], target=WHOLE))
    program.statements = [s for s in program.statements if not isinstance(s, Barrier)]
    with pytest.raises(VerifyError, match=r"kernel dot_general: no barrier after .* temporary"):
        verify(program)


def test_the_verifier_finds_a_barrier_that_not_all_threads_reach() -> None:
    program = program_of(SMALL["lstm_gradient"])
    (region,) = [s for s in walk(program.statements) if isinstance(s, ParallelRegion)]
    region.statements.append(Barrier())
    with pytest.raises(VerifyError, match="barrier inside of"):
        verify(program)


# ---- accesses ------------------------------------------------------------------------------------
def test_accesses_conflict_unless_both_are_reads_or_both_are_serial() -> None:
    program = recorded(lambda x, w: x @ w, (BATCH, 512), (512, 512))
    (kernel,) = kernels_of(program.statements)
    writes = access_of(kernel, set())
    reads = replace(writes, written=set())
    for first, second, conflict in (
        (writes, writes, True),
        (writes, reads, True),
        (reads, writes, True),
        (reads, reads, False),
        (replace(writes, serial=True), replace(writes, serial=True), False),
        (replace(writes, serial=True), writes, True),
        (writes, replace(writes, serial=True), True),
        (writes, replace(writes, halo=True), False),
    ):
        pending = Pending()
        pending.add(first)
        assert (pending.conflict(second) is not None) is conflict, (first, second)
