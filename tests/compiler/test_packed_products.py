"""Products of any shape, packed and not, compared with NumPy in float64; and their bits on any
number of threads."""

from dataclasses import replace

import numpy as np
import pytest

import lamina as lm
from lamina.engines import engine
from lamina.engines.llvm.loopopt.block_reduction import block_reduction
from lamina.engines.llvm.loops.kernel import Kernel
from lamina.engines.llvm.loops.schedule import RowLoop
from lamina.engines.llvm.pipeline import run_passes
from lamina.engines.llvm.program.statements import kernels_of
from lamina.engines.llvm.target.costs import Costs
from lamina.engines.llvm.target.machine import Machine
from lamina.engines.llvm.target.target import Target, host, using
from lamina.ir.types import Extent, TensorType, float32, float64
from lamina.rewrite import simplify
from lamina.transforms.tracing import record

BATCH = Extent.symbol("batch")
PACKING = replace(host(), costs=host().costs.packing())
AVX512 = Machine("x86_64", "", "", 512, 32, True, 48 << 10, 1 << 20, 32 << 20, 2)
AVX2 = Machine("x86_64", "", "", 256, 16, True, 48 << 10, 1 << 20, 32 << 20, 2)

FORMS = {
    "x @ w": lambda x, w: x @ w,
    "x @ w.T": lambda x, w: lm.matmul(x, lm.transpose(w)),
    "x.T @ w": lambda x, w: lm.matmul(lm.transpose(x), w),
    "x.T @ w.T": lambda x, w: lm.matmul(lm.transpose(x), lm.transpose(w)),
}
SHAPES = [  # rows, terms, columns
    (1, 1, 1),
    (1, 7, 1),
    (2, 3, 5),
    (13, 16, 32),
    (14, 17, 33),
    (31, 64, 48),
    (64, 31, 7),
    (7, 129, 95),
    (3, 700, 2),
    (300, 2, 3),
    (2, 3, 300),
    (257, 65, 129),
]
LARGE = [(257, 1025, 515), (33, 2049, 300), (1100, 40, 1031), (40, 1031, 600)]


def operands(form, rows, terms, columns, dtype=np.float32, lead=()):
    left = (terms, rows) if form.startswith("x.T") else (rows, terms)
    right = (columns, terms) if form.endswith("w.T") else (terms, columns)
    rng = np.random.default_rng(rows + 3 * terms + 7 * columns)
    return [rng.normal(size=(*lead, *shape)).astype(dtype) for shape in (left, right)]


def expected(form, x, w):
    x, w = x.astype(np.float64), w.astype(np.float64)
    x = x.swapaxes(-1, -2) if form.startswith("x.T") else x
    w = w.swapaxes(-1, -2) if form.endswith("w.T") else w
    return x @ w


def compiled(function, arrays, target=PACKING, types=None):
    """The executable of a function of arrays, compiled for a target without the cache."""
    dtypes = {np.dtype(np.float32): float32, np.dtype(np.float64): float64}
    types = types or [TensorType(a.shape, dtypes[a.dtype]) for a in arrays]
    with lm.settings(cache=False), using(target):
        return engine("llvm").compile(record(function, types, "product").graph, {})


def on_threads(executable, arrays):
    """The results on 1, 2 and 3 threads, which must have the same bits."""
    found = []
    for threads in (1, 2, 3):
        with lm.settings(threads=threads):
            found.append(executable(arrays))
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert a.tobytes() == b.tobytes()
    return found[0]


def close(found, wanted, terms):
    scale = 1e-6 * max(terms, 1) ** 0.5 if found.dtype == np.float32 else 1e-13 * max(terms, 1)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max(initial=0) <= scale * max(np.abs(wanted).max(initial=0), 1)


def kernels(function, shapes, target):
    types = [TensorType(shape, float32) for shape in shapes]
    with using(target):
        return kernels_of(
            run_passes(simplify(record(function, types, "product").graph), {}).statements
        )


def packings(function, shapes, target):
    return [p for k in kernels(function, shapes, target) for p in k.chosen.packings]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_packed_product_of_any_shape_equals_numpy_on_any_number_of_threads(form, shape):
    arrays = operands(form, *shape)
    (found,) = on_threads(compiled(FORMS[form], arrays), arrays)
    close(found, expected(form, *arrays), shape[1])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", LARGE, ids=str)
def test_a_large_product_with_the_thresholds_of_the_machine_equals_numpy(form, shape):
    arrays = operands(form, *shape)
    (found,) = on_threads(compiled(FORMS[form], arrays, host()), arrays)
    close(found, expected(form, *arrays), shape[1])


@pytest.mark.parametrize("form", FORMS)
def test_a_packed_product_of_float64_equals_numpy(form):
    arrays = operands(form, 30, 67, 41, np.float64)
    (found,) = on_threads(compiled(FORMS[form], arrays), arrays)
    close(found, expected(form, *arrays), 67)


@pytest.mark.parametrize("form", ["x @ w", "x @ w.T"])
def test_packed_products_of_batches_equal_numpy(form):
    arrays = operands(form, 21, 35, 34, lead=(5,))

    def product(x, w):
        return lm.matmul(x, lm.swapaxes(w, -1, -2) if form == "x @ w.T" else w)

    (found,) = on_threads(compiled(product, arrays), arrays)
    close(found, expected(form, *arrays), 35)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("target", [PACKING, host()], ids=["packing", "machine"])
