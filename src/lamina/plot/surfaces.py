"""Known functions of two variables, on which optimizers are tried.

    f(x, y)    section that is shown    start    minima

Values are those of the literature (Jamil and Yang 2013, A literature survey of benchmark functions
for global optimization problems). Rates in `RATES` suit the slopes of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lamina import operations as ops

Point = tuple[float, float]


@dataclass(frozen=True)
class Surface:
    """A function of two tensors, the section of the plane, the start and the global minima.

    rate: a learning rate that is stable for plain gradient descent from the start.
    """

    function: Callable[[Any, Any], Any]
    x: Point
    y: Point
    start: Point
    minima: tuple[Point, ...]
    rate: float


def _beale(x: Any, y: Any) -> Any:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _rosenbrock(x: Any, y: Any) -> Any:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _himmelblau(x: Any, y: Any) -> Any:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _rastrigin(x: Any, y: Any) -> Any:
    waves = ops.cos(2 * math.pi * x) + ops.cos(2 * math.pi * y)
    return 20 + x**2 + y**2 - 10 * waves


def _ackley(x: Any, y: Any) -> Any:
    radius = ops.sqrt(0.5 * (x**2 + y**2) + 1e-12)
    waves = 0.5 * (ops.cos(2 * math.pi * x) + ops.cos(2 * math.pi * y))
    return 20 + math.e - 20 * ops.exp(-0.2 * radius) - ops.exp(waves)


def _styblinski_tang(x: Any, y: Any) -> Any:
    return 0.5 * sum(v**4 - 16 * v**2 + 5 * v for v in (x, y))


def _six_hump_camel(x: Any, y: Any) -> Any:
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


HIMMELBLAU = ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126))
CAMEL = ((0.0898, -0.7126), (-0.0898, 0.7126))

SURFACES = {
    "ackley": Surface(_ackley, (-4, 4), (-4, 4), (-3.2, 2.4), ((0, 0),), 0.02),
    "beale": Surface(_beale, (-4.5, 4.5), (-4.5, 4.5), (1.0, 1.5), ((3, 0.5),), 0.01),
    "bowl": Surface(
        lambda x, y: 0.5 * (x**2 + 20 * y**2), (-5, 5), (-2, 2), (-4.5, 1.5), ((0, 0),), 0.08
    ),
    "himmelblau": Surface(_himmelblau, (-5, 5), (-5, 5), (-0.5, -1.2), HIMMELBLAU, 0.01),
    "rastrigin": Surface(_rastrigin, (-3, 3), (-3, 3), (-2.3, 1.7), ((0, 0),), 0.002),
    "rosenbrock": Surface(_rosenbrock, (-2, 2), (-1, 3), (-1.2, 1.0), ((1, 1),), 0.001),
    "saddle": Surface(lambda x, y: x**2 - y**2 + y**4 / 8, (-2.5, 2.5), (-2.5, 2.5), (-2, 0.01),
                      ((0, 2), (0, -2)), 0.05),
    "six_hump_camel": Surface(_six_hump_camel, (-2.1, 2.1), (-1.3, 1.3), (-1.6, 1.1), CAMEL, 0.01),
    "styblinski_tang": Surface(_styblinski_tang, (-4.5, 4.5), (-4.5, 4.5), (0.3, 4.2),
                               ((-2.903534, -2.903534),), 0.01),
}  # fmt: skip
