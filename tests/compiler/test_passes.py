"""The list of passes: any optional one can be left out, and each can be watched and verified."""

import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm.pipeline import NAMES, PASSES, run_passes, stages_of, until
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.program.text import to_text
from lamina.engines.llvm.program.verify import verify
from lamina.engines.llvm.tools.stages import GRAPH, PROGRAM, SCHEDULED
from lamina.errors import SettingError, UnknownNameError, VerifyError
from lamina.fuzz.check import check
from lamina.fuzz.generate import generate
from lamina.ir.types import Extent, TensorType, float32
from lamina.reference import interpreter
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.tracing import record

OPTIONAL = [each.name for each in PASSES if each.optional]
UNITS = 64


def recurrent(x, w):
    """A loss of a recurrent network: loops, products, and what follows them."""

    def step(h, row):
        h = lm.tanh(row + h @ w)
        return h, h

    states = lm.scan(step, lm.zeros((x.shape[1], UNITS)), x)[1]
    return lm.mean(lm.softmax(lm.sum(states, axis=0)) ** 2)


@pytest.fixture(scope="module")
def graph():
    shapes = [(7, Extent.symbol("batch"), UNITS), (UNITS, UNITS)]
    types = [TensorType(shape, float32) for shape in shapes]
    return simplify(record(lm.grad(recurrent, (0, 1)), types).graph)


@pytest.fixture(scope="module")
def arrays():
    rng = np.random.default_rng(0)
    shapes = [(7, 40, UNITS), (UNITS, UNITS)]
    return [(rng.normal(size=shape) / 8).astype(np.float32) for shape in shapes]


def test_levels_follow_one_another():
    order = [GRAPH, PROGRAM, SCHEDULED]
    levels = [order.index(each.level) for each in PASSES]
    assert levels == sorted(levels) and len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_program_without_an_optional_pass_computes_the_same(name, graph, arrays):
    expected = interpreter.run(graph, arrays)
    with settings(skip=name, cache=False, check=True):
        found = engine("llvm").compile(graph, {})(arrays)
    for want, got in zip(expected, found, strict=True):
        np.testing.assert_allclose(got, want, atol=1e-6)


@pytest.mark.parametrize("seed", range(12))
def test_a_random_program_without_any_optional_pass_is_verified_and_right(seed):
    case = generate(f"passes {seed}")
    with settings(skip=OPTIONAL, cache=False, check=True):
        assert check(case) is None


def test_skipped_passes_are_part_of_the_cache_key(graph, tmp_path, capfd):
    with settings(cache_dir=tmp_path, debug=1):
        for skip in ((), (), ("prefetch",)):
            with settings(skip=skip):
                engine("llvm").compile(graph, {})
    lines = [line for line in capfd.readouterr().err.splitlines() if " cache: " in line]
    assert ["hit" in line for line in lines] == [False, True, False]


@pytest.mark.parametrize(
    ("skip", "error", "message"),
    [
        ("prefech", UnknownNameError, "prefetch"),
        ("bufferize", SettingError, "the pass bufferize cannot be skipped"),
    ],
)
def test_a_pass_that_cannot_be_skipped_is_an_error_that_names_those_that_can(
    skip, error, message, graph
):
    with settings(skip=skip), pytest.raises(error, match=message):
        engine("llvm").compile(graph, {})


@pytest.mark.parametrize("name", NAMES)
def test_every_pass_can_be_dumped_before_and_after(name, graph, capfd):
    for when in ("before", "after"):
        with settings(dump=f"{when}:{name}"):
            engine("llvm").compile(graph, {})
        printed = capfd.readouterr().err
        assert printed.startswith("----") and f"{when} {name}" in printed
        assert len(printed.splitlines()) > 10


def test_a_dump_shows_loops_regions_buffers_and_schedules(graph, capfd):
    with settings(dump="after:replicate"):
        engine("llvm").compile(graph, {})
    whole = capfd.readouterr().err
    for word in ("loop 7, row-parallel over batch", "parallel region, rows over batch", "unroll"):
        assert word in whole, whole
    with settings(dump="after:schedule,dot_general"):
        engine("llvm").compile(graph, {})
    nests = capfd.readouterr().err
    assert "nest dot_general for" in nests and "nest map" not in nests


@pytest.mark.parametrize(
    ("dump", "error", "message"),
    [
        ("after:tile_row", UnknownNameError, "tile_rows"),
        ("tile_rows", SettingError, "expected before:PASS or after:PASS"),
    ],
)
def test_a_dump_of_no_pass_is_an_error(dump, error, message, graph):
    with settings(dump=dump), pytest.raises(error, match=message):
        engine("llvm").compile(graph, {})


def test_the_text_of_a_program_is_the_same_each_time(graph):
    first, second = (to_text(run_passes(graph, {})) for _ in range(2))
    assert first == second


# ---- the verifier ------------------------------------------------------------------------------
def _kernel(graph, kind):
    program = run_passes(graph, {}, passes=until("schedule"))
    found = [
        k for k in leaves(program.statements) if getattr(k, "nest", None) and k.nest.name == kind
    ]
    return program, found[0]


def _reads_outside(kernel):
    kernel.slots[:] = [type(s)((1,), s.dtype) for s in kernel.slots]


def _forgets_a_loop(kernel):
    kernel.nest.loops = kernel.nest.loops[1:]


def _loses_a_buffer(kernel):
    kernel.slots.pop()


def _has_the_schedule_of_another(kernel):
    kernel.schedule = type(kernel.chosen)((), None, 1)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_reads_outside, "outside of"),
        (_forgets_a_loop, "a loop that"),
        (_loses_a_buffer, "not a slot"),
        (_has_the_schedule_of_another, "its schedule"),
    ],
)
def test_the_verifier_finds_a_damaged_kernel(damage, message):
    x = record(lambda x, w: lm.tanh(x @ w), [TensorType((40, 40), float32)] * 2).graph
    program, kernel = _kernel(x, "dot_general")
    verify(program)
    damage(kernel)
    with pytest.raises(VerifyError, match=message):
        verify(program)


def test_stages_hold_the_text_of_every_kernel(graph):
    stages = stages_of(graph, {})
    for text in stages.kernels.values():
        assert f"@{text.symbol}(" in text.text