def test_one_program_computes_products_of_any_number_of_rows(form, target):
    rows_first = not form.startswith("x.T")
    terms, columns = 300, 520
    shapes = [(BATCH, terms) if rows_first else (BATCH, columns)]
    shapes.append(operands(form, 1, terms, columns)[1].shape if rows_first else (BATCH, columns))
    if not rows_first and form.endswith("w.T"):
        pytest.skip("its terms are the rows of the batch on one side only")
    types = [TensorType(shape, float32) for shape in shapes]
    executable = compiled(FORMS[form], [], target, types)
    for batch in (1, 2, 31, 32, 33, 200):
        if rows_first:
            arrays, count = operands(form, batch, terms, columns), terms
        else:
            arrays, count = operands(form, columns, batch, columns), batch
        (found,) = on_threads(executable, arrays)
        close(found, expected(form, *arrays), count)


def test_a_packed_product_with_an_unknown_number_of_terms_may_have_none():
    types = [TensorType((BATCH, 20), float32), TensorType((BATCH, 24), float32)]
    executable = compiled(FORMS["x.T @ w"], [], PACKING, types)
    arrays = [np.zeros((0, 20), np.float32), np.zeros((0, 24), np.float32)]
    (found,) = executable(arrays)
    assert not found.any() and found.shape == (20, 24)


def test_bias_and_activation_are_the_epilogue_of_a_packed_product():
    def layer(x, w, b):
        return lm.maximum(x @ w + b, 0.0)

    shapes = (600, 1024), (1024, 1024), (1024,)
    (kernel,) = kernels(layer, shapes, Target(AVX512, Costs.of(AVX512)))
    assert kernel.chosen.packing is not None
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((50, 60), (60, 70), (70,))]
    (found,) = on_threads(compiled(layer, arrays), arrays)
    x, w, b = (a.astype(np.float64) for a in arrays)
    close(found, np.maximum(x @ w + b, 0), 60)


def test_a_1x1_convolution_is_packed_and_equals_numpy():
    def layer(x, w):
        return lm.nn.conv(x, w, 1, "valid")

    shapes = (8, 16, 16, 1024), (1, 1, 1024, 1024)
    assert packings(layer, shapes, Target(AVX512, Costs.of(AVX512)))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 4, 5, 37)).astype(np.float32)
    w = rng.normal(size=(1, 1, 37, 45)).astype(np.float32)
    (found,) = on_threads(compiled(layer, [x, w]), [x, w])
    close(found, x.astype(np.float64) @ w[0, 0].astype(np.float64), 37)


def test_rows_that_are_looked_up_are_copied_by_a_packed_product():
    def looked_up(table, w, rows):
        return lm.take(table, rows, 0) @ w

    rng = np.random.default_rng(0)
    table, w = (rng.normal(size=s).astype(np.float32) for s in ((50, 40), (40, 36)))
    rows = rng.integers(0, 50, 70).astype(np.int32)
    with lm.settings(cache=False), using(PACKING):
        found = np.asarray(lm.compile(looked_up)(table, w, rows))
    close(found, expected("x @ w", table[rows], w), 40)


# ---- what pays ---------------------------------------------------------------------------------
@pytest.mark.parametrize("machine", [AVX512, AVX2], ids=["avx512", "avx2"])
@pytest.mark.parametrize("form", FORMS)
def test_large_products_are_packed_in_blocks_that_caches_hold(machine, form):
    shapes = [a.shape for a in operands(form, 1024, 1024, 1024)]
    (packing,) = packings(FORMS[form], shapes, Target(machine, Costs.of(machine)))
    assert packing.panel * packing.terms * 4 <= machine.l1
    assert packing.rows * packing.terms * 4 <= machine.l2 // 2
    assert packing.columns * packing.terms * 4 <= machine.l2 // 2
    assert packing.columns % packing.panel == 0


@pytest.mark.parametrize("form", ["x @ w", "x.T @ w"])
@pytest.mark.parametrize("shape", [(8, 2048, 2048), (128, 128, 128), (2048, 16, 2048)], ids=str)
def test_products_that_caches_hold_or_that_use_elements_rarely_are_not_packed(form, shape):
    shapes = [a.shape for a in operands(form, *shape)]
    assert not packings(FORMS[form], shapes, Target(AVX512, Costs.of(AVX512)))


def test_a_product_with_a_transposed_matrix_is_packed_without_a_copy_of_all_of_it():
    found = kernels(FORMS["x @ w.T"], ((256, 512), (512, 512)), Target(AVX512, Costs.of(AVX512)))
    assert len(found) == 1 and found[0].chosen.packings


def test_unknown_rows_decide_at_run_time():
    target = Target(AVX512, Costs.of(AVX512))
    (kernel,) = kernels(FORMS["x @ w"], ((BATCH, 2048), (2048, 2048)), target)
    versions = [v for v in kernel.chosen.versions if v.schedule.packing is not None]
    assert [str(v.condition) for v in versions] == [f"i0 >= {target.costs.packed_rows}"]


def test_a_packed_product_is_not_blocked_as_well():
    target = Target(AVX512, Costs.of(AVX512))
    (kernel,) = kernels(FORMS["x @ w"], ((BATCH, 4096), (4096, 4096)), target)
    assert block_reduction(Kernel(kernel.nest, kernel.slots), target)[0].nest is kernel.nest


def test_a_product_whose_rows_are_restricted_keeps_only_the_copy_that_transposes():
    target = Target(AVX512, Costs.of(AVX512))
    for form, kept in (("x @ w", False), ("x @ w.T", True)):
        shapes = [a.shape for a in operands(form, 512, 1024, 1024)]
        (kernel,) = kernels(FORMS[form], shapes, target)
        rows = kernel.nest.loops[0]
        kernel.set_row_loop(RowLoop(rows, rows.extent, 1))
        assert (kernel.chosen.packing is not None) == (kernel.scratch is not None) == kept
