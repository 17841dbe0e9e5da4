"""Random programs mean in JAX what the reference says they mean."""

import pytest

from lamina.fuzz.against_jax import LOOPS, ROWS, check_with_jax
from lamina.fuzz.generate import generate
from lamina.ir.primitives import PRIMITIVES

pytestmark = pytest.mark.parity

WITHOUT = {"parameter", "bitcast_convert", "select_and_scatter"}  # programs with these are left out


def test_each_primitive_has_a_row_or_is_left_out() -> None:
    assert set(ROWS) | set(LOOPS) == set(PRIMITIVES) - WITHOUT


@pytest.mark.parametrize("number", range(20))
def test_random_programs_mean_in_jax_what_the_reference_says(number: int) -> None:
    pytest.importorskip("jax")
    from lamina.fuzz.against_jax import available

    assert available()
    failure = check_with_jax(generate(f"parity:{number}"))
    assert failure is None, failure
