"""Our own vector mathematics: functions that emit inline, branch-free LLVM for any float type.

    exp(b, x) -> Value        x: "float", "double", or a vector of them of any number of lanes

Nothing calls libm (where the machine has fused multiply-add and rounding instructions: x86 since
2013, every 64-bit ARM), so a loop around any of these is as wide as the machine, and every lane of
a vector has the very bits of the scalar. The polynomials are our own (tools/fit_polynomials.py).
"""

from lamina.engines.llvm.mathlib.exponential import exp, expm1, logistic, tanh
from lamina.engines.llvm.mathlib.logarithm import log, log1p
from lamina.engines.llvm.mathlib.power import pow
from lamina.engines.llvm.mathlib.special import cbrt, erf
from lamina.engines.llvm.mathlib.trigonometric import atan2, cos, sin

__all__ = [
    "atan2", "cbrt", "cos", "erf", "exp", "expm1", "log", "log1p", "logistic", "pow", "sin", "tanh",
]  # fmt: skip
