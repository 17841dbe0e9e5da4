"""`cond` and `switch`: one branch runs, gradients, Variables, on both engines; what is refused."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, DTypeError, ShapeError


@pytest.fixture(params=["numpy", "llvm"])
def engine(request):
    with lm.settings(engine=request.param):
        yield request.param


def absolute(x):
    """Without cusps: x * x above zero, and sin x below."""
    return lm.cond(lm.sum(x) > 0, lambda: x * x, lambda: lm.sin(x))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_values_and_gradients_to_the_second_order(engine, sign):
    x = sign * np.array([0.5, 1.5, 2.0], "float32")
    value = lm.compile(absolute)
    first = lm.compile(lm.grad(lambda x: lm.sum(absolute(x))))
    second = lm.compile(lm.grad(lambda x: lm.sum(lm.grad(lambda x: lm.sum(absolute(x)))(x))))
    expected = (x * x, 2 * x, 2 + 0 * x) if sign > 0 else (np.sin(x), np.cos(x), -np.sin(x))
    for f, wanted in zip((value, first, second), expected, strict=True):
        np.testing.assert_allclose(f(lm.asarray(x)), wanted, rtol=2e-6)
    np.testing.assert_allclose(absolute(lm.asarray(x)), expected[0], rtol=2e-6)
    eager = lm.grad(lambda x: lm.sum(absolute(x)))(lm.asarray(x))
    np.testing.assert_allclose(eager, expected[1], rtol=2e-6)


def test_only_one_branch_runs(engine):
    """The other one would not end."""

    def forever(x):
        return lm.while_loop(lambda c: lm.all(c == c), lambda c: c + 1, x)

    f = lm.compile(lambda x: lm.cond(x > 0, lambda x: x + 1, forever, x))
    assert f(lm.asarray(2.0)).item() == 3.0


def test_in_the_body_of_a_scan(engine):
    def turn(total, x):
        total = lm.cond(x > 0, lambda: total + x, lambda: total * 0.5)
        return total, total

    def run(xs):
        return lm.scan(turn, 0.0, xs)[1]

    xs = lm.asarray([2.0, 4.0, -1.0, 1.0, -1.0])
    for f in (run, lm.compile(run)):
        assert f(xs).tolist() == [2.0, 6.0, 3.0, 4.0, 2.0]
    gradient = lm.compile(lm.grad(lambda xs: run(xs)[4]))
    assert gradient(xs).tolist() == [0.25, 0.25, 0.0, 0.5, 0.0]


def test_a_nest_of_operands_and_results(engine):
    @lm.compile
    def f(p, pair):
        swap = lm.cond(p, lambda d: {"a": d["b"], "b": d["a"]}, lambda d: d, pair)
        return swap["a"] - swap["b"]

    pair = {"a": lm.asarray([5.0, 6.0]), "b": lm.asarray([1.0, 1.0])}
    assert f(lm.asarray(True), pair).tolist() == [-4.0, -5.0]
    assert f(lm.asarray(False), pair).tolist() == [4.0, 5.0]


def test_variables_are_read_and_assigned(engine):
    count, other = lm.Variable(0.0), lm.Variable([1.0, 2.0])

    def up():
        count.assign_add(1.0)
        return count.read()

    def down():
        other.assign(other.read() * 2.0)
        return count.read() - lm.sum(other.read())

    f = lm.compile(lambda p: lm.cond(p, up, down))
    found = [f(lm.asarray(p)).item() for p in (True, True, False, True)]
    assert found == [1.0, 2.0, 2.0 - 6.0, 3.0]
    assert other.numpy().tolist() == [2.0, 4.0]


def test_symbolic_sizes_and_threads(engine):
    f = lm.compile(
        lambda x: lm.cond(lm.sum(x) > 0, lambda: lm.mean(x, 0) @ x.T, lambda: x[:, 0]),
        signature=[lm.Spec(("n", 64))],
    )
    for n in (1, 300):
        x = np.ones((n, 64), "float32")
        np.testing.assert_allclose(f(x), np.full(n, 64.0), rtol=1e-5)
        np.testing.assert_array_equal(f(-x), np.full(n, -1.0))


def test_known_choices_are_python(engine):
    assert lm.cond(True, lambda: "yes", lambda: "no") == "yes"
    assert lm.cond(lm.asarray(0), lambda: 1, lambda: 2) == 2


def test_switch(engine):
    branches = [lambda x, k=k: x * k for k in (1.0, 10.0, 100.0)]
    f = lm.compile(lambda k, x: lm.switch(k, branches, x))
    for k, factor in ((-3, 1.0), (0, 1.0), (1, 10.0), (2, 100.0), (9, 100.0)):
        x = lm.asarray([1.0, 2.0])
        assert f(lm.asarray(k), x).tolist() == [factor, 2 * factor]
        assert lm.switch(k, branches, x).tolist() == [factor, 2 * factor]


def test_cond_refuses_unequal_branches_and_wrong_predicates():
    with pytest.raises(ShapeError, match=r"pred must be a scalar, not of shape \(2,\)"):
        lm.cond(lm.asarray([True, False]), lambda: 1, lambda: 2)
    f = lm.compile(lambda p: lm.cond(p, lambda: 1.0, lambda: lm.zeros(3)))
    with pytest.raises(ShapeError, match=r"gave \(float32\[\]\) and false_fn \(float32\[3\]\)"):
        f(lm.asarray(True))
    with pytest.raises(ArgumentError, match="at least one branch"):
        lm.switch(0, [])
    with pytest.raises(DTypeError, match="whole number"):
        lm.switch(0.5, [lambda: 1])
