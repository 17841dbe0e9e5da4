"""Running sums, products, extremes, and associative_scan: values against NumPy, and gradients."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import DTypeError, ShapeError


@pytest.fixture(params=["numpy", "llvm"], autouse=True)
def engine(request):
    with lm.settings(engine=request.param):
        yield


def numbers(*shape, dtype="float64"):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def flat(x, axis):
    return (x.ravel(), 0) if axis is None else (x, axis)


RUNNING = {
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "cummax": lambda x, axis: np.maximum.accumulate(*flat(x, axis)),
    "cummin": lambda x, axis: np.minimum.accumulate(*flat(x, axis)),
    "logcumsumexp": lambda x, axis: np.log(np.cumsum(np.exp(x), axis)),
}


@pytest.mark.parametrize("name", RUNNING)
def test_cumulative_functions_agree_with_numpy(name):
    f, expected = getattr(lm, name), RUNNING[name]
    for shape in ((7,), (3, 5), (2, 1, 4), (3, 0)):
        x = numbers(*shape)
        for axis in (None, *range(-1, len(shape))):
            found = lm.compile(lambda x, axis=axis: f(x, axis=axis))(x)
            np.testing.assert_allclose(found, expected(x, axis=axis), rtol=1e-12)


@pytest.mark.parametrize("name", RUNNING)
def test_of_any_length(name):
    f = lm.compile(lambda x: getattr(lm, name)(x, axis=0), signature=[lm.Spec(("n", 2), "float64")])
    for n in (1, 2, 9, 0):
        x = numbers(n, 2)
        np.testing.assert_allclose(f(x), RUNNING[name](x, axis=0), rtol=1e-12)


@pytest.mark.parametrize("name", RUNNING)
@pytest.mark.parametrize("symbolic", [False, True])
def test_gradients(name, symbolic):
    """Against differences, along a direction."""
    f, x, way = getattr(lm, name), numbers(6, 2), numbers(6, 2)[::-1].copy()
    scale = np.arange(1.0, 13.0).reshape(6, 2)

    def total(x, scale):
        return lm.sum(f(x, axis=0) * scale)

    spec = [lm.Spec(("n", 2), "float64")] * 2 if symbolic else None
    found = np.asarray(lm.compile(lm.grad(total), signature=spec)(x, scale))
    step = 1e-6
    ends = [float(total(lm.asarray(x + s * step * way), scale)) for s in (1, -1)]
    np.testing.assert_allclose(np.sum(found * way), (ends[0] - ends[1]) / (2 * step), rtol=1e-6)


def test_extremes_of_integers_nan_and_backwards():
    x = np.array([3, 1, 2, 5, 4], "int8")
    assert lm.cummax(x).tolist() == [3, 3, 3, 5, 5]
    assert lm.cummin(x, axis=0, reverse=True).tolist() == [1, 1, 2, 4, 4]
    assert lm.cummax(x).dtype == lm.int8
    found = lm.cummax(lm.asarray([1.0, np.nan, 3.0])).numpy()
    np.testing.assert_array_equal(found, [1.0, np.nan, np.nan])
    with pytest.raises(DTypeError, match="cummax: needs numbers"):
        lm.cummax(lm.asarray([True]))


def test_logcumsumexp_neither_overflows_nor_loses():
    x = np.array([-np.inf, -1000.0, 1000.0, 1000.0])
    expected = [-np.inf, -1000.0, 1000.0, 1000.0 + np.log(2)]
    np.testing.assert_allclose(lm.logcumsumexp(x), expected)
    gradient = lm.grad(lambda x: lm.logcumsumexp(x)[3])(lm.asarray([*x[1:].tolist(), 0.0]))
    np.testing.assert_allclose(gradient, [0.0, 0.5, 0.5, 0.0])
    np.testing.assert_allclose(lm.logcumsumexp(x[::-1], reverse=True), expected[::-1])


# ---- associative_scan --------------------------------------------------------------------------
def steps(a, b):
    """The composition of x -> m x + c with another: what linear recurrences are made of."""
    return {"m": a["m"] * b["m"], "c": b["m"] * a["c"] + b["c"]}


def recurrence(m, c):
    h, found = 0.0, []
    for each, more in zip(m, c, strict=True):
        h = each * h + more
        found.append(h)
    return np.array(found)


@pytest.mark.parametrize("length", [1, 2, 3, 8, 13])
def test_a_linear_recurrence(length):
    m, c = numbers(length, 2), numbers(length, 2) + 1
    nest = {"m": lm.asarray(m), "c": lm.asarray(c)}
    expected = recurrence(m, c)
    known = lm.compile(lambda nest: lm.associative_scan(steps, nest)["c"])
    spec = [lm.Spec(("n", 2), "float64")] * 2
    open_ = lm.compile(lambda nest: lm.associative_scan(steps, nest)["c"], signature=spec)
    for f in (known, open_):
        np.testing.assert_allclose(f(nest), expected, rtol=1e-10)
    back = lm.associative_scan(steps, nest, reverse=True)["c"]
    np.testing.assert_allclose(back, recurrence(m[::-1], c[::-1])[::-1], rtol=1e-10)


def test_axes_products_of_matrices_and_nothing():
    x = numbers(2, 5)
    np.testing.assert_allclose(lm.associative_scan(lm.add, x, axis=1), np.cumsum(x, 1))
    back = lm.associative_scan(lm.add, x, axis=-1, reverse=True)
    np.testing.assert_allclose(back[:, 0], x.sum(1))
    matrices = numbers(6, 3, 3)
    products = lm.associative_scan(lambda a, b: a @ b, lm.asarray(matrices))
    np.testing.assert_allclose(products[5], np.linalg.multi_dot(list(matrices)), rtol=1e-9)
    assert lm.associative_scan(lm.add, lm.zeros((0, 2))).shape == (0, 2)
    f = lm.compile(lambda x: lm.associative_scan(lm.add, x), signature=[lm.Spec(("n",))])
    assert f(lm.zeros(0)).shape == (0,)


@pytest.mark.parametrize("symbolic", [False, True])
def test_the_gradient_of_an_associative_scan_is_that_of_a_scan(symbolic):
    m, c = lm.asarray(numbers(7)), lm.asarray(numbers(7) + 1)

    def last(m, c):
        return lm.associative_scan(steps, {"m": m, "c": c})["c"][-1]

    def looped(m, c):
        zero = lm.asarray(0.0, dtype="float64")
        return lm.scan(lambda h, x: (x[0] * h + x[1], None), zero, (m, c))[0]

    spec = [lm.Spec(("n",), "float64")] * 2 if symbolic else None
    for order in (lambda f: lm.grad(f, (0, 1)), lambda f: lm.grad(_summed(lm.grad(f)), (0, 1))):
        found = lm.compile(order(last), signature=spec)(m, c)
        for a, b in zip(found, order(looped)(m, c), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10)


def _summed(f):
    return lambda *args: lm.sum(f(*args) ** 2)


def test_associative_scan_refuses_unequal_lengths_and_results():
    with pytest.raises(ShapeError, match="lengths along axis 0 differ"):
        lm.associative_scan(lambda a, b: a, (lm.zeros(3), lm.zeros(4)))
    with pytest.raises(ShapeError, match="f must give what it takes"):
        lm.associative_scan(lambda a, b: lm.sum(a), lm.zeros(4))
