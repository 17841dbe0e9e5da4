"""Passes on programs, tested without compiling: the interpreter runs before and after each."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from interpreted import Wrong, interpret, interpret_case
from lamina.engines.llvm.pipeline import PASSES
from lamina.engines.llvm.target.target import Target, host, using
from lamina.fuzz.generate import generate
from pass_faults import PASS_FAULTS, PassFault
from small_programs import EAGER, NORMAL, WHOLE, Small, programs

THRESHOLDS = {"normal": host(), "eager": replace(host(), costs=host().costs.eager())}
SMALL = {each.name: each for each in programs()}
TARGETS = {"normal": NORMAL, "eager": EAGER, "whole": WHOLE}
# what the interpreter does not look at: it takes no order, vectors or prefetches from schedules
UNSEEN = {"schedule", "prefetch"}


@pytest.mark.parametrize("thresholds", THRESHOLDS)
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_every_pass_keeps_what_random_programs_compute(first: int, thresholds: str) -> None:
    with using(THRESHOLDS[thresholds]):
        for number in range(first, first + 10):
            interpret_case(generate(f"interpreted {number}", most=12))


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


@pytest.mark.parametrize("fault", PASS_FAULTS, ids=str)
def test_the_interpreter_finds_a_fault_planted_in_a_pass(
    fault: PassFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault.plant(monkeypatch)
    with pytest.raises(Wrong) as found:
        _interpreted(SMALL[fault.program], fault.target)
    assert str(found.value).startswith(f"after {fault.name.split(':')[0]}:")


def test_every_pass_on_programs_has_a_planted_fault() -> None:
    named: set[Any] = {fault.name.split(":")[0] for fault in PASS_FAULTS}
    assert {each.name for each in PASSES if each.level != "graph"} - named == UNSEEN
