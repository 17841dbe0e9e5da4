"""Each primitive on the reference: the result has its inferred type and its expected value."""

from __future__ import annotations

import numpy as np
import pytest

from expected import EXPECTED
from lamina.autodiff.rules import NO_VJP, VJP
from lamina.engines.llvm.codegen.elementwise import SCALAR
from lamina.engines.llvm.codegen.library import ROUTINES
from lamina.engines.llvm.fusion.anchors import ROWS as ANCHOR_ROWS
from lamina.engines.llvm.lowering.inline import VIEWS as INLINING
from lamina.errors import EngineError, LaminaError
from lamina.ir.graph import parameter
from lamina.ir.kinds import ANCHORS, INLINE, KINDS, Kind, of_kind
from lamina.ir.loop_primitives import WITH_REGIONS
from lamina.ir.primitives import PRIMITIVES
from lamina.ir.types import DTYPES, TensorType, bfloat16, float32
from lamina.ir.verify import verify
from lamina.reference.interpreter import REGIONS, apply, run
from lamina.reference.meaning import MEANING
from lamina.reference.special import convert, erf
from lamina.reference.threefry import random_bits
from table import ROWS, Row, build, label

NO_EXPECTATION = {
    "scan": "test_scan_is_a_loop",
    "while": "test_while_is_a_loop",
    "if": "test_if_runs_one_branch",
    "rng_bit_generator": "test_random_bits",
    "convert": "test_convert_saturates_and_rounds",
}


def test_every_primitive_has_its_rows() -> None:
    names = set(PRIMITIVES)
    assert names - {"parameter"} == set(MEANING) | set(REGIONS)
    assert names == set(VJP) | set(NO_VJP)
    assert not set(VJP) & set(NO_VJP)
    assert names == {row.op for row in ROWS}
    assert names == set(EXPECTED) | set(NO_EXPECTATION)
    assert names == set(KINDS)


def test_the_compiler_has_a_row_for_each_kind_of_primitive() -> None:
    assert set(SCALAR) == of_kind(Kind.ELEMENTWISE)
    assert set(INLINING) == INLINE
    assert set(ANCHOR_ROWS) == ANCHORS
    assert set(ROUTINES) == of_kind(Kind.OPAQUE)
    assert set(REGIONS) == of_kind(Kind.CONTROL) == WITH_REGIONS


def close(found: np.ndarray, expected: np.ndarray, ulps: float, row: Row) -> None:
    """Equal, or within units in the last place, of the largest element where sums round."""
    if found.dtype.kind != "f" or not ulps:
        np.testing.assert_array_equal(found, expected, err_msg=str(row))
        return
    unit = float(np.finfo(found.dtype).eps) * ulps
    scale = float(np.abs(expected).max(initial=0)) if row.op in SUMS else 0.0
    np.testing.assert_allclose(found, expected, rtol=unit, atol=unit * scale, err_msg=str(row))


SUMS = {"reduce", "dot_general", "scatter", "convolution", "reduce_window", "select_and_scatter"}


@pytest.mark.parametrize("row", ROWS, ids=label)
def test_row(row: Row) -> None:
    for dtype in row.dtypes:
        graph, arrays = build(row, dtype)
        verify(graph)
        results = run(graph, arrays)
        for node, array in zip(graph.results, results, strict=True):
            assert isinstance(array, np.ndarray)
            assert array.dtype == node.dtype.storage
            if row.op != "size_of":
                assert array.shape == node.shape
        if row.op in EXPECTED:
            compare(row, dtype, arrays, results)


def compare(row: Row, dtype: str, arrays: list, results: list) -> None:
    with np.errstate(all="ignore"):
        expected = EXPECTED[row.op](*arrays, **row.params_of(dtype))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for found, value in zip(results, expected, strict=True):
        close(found, np.asarray(value).astype(found.dtype), max(row.tolerance, 1), row)


# ---- primitives with separate tests ------------------------------------------------------------
def independent_rows(op: str) -> list[Row]:
    return [row for row in ROWS if row.op == op]


