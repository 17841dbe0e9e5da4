"""Learning-rate schedules against their formulas as Python code, eager and compiled."""

import json
import math

import numpy as np
import pytest

import lamina as lm
from lamina import schedules
from lamina.errors import ArgumentError, RangeError

STEPS = [0, 1, 2, 5, 7, 9, 10, 11, 19, 20, 23, 30, 31, 50, 69, 70, 99, 100, 101, 250, 1000]


def exponential(t):
    return 0.1 * 0.5 ** (t / 10)


def inverse(t):
    return 0.1 / (1 + 0.5 * (t // 10))


def piecewise(t):
    return 1.0 if t <= 10 else 0.5 if t <= 30 else 0.1


def polynomial(t):
    return (0.1 - 0.01) * (1 - min(t, 50) / 50) ** 2 + 0.01


def polynomial_cycle(t):
    stretched = 20 * max(math.ceil(t / 20), 1)
    return (0.1 - 0.001) * (1 - t / stretched) + 0.001


def cosine(t):
    return 0.1 * (0.9 * 0.5 * (1 + math.cos(math.pi * min(t, 50) / 50)) + 0.1)


def warm_cosine(t):
    if t < 10:
        return 0.01 + (0.5 - 0.01) * t / 10
    return 0.5 * 0.5 * (1 + math.cos(math.pi * min(t - 10, 50) / 50))


def restarts(t, first=10, t_mul=2.0, m_mul=0.8, alpha=0.1):
    length, height = first, 1.0
    while t >= length:
        t, length, height = t - length, length * t_mul, height * m_mul
    return 0.1 * ((1 - alpha) * height * 0.5 * (1 + math.cos(math.pi * t / length)) + alpha)


def one_cycle(t):
    t, top, last, first = min(t, 99), 29, 99, 0.5 / 25
    if t <= top:
        return first + (0.5 - first) * 0.5 * (1 - math.cos(math.pi * t / top))
    done = (t - top) / (last - top)
    return first / 1e4 + (0.5 - first / 1e4) * 0.5 * (1 + math.cos(math.pi * done))


def cyclic(t):
    cycle, place = divmod(t, 20)
    return 0.1 + 0.4 * (place / 10 if place <= 10 else 2 - place / 10) * 0.5**cycle


CASES = [
    (schedules.ExponentialDecay(0.1, 10, 0.5), exponential),
    (
        schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
        lambda t: exponential(10 * (t // 10)),
    ),
    (schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True), inverse),
    (schedules.PiecewiseConstantDecay([10, 30], [1.0, 0.5, 0.1]), piecewise),
    (schedules.PolynomialDecay(0.1, 50, 0.01, power=2.0), polynomial),
    (schedules.PolynomialDecay(0.1, 20, 0.001, cycle=True), polynomial_cycle),
    (schedules.CosineDecay(0.1, 50, alpha=0.1), cosine),
    (schedules.CosineDecay(0.01, 50, warmup_target=0.5, warmup_steps=10), warm_cosine),
    (schedules.CosineDecayRestarts(0.1, 10, 2.0, 0.8, 0.1), restarts),
    (
        schedules.CosineDecayRestarts(0.1, 10, 1.0, 0.8, 0.1),
        lambda t: restarts(t, t_mul=1.0),
    ),
    (schedules.LinearWarmup(0.4, 20, 0.1), lambda t: 0.1 + 0.3 * min(t / 20, 1)),
    (
        schedules.LinearWarmup(schedules.ExponentialDecay(0.1, 10, 0.5), 20),
        lambda t: exponential(0) * t / 20 if t < 20 else exponential(t - 20),
    ),
    (schedules.OneCycle(0.5, 100), one_cycle),
    (schedules.StepDecay(0.1, 30), lambda t: 0.1 * 0.1 ** (t // 30)),
    (schedules.Cyclic(0.1, 0.5, 10, shrink=0.5), cyclic),
]


@pytest.mark.parametrize(("schedule", "formula"), CASES, ids=lambda case: type(case).__name__)
def test_formula(schedule, formula):
    got = [schedule(t).item() for t in STEPS]
    np.testing.assert_allclose(got, [formula(t) for t in STEPS], rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize(("schedule", "formula"), CASES, ids=lambda case: type(case).__name__)
def test_in_a_compiled_program(schedule, formula, engine):
    with lm.settings(engine=engine):
        f = lm.compile(schedule)
        for t in (0, 11, 100):
            rate = f(lm.asarray(t, "int64"))
            assert rate.dtype == "float32"
            np.testing.assert_allclose(rate.item(), formula(t), rtol=2e-5, atol=2e-7)


@pytest.mark.parametrize(("schedule", "formula"), CASES, ids=lambda case: type(case).__name__)
def test_configurations_go_there_and_back(schedule, formula):
    written = json.loads(json.dumps(schedules.serialize(schedule)))
    again = schedules.deserialize(written)
    assert type(again) is type(schedule)
    assert repr(again) == repr(schedule)
    assert again(23).item() == schedule(23).item()


def test_refusals():
    with pytest.raises(RangeError, match="decay_steps must be above 0"):
        schedules.CosineDecay(0.1, 0)
    with pytest.raises(ArgumentError, match="3 values need 2 boundaries"):
        schedules.PiecewiseConstantDecay([1], [1.0, 2.0, 3.0])
    with pytest.raises(RangeError, match="warmup_fraction"):
        schedules.OneCycle(0.1, 100, warmup_fraction=1.5)


def test_keras_finds_them_under_optimizers():
    from lamina.optimizers.schedules import CosineDecay

    assert CosineDecay is schedules.CosineDecay
    assert lm.optimizers.schedules.CosineDecay is schedules.CosineDecay
