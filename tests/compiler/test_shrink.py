"""The shrinker of failing programs: every smaller program can run."""

import numpy as np
import pytest

from lamina.fuzz.generate import generate
from lamina.fuzz.shrink import shrink
from lamina.ir.extents import symbols
from lamina.ir.types import TensorType
from lamina.reference import interpreter


@pytest.mark.parametrize("number", [424, 1, 2])
def test_sizes_of_every_smaller_program_follow_from_its_parameters(number):
    seen = 0

    def fails(case):
        nonlocal seen
        seen += 1
        known = {str(d) for p in case.graph.parameters for d in p.shape}
        for node in case.graph.nodes():
            if isinstance(node.type, TensorType):
                assert symbols(node.shape) <= known
        return seen % 2 == 0 and any(node.args for node in case.graph.nodes())

    small = shrink(generate(f"41:{number}"), fails, tries=60)
    assert seen > 3
    found = interpreter.run(small.graph, small.arrays)
    assert all(isinstance(np.asarray(value), np.ndarray) for value in found)
