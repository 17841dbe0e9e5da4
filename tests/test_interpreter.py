"""Passes on programs, tested without compiling: the interpreter runs before and after each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from interpreted import interpret_case
from lamina.engines.llvm.target.target import host, using
from lamina.fuzz.generate import generate

THRESHOLDS = {"normal": host(), "eager": replace(host(), costs=host().costs.eager())}


@pytest.mark.parametrize("thresholds", THRESHOLDS)
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_every_pass_keeps_what_random_programs_compute(first: int, thresholds: str) -> None:
    with using(THRESHOLDS[thresholds]):
        for number in range(first, first + 10):
            interpret_case(generate(f"interpreted {number}", most=12))
