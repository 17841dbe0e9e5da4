"""Every scalar row computes what the reference says its primitive means, at any width."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.elementwise import SCALAR, random_bits, register_type
from lamina.engines.llvm.codegen.mathlib.expression import Expr
from lamina.engines.llvm.codegen.threefry import threefry2x32
from lamina.engines.llvm.codegen.values import Value, constant
from lamina.engines.llvm.target.target import host, using
from lamina.ir import primitives, types
from lamina.ir.kinds import ELEMENTWISE, cost_of
from lamina.ir.types import DTYPES, DType, bfloat16, bool_, float16, float32, float64, int64, uint32
from lamina.reference import special, threefry
from lamina.reference.meaning import MEANING
from llvm_kernel import Kernel

INTEGERS = [d for d in DTYPES.values() if d.is_integer]
FLOATS = [float32, float64]
BITS = [*INTEGERS, bool_]
EXACT = {  # on floats too
    "abs", "add", "ceil", "divide", "floor", "multiply", "negate", "remainder",
    "round_nearest_even", "rsqrt", "sign", "sqrt", "subtract",
}  # fmt: skip
WIDTHS = (0, 8)

ROWS: list[tuple[str, DType, int]] = [
    *((name, d, 1) for name in primitives.FLOAT_UNARY for d in FLOATS),
    *((name, d, 1) for name in primitives.NUMBER_UNARY for d in [*INTEGERS, *FLOATS]),
    *((name, d, 1) for name in primitives.INTEGER_UNARY for d in INTEGERS),
    *(("not", d, 1) for d in BITS),
    *((name, d, 2) for name in primitives.FLOAT_BINARY for d in FLOATS),
    *((name, d, 2) for name in primitives.NUMBER_BINARY for d in [*INTEGERS, *FLOATS]),
    *((name, bool_, 2) for name in ("maximum", "minimum")),
    *((name, d, 2) for name in primitives.BIT_BINARY for d in BITS),
    *((name, d, 2) for name in primitives.SHIFTS for d in INTEGERS),
    *(("clamp", d, 3) for d in [*INTEGERS, *FLOATS]),
]


POSITIVE = [
    0.0, 5e-324, 1e-45, 1e-40, 1e-20, 0.5, 1.0, 1.5, 2.5, 3.0, 7.25, 1e4, 2.0**31, 2.0**63, 3e38,
    1e300, math.inf,
]  # fmt: skip


# ---- numbers to try ----------------------------------------------------------------------------
def values(dtype: DType) -> np.ndarray:
    """The edges of a dtype and some ordinary numbers; of 8 bits, all."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return as_array(np.array([*POSITIVE, *(-v for v in POSITIVE), math.nan]), dtype)
    if dtype.bits == 8:
        return np.arange(256).astype(dtype.storage)
    info = np.iinfo(dtype.storage)
    edges = [0, 1, 2, 3, 7, 8, 10, 31, 32, 63, 64, 1000, info.max // 2, info.max - 1, info.max]
    edges += [] if dtype.kind == "u" else [-1, -2, -3, -8, info.min, info.min + 1]
    rng = np.random.default_rng(6)
    random = rng.integers(info.min, info.max, 20, dtype.storage, endpoint=True)
    return np.concatenate([np.array(edges, dtype.storage), random])


def operands(dtype: DType, count: int) -> list[np.ndarray]:
    """All combinations of the values (three operands: of fewer), repeated to whole vectors."""
    axis = values(dtype)
    if count == 3:
        axis = axis[:: max(1, len(axis) // 20)]
    arrays = [a.ravel() for a in np.meshgrid(*[axis] * count)]
    return [np.resize(a, -(-a.size // 8) * 8) for a in arrays]


def as_array(x: np.ndarray, dtype: DType) -> np.ndarray:
    """float64 numbers as a dtype's array: bfloat16 is its bits."""
    return special.convert(x, dtype=dtype) if dtype == bfloat16 else x.astype(dtype.storage)


def row(name: str, operand: DType, result: DType, **params: object) -> partial[Value]:
    emit = SCALAR[name]
    return lambda b, *args: emit(b, operand, result, *args, **params)


# ---- every primitive, every dtype --------------------------------------------------------------
def assert_same(name: str, got: np.ndarray, want: np.ndarray) -> None:
    """Equal; but the mathematical functions within a few ulp, which test_mathlib measures."""
    assert got.dtype == want.dtype
    if want.dtype.kind != "f" or name in EXACT:
        np.testing.assert_array_equal(got, want)
        number = ~np.isnan(want) if want.dtype.kind == "f" else np.zeros(want.shape, bool)
        np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(want[number]))
    elif name in ("maximum", "minimum", "clamp"):
        np.testing.assert_array_equal(got, want)  # which of two zeros is not said
    else:
        eps = np.finfo(want.dtype).eps
        np.testing.assert_allclose(got, want, rtol=6 * eps, atol=np.finfo(want.dtype).tiny)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize(("name", "dtype", "count"), ROWS, ids=lambda v: str(v))
def test_a_row_means_the_same_as_the_reference(
    name: str, dtype: DType, count: int, lanes: int
) -> None:
    arguments = operands(dtype, count)
    got = Kernel(row(name, dtype, dtype), [dtype] * count, dtype, lanes)(*arguments)
    with np.errstate(all="ignore"):
        want = np.asarray(MEANING[name](*arguments))
    assert_same(name, got, want)


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", [bool_, *INTEGERS, *FLOATS, float16], ids=str)
@pytest.mark.parametrize("direction", primitives.COMPARISONS)
def test_compare(dtype: DType, direction: str, lanes: int) -> None:
    x, y = operands(dtype, 2)
    got = Kernel(row("compare", dtype, bool_, direction=direction), [dtype] * 2, bool_, lanes)(x, y)
    np.testing.assert_array_equal(got, MEANING["compare"](x, y, direction=direction))


@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_select(dtype: DType, lanes: int) -> None:
    x = np.resize(values(dtype), 64)
    y, pred = x[::-1].copy(), np.arange(64) % 3 == 0
    got = Kernel(row("select", dtype, dtype), [bool_, dtype, dtype], dtype, lanes)(pred, x, y)
    np.testing.assert_array_equal(got, np.where(pred, x, y))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_is_finite(dtype: DType) -> None:
    (x,) = operands(dtype, 1)
    got = Kernel(row("is_finite", dtype, bool_), [dtype], bool_, 8)(x)
    np.testing.assert_array_equal(got, np.isfinite(x))


# ---- what both pages could get wrong together --------------------------------------------------
def scalar_result(name: str, dtype: DType, *arguments: float) -> float:
    arrays = [np.array([a]).astype(dtype.storage) for a in arguments]
    return Kernel(row(name, dtype, dtype), [dtype] * len(arrays), dtype)(*arrays)[0].item()


@pytest.mark.parametrize(
    ("name", "dtype", "arguments", "want"),
    [
        ("divide", "int32", (-7, 2), -3),
        ("divide", "int32", (5, 0), -1),
        ("divide", "uint8", (5, 0), 255),
        ("divide", "int64", (-(2**63), -1), -(2**63)),
        ("remainder", "int32", (-7, 2), -1),
        ("remainder", "int32", (5, 0), 5),
        ("remainder", "int64", (-(2**63), -1), 0),
        ("remainder", "float64", (-7.5, 2.0), -1.5),
        ("remainder", "float64", (1e300, 3e-300), math.fmod(1e300, 3e-300)),
        ("remainder", "float64", (1e308, 5e-324), 0.0),
        ("remainder", "float32", (5.0, math.inf), 5.0),
        ("remainder", "float32", (5.0, 0.0), math.nan),
        ("power", "int32", (3, 4), 81),
        ("power", "int8", (2, 8), 0),
        ("power", "int32", (-1, -3), -1),
        ("power", "int32", (2, -1), 0),
        ("power", "float32", (-2.0, 3.0), -8.0),
        ("maximum", "float32", (math.nan, 1.0), math.nan),
        ("minimum", "float32", (1.0, math.nan), math.nan),
        ("abs", "int8", (-128,), -128),
        ("sign", "float32", (math.nan,), math.nan),
        ("shift_left", "int32", (1, 32), 0),
        ("shift_left", "int32", (1, -1), 0),
        ("shift_right_arithmetic", "int32", (-8, 40), -1),
        ("shift_right_logical", "int8", (-1, 1), 127),
        ("round_nearest_even", "float32", (2.5,), 2.0),
        ("count_leading_zeros", "int16", (0,), 16),
        ("population_count", "int8", (-1,), 8),
        ("clamp", "int32", (0, 9, 5), 5),
    ],
)
def test_choices(name: str, dtype: str, arguments: tuple[float, ...], want: float) -> None:
    got = scalar_result(name, types.dtype(dtype), *arguments)
    assert got == want or (math.isnan(want) and math.isnan(got))


def test_remainder_of_random_numbers_of_every_size() -> None:
    rng = np.random.default_rng(7)
    for dtype, reach in ((float32, 148), (float64, 1070)):
        x, y = (
            np.ldexp(rng.uniform(-1, 1, 4000), rng.integers(-reach, reach // 1.2, 4000))
            for _ in range(2)
        )
        x, y = x.astype(dtype.storage), y.astype(dtype.storage)
        got = Kernel(row("remainder", dtype, dtype), [dtype, dtype], dtype, 4)(x, y)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(got, np.fmod(x, y))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("limit", [0.0, -1.5, math.inf, math.nan])
@pytest.mark.parametrize("name", ["maximum", "minimum"])
def test_extreme_of_a_constant(name: str, limit: float, dtype: DType) -> None:
    (x,) = operands(dtype, 1)

    def emit(b: Builder, value: Value) -> Value:
        return SCALAR[name](b, dtype, dtype, value, constant(value.type, limit))

    got = Kernel(emit, [dtype], dtype, 8)(x)
    np.testing.assert_array_equal(got, MEANING[name](x, dtype.storage.type(limit)))


# ---- conversions -------------------------------------------------------------------------------
@pytest.mark.parametrize("lanes", WIDTHS)
@pytest.mark.parametrize("source", DTYPES.values(), ids=str)
def test_convert_to_every_dtype(source: DType, lanes: int) -> None:
    x = values(source)
    if source.kind == "f":
        x = np.concatenate([x, as_array(np.linspace(-300, 300, 50), source)])
    x = np.resize(x, -(-x.size // 8) * 8)
    for target in DTYPES.values():
        got = Kernel(row("convert", source, target, dtype=target), [source], target, lanes)(x)
        with np.errstate(all="ignore"):
            want = special.convert(x, dtype=target, source=source)
        assert_bits(got, want, target)


def assert_bits(got: np.ndarray, want: np.ndarray, dtype: DType) -> None:
    """Equal bit for bit, but for which NaN a NaN is."""
    if dtype == bfloat16:
        got, want = ((a.astype(np.uint32) << np.uint32(16)).view(np.float32) for a in (got, want))
    np.testing.assert_array_equal(got, want)
    if got.dtype.kind == "f":
        number = ~np.isnan(want)
        np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(want[number]))


@pytest.mark.parametrize(
    ("value", "target", "want"),
    [
        (300.0, "uint8", 255), (-5.0, "uint8", 0), (math.nan, "int32", 0), (-2.9, "int8", -2),
        (math.inf, "int64", 2**63 - 1), (-math.inf, "int64", -(2**63)), (2.0**63, "uint64", 2**63),
        (math.nan, "bool", True), (-0.0, "bool", False), (65520.0, "float16", math.inf),
        (65519.0, "float16", 65504.0), (2.0**-25, "float16", 0.0), (2.0**-24, "float16", 2.0**-24),
    ],
)  # fmt: skip
def test_convert_choices(value: float, target: str, want: float) -> None:
    dtype = types.dtype(target)
    got = Kernel(row("convert", float64, dtype), [float64], dtype)(np.array([value]))
    assert got[0] == want


@pytest.fixture(params=["instructions", "integer arithmetic"])
def with_and_without_instructions(request: pytest.FixtureRequest) -> Iterator[None]:
    """Conversions of float16 by the machine's instructions, and as on a machine without them."""
    this = host()
    plain = replace(this.machine, features="", triple="x86_64-unknown-linux-gnu")
    assert not plain.converts_half
    with using(this if request.param == "instructions" else replace(this, machine=plain)):
        yield


@pytest.mark.usefixtures("with_and_without_instructions")
def test_every_float16_widens_exactly() -> None:
    x = np.arange(2**16).astype(np.uint16).view(np.float16)
    got = Kernel(row("convert", float16, float32), [float16], float32, 16)(x)
    with np.errstate(invalid="ignore"):  # NumPy warns of signaling NaN on some machines
        expected = x.astype(np.float32)
    assert_bits(got, expected, float32)


@pytest.mark.usefixtures("with_and_without_instructions")
@pytest.mark.parametrize("source", FLOATS, ids=str)
def test_narrowing_rounds_once_at_and_next_to_every_midpoint(source: DType) -> None:
    """Between neighboring 16-bit floats: the midpoint, and a float on either side of it."""
    for target in (float16, bfloat16):
        patterns = np.arange(0x7C00 if target == float16 else 0x7F80).astype(np.uint16)
        exact = special.convert(patterns.view(target.storage), dtype=float64, source=target).astype(
            np.float64
        )
        middle = ((exact[:-1] + exact[1:]) / 2).astype(source.storage)
        up, down = (np.nextafter(middle, source.storage.type(end)) for end in (np.inf, -np.inf))
        x = np.concatenate([middle, up, down])
        x = np.concatenate([x, -x])[: 6 * len(middle) // 16 * 16]
        got = Kernel(row("convert", source, target), [source], target, 16)(x)
        even = patterns[:-1] + (patterns[:-1] & 1)
        want = np.concatenate([even, patterns[1:], patterns[:-1]])
        want = np.concatenate([want, want | 0x8000])[: len(x)]
        np.testing.assert_array_equal(got.view(np.uint16), want)


@pytest.mark.parametrize(
    ("source", "target"), [("float32", "int32"), ("uint64", "float64"), ("float16", "uint16")]
)
def test_bitcast_convert(source: str, target: str) -> None:
    here, there = types.dtype(source), types.dtype(target)
    x = np.resize(values(here), 64)
    got = Kernel(row("bitcast_convert", here, there, dtype=there), [here], there, 8)(x)
    np.testing.assert_array_equal(got.view(here.storage), x)


# ---- random bits -------------------------------------------------------------------------------
KNOWN = [  # key, counter, result: the published vectors of Random123
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF,) * 2, (0xFFFFFFFF,) * 2, (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@pytest.mark.parametrize(("key", "counter", "want"), KNOWN)
def test_threefry_gives_the_published_vectors(
    key: Sequence[int], counter: Sequence[int], want: Sequence[int]
) -> None:
    words = [np.array([c], np.uint32) for c in counter]
    assert tuple(w[0] for w in threefry.threefry2x32(np.array(key, np.uint32), *words)) == want
    for which in (0, 1):

        def emit(b: Builder, *args: Value, which: int = which) -> Value:
            return threefry2x32(b, *args)[which]

        arguments = [np.array([v], np.uint32) for v in (*key, *counter)]
        assert Kernel(emit, [uint32] * 4, uint32)(*arguments)[0] == want[which]


@pytest.mark.parametrize("lanes", [0, 8, 16])
def test_random_bits_equal_the_reference(lanes: int) -> None:
    key = np.array([0x12345678, 0x9ABCDEF0], np.uint32)

    def emit(b: Builder, index: Value) -> Value:
        k0, k1 = (Expr(b, Value(str(np.int32(k)), "i32")).value for k in key.view(np.int32))
        return random_bits(b, k0, k1, index)

    got = Kernel(emit, [int64], uint32, lanes)(np.arange(4096))
    np.testing.assert_array_equal(got, threefry.random_bits(key, 4096))


def test_random_bits_count_past_32_bits_of_index() -> None:
    """The index's upper half is the counter's first word."""
    key = np.zeros(2, np.uint32)
    x0, x1 = threefry.threefry2x32(key, np.array([3], np.uint32), np.array([5], np.uint32))
    zero = Value("0", "i32")
    kernel = Kernel(lambda b, index: random_bits(b, zero, zero, index), [int64], uint32)
    assert kernel(np.array([(3 << 32) + 5])) == x0 ^ x1


def test_random_bits_have_any_shape() -> None:
    key = np.array([1, 2], np.uint32)
    flat = threefry.random_bits(key, 12)
    np.testing.assert_array_equal(threefry.random_bits(key, (3, 4)), flat.reshape(3, 4))
    assert threefry.random_bits(key, ()).shape == ()
    assert threefry.random_bits(key, (0, 4)).shape == (0, 4)


# ---- the tables --------------------------------------------------------------------------------
def test_every_elementwise_primitive_has_a_row_of_llvm() -> None:
    named = {name for name, _, _ in ROWS} | {"compare", "select", "convert", "bitcast_convert"}
    assert named | {"is_finite"} == set(SCALAR)
    assert set(SCALAR) == ELEMENTWISE and all(cost_of(name) > 0 for name in ELEMENTWISE)
    assert set(SCALAR) <= set(MEANING)


def test_register_and_memory_types_differ_for_bool_alone() -> None:
    assert register_type(bool_) == "i1"
    assert [register_type(d) for d in (float32, bfloat16, uint32)] == ["float", "i16", "i32"]
