"""One row an elementwise primitive: the LLVM instructions that compute it, at any vector width.

    row(b, operand, result, *args, **params) -> Value

`operand` is the dtype of the first operand that is not a predicate, `result` the dtype of the
result, `args` are registers: scalars or vectors of one width. A row emits straight-line code, with
two exceptions: integer `power` and float `remainder` call a function that they add to the module;
`sine` and `cosine` hold a loop that runs only where |x| > 2**38.

The choices where StableHLO leaves one, or NumPy has another, with the line of NumPy that means the
same (`n` is the width in bits). The reference and this page agree exactly on integers, bools and
random bits, and to a few ulp on floats.

    primitive             choice                                   NumPy
    add, multiply         integers wrap; bool: or, and             x + y;  x * y
    subtract, negate      integers wrap, unsigned too              x - y;  0 - x
    divide (integers)     toward zero; x / 0 has all bits set;     trunc(x / y), in integers;
                          INT_MIN / -1 = INT_MIN                   where(y == 0, -1, ...)
    remainder (integers)  sign of the dividend; x % 0 = x;         fmod(x, where(y == 0, 1, y));
                          INT_MIN % -1 = 0                         where(y == 0, x, ...)
    remainder (floats)    exact, sign of the dividend; inf % y     fmod(x, y)
                          and x % 0 are NaN, x % inf = x
    power (integers)      wraps; a negative exponent truncates:    power(x, y);  y < 0:
                          0 but for 1**y = 1, (-1)**y = 1 or -1    where(abs(x) == 1, x**(y & 1), 0)
    power (floats)        C99                                      power(x, y)
    maximum, minimum      NaN of either operand propagates;        where((x > y) | (x != x), x, y)
                          of equal operands (-0, +0) the second    where((x < y) | (x != x), x, y)
    clamp(lo, x, hi)      the minimum of the maximum               minimum(maximum(x, lo), hi)
    abs, sign             INT_MIN stays; NaN stays; sign(-0) = -0  abs(x);  sign(x), but -0
    logistic              no overflow at either end                where(x < 0, e, 1) / (1 + e),
                                                                   e = exp(-abs(x))
    rsqrt                 two roundings                            1 / sqrt(x)
    round_nearest_even    halves go to the even neighbor           rint(x)
    shift_left, _logical  the amount is unsigned; n or more is 0   where(s < n, x << s, 0)
    shift_.._arithmetic   n or more leaves the sign bit            x >> minimum(s, n - 1)
    compare               NaN is unequal to all; False < True      x == y, x < y, ...
    convert to bool       not zero; NaN is True                    x != 0
    convert float to int  toward zero; saturates; NaN gives 0      where(x != x, 0, clip(trunc(x)))
    convert int to int    wraps; bool is 0 or 1                    astype
    convert to 16-bit     one rounding, to nearest even, of the    astype(float16); of bfloat16 the
    float                 float, or of the integer as float64      bits, rounded as integers
    bitcast_convert       same width                               view
    population_count,     of the n bits; the result has the dtype  bitwise_count(x)
    count_leading_zeros   of the operand; n for 0

float16 and bfloat16 are storage: they have rows for `convert`, `bitcast_convert` and `select`, all
in integer arithmetic, on their bits as an i16: where the machine cannot convert them, LLVM calls
a run-time library, even to move them. A bool is i1 in registers and a byte 0 or 1 in memory.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from functools import partial

from lamina.engines.llvm.codegen import mathlib, scalar_helpers
from lamina.engines.llvm.codegen.builder import Builder
from lamina.engines.llvm.codegen.half import narrow_float, widen_float
from lamina.engines.llvm.codegen.threefry import random_bits
from lamina.engines.llvm.codegen.values import Value, bits, constant, is_float, like, suffix, zero
from lamina.ir.types import DType

__all__ = [
    "SCALAR",
    "memory_type",
    "random_bits",
    "register_type",
    "to_memory",
    "to_register",
]

Row = Callable[..., Value]
Formula = Callable[[Builder, DType, Value], Value]

# ---- registers and memory ----------------------------------------------------------------------
_FLOAT_TYPES = {"float32": "float", "float64": "double"}


def register_type(dtype: DType) -> str:
    """The LLVM type of one element in a register: "float", "i32", "i16" for 16-bit floats, and
    "i1" for bool."""
    return "i1" if dtype.kind == "b" else memory_type(dtype)


def memory_type(dtype: DType) -> str:
    """The LLVM type of one element in memory: as in a register, but "i8" for bool."""
    return _FLOAT_TYPES.get(dtype.name, f"i{dtype.bits}")


def to_register(b: Builder, value: Value, dtype: DType) -> Value:
    """A loaded value as its register type: the byte of a bool becomes an i1."""
    return b.icmp("ne", value, zero(value.type)) if dtype.kind == "b" else value


def to_memory(b: Builder, value: Value, dtype: DType) -> Value:
    """A register as its memory type: the i1 of a bool becomes the byte 0 or 1."""
    return b.cast("zext", value, like(value.type, "i8")) if dtype.kind == "b" else value


# ---- constructors of rows ---------------------------------------------------------------------
def _floats(function: Callable[..., Value]) -> Row:
    """A row of a function of mathlib, or any that takes the builder and the operands."""
    return lambda b, operand, result, *args: function(b, *args)


def _intrinsic(name: str, *flags: bool) -> Row:
    """A row of an LLVM intrinsic; flags are its further i1 operands."""
    extra = [constant("i1", flag) for flag in flags]
    return lambda b, operand, result, *args: b.intrinsic(name, *args, *extra)


def _kinds(floats: str, integers: str, bools: str | None = None) -> Row:
    """A row of two operands that is one instruction, by the kind of the dtype."""
    ops = {"f": floats, "i": integers, "u": integers, "b": bools or integers}
    return lambda b, operand, result, x, y: b.binary(ops[operand.kind], x, y)


# ---- arithmetic --------------------------------------------------------------------------------
def _divide(b: Builder, operand: DType, result: DType, x: Value, y: Value) -> Value:
    if operand.is_float:
        return b.fdiv(x, y)
    quotient = b.binary(
        "sdiv" if operand.kind == "i" else "udiv", x, _safe_divisor(b, operand, x, y)
    )
    return b.select(b.icmp("eq", y, zero(y.type)), constant(x.type, -1), quotient)


def _remainder(b: Builder, operand: DType, result: DType, x: Value, y: Value) -> Value:
    if operand.is_float:
        return scalar_helpers.float_remainder(b, x, y)
    op = "srem" if operand.kind == "i" else "urem"
    left = b.binary(op, x, _safe_divisor(b, operand, x, y))
    return b.select(b.icmp("eq", y, zero(y.type)), x, left)


def _safe_divisor(b: Builder, dtype: DType, x: Value, y: Value) -> Value:
    """y, or 1 if dividing x by y would trap: by 0, and the least number by -1."""
    traps = b.icmp("eq", y, zero(y.type))
    if dtype.kind == "i":
        least = b.icmp("eq", x, constant(x.type, -1 << (dtype.bits - 1)))
        overflow = b.and_(least, b.icmp("eq", y, constant(y.type, -1)))
        traps = b.or_(traps, overflow)
    return b.select(traps, constant(y.type, 1), y)


def _power(b: Builder, operand: DType, result: DType, x: Value, y: Value) -> Value:
    if operand.is_float:
        return mathlib.pow(b, x, y)
    return scalar_helpers.integer_power(b, x, y, signed=operand.kind == "i")


def _extreme(
    b: Builder, operand: DType, result: DType, x: Value, y: Value, *, greatest: bool
) -> Value:
    if operand.kind == "b":
        return b.or_(x, y) if greatest else b.and_(x, y)
    if not operand.is_float:
        sign = "s" if operand.kind == "i" else "u"
        return b.intrinsic(f"llvm.{sign}{'max' if greatest else 'min'}", x, y)
    if _is_number(y):  # one comparison does, true where x is NaN
        return b.select(b.fcmp("ugt" if greatest else "ult", x, y), x, y)
    better = b.select(b.fcmp("ogt" if greatest else "olt", x, y), x, y)  # y if either is NaN
    return b.select(b.fcmp("uno", x, x), x, better)


def _is_number(value: Value) -> bool:
    """True for a float constant that is not NaN, such as the 0 of max(x, 0)."""
    if value.text.startswith("%"):
        return False
    patterns = re.findall("0x([0-9A-F]{16})", value.text)
    return not any(math.isnan(struct.unpack(">d", bytes.fromhex(p))[0]) for p in patterns)


_maximum, _minimum = partial(_extreme, greatest=True), partial(_extreme, greatest=False)


def _clamp(b: Builder, operand: DType, result: DType, low: Value, x: Value, high: Value) -> Value:
    return _minimum(b, operand, result, _maximum(b, operand, result, x, low), high)


def _negate(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    return b.fneg(x) if operand.is_float else b.binary("sub", zero(x.type), x)


def _abs(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    if operand.is_float:
        return b.intrinsic("llvm.fabs", x)
    if operand.kind == "u":
        return x
    return b.intrinsic("llvm.abs", x, constant("i1", False))


def _sign(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    if operand.is_float:
        one = b.intrinsic("llvm.copysign", constant(x.type, 1.0), x)
        return b.select(b.fcmp("one", x, zero(x.type)), one, x)  # zeros and NaN are their own sign
    if operand.kind == "u":
        return b.cast("zext", b.icmp("ne", x, zero(x.type)), x.type)
    at_most = b.intrinsic("llvm.smin", x, constant(x.type, 1))
    return b.intrinsic("llvm.smax", at_most, constant(x.type, -1))


def _rsqrt(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    return b.fdiv(constant(x.type, 1.0), b.intrinsic("llvm.sqrt", x))


def _is_finite(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    x = widen_float(b, x, operand)
    return b.fcmp("one", b.intrinsic("llvm.fabs", x), constant(x.type, float("inf")))


# ---- bits --------------------------------------------------------------------------------------
def _not(b: Builder, operand: DType, result: DType, x: Value) -> Value:
    return b.xor(x, constant(x.type, -1))


def _shift(b: Builder, operand: DType, result: DType, x: Value, by: Value, *, op: str) -> Value:
    width = constant(x.type, bits(x.type))
    return b.select(b.icmp("ult", by, width), b.binary(op, x, by), zero(x.type))


def _shift_signed(b: Builder, operand: DType, result: DType, x: Value, by: Value) -> Value:
    return b.ashr(x, b.intrinsic("llvm.umin", by, constant(x.type, bits(x.type) - 1)))


# ---- choices -----------------------------------------------------------------------------------
_PREDICATES = {
    "f": {"EQ": "oeq", "NE": "une", "LT": "olt", "LE": "ole", "GT": "ogt", "GE": "oge"},
    "i": {"EQ": "eq", "NE": "ne", "LT": "slt", "LE": "sle", "GT": "sgt", "GE": "sge"},
    "u": {"EQ": "eq", "NE": "ne", "LT": "ult", "LE": "ule", "GT": "ugt", "GE": "uge"},
}


def _compare(
    b: Builder, operand: DType, result: DType, x: Value, y: Value, *, direction: str
) -> Value:
    if operand.is_float:
        wide = (widen_float(b, each, operand) for each in (x, y))
        return b.fcmp(_PREDICATES["f"][direction], *wide)
    return b.icmp(_PREDICATES["i" if operand.kind == "i" else "u"][direction], x, y)


def _select(b: Builder, operand: DType, result: DType, pred: Value, x: Value, y: Value) -> Value:
    return b.select(pred, x, y)


# ---- conversions -------------------------------------------------------------------------------
def _convert(
    b: Builder, operand: DType, result: DType, x: Value, *, dtype: DType | None = None
) -> Value:
    target = dtype or result
    if operand == target:
        return x
    x = widen_float(b, x, operand)
    if target.kind == "b":
        return _is_not_zero(b, x)
    if is_float(x.type):
        return _from_float(b, x, target)
    return _from_integer(b, operand, x, target)


def _is_not_zero(b: Builder, x: Value) -> Value:
    return b.fcmp("une", x, zero(x.type)) if is_float(x.type) else b.icmp("ne", x, zero(x.type))


def _from_float(b: Builder, x: Value, target: DType) -> Value:
    type_ = like(x.type, register_type(target))
    if target.is_storage_only:
        return narrow_float(b, x, target)
    if target.is_float:
        if type_ == x.type:
            return x
        return b.cast("fpext" if target.bits == 64 else "fptrunc", x, type_)
    name = "llvm.fptosi.sat" if target.kind == "i" else "llvm.fptoui.sat"
    return b.call(f"{name}.{suffix(type_)}.{suffix(x.type)}", type_, [x])


def _from_integer(b: Builder, operand: DType, x: Value, target: DType) -> Value:
    signed = operand.kind == "i"
    if target.is_storage_only:
        wide = b.cast("sitofp" if signed else "uitofp", x, like(x.type, "double"))
        return narrow_float(b, wide, target)
    type_ = like(x.type, register_type(target))
    if target.is_float:
        return b.cast("sitofp" if signed else "uitofp", x, type_)
    if bits(type_) == bits(x.type):
        return x
    if bits(type_) < bits(x.type):
        return b.cast("trunc", x, type_)
    return b.cast("sext" if signed else "zext", x, type_)


def _bitcast_convert(
    b: Builder, operand: DType, result: DType, x: Value, *, dtype: DType | None = None
) -> Value:
    return b.bitcast(x, like(x.type, register_type(dtype or result)))


# ---- the table ---------------------------------------------------------------------------------
SCALAR: dict[str, Row] = {
    "add": _kinds("fadd", "add", "or"),
    "subtract": _kinds("fsub", "sub", "xor"),
    "multiply": _kinds("fmul", "mul", "and"),
    "divide": _divide,
    "remainder": _remainder,
    "power": _power,
    "maximum": _maximum,
    "minimum": _minimum,
    "clamp": _clamp,
    "negate": _negate,
    "abs": _abs,
    "sign": _sign,
    "exponential": _floats(mathlib.exp),
    "exponential_minus_one": _floats(mathlib.expm1),
    "log": _floats(mathlib.log),
    "log_plus_one": _floats(mathlib.log1p),
    "tanh": _floats(mathlib.tanh),
    "logistic": _floats(mathlib.logistic),
    "erf": _floats(mathlib.erf),
    "sine": _floats(mathlib.sin),
    "cosine": _floats(mathlib.cos),
    "atan2": _floats(mathlib.atan2),
    "cbrt": _floats(mathlib.cbrt),
    "sqrt": _intrinsic("llvm.sqrt"),
    "rsqrt": _rsqrt,
    "floor": _intrinsic("llvm.floor"),
    "ceil": _intrinsic("llvm.ceil"),
    "round_nearest_even": _intrinsic("llvm.roundeven"),
    "is_finite": _is_finite,
    "not": _not,
    "and": _kinds("and", "and"),
    "or": _kinds("or", "or"),
    "xor": _kinds("xor", "xor"),
    "shift_left": partial(_shift, op="shl"),
    "shift_right_logical": partial(_shift, op="lshr"),
    "shift_right_arithmetic": _shift_signed,
    "population_count": _intrinsic("llvm.ctpop"),
    "count_leading_zeros": _intrinsic("llvm.ctlz", False),
    "compare": _compare,
    "select": _select,
    "convert": _convert,
    "bitcast_convert": _bitcast_convert,
}
