"""Uses of the size of an axis that is not known while they are recorded: each use
gives the right result for every size, or a clear error."""

import math

import numpy as np
import pytest

import lamina as lm
from lamina.errors import TracedValueError
from lamina.ir.extents import FLOORS, Extent, Size, same
from lamina.keras import ops

N = Size.symbol("n")


# ---- comparisons -------------------------------------------------------------------------------
KNOWN = {
    "an extent equals itself": (lambda n: n == n, True),
    "and differs from its successor": (lambda n: n + 1 == n or n != n, False),
    "a size is not negative": (lambda n: n == -1 or n < 0 or n <= -1, False),
    "nor below a smaller sum": (lambda n: n >= 0 and n + 1 > 0 and 2 * n + 1 >= n + 1, True),
    "a size is an integer": (lambda n: n == 2.5 or n + 0 == "a" or n == "n", False),
    "a floor of a size is a size": (lambda n: n // 2 >= 0 and (n + 5) // 4 > -1, True),
    "an open size is Keras' None": (lambda n: n == None and (n, 3) == (None, 3), True),  # noqa: E711
    "one more is true": (lambda n: bool(n + 1), True),
    "the greater of a size and 0": (lambda n: max(n, 0) == n, True),
    "as a key it is itself": (lambda n: {n: 1, 3: 2}[n] == 1 and n in {n}, True),
    "text": (lambda n: f"{n} {n:>3}" == "n   n", True),
}
UNKNOWN = {
    "equal to a number": lambda n: n == 3,
    "unequal to a number": lambda n: n != 3,
    "equal to a float": lambda n: n == 3.0,
    "equal to a number of NumPy": lambda n: np.int64(3) == n,
    "one of several": lambda n: n in (3, 4),
    "a shape": lambda n: (n, 3) == (4, 3),
    "less": lambda n: n < 3,
    "at most": lambda n: n <= 3,
    "greater": lambda n: 3 < n + 1,
    "between": lambda n: 0 < n < 5,
    "at least a float": lambda n: n >= 0.5,
    "the greater one": lambda n: max(n, 3),
    "the smaller one": lambda n: min(3, n),
    "another size": lambda n: n == Size.symbol("m"),
    "its truth": lambda n: bool(n),
    "floors of what may be negative": lambda n: (n - 3) // 2 >= 0,
}
NO_INTEGER = {
    "int": int,
    "float": float,
    "range": range,
    "a list of that length": lambda n: [0] * n,
    "an index": lambda n: [1, 2, 3][n],
    "a decimal": lambda n: f"{n:d}",
    "a function of math": math.sqrt,
    "an array of NumPy": lambda n: np.zeros((n, 2)),
}


@pytest.mark.parametrize("what", KNOWN)
def test_comparisons_that_hold_for_all_sizes_or_none_are_decided(what):
    ask, expected = KNOWN[what]
    assert bool(ask(N)) is expected


@pytest.mark.parametrize("what", UNKNOWN)
def test_comparisons_that_depend_on_the_size_raise_with_the_alternatives(what):
    with pytest.raises(TracedValueError, match="cannot be decided") as caught:
        UNKNOWN[what](N)
    assert "lm.cond" in str(caught.value) and "Input(" in str(caught.value)


@pytest.mark.parametrize("what", NO_INTEGER)
def test_an_open_extent_is_not_an_integer(what):
    with pytest.raises(TracedValueError, match="the extent n is symbolic"):
        NO_INTEGER[what](N)


def test_the_compiler_compares_extents_as_polynomials():
    n, m = Extent.symbol("n"), Extent.symbol("m")
    assert n == Extent.symbol("n") and n + 1 == 1 + n and n * 0 == 0
    assert n != m and n != 3 and (n, 3) != (None, 3) and n in (3, n)
    assert same(n, N) and same((N, 3), (n, 3)) and same(N + 1, n + 1)
    assert not same(N, 3) and not same((N, 3), (4, 3)) and not same(N, None)
    assert N // 3 in {n // 3: 0} and type(N // 3 + 1) is Size


# ---- arithmetic --------------------------------------------------------------------------------
NUMBERS = {
    "sum": lambda n: n + 3,
    "difference": lambda n: 10 - n + np.int32(1),
    "product": lambda n: n * 3 * n,
    "power": lambda n: n**2 + 2**n,
    "quotient": lambda n: n / 2 + 7 / n,
    "floor": lambda n: n // 2 + 7 // n,
    "remainder": lambda n: n % 2 + 7 % n + divmod(n, 2)[1],
    "half as much again": lambda n: n * 1.5 + 0.5 * n,
    "a float more": lambda n: n + 0.5 - (2.5 - n),
    "a float of NumPy": lambda n: np.float32(0.25) * n + n * np.float64(0.5),
    "a tensor": lambda n: n * lm.asarray(2.5) + lm.asarray(1.5) / n,
    "an array": lambda n: lm.sum(n * np.array([0.5, 1.0]) + np.array([0.5, 1.0]) / n),
    "the mean by hand": lambda n: 12.0 / ops.cast(n, "float32"),
    "in a list": lambda n: lm.sum(ops.convert_to_tensor([n, 1])),
    "absolute and rounded": lambda n: abs(n) + round(n),
    "product of a shape": lambda n: math.prod((n, 3)) + np.prod((n, 2)),
    "a float's floor": lambda n: n // 2.0 + n % 2.0,
}


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
@pytest.mark.parametrize("what", NUMBERS)
def test_arithmetic_with_an_open_extent_is_that_of_its_size(what, engine):
    x = lm.keras.Input((2,))
    compute = NUMBERS[what]

    def layer(x):
        n = x.shape[0]
        return x * 0 + ops.cast(compute(n), "float32")

    model = lm.Model(x, lm.keras.layers.Lambda(layer)(x))
    with lm.settings(engine=engine):
        for rows in (1, 5):
            expected = np.float32(np.asarray(compute(rows)))
            found = model.predict(np.ones((rows, 2), "float32"), verbose=0)
            np.testing.assert_allclose(found, np.full((rows, 2), expected), rtol=1e-6)


# ---- in programs -------------------------------------------------------------------------------
class OfThree(lm.keras.layers.Layer):
    """Other results for batches of three rows, by `if` or by cond."""

    def __init__(self, by_if, **kwargs):
        super().__init__(**kwargs)
        self.by_if = by_if

    def call(self, x):
        if self.by_if:
            return x * 2 if ops.shape(x)[0] == 3 else x * 5
        three = lm.asarray(ops.shape(x)[0]) == 3
        return lm.cond(three, lambda: x * 2, lambda: x * 5)


@pytest.mark.parametrize("engine", ["numpy", "llvm"])
def test_a_branch_by_the_batch_size_takes_the_right_way_or_raises(engine):
    with lm.settings(engine=engine):
        open_ = lm.Sequential([lm.Input((2,)), OfThree(by_if=False)])
        for rows, factor in ((3, 2), (4, 5)):
            found = open_.predict(np.ones((rows, 2), "float32"), verbose=0)
            assert found.tolist() == [[factor] * 2] * rows
        with pytest.raises(TracedValueError, match="cannot be decided"):
            lm.Sequential([lm.Input((2,)), OfThree(by_if=True)])
        compiled = lm.compile(OfThree(by_if=True))
        for rows, factor in ((3, 2), (4, 5)):  # a function is compiled for the shapes that come
            found = compiled(lm.ones((rows, 2)))
            assert found.tolist() == [[factor] * 2] * rows


class OfThreeSteps(lm.keras.layers.Layer):
    def call(self, x):
        return x * 2 if x.shape[1] == 3 else x * 5


def test_an_axis_that_the_input_gives_a_size_is_compared_as_a_number():
    for steps, factor in ((3, 2), (4, 5)):
        model = lm.Sequential([lm.Input((steps, 1)), OfThreeSteps()])
        found = model.predict(np.ones((2, steps, 1), "float32"), verbose=0)
        assert found.tolist() == [[[factor]] * steps] * 2
    with pytest.raises(TracedValueError, match="cannot be decided"):
        lm.Sequential([lm.Input((None, 1)), OfThreeSteps()])


def test_a_branch_by_the_batch_size_raises_in_fit():
    model = lm.Sequential([OfThree(by_if=True), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TracedValueError, match="cannot be decided"):
        model.fit(np.ones((6, 2)), np.ones((6, 1)), batch_size=3, verbose=0)


def test_shapes_of_keras_inputs_equal_those_with_none():
    x = lm.keras.Input((3,))
    y = lm.keras.layers.Dense(4)(x)
    assert x.shape == (None, 3) and y.shape == (None, 4) and (y * 2).shape == (None, 4)
    assert x.shape != (None, 4) and x.shape[1:] == (3,) and None in x.shape
    assert lm.keras.Input((None, None, 3)).shape == (None, None, None, 3)
    assert lm.keras.Input((3,), batch_size=2).shape == (2, 3)
    assert lm.keras.Input((3,), batch_size=2).shape != (None, 3)


def test_floors_know_whether_they_can_be_negative():
    assert (N // 3).terms and FLOORS
    assert N // 3 >= 0 and (N // 3 + 1) // 2 >= 0
    with pytest.raises(TracedValueError):
        bool((N - 5) // 3 >= 0)
