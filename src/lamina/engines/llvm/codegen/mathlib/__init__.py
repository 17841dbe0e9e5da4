"""Our own vector mathematics: functions that emit inline LLVM for any float type.

    exp(b, x) -> Value        x: "float", "double", or a vector of them of any number of lanes

Straight-line code (sin and cos also hold a loop for |x| > 2**38, which others never enter) that
never calls libm, where the machine has fused multiply-add and rounding instructions: x86 since
2013, every 64-bit ARM. So a loop around any of these is as wide as the machine, and every lane of
a vector has the very bits of the scalar. Results round to denormals gradually; NaN propagates.

The algorithms are on each page; the polynomials are our own (tools/fit_polynomials.py).
"""

from lamina.engines.llvm.codegen.mathlib.exponential import exp, expm1, logistic, tanh
from lamina.engines.llvm.codegen.mathlib.logarithm import log, log1p
from lamina.engines.llvm.codegen.mathlib.power import pow
from lamina.engines.llvm.codegen.mathlib.special import cbrt, erf
from lamina.engines.llvm.codegen.mathlib.trigonometric import atan2, cos, sin

__all__ = [
    "ERROR_BOUNDS", "atan2", "cbrt", "cos", "erf", "exp", "expm1", "log", "log1p", "logistic",
    "pow", "sin", "tanh",
]  # fmt: skip

# The largest error over the whole range, in units of the last place of the result: measured against
# wider arithmetic (tests/compiler/test_mathlib.py) and rounded up.
ERROR_BOUNDS: dict[str, dict[str, float]] = {
    "exp": {"float32": 1.0, "float64": 1.0},
    "expm1": {"float32": 1.5, "float64": 2.0},
    "log": {"float32": 1.0, "float64": 1.0},
    "log1p": {"float32": 1.5, "float64": 1.5},
    "tanh": {"float32": 2.5, "float64": 2.5},
    "logistic": {"float32": 2.5, "float64": 2.5},
    "erf": {"float32": 1.1, "float64": 1.5},
    "sin": {"float32": 1.6, "float64": 1.0},
    "cos": {"float32": 1.6, "float64": 1.0},
    "pow": {"float32": 0.6, "float64": 1.5},
    "atan2": {"float32": 2.0, "float64": 2.0},
    "cbrt": {"float32": 0.9, "float64": 0.9},
}
