"""Schedules are complete: code generation follows them, and their text shows every choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

import lamina as lm
from lamina.engines.llvm.codegen.versions import emit
from lamina.engines.llvm.loops.index import Var, linear, of
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Buffer, ExprBuilder, Nest, NestKind, Store
from lamina.engines.llvm.loops.schedule import (
    Condition,
    Packing,
    Prefetch,
    RowLoop,
    Schedule,
    Tail,
    Version,
)
from lamina.engines.llvm.pipeline import run_passes
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import kernels_of
from lamina.engines.llvm.program.verify import verify
from lamina.engines.llvm.schedule import choose as choosing
from lamina.engines.llvm.target.target import Target, using
from lamina.errors import VerifyError
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.transforms.tracing import record
from small_programs import EAGER, NORMAL, WHOLE, programs

ROWS, COLUMNS = Var("i", 40), Var("j", 40)
TERMS = Var("k", 8)
OTHERWISE = Schedule((ROWS, COLUMNS), COLUMNS, 8, {ROWS: 4, COLUMNS: 1})
PACKING = Packing(ROWS, COLUMNS, TERMS, 40, 1, 8, 40, 8, TERMS, COLUMNS, 3, OTHERWISE)


def _kernels(program: Program) -> Iterator[Kernel]:
    yield from kernels_of(program.statements)


def _every() -> Iterator[Kernel]:
    for target in (NORMAL, WHOLE, EAGER):
        with using(target):
            for small in programs():
                yield from _kernels(run_passes(simplify(small.graph), small.updates))


def _versions(schedule: Schedule) -> list[Schedule]:
    return [schedule, *(each for v in schedule.versions for each in _versions(v.schedule))]


KERNELS = list(_every())


def _copies(schedule: Schedule, *tails: Tail) -> bool:
    return any(tail in tails for each in _versions(schedule) for tail in each.tails.values())


def test_code_has_exactly_the_versions_that_the_schedule_names() -> None:
    seen = {"small": 0, "allrows": 0, "part": 0, "llvm.masked": 0, "llvm.prefetch": 0}
    for kernel in KERNELS:
        nest, schedule = kernel.nest, kernel.chosen
        text = str(emit(nest, schedule, "kernel", len(kernel.parameters))[0])
        outside = [v for v in nest.loops if v is schedule.vector]
        masked_or_full = any(
            each.tail(v) is Tail.FULL_OR_MASKED for each in _versions(schedule) for v in outside
        )
        fetches = any(
            s.prefetch_epilogue
            or s.prefetch_results
            or s.prefetches
            or (s.pipelined and nest.epilogue_loads())
            for s in _versions(schedule)
        )
        expected = {
            "small": bool(schedule.versions),
            "allrows": _copies(schedule, Tail.FULL_OR_CLAMPED),
            "part": masked_or_full,
            "llvm.prefetch": fetches,
        }
        for label, wanted in expected.items():
            found = f"\n{label}." in text or f"@{label}." in text
            assert found == wanted, f"{label}: {wanted} in {schedule}\n{nest}"
            seen[label] += wanted
        has_masks = "@llvm.masked.load" in text or "@llvm.masked.store" in text
        if _copies(schedule, Tail.MASKED, Tail.FULL_OR_MASKED):
            seen["llvm.masked"] += has_masks
        elif all(e.kind != "guard" for e in nest.roots()) and "guard" not in str(nest):
            assert not has_masks, f"{schedule}\n{nest}"
    assert all(seen.values()), seen


def test_a_schedule_without_its_versions_has_code_without_them() -> None:
    kernel = next(k for k in KERNELS if k.chosen.versions)
    plain = replace(kernel.chosen, versions=())
    assert "small" not in str(emit(kernel.nest, plain, "kernel", len(kernel.parameters))[0])


def test_the_text_of_a_schedule_shows_every_choice() -> None:
    k, row = Var("k", 8), Var("b", Extent.symbol("batch"))
    schedule = Schedule(
        order=(row, COLUMNS),
        vector=COLUMNS,
        lanes=16,
        unroll={row: 8, COLUMNS: 2},
        sequential=k,
        tails={row: Tail.CLAMPED, COLUMNS: Tail.FULL_OR_MASKED},
        full_rows=True,
        store_batch=12,
        prefetch_epilogue=True,
        prefetch_results=True,
        pipelined=True,
        transposed=row,
        prefetches=(Prefetch(3, 256, 4, 2, 32),),
        row_loop=RowLoop(row, 40, 1),
        serial=True,
        packing=PACKING,
        versions=(Version(Condition(row, 4), Schedule((COLUMNS, row), None, 1)),),
    )
    default = Schedule((), None, 1)
    for field in fields(Schedule):
        if field.name != "full_rows":  # shown once rows are restricted, as the tail that it gives
            shown = replace(schedule, **{field.name: getattr(default, field.name)})
            assert str(shown) != str(schedule), field.name
    assert "b < 4: (order (j, b))" in str(schedule)
    plain = replace(schedule, packing=None)
    assert "b full or clamped" in str(plain.restricted(RowLoop(row, 40, 1)))
    assert schedule.restricted(RowLoop(row, 40, 1)).packing is None


def test_a_restricted_loop_may_end_inside_of_any_tile_in_every_version() -> None:
    inner = Schedule((ROWS, COLUMNS), COLUMNS, 8, {ROWS: 4})
    outer = replace(inner, full_rows=True, versions=(Version(Condition(ROWS, 4), inner),))
    found = outer.restricted(RowLoop(ROWS, 40, 1))
    assert found.tail(ROWS) is Tail.FULL_OR_CLAMPED
    assert found.versions[0].schedule.tail(ROWS) is Tail.CLAMPED
    assert outer.restricted(RowLoop(COLUMNS, 40, 1)).tail(COLUMNS) is Tail.FULL_OR_MASKED
    again = found.restricted(RowLoop(ROWS, 40, 1))
    assert again == found
    assert outer.restricted(RowLoop(ROWS, 5, 8)).tail(ROWS) is Tail.EXACT


def test_a_schedule_is_chosen_once_for_each_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    from lamina.engines.llvm.program import nest_passes

    chosen: list[Nest] = []

    def counted(nest: Nest, target: Target, slots: int) -> Schedule:
        chosen.append(nest)
        return choosing.choose(nest, target, slots)

    monkeypatch.setattr(nest_passes, "choose", counted)
    (small,) = [each for each in programs() if each.name == "lstm_gradient"]
    with using(EAGER):
        program = run_passes(simplify(small.graph), small.updates)
    assert len(chosen) == len({id(nest) for nest in chosen}) == len(list(_kernels(program)))


def test_the_verifier_finds_a_tile_that_reaches_past_the_end_of_a_loop() -> None:
    graph = record(lambda x: lm.exp(x), [TensorType((40, 40), float32)]).graph
    with using(NORMAL):
        program = run_passes(simplify(graph), {})
    (kernel,) = _kernels(program)
    verify(program)
    (loop,) = kernel.nest.loops
    kernel.schedule = replace(kernel.chosen, unroll={loop: 3}, vector=None, lanes=1, tails={})
    with pytest.raises(VerifyError, match="past the end"):
        verify(program)
    kernel.schedule = replace(kernel.chosen, unroll={loop: 4})
    verify(program)
    rows = RowLoop(loop, loop.extent, 1)  # callers may now end it anywhere
    kernel.schedule = replace(kernel.chosen, row_loop=rows)
    with pytest.raises(VerifyError, match="past the end"):
        verify(program)


@pytest.mark.parametrize("tail", [Tail.CLAMPED, Tail.FULL_OR_CLAMPED])
def test_rows_of_known_number_are_clamped_when_callers_restrict_them(tail: Tail) -> None:
    build = ExprBuilder()
    place = linear([of(ROWS), of(COLUMNS)], (40, 40))
    value = build.load(Buffer(1, float32), place)
    store = Store(Buffer(0, float32), place, value)
    nest = Nest(NestKind.MAP, [ROWS, COLUMNS], stores=[store])
    rows = RowLoop(ROWS, 40, 1)
    schedule = Schedule((ROWS, COLUMNS), COLUMNS, 8, {ROWS: 4}, tails={ROWS: tail}, row_loop=rows)
    text = str(emit(nest, schedule, "kernel", 2)[0])
    assert "llvm.smin" in text
    assert ("allrows" in text) == (tail is Tail.FULL_OR_CLAMPED)
