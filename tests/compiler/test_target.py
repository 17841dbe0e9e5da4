"""Targets: schedules for other machines, and thresholds under which every pass acts."""

import math
import re
import warnings
from dataclasses import fields, replace
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm import pipeline
from lamina.engines.llvm.loops.nest import NestKind
from lamina.engines.llvm.loops.schedule import Tail
from lamina.engines.llvm.pipeline import kernel_texts, program_of, run_passes, stages_of
from lamina.engines.llvm.program.statements import kernels_of
from lamina.engines.llvm.runtime import cache
from lamina.engines.llvm.target import costs
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.machine import Machine
from lamina.engines.llvm.target.target import Target, host, target, using
from lamina.fuzz.check import check
from lamina.fuzz.generate import generate
from lamina.ir import ops
from lamina.ir.graph import Graph, parameter
from lamina.ir.types import Extent, TensorType, bfloat16, float16, float32, float64, int32
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


def kernels(f, *shapes, dtype=float32):
    graph = record(f, [TensorType(shape, dtype) for shape in shapes]).graph
    return kernels_of(program_of(simplify(graph), {}).statements)


def product(kernels):
    (found,) = [k for k in kernels if k.nest.kind is NestKind.PRODUCT]
    return found


def test_16_bit_floats_are_integers_in_llvm_text_so_that_no_run_time_library_is_called(machine):
    def f(x, y):
        return lm.where(x > 0.5, x, y), (lm.astype(x, "float32") * 2).astype("float16"), x[::2]

    for dtype in (float16, bfloat16):
        graph = record(f, [TensorType((5,), dtype)] * 2).graph
        texts = [kernel.text for kernel in stages_of(simplify(graph), {}).kernels.values()]
        converts = machine.converts_half  # by an instruction, from "half"
        assert texts and not any("bfloat" in text for text in texts)
        assert converts or not any("half" in text for text in texts)


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


