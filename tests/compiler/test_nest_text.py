"""The text of nests reads back: every kernel of random and of small programs, between passes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import Nest, walk
from lamina.engines.llvm.loops.parse import parse
from lamina.engines.llvm.pipeline import run_passes
from lamina.engines.llvm.program.program import Program
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.target.target import host, using
from lamina.engines.llvm.tools.dump import Log
from lamina.fuzz.generate import generate
from lamina.rewrite import simplify
from small_programs import EAGER, WHOLE, programs


class Reads(Log):
    """Reads the text of each nest after each pass."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def after(self, step: Any, value: Any) -> None:
        if isinstance(value, Program):
            for nest in _nests(value):
                text = str(nest)
                if text not in self.seen:
                    self.seen.add(text)
                    _assert_equal(parse(text), nest)


def _nests(program: Program) -> Iterator[Nest]:
    for leaf in leaves(program.statements):
        if isinstance(leaf, Kernel):
            yield leaf.nest


def _assert_equal(found: Nest, nest: Nest) -> None:
    assert str(found) == str(nest)
    for a, b in ((found.loops, nest.loops), (found.reductions, nest.reductions)):
        assert [(v.name, v.extent) for v in a] == [(v.name, v.extent) for v in b]
    assert [a.dtype for a in found.accumulators] == [a.dtype for a in nest.accumulators]
    assert [s.buffer for s in found.stores] == [s.buffer for s in nest.stores]
    loops = {*nest.loops, *nest.reductions}  # a loop of one iteration may be gone
    mine, its = list(walk(found.roots())), list(walk(nest.roots()))
    assert len(mine) == len(its)
    for x, y in zip(mine, its, strict=True):
        assert (x.kind, x.dtype, len(x.args)) == (y.kind, y.dtype, len(y.args)), y
        assert x.params.get("operand") == y.params.get("operand"), y
        assert {v.name for v in x.vars} == {v.name for v in y.vars & loops}, y


@pytest.mark.parametrize("eager", [False, True])
def test_the_text_of_every_nest_of_random_programs_reads_back(eager: bool) -> None:
    log = Reads()
    with using(replace(host(), costs=host().costs.eager()) if eager else host()):
        for number in range(40):
            case = generate(f"text {number}")
            run_passes(simplify(case.graph), case.updates, log)
    assert len(log.seen) > 100


def test_the_text_of_every_nest_of_small_programs_reads_back() -> None:
    log = Reads()
    for target in (EAGER, WHOLE):
        with using(target):
            for small in programs():
                run_passes(simplify(small.graph), small.updates, log)
    for note in ("outermost", "split reduction"):
        assert any(note in text for text in log.seen), note


@pytest.mark.parametrize(
    "text",
    [
        "loops",
        "nest map for (i0 in 3)\n  buffers b0 float32\n  b0[i1] <- float32(0)",
        "nest map for (i0 in 3)\n  buffers b0 float32\n  b0[i0] <- add(float32(0)",
        "nest map for (i0 in 3)\n  buffers b0 float32\n  b0[i0] <- float32(0) 1",
        "nest map for (i0 in 3, i0 in 4)\n  buffers b0 float32\n  b0[i0] <- float32(0)",
        "nest map for (i0 in 3)\n  buffers b0 float32\n  turned over",
    ],
)
def test_text_that_is_not_a_nest_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)