@pytest.mark.parametrize("row", independent_rows("scan"), ids=["forward", "reverse"])
def test_scan_is_a_loop(row: Row) -> None:
    graph, (c, h, n, xs) = build(row, "float64")
    last, turns, stacked = run(graph, [c, h, n, xs])
    order = range(5)[::-1] if row.params_of("float64").get("reverse") else range(5)
    expected = np.zeros((5, 3))
    for t in order:
        expected[t] = h * xs[t]
        h = np.tanh(h * c + xs[t])
    np.testing.assert_allclose(last, h, rtol=1e-14)
    np.testing.assert_allclose(stacked, expected, rtol=1e-14)
    assert turns == n + 5


def test_while_is_a_loop() -> None:
    graph, (x,) = build(independent_rows("while")[0], "float64")
    (found,) = run(graph, [x])
    np.testing.assert_array_equal(found, x * 2 ** np.ceil(np.log2(100 / x.max())))


@pytest.mark.parametrize("which", [0, 1], ids=["true", "false"])
def test_if_runs_one_branch(which: int) -> None:
    row = independent_rows("if")[which]
    graph, (x, y) = build(row, "float64")
    found = run(graph, [x, y])
    expected = ((x * y, y), (np.tanh(y), x))[which]
    for each, value in zip(found, expected, strict=True):
        np.testing.assert_array_equal(each, value)


def test_random_bits() -> None:
    key = np.array([1, 2], np.uint32)
    bits = apply("rng_bit_generator", [key], {"shape": (3, 5)})
    np.testing.assert_array_equal(bits, random_bits(key, (3, 5)))
    np.testing.assert_array_equal(
        bits.ravel()[:4], random_bits(key, 4)
    )  # a few are made one by one
    assert len(np.unique(bits)) == 15


def test_convert_saturates_and_rounds() -> None:
    x = np.array([np.nan, np.inf, -np.inf, 3.9, -3.9, 300.0, -1e30])
    with np.errstate(all="ignore"):
        to = {n: convert(x, dtype=DTYPES[n]).tolist() for n in ("int8", "uint8", "int64", "bool")}
    assert to["int8"] == [0, 127, -128, 3, -3, 127, -128]
    assert to["uint8"] == [0, 255, 0, 3, 0, 255, 0]
    assert to["int64"] == [0, 2**63 - 1, -(2**63), 3, -3, 300, -(2**63)]
    assert to["bool"] == [True] * 7


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_bfloat16_rounds_once_to_nearest_even(name: str) -> None:
    storage = DTYPES[name].storage
    bits = np.arange(0x3F80, 0x4080, dtype=np.uint16)
    exact = convert(bits, dtype=DTYPES[name], source=bfloat16)
    np.testing.assert_array_equal(convert(exact, dtype=bfloat16), bits)
    halfway = ((exact[:-1] + exact[1:]) / 2).astype(storage)
    even = np.where(bits[:-1] & 1, bits[1:], bits[:-1])
    np.testing.assert_array_equal(convert(halfway, dtype=bfloat16), even)
    above = np.nextafter(halfway, storage.type(np.inf))
    np.testing.assert_array_equal(convert(above, dtype=bfloat16), bits[1:])


def test_bfloat16_converts_by_way_of_apply() -> None:
    bits = np.array([0x3F80], np.uint16)
    one = apply("convert", [bits], {"dtype": float32}, bfloat16)
    assert one.dtype == np.float32
    assert one.tolist() == [1.0]


def test_erf_is_right_to_the_last_digits() -> None:
    x = np.linspace(-6.5, 6.5, 4001)
    np.testing.assert_allclose(erf(x), EXPECTED["erf"](x), rtol=5e-16)


def test_minus_zero_keeps_its_sign() -> None:
    assert np.signbit(apply("sign", [np.array([-0.0, 0.0])], {})).tolist() == [True, False]


def test_results_are_arrays_even_of_no_axes() -> None:
    found = apply("add", [np.asarray(np.float32(1)), np.asarray(np.float32(2))], {})
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32


def test_an_error_in_numpy_names_the_primitive() -> None:
    with pytest.raises(EngineError, match=r"add\(float32 array of shape \(2,\), float32 array"):
        apply("add", [np.zeros(2, np.float32), np.zeros(3, np.float32)], {})


@pytest.mark.parametrize("name", ["is_finite", "add", "floor"])
def test_storage_types_do_not_compute(name: str) -> None:
    x = parameter(TensorType((3,), DTYPES["float16"]))
    with pytest.raises(LaminaError, match=name):
        PRIMITIVES[name](*[x] * (2 if name == "add" else 1))
