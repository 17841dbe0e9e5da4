"""Fit the polynomials of lamina.engines.llvm.codegen.mathlib; print its coefficients page.

    python3 tools/fit_polynomials.py > src/lamina/engines/llvm/codegen/mathlib/coefficients.py

Each row of FITS is a minimax problem: a function, an interval, the powers to use, and a weight; the
Remez exchange solves it in 90-digit arithmetic (mpmath, which only this tool needs). Coefficients
are then rounded to the precision that they serve. The comment above each row of the page is the
largest weighted error that remains, in units of 2**-24 (float32) or 2**-53 (float64).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import mpmath as mp

mp.mp.dps = 90
Function = Callable[[mp.mpf], mp.mpf]


@dataclass(frozen=True)
class Fit:
    """Fit f(x) on [low, high] by 1, x, x**2, ... (`terms` of them), the error times weight(x)."""

    name: str
    f: Function
    low: float | mp.mpf
    high: float | mp.mpf
    terms32: int
    terms64: int
    weight: Function


def rounded(value: mp.mpf, precision: int) -> mp.mpf:
    """The nearest float32 or float64, exactly."""
    if precision == 64:
        return mp.mpf(float(value))
    return mp.mpf(struct.unpack("f", struct.pack("f", float(value)))[0])


def remez(row: Fit, terms: int) -> list[mp.mpf]:
    """Coefficients of the polynomial with the least maximum of |weight * (polynomial - f)|."""
    low, high = mp.mpf(row.low), mp.mpf(row.high)
    middle, half = (low + high) / 2, (high - low) / 2

    def nodes(count: int) -> list[mp.mpf]:
        return [middle - half * mp.cos(mp.pi * (k + mp.mpf("0.51")) / count) for k in range(count)]

    points = nodes(terms + 1)
    grid = [(x, row.f(x), row.weight(x)) for x in nodes(40 * (terms + 2))]
    for _ in range(30):
        system, right = mp.matrix(terms + 1, terms + 1), mp.matrix(terms + 1, 1)
        for k, x in enumerate(points):
            weight = row.weight(x)
            for power in range(terms):
                system[k, power] = weight * x**power
            system[k, terms] = (-1) ** k
            right[k] = weight * row.f(x)
        solution = mp.lu_solve(system, right)
        found, level = list(solution[:terms]), abs(solution[terms])
        errors = [w * (mp.polyval(found[::-1], x) - y) for x, y, w in grid]
        points = extrema([x for x, _, _ in grid], errors, terms + 1)
        if max(map(abs, errors)) <= level * mp.mpf("1.001"):
            break
    return found


def extrema(grid: list[mp.mpf], errors: list[mp.mpf], count: int) -> list[mp.mpf]:
    """The `count` places where the error alternates and is largest."""
    runs: list[int] = []
    for index, error in enumerate(errors):
        if runs and (error > 0) == (errors[runs[-1]] > 0):
            if abs(error) > abs(errors[runs[-1]]):
                runs[-1] = index
        else:
            runs.append(index)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    if len(runs) < count:
        raise ArithmeticError("the error does not alternate: raise the working precision")
    return [grid[k] for k in runs]


def fit(row: Fit, terms: int, precision: int) -> tuple[list[mp.mpf], mp.mpf]:
    """Rounded coefficients and the worst weighted error that remains."""
    found = [rounded(c, precision) for c in remez(row, terms)]
    low, high = mp.mpf(row.low), mp.mpf(row.high)
    xs = [low + (high - low) * k / 2001 for k in range(2002)]
    return found, max(abs(row.weight(x) * (mp.polyval(found[::-1], x) - row.f(x))) for x in xs)


def guarded(f: Function, at_zero: mp.mpf | int | float) -> Function:
    """f, with the limit at 0 where its formula divides by 0."""
    return lambda x: f(x) if abs(x) > mp.mpf("1e-25") else mp.mpf(at_zero)


def by_square(f: Function) -> Function:
    """f as a function of its argument's square (kept off 0, where formulas divide by 0)."""
    return lambda z: f(mp.sqrt(max(z, mp.mpf("1e-20"))))


def log_rest(f: mp.mpf) -> mp.mpf:
    return (mp.log1p(f) - f + f**2 / 2) / f**3


def atanh_rest(s: mp.mpf) -> mp.mpf:
    return (2 * mp.atanh(s) - 2 * s) / s**3


HALF_LN2 = mp.log(2) / 2 * mp.mpf("1.001")
ROOT = mp.sqrt(2) * mp.mpf("1.0001")
QUARTER_PI_SQUARED = (mp.pi / 4 * mp.mpf("1.0001")) ** 2
ERF_EDGE32, ERF_MIDDLE32, ERF_EDGE64, ERF_MIDDLE64 = 0.9375, 1.0, 1.0, 1.5

