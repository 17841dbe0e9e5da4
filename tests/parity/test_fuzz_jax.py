"""Random programs mean in JAX what the reference says they mean."""

import numpy as np
import pytest

from lamina.fuzz.against_jax import LOOPS, ROWS, check_with_jax
from lamina.fuzz.generate import Case, generate
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import TensorType, float32

pytestmark = pytest.mark.parity

WITHOUT = {"parameter", "bitcast_convert", "select_and_scatter"}  # programs with these are left out


def test_each_primitive_has_a_row_or_is_left_out() -> None:
    assert set(ROWS) | set(LOOPS) == set(PRIMITIVES) - WITHOUT


def test_divisions_by_broadcast_values_are_rounded_once() -> None:
    """By itself, XLA multiplies by the reciprocal of what is broadcast."""
    pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(1, 2, shape).astype(np.float32) for shape in ((7, 31), (31,))]
    x, y = (parameter(TensorType(a.shape, float32), f"x{k}") for k, a in enumerate(arrays))
    graph = Graph([x, y], [ops.divide(x, ops.broadcast(y, x.shape, (1,)))], "divided")
    failure = check_with_jax(Case(graph, arrays, {}, "special", "divided"))
    assert failure is None, failure


@pytest.mark.parametrize("number", range(20))
def test_random_programs_mean_in_jax_what_the_reference_says(number: int) -> None:
    pytest.importorskip("jax")
    from lamina.fuzz.against_jax import available

    assert available()
    failure = check_with_jax(generate(f"parity:{number}"))
    assert failure is None, failure