@pytest.mark.parametrize("rows, columns", [(56, 64), (784, 512), (9, 48), (256, 512)])
def test_register_tiles_do_not_spill_on_aarch64(rows, columns):
    """NEON multiplies by an element of a register: rows need registers besides the columns'."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    emitter = llvm.Target.from_triple("aarch64-unknown-linux-gnu").create_target_machine(
        cpu="neoverse-n1", opt=3
    )
    types = [TensorType(shape, float32) for shape in ((rows, 64), (64, columns))]
    graph = record(lambda x, y: x @ y, types).graph
    with using(Target(NEON, Costs.of(NEON))):
        (text,) = kernel_texts(run_passes(graph, {})).values()
    code = emitter.emit_assembly(llvm.parse_assembly(text.text))
    assert len(re.findall(r"\bfmla\b", code)) >= 12
    assert not re.findall(r"\b(?:str|stp|ldr|ldp)\tq.*\[sp", code)


def test_sums_with_lanes_along_the_reduction_fit_the_register_file(machine):
    kernel = product(kernels(lambda x, y: x @ y.T, (8, 4096), (8, 4096)))
    accumulators = np.prod([n for v, n in kernel.chosen.unroll.items() if v in kernel.nest.loops])
    assert accumulators < machine.vector_registers


def test_a_copy_in_another_order_of_axes_is_by_in_register_transposes_without_gathers(machine):
    def swapped(x, y):
        return lm.swapaxes(x, 0, 1) + 0.0, lm.swapaxes(x, 0, 1) * y

    graph = record(swapped, [TensorType(s, float32) for s in ((64, 96), (96, 64))]).graph
    found = stages_of(simplify(graph), {}).kernels
    assert all(kernel.chosen.transposed is not None for kernel in found)
    lanes = machine.lanes(32)
    for text in found.values():
        assert f"shufflevector <{lanes} x float>" in text.text
        assert f"store <{lanes} x float>" in text.text
        assert "gather" not in text.text and "store float" not in text.text


def test_a_schedule_names_every_version_that_is_emitted():
    batch = Extent.symbol("batch")
    kernel = product(kernels(lambda x, w: x @ w, (batch, 64), (64, 128)))
    (version,) = kernel.chosen.versions
    assert version.condition.below and version.condition.limit > 1


def _adam(x, g, w, mean, square):
    slope = x.T @ g
    mean = 0.9 * mean + 0.1 * slope
    square = 0.999 * square + 0.001 * slope * slope
    return w - 0.01 * mean / (lm.sqrt(square) + 1e-3), mean, square


def _normalized(x):
    mean = lm.mean(x, 0)
    return (x - mean) / lm.sqrt(lm.mean((x - mean) ** 2, 0) + 1e-3)


ROWS = Extent.symbol("rows")
NESTS = {  # what to compute, of which shapes (float32, unless a dtype comes first)
    "product": (lambda x, w: x @ w, (128, 256), (256, 512)),
    "small product": (lambda x, w: x @ w, (3, 5), (5, 7)),
    "product of rows": (lambda x, w: x @ w, (ROWS, 256), (256, 48)),
    "product and sum": (lambda x, w, y: x @ w + y, (64, 256), (256, 48), (64, 48)),
    "product of two batches": (lambda x, w: x @ w, (8, 32, 64), (8, 64, 32)),
    "product with a vector": (lambda x, w: x @ w, (512,), (512, 1000)),
    "long product": (lambda x, y: x @ y.T, (8, 4096), (8, 4096)),
    "product in float64": (lambda x, w: x @ w, float64, (64, 96), (96, 64)),
    "product with an update": (_adam, (ROWS, 300), (ROWS, 64), *[(300, 64)] * 3),
    "wide product with an update": (_adam, (64, 300), (64, 64), *[(300, 64)] * 3),
    "map": (lambda x: lm.exp(x) + lm.tanh(x), (4096,)),
    "short map": (lambda x: x + 1, (7,)),
    "transpose": (lambda x: lm.transpose(x, (0, 2, 1)), (ROWS, 64, 128)),
    "map of integers": (lambda x: x * 3, int32, (ROWS, 30)),
    "softmax": (lambda x: lm.nn.softmax(x), (ROWS, 100)),
    "sums of columns": (_normalized, (1000, 64)),
    "maximum's position": (lambda x: lm.argmax(x, 1), (64, 50)),
    "convolution": (lambda x, w: lm.nn.conv(x, w), (4, 16, 16, 16), (3, 3, 16, 48)),
    "convolution of a row": (lambda x, w: lm.nn.conv(x, w), (ROWS, 20, 8), (5, 8, 20)),
    "largest of a window": (lambda x: lm.nn.max_pool(x, 2), (4, 16, 16, 16)),
}


def nest_kernels(name):
    f, *shapes = NESTS[name]
    dtype = shapes.pop(0) if not isinstance(shapes[0], tuple) else float32
    return kernels(f, *shapes, dtype=dtype)


def versions(schedule):
    return [schedule, *(each for v in schedule.versions for each in versions(v.schedule))]


def registers_of_tile(nest, schedule):
    """Vector registers that a tile needs: its accumulators, the operands that are kept from one
    row or column to the next, and one that is loaded; or a square that is transposed."""
    if not nest.accumulators:
        return schedule.lanes if schedule.transposed is not None else 1
    accumulators = math.prod(schedule.unroll.values())
    each = sum(2 if a.kind.startswith("arg") else 1 for a in nest.accumulators)
    loads = [e for e in nest.accumulator_loads() if set(schedule.unroll) & e.vars]
    counts = [math.prod(n for v, n in schedule.unroll.items() if v in e.vars) for e in loads]
    kept = min(counts) if len(counts) > 1 else 0
    return accumulators * each + kept + 1


@pytest.mark.parametrize("name", NESTS)
def test_a_tile_of_every_version_fits_the_register_file(machine, name):
    for kernel in nest_kernels(name):
        for schedule in versions(kernel.chosen):
            need = registers_of_tile(kernel.nest, schedule)
            assert need <= machine.vector_registers, f"{schedule}\n{kernel.nest}"


@pytest.mark.parametrize("name", NESTS)
def test_the_width_of_vectors_follows_the_machine(machine, name):
    for kernel in nest_kernels(name):
        nest = kernel.nest
        stored = [s.buffer.dtype.bits for s in nest.stores]
        loaded = [e.dtype.bits for e in nest.loads() if e.vars]
        widest = max(32, *stored, *loaded, *(a.dtype.bits for a in nest.accumulators))
        for schedule in versions(kernel.chosen):
            expected = 1 if schedule.vector is None else machine.lanes(widest)
            assert schedule.lanes == expected, f"{schedule}\n{nest}"
            assert schedule.step(schedule.vector) % schedule.lanes == 0


@pytest.mark.parametrize("name", NESTS)
def test_no_schedule_depends_on_the_number_of_threads(machine, name):
    found = []
    for count in (1, 2, 64):
        other = replace(machine, cores=count)
        with using(Target(other, Costs.of(other))), settings(threads=min(count, 4)):
            found.append([str(kernel.chosen) for kernel in nest_kernels(name)])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", MACHINES)
def test_the_nests_reach_every_kind_and_every_choice_of_a_schedule(name):
    with using(Target(MACHINES[name], Costs.of(MACHINES[name]))):
        found = [k for each in NESTS for k in nest_kernels(each)]
    schedules = [s for k in found for s in versions(k.chosen)]
    tails = {tail for s in schedules for tail in s.tails.values()}
    assert {k.nest.kind for k in found} >= {*NestKind} - {NestKind.COPY, NestKind.ZEROS}
    assert tails >= {Tail.CLAMPED, Tail.MASKED, Tail.FULL_OR_MASKED}
    choices = ["pipelined", "prefetch_epilogue", "serial", "versions"]
    if name == "avx512":  # narrower vectors do not make up for the price of a gather
        choices.append("transposed")
    for choice in choices:
        assert any(getattr(s, choice) for s in schedules), choice


@pytest.mark.parametrize("name", MACHINES)
def test_text_for_another_machine_has_its_vectors(name):
    chosen = Target(MACHINES[name], Costs.of(MACHINES[name]))
    lanes = chosen.machine.lanes(32)
    with using(chosen):
        graph = record(lambda x: lm.exp(x) + 1, [TensorType((4096,), float32)]).graph
        (text,) = stages_of(simplify(graph), {}).kernels.values()
    assert f"<{lanes} x float>" in text.text and f"<{2 * lanes} x float>" not in text.text


def test_a_machine_without_fused_multiply_add_multiplies_and_adds() -> None:
    with using(Target(SSE2, Costs.of(SSE2))):
        graph = record(lambda x, w: lm.tanh(x @ w), [TensorType((8, 8), float32)] * 2).graph
        (text,) = stages_of(simplify(graph), {}).kernels.values()
    assert "llvm.fma." not in text.text and "fmul <4 x float>" in text.text


# ---- thresholds --------------------------------------------------------------------------------
def test_every_threshold_is_documented():
    source = Path(costs.__file__).read_text(encoding="utf-8")
    for field in fields(Costs):
        _, _, after = source.partition(f"    {field.name}: ")
        assert after.split("\n", 2)[1].strip().startswith('"""'), field.name