FITS = (
    # exp(r) = 1 + r + r**2 P(r)
    Fit("EXP", guarded(lambda r: (mp.expm1(r) - r) / r**2, 0.5), -HALF_LN2, HALF_LN2, 5, 10,
        lambda r: r**2 / mp.exp(r)),
    # expm1(r) = r + r**2 P(r), relative to itself
    Fit("EXPM1", guarded(lambda r: (mp.expm1(r) - r) / r**2, 0.5), -HALF_LN2, HALF_LN2, 6, 11,
        lambda r: abs(r**2 / mp.expm1(r))),
    # log1p(f) = f - f**2/2 + f**3 P(f)
    Fit("LOG", guarded(log_rest, mp.mpf(1) / 3), 1 / ROOT - 1, ROOT - 1, 8, 0,
        lambda f: abs(f**3 / mp.log1p(f))),
    # log((1 + s) / (1 - s)) = 2 s + s**3 P(s**2)
    Fit("ATANH", by_square(atanh_rest), 0, ((ROOT - 1) / (ROOT + 1))**2, 0, 7,
        by_square(lambda s: s**3 / (2 * mp.atanh(s)))),
    # log((1 + s) / (1 - s)) = 2 s + 2/3 s**3 + s**5 P(s**2), for pow
    Fit("ATANH_FAR", by_square(lambda s: (2 * mp.atanh(s) - 2 * s - 2 * s**3 / 3) / s**5),
        0, ((ROOT - 1) / (ROOT + 1))**2, 0, 8, by_square(lambda s: s**5 / (2 * mp.atanh(s)))),
    # erf(x) = x + x P(x**2) near 0
    Fit("ERF_SMALL", by_square(lambda x: mp.erf(x) / x - 1),
        0, ERF_EDGE32**2, 7, 0, by_square(lambda x: x / mp.erf(x))),
    Fit("ERF_SMALL", by_square(lambda x: mp.erf(x) / x - 1),
        0, ERF_EDGE64**2, 0, 13, by_square(lambda x: x / mp.erf(x))),
    # log(erfc(middle + u)) = P(u) from there on
    Fit("ERF_LARGE", lambda u: mp.log(mp.erfc(u + ERF_MIDDLE32)), ERF_EDGE32 - ERF_MIDDLE32,
        4 - ERF_MIDDLE32, 9, 0, lambda u: mp.erfc(u + ERF_MIDDLE32) / mp.erf(u + ERF_MIDDLE32)),
    Fit("ERF_LARGE", lambda u: mp.log(mp.erfc(u + ERF_MIDDLE64)), ERF_EDGE64 - ERF_MIDDLE64,
        6 - ERF_MIDDLE64, 0, 23, lambda u: mp.erfc(u + ERF_MIDDLE64) / mp.erf(u + ERF_MIDDLE64)),
    # sin(r) = r + r**3 P(r**2)
    Fit("SIN", by_square(lambda r: (mp.sin(r) - r) / r**3),
        0, QUARTER_PI_SQUARED, 3, 6, by_square(lambda r: r**3 / mp.sin(r))),
    # cos(r) = 1 - r**2/2 + r**4 P(r**2)
    Fit("COS", by_square(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4),
        0, QUARTER_PI_SQUARED, 3, 6, by_square(lambda r: r**4 / mp.cos(r))),
    # atan(q) = q + q**3 P(q**2)
    Fit("ATAN", by_square(lambda q: (mp.atan(q) - q) / q**3),
        0, 1, 9, 20, by_square(lambda q: q**3 / mp.atan(q))),
)  # fmt: skip


HEADER = '''"""Polynomial coefficients, lowest power first, written by tools/fit_polynomials.py.

Above each row: its largest error, in units of 2**-24 (32) or 2**-53 (64).
"""
'''


def main() -> None:
    mp.mp.prec = 1400
    words = int(mp.floor(2 / mp.pi * mp.mpf(2) ** 1216))
    mp.mp.dps = 90
    print(HEADER)
    for row in FITS:
        for precision, terms in ((32, row.terms32), (64, row.terms64)):
            if not terms:
                continue
            coefficients, worst = fit(row, terms, precision)
            unit = mp.mpf(2) ** (-24 if precision == 32 else -53)
            print(f"# {mp.nstr(worst / unit, 3)}")
            print(f"{row.name}_{precision} = (")
            for c in coefficients:
                print(f"    {float(c)!r},")
            print(")")
    print("\n# the bits of 2/pi after the binary point, in words of 64")
    print("TWO_OVER_PI = (")
    for k in range(19):
        print(f"    0x{words >> (1152 - 64 * k) & (1 << 64) - 1:016X},")
    print(")")


if __name__ == "__main__":
    main()
