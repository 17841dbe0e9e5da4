"""Targets: schedules for other machines, and thresholds under which every pass acts."""

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.pipeline import program_of, stages_of
from lamina.engines.llvm.program.statements import leaves
from lamina.engines.llvm.runtime import cache
from lamina.engines.llvm.target import costs
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.machine import Machine
from lamina.engines.llvm.target.target import Target, host, target, using
from lamina.fuzz.check import check
from lamina.fuzz.generate import generate
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, float32
from lamina.rewrite import simplify
from lamina.settings import settings
from lamina.transforms.tracing import record

AVX512 = Machine("x86_64", "", "", 512, 32, True, 48 << 10, 2 << 20, 30 << 20, 8)
AVX2 = Machine("x86_64", "", "", 256, 16, True, 32 << 10, 256 << 10, 8 << 20, 4)
NEON = Machine("aarch64", "", "", 128, 32, True, 64 << 10, 512 << 10, 4 << 20, 8)
SSE2 = Machine("x86_64", "", "", 128, 16, False, 32 << 10, 256 << 10, 0, 1)
MACHINES = {"avx512": AVX512, "avx2": AVX2, "neon": NEON, "sse2": SSE2}


@pytest.fixture(params=MACHINES)
def machine(request):
    with using(Target(MACHINES[request.param], Costs.of(MACHINES[request.param]))):
        yield MACHINES[request.param]


def kernels(f, *shapes):
    graph = record(f, [TensorType(shape, float32) for shape in shapes]).graph
    return [k for k in leaves(program_of(simplify(graph), {}).statements) if isinstance(k, Kernel)]


def product(kernels):
    (found,) = [k for k in kernels if k.nest.kind is NestKind.PRODUCT]
    return found


# ---- schedules ---------------------------------------------------------------------------------
def test_a_register_tile_of_a_product_fits_the_register_file(machine):
    kernel = product(kernels(lambda x, w: x @ w, (128, 256), (256, 512)))
    schedule, lanes = kernel.chosen, machine.lanes(32)
    assert schedule.lanes == lanes and schedule.vector in kernel.nest.loops
    columns = schedule.unroll[schedule.vector]
    (rows,) = [n for v, n in schedule.unroll.items() if v is not schedule.vector]
    # accumulators, the columns of the right side, and one broadcast element of the left
    assert rows * columns + columns + 1 <= machine.vector_registers
    assert rows * columns >= machine.vector_registers // 2


def test_sums_with_lanes_along_the_reduction_fit_the_register_file(machine):
    kernel = product(kernels(lambda x, y: x @ y.T, (8, 4096), (8, 4096)))
    accumulators = np.prod([n for v, n in kernel.chosen.unroll.items() if v in kernel.nest.loops])
    assert accumulators < machine.vector_registers


def test_a_schedule_names_every_version_that_is_emitted():
    batch = Extent.symbol("batch")
    kernel = product(kernels(lambda x, w: x @ w, (batch, 256), (256, 512)))
    (version,) = kernel.chosen.versions
    assert version.condition.below and version.condition.limit > 1


@pytest.mark.parametrize("name", MACHINES)
def test_text_for_another_machine_has_its_vectors(name):
    chosen = Target(MACHINES[name], Costs.of(MACHINES[name]))
    lanes = chosen.machine.lanes(32)
    with using(chosen):
        graph = record(lambda x: lm.exp(x) + 1, [TensorType((4096,), float32)]).graph
        (text,) = stages_of(simplify(graph), {}).kernels.values()
    assert f"<{lanes} x float>" in text.text and f"<{2 * lanes} x float>" not in text.text


# ---- thresholds --------------------------------------------------------------------------------
def test_every_threshold_is_documented():
    source = Path(costs.__file__).read_text(encoding="utf-8")
    for field in fields(Costs):
        _, _, after = source.partition(f"    {field.name}: ")
        assert after.split("\n", 2)[1].strip().startswith('"""'), field.name


def test_thresholds_follow_from_the_machine():
    small, large = Costs.of(AVX2), Costs.of(AVX512)
    assert small.panel == 16 and large.panel == 32
    assert small.replicated < large.replicated and small.tile_most < large.tile_most
    assert small.accumulators < large.accumulators and small.dot_side < large.dot_side


def test_another_threshold_is_another_key_of_the_cache():
    before = cache.key_of("a")
    with using(replace(host(), costs=replace(host().costs, recompute=9))):
        assert cache.key_of("a") != before
    assert cache.key_of("a") == before and target() is host()


@pytest.mark.parametrize("threads", [1, 3])
def test_random_programs_are_right_under_eager_thresholds(threads):
    eager = replace(host(), costs=host().costs.eager())
    with using(eager):
        for seed in range(25):
            failure = check(generate(f"eager {seed}"), threads=(threads,))
            assert failure is None, failure


def test_a_convolution_of_no_features_is_zero_under_eager_thresholds():
    arrays = [np.zeros(shape, np.float32) for shape in ((16, 16, 0), (3, 0, 16))]
    arrays.append(np.ones((16, 14, 16), np.float32))
    x, kernel, state = (parameter(TensorType(a.shape, float32)) for a in arrays)
    y = ops.convolution(
        x,
        kernel,
        window_strides=(1,),
        padding=((0, 0),),
        lhs_dilation=(1,),
        rhs_dilation=(1,),
        lhs_spec=(0, 2, 1),
        rhs_spec=(2, 1, 0),
        out_spec=(0, 2, 1),
    )
    with settings(cache=False), using(replace(host(), costs=host().costs.eager())):
        program = engine("llvm").compile(Graph([x, kernel, state], [y]), {2: 0})
        (found,) = program(arrays)
    assert found is arrays[2] and not found.any()


def test_a_network_is_right_under_eager_thresholds():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 9, 9, 3)).astype(np.float32)
    model = lm.Sequential(
        [
            lm.Input((9, 9, 3)),
            lm.layers.Conv2D(8, 3, padding="same", activation="relu"),
            lm.layers.Conv2D(8, 3, strides=2, padding="same"),
            lm.layers.Flatten(),
            lm.layers.Reshape((5, 40)),
            lm.layers.GRU(16),
            lm.layers.Dense(2),
        ]
    )
    with settings(engine="numpy"):
        expected = model.predict(x, verbose=0)
    with settings(cache=False, engine="llvm"), using(replace(host(), costs=host().costs.eager())):
        again = lm.Sequential.from_config(model.get_config())
        again.set_weights(model.get_weights())
        found = again.predict(x, verbose=0)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert engine("llvm").name == "llvm"