def test_thresholds_follow_from_the_machine():
    small, large = Costs.of(AVX2), Costs.of(AVX512)
    assert small.replicated < large.replicated and small.tile_most < large.tile_most
    assert small.accumulators < large.accumulators and small.dot_side < large.dot_side


def test_every_threshold_is_in_the_key_of_the_cache() -> None:
    before = cache.key_of("a")
    for field in fields(Costs):
        value = getattr(host().costs, field.name)
        with using(replace(host(), costs=replace(host().costs, **{field.name: value + 1}))):
            assert cache.key_of("a") != before, field.name
    with using(replace(host(), machine=replace(host().machine, fma=not host().machine.fma))):
        assert cache.key_of("a") != before


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


def test_products_of_16_bit_floats_are_announced_as_slow_once(monkeypatch):
    monkeypatch.setattr(pipeline, "_announced", set())
    x = lm.ones((8, 8), dtype="bfloat16")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        lm.compile(lambda x: x + x)(x)
        assert not found
        lm.compile(lambda x: x @ x)(x)
        lm.compile(lambda x: lm.scan(lambda c, _: (c @ c, None), x, None, length=2)[0])(x)
    (warning,) = found
    assert "slower than those of float32" in str(warning.message)
    assert warning.filename == __file__


def test_a_split_reduction_of_an_odd_number_of_rows_is_right_under_eager_thresholds():
    def f(w, h, xs):
        states = lm.scan(lambda h, x: (lm.tanh(h @ w) + x,) * 2, h, xs)[1]
        return lm.tensordot(states[-1], xs[0], axes=((0,), (0,)))

    rows = Extent.symbol("n")
    shapes = [(8, 8), (rows, 8), (4, rows, 8)]
    graph = record(f, [TensorType(shape, float32) for shape in shapes]).graph
    eager = replace(host(), costs=host().costs.eager())
    with settings(cache=False), using(eager):
        program = engine("llvm").compile(graph, {})
        kernels = kernels_of(program_of(simplify(graph), {}).statements)
    assert any(kernel.nest.split_reduction is not None for kernel in kernels)
    rng = np.random.default_rng(0)
    for n in (1, 31, 32):
        arrays = [rng.normal(size=shape).astype("f") for shape in ((8, 8), (n, 8), (4, n, 8))]
        (found,), (right,) = program(arrays), engine("numpy").compile(graph, {})(arrays)
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-4)
