"""Passes on programs, tested without compiling: the interpreter runs before and after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import cache

import pytest

from interpreted import Wrong, interpret, interpret_case
from lamina.engines.llvm.pipeline import NAMES, PASSES
from lamina.engines.llvm.target.target import Target, host, using
from lamina.fuzz.check import check, eager_target
from lamina.fuzz.generate import Case, generate
from pass_faults import ENGINE, INTERPRETER, PASS_FAULTS, PassFault
from small_programs import EAGER, NORMAL, WHOLE, Small, programs

SMALL = {each.name: each for each in programs()}
TARGETS = {"normal": NORMAL, "eager": EAGER, "whole": WHOLE}
TRIES = 12  # programs of a skeleton in which a planted fault should show
# numbers of random programs, with normal thresholds and with eager ones: any program, and those
# that begin with a skeleton, which have odd numbers
RANDOM = [
    *((number, False) for number in (*range(0, 20, 2), *range(1, 71, 2))),
    *((number, True) for number in (*range(0, 20, 2), *range(71, 181, 2))),
]
LEAST = 10


@cache
def _random_changes(first: int) -> Counter[str]:
    """Count the programs of ten random ones that each pass changes; interpret them after each."""
    counts: Counter[str] = Counter()
    for number, eager in RANDOM[first : first + 10]:
        case = generate(f"interpreted:{number}", most=12)
        case.more = case.more[:1] if number % 3 == 0 else []
        with using(eager_target(case.seed)) if eager else nullcontext():
            counts.update(interpret_case(case))
    return counts


@pytest.mark.parametrize("first", range(0, len(RANDOM), 10))
def test_every_pass_keeps_what_random_programs_compute(first: int) -> None:
    _random_changes(first)


def test_every_pass_changes_ten_of_the_random_programs_that_are_interpreted() -> None:
    counts = sum(map(_random_changes, range(0, len(RANDOM), 10)), Counter())
    assert {name: counts[name] for name in NAMES if counts[name] < LEAST} == {}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", SMALL)
def test_every_pass_keeps_what_small_programs_compute(name: str, target: str) -> None:
    _changed(name, target)


@cache
def _changed(name: str, target: str) -> set[str]:
    return _interpreted(SMALL[name], TARGETS[target])


def _interpreted(small: Small, target: Target) -> set[str]:
    with using(target):
        return interpret(small.graph, small.updates, small.every)


def test_every_pass_on_programs_changes_one_of_the_small_programs() -> None:
    changed = set().union(*(_changed(name, target) for name in SMALL for target in TARGETS))
    on_programs = {each.name for each in PASSES if each.level != "graph"}
    assert on_programs - changed <= {"prefetch"}


def _cases(fault: PassFault) -> Iterator[Case]:
    """The programs in which a fault should show."""
    if isinstance(fault.program, str):
        small = SMALL[fault.program]
        first, *more = map(list, small.every)
        yield Case(small.graph, first, dict(small.updates), "smooth", small.name, more)
        return
    for number in range(TRIES):
        yield generate(f"planted {number}", skeleton=fault.program, most=0)


@pytest.mark.parametrize("fault", [f for f in PASS_FAULTS if f.by == INTERPRETER], ids=str)
def test_the_interpreter_finds_a_fault_planted_in_a_pass(
    fault: PassFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = list(_cases(fault))
    fault.plant(monkeypatch)
    with using(fault.target), pytest.raises(Wrong) as found:
        for case in cases:
            interpret_case(case)
    assert str(found.value).startswith(f"after {fault.stage}:")


@pytest.mark.parametrize("fault", [f for f in PASS_FAULTS if f.by == ENGINE], ids=str)
def test_a_run_finds_a_fault_planted_in_a_pass_that_changes_only_code(
    fault: PassFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    if fault.name == "prefetch: uneven" and host().machine.vector_bits < 512:
        pytest.skip("the rows of these programs are too few for prefetches on this machine")
    cases = list(_cases(fault))
    with using(replace(host(), costs=fault.target.costs)):
        assert check(cases[0], threads=(1, 3)) is None
        fault.plant(monkeypatch)
        assert any(check(case, threads=(1, 3)) is not None for case in cases)


def test_every_pass_has_two_planted_faults() -> None:
    counts = Counter(fault.stage for fault in PASS_FAULTS)
    assert set(counts) <= set(NAMES)
    assert {name for name in NAMES if counts[name] < 2} == set()


@pytest.mark.parametrize("part", ["padded strides", "halo", "guards", "pipelined epilogue"])
def test_parts_of_passes_have_two_planted_faults_each(part: str) -> None:
    assert sum(fault.part == part for fault in PASS_FAULTS) >= 2
