"""The xla engine: its table, its caches of programs, and what it leaves alone in JAX."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from lamina.engines import engine
from lamina.fuzz.generate import generate
from lamina.fuzz.voting import check_votes
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import Extent, TensorType, float32, float64, int32, uint32
from lamina.settings import settings

WITHOUT_JAX = """
import sys
sys.modules["jax"] = None  # importing it now fails, as where it is not installed
import lamina as lm

with lm.settings(engine="xla"):
    lm.compile(lambda x: x + 1)(lm.asarray([1.0]))
"""


def test_without_jax_an_error_names_the_extra():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_JAX], capture_output=True, text=True, check=False
    )
    *_, error, hint = done.stderr.splitlines()
    assert error.endswith("MissingExtraError: the xla engine needs jax, which is not installed")
    assert hint == "  hint: pip install jax; for NVIDIA GPUs pip install 'jax[cuda13]'"


@needs_jax
def test_every_primitive_has_its_row_in_the_xla_table():
    from lamina.engines.xla.translate import REGIONS, ROWS

    assert set(ROWS) | set(REGIONS) == set(PRIMITIVES) - {"parameter"}
    assert not set(ROWS) & set(REGIONS)


@needs_jax
def test_random_bits_are_those_of_jax_partitionable_threefry():
    import jax

    key = parameter(TensorType((2,), uint32), "key")
    shapes = ((), (5,), (3, 4, 5))
    graph = Graph([key], [PRIMITIVES["rng_bit_generator"](key, shape=s) for s in shapes])
    given = np.array([123, 2**31 + 5], np.uint32)
    found = engine("xla").compile(graph, {})([given])
    typed = jax.random.wrap_key_data(given)
    for shape, bits in zip(shapes, found, strict=True):
        np.testing.assert_array_equal(bits, jax.random.bits(typed, shape, "uint32"))
        np.testing.assert_array_equal(
            bits, engine("numpy").compile(graph, {})([given])[0 + shapes.index(shape)]
        )


@needs_jax
def test_counters_beyond_32_bits_carry_into_the_second_word():
    import jax

    from lamina.engines.xla.threefry import _counters

    with jax.enable_x64(True):
        traced = jax.make_jaxpr(lambda: _counters((2**17, 2**16)))()
    assert [v.aval.dtype for v in traced.jaxpr.outvars] == [np.uint32, np.uint32]
    assert "uint64" in str(traced) or "u64" in str(traced)


@needs_jax
def test_64_bit_types_do_not_change_jax_for_its_other_users():
    import jax
    import jax.numpy as jnp

    x = parameter(TensorType((3,), float64), "x")
    graph = Graph([x], [ops.add(x, x)])
    (found,) = engine("xla").compile(graph, {})([np.ones(3)])
    assert found.dtype == np.float64
    assert not jax.config.jax_enable_x64
    assert jnp.asarray(np.ones(3)).dtype == np.float32


@needs_jax
def test_each_set_of_sizes_is_compiled_once_and_the_oldest_is_dropped(monkeypatch):
    from lamina.engines.xla import executable

    monkeypatch.setattr(executable, "KEPT", 2)
    x = parameter(TensorType((Extent.symbol("n"),), float32), "x")
    program = engine("xla").compile(Graph([x], [ops.reverse(x, dimensions=(0,))]), {})
    compiled = []
    lower = program.lower
    monkeypatch.setattr(program, "lower", lambda *a: compiled.append(a) or lower(*a))
    for n in (1, 2, 1, 2, 3, 2, 1):
        assert program([np.arange(n, dtype="f")])[0].tolist() == [*range(n)][::-1]
    assert [arrays[0].shape for _, arrays in compiled] == [(1,), (2,), (3,), (1,)]


@needs_jax
def test_state_is_updated_in_place_and_results_own_their_memory():
    x = parameter(TensorType((4,), float32), "x")
    graph = Graph([x], [x, ops.add(x, x)])
    program = engine("xla").compile(graph, {0: 1})
    state = np.arange(4, dtype=np.float32)
    before, after = program([state])
    assert after is state
    assert before.tolist() == [0, 1, 2, 3]
    assert state.tolist() == [0, 2, 4, 6]
    assert before.flags.writeable


@needs_jax
def test_programs_of_rank_9_run():
    x = parameter(TensorType((2,), float32), "x")
    wide = ops.broadcast(x, (2,) * 9, (4,))
    graph = Graph([x], [ops.sum_over(wide, (0, 2, 8))])
    (found,) = engine("xla").compile(graph, {})([np.array([1, 2], np.float32)])
    assert found.shape == (2,) * 6
    assert found.sum() == 8 * 2**5 * 3


@needs_jax
def _by_columns(x):
    return x / x[:, :1] / x[:, 1:]


QUOTIENTS = [lambda x: x / x / x, lambda x: x / (x / (x / x)), lambda x: 1 / (1 / x), _by_columns]


@needs_jax
@pytest.mark.parametrize("f", QUOTIENTS)
def test_quotients_of_quotients_do_not_overflow(f):
    x = np.array([[1e30, 1e-30], [3e25, 2e-25], [7.0, 1e35]], np.float32)
    with lm.settings(cache=False):
        found = lm.compile(f, engine="xla")(x).numpy()
    np.testing.assert_allclose(found, f(x), rtol=1e-6)


def test_a_scatter_whose_indices_are_its_operand_reads_them_unchanged():
    """Found by the vote of engines, seed 4300:814."""
    x = parameter(TensorType((8, 1), int32), "x")
    scattered = ops.scatter(
        x,
        x,
        x,
        kind="add",
        update_window_dims=(1,),
        inserted_window_dims=(0,),
        scatter_dims_to_operand_dims=(0,),
    )
    graph = Graph([x], [scattered])
    values = np.array([[0], [7], [3], [-1], [4], [9], [2], [5]], np.int32)
    results = [engine(name).compile(graph, {})([values])[0] for name in ("xla", "numpy")]
    assert results[0].ravel().tolist() == results[1].ravel().tolist()
    assert results[0].ravel().tolist() == [0, 7, 5, 2, 8, 14, 2, 12]


@needs_jax
@pytest.mark.parametrize("number", range(6))
def test_three_engines_agree_on_random_programs(number):
    failure = check_votes(generate(f"vote:{number}"))
    assert failure is None, failure


@needs_jax
def test_a_vote_names_the_engine_that_strays(monkeypatch):
    from jax import lax

    from lamina.engines.xla import translate

    x = parameter(TensorType((4,), float32), "x")
    case = generate("vote:0")
    case.graph, case.updates, case.more = Graph([x], [ops.reverse(x, dimensions=(0,))]), {}, []
    case.arrays, case.lane = [np.arange(4, dtype=np.float32)], "smooth"
    assert check_votes(case) is None
    monkeypatch.setitem(translate.ROWS, "reverse", lambda node, xs, p: lax.neg(xs[0]))
    failure = check_votes(case)
    assert failure is not None
    assert failure.message.startswith("within the bounds: numpy and llvm\nxla: result 0 (reverse)")


@needs_jax
def test_programs_are_kept_in_the_cache_folder(tmp_path):
    program = (
        "import lamina as lm\n"
        "f = lm.compile(lambda x: lm.linalg.matrix_power(lm.sin(x), 9))\n"
        "f(lm.ones((40, 40)))\n"
        "import jax; print(jax.config.jax_compilation_cache_dir)\n"
    )
    environment = {**os.environ, "LAMINA_ENGINE": "xla", "LAMINA_CACHE_DIR": str(tmp_path)}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(tmp_path / "xla")
    assert list((tmp_path / "xla").iterdir())


@pytest.fixture(autouse=True)
def _nothing_on_disk():
    with settings(cache=False):
        yield
