"""Sine and cosine within a quarter turn, |r| <= pi/4, and their choice by quadrant."""

from __future__ import annotations

from lamina.engines.llvm.codegen.mathlib.expression import Expr, fma, polynomial, where
from lamina.engines.llvm.codegen.mathlib.formats import DOUBLE, SINGLE
from lamina.engines.llvm.codegen.values import bits


def sine_and_cosine_single(r: Expr) -> tuple[Expr, Expr]:
    """sin(r) and cos(r) of float32."""
    z = r * r
    sine = fma(r * z, polynomial(z, SINGLE.fitted("SIN")), r)
    return sine, polynomial(z, (1.0, -0.5, *SINGLE.fitted("COS")))


def sine_and_cosine(r: Expr, tail: Expr) -> tuple[Expr, Expr]:
    """sin and cos of r + tail in float64, where the tail is less than the last digit of r."""
    z = r * r
    flat = fma(z, -0.5, 1.0)
    lost = fma(z, -0.5, 1.0 - flat)
    sine = r + fma(r * z, polynomial(z, DOUBLE.fitted("SIN")), tail * flat)
    cosine = flat + (fma(z * z, polynomial(z, DOUBLE.fitted("COS")), lost) - r * tail)
    return sine, cosine


def of_quadrant(sine: Expr, cosine: Expr, n: Expr) -> Expr:
    """sin(r + n pi/2): sine, cosine, -sine, -cosine for n modulo 4."""
    value = where((n & 1).differs(0), cosine, sine)
    sign = (n & 2) << (bits(sine.type) - 2)
    return (value.bits() ^ sign).floating()
