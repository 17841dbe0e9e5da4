"""Tensors and Variables: what they are, their operators and methods, and what a trace refuses."""

import numpy as np
import pytest

import lamina as lm

X = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")


def tensor():
    return lm.asarray(X)


# ---- what it is --------------------------------------------------------------------------------
def test_properties():
    x = tensor()
    assert (x.ndim, x.shape, x.size, x.dtype, x.device) == (2, (2, 3), 6, lm.float32, "cpu")
    assert x.T.shape == (3, 2)
    assert x.mT.shape == (3, 2)
    assert len(x) == 2
    assert x.to_device("cpu") is x
    assert not x.is_traced


def test_texts():
    assert repr(lm.asarray([1.0, 2.5])) == "Tensor([1. , 2.5], float32[2])"
    assert str(lm.asarray([1, 2])) == "[1 2]"
    assert f"{lm.asarray(1.23456):.2f}" == "1.23"
    seen = []
    with lm.settings(engine="numpy"):
        lm.compile(lambda x: seen.append(repr(x)) or x, signature=[lm.Spec(("batch", 3))])(X)
    assert seen == ["Tensor(traced, float32[batch, 3])"]


def test_python_numbers():
    assert float(lm.asarray(1.5)) == 1.5
    assert int(lm.asarray([3])) == 3
    assert [10, 20, 30][lm.asarray(1)] == 20
    assert bool(lm.asarray(True))
    assert lm.asarray(2.0).item() == 2.0
    assert tensor().tolist() == X.tolist()
    assert round(lm.asarray(1.26), 1).item() == pytest.approx(1.3)
    with pytest.raises(ValueError, match=r"one element; this one has shape \(2, 3\)"):
        bool(tensor())
    with pytest.raises(TypeError, match="integer"):
        [1, 2][lm.asarray(1.0)]


# ---- operators ---------------------------------------------------------------------------------
OPERATORS = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "/": lambda a, b: a / b, "//": lambda a, b: a // b, "%": lambda a, b: a % b,
    "**": lambda a, b: a**b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("kind", ["tensor", "array", "list", "number", "variable"])
def test_operators_on_both_sides(name, kind):
    f = OPERATORS[name]
    x = np.array([1.0, 2.0, 3.0], "float32")
    other = np.array([3.0, 2.0, 1.0], "float32")
    beside = {
        "tensor": lm.asarray(other),
        "array": other,
        "list": other.tolist(),
        "number": 2.0,
        "variable": lm.Variable(other),
    }[kind]
    plain = 2.0 if kind == "number" else other
    for ours, theirs in (
        (f(lm.asarray(x), beside), f(x, plain)),
        (f(beside, lm.asarray(x)), f(plain, x)),
    ):
        assert isinstance(ours, lm.Tensor)
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        assert ours.dtype == np.asarray(theirs).dtype


def test_operators_of_integers():
    x, y = np.array([6, 5, 12]), np.array([3, 1, 2])
    a = lm.asarray(x)
    for ours, theirs in [
        (a & y, x & y), (a | y, x | y), (a ^ y, x ^ y), (a << y, x << y), (a >> y, x >> y),
        (~a, ~x), (-a, -x), (+a, +x), (abs(-a), abs(-x)), (1 << a, 1 << x), (7 & a, 7 & x),
    ]:  # fmt: skip
        np.testing.assert_array_equal(ours, theirs)
    quotient, rest = divmod(a, 4)
    np.testing.assert_array_equal(quotient, x // 4)
    np.testing.assert_array_equal(rest, x % 4)


def test_matrix_product():
    np.testing.assert_allclose(tensor() @ X.T, X @ X.T)
    np.testing.assert_allclose(X.T @ tensor(), X.T @ X)


def test_operands_that_make_no_sense():
    for other in ("a", None, {}):
        with pytest.raises(TypeError):
            tensor() + other
    assert (tensor() == None) is False  # noqa: E711  (as an object that is compared with None)
    assert tensor() != "a"


def test_tensors_are_hashable_by_identity():
    x, y = tensor(), tensor()
    assert {x: 1, y: 2}[x] == 1


METHODS = {
    "sum": lambda x: x.sum(0), "mean": lambda x: x.mean(axis=1), "max": lambda x: x.max(),
    "min": lambda x: x.min(0, keepdims=True), "prod": lambda x: x.prod(),
    "std": lambda x: x.std(0, ddof=1), "var": lambda x: x.var(), "any": lambda x: x.any(),
    "all": lambda x: x.all(0), "reshape": lambda x: x.reshape(3, 2),
    "reshape tuple": lambda x: x.reshape((3, -1)), "transpose": lambda x: x.transpose(1, 0),
    "transpose tuple": lambda x: x.transpose((1, 0)), "transpose all": lambda x: x.transpose(),
    "astype": lambda x: x.astype("int32"), "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(), "squeeze": lambda x: x[:1].squeeze(0),
    "argmax": lambda x: x.argmax(1), "argmin": lambda x: x.argmin(), "clip": lambda x: x.clip(2, 5),
    "round": lambda x: (x * 1.37).round(1), "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(), "dot": lambda x: x.dot(x.T),
    "take": lambda x: x.take([0, 2], 1),
    "repeat": lambda x: x.repeat(2, 1), "swapaxes": lambda x: x.swapaxes(0, 1),
    "argsort": lambda x: (-x).argsort(1), "trace": lambda x: x.trace(),
    "diagonal": lambda x: x.diagonal(), "copy": lambda x: x.copy(),
    "searchsorted": lambda x: x[0].searchsorted(x[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods(name):
    f = METHODS[name]
    theirs = f(X)
    np.testing.assert_allclose(f(tensor()), theirs, rtol=1e-6)
    np.testing.assert_allclose(f(lm.Variable(X)), theirs, rtol=1e-6)
    with lm.settings(engine="numpy"):
        np.testing.assert_allclose(lm.compile(f)(tensor()), theirs, rtol=1e-6)


# ---- variables ---------------------------------------------------------------------------------
def test_variables():
    v = lm.Variable([1.0, 2.0], name="w")
    before = v.read()
    v.assign([3.0, 4.0])
    v.assign_add([1.0, 1.0])
    v.assign_sub(2.0 * v)
    assert v.numpy().tolist() == [-4.0, -5.0]
    assert before.tolist() == [1.0, 2.0]
    assert "w" in repr(v)
    assert (v + 1).tolist() == [-3.0, -4.0]
    assert v[0].item() == -4.0
    assert (v > -4.5).tolist() == [True, False]
    with pytest.raises(ValueError, match=r"'w' has shape \(2,\)"):
        v.assign([1.0])


def test_variables_in_programs_are_state():
    count = lm.Variable(0, name="count")

    @lm.compile
    def step(x):
        count.assign_add(1)
        return x * lm.astype(count.read(), "float32")

    with lm.settings(engine="numpy"):
        assert step(lm.asarray(2.0)).item() == 2.0
        assert step(lm.asarray(2.0)).item() == 4.0
    assert count.numpy() == 2


# ---- traces ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x > 0 else -x,
        float,
        lambda x: x.item(),
        lambda x: x.numpy(),
        lambda x: [0, 1][lm.astype(x, "int32")],
        lambda x: np.linalg.svd(x),
        lambda x: np.add.reduce(x),
        lambda x: np.isreal(x),
        lambda x: 1.0 in x[None],
        lambda x: lm.unique_values(x),
    ],
)
def test_values_of_traced_tensors_are_refused(f):
    with (
        lm.settings(engine="numpy"),
        pytest.raises(lm.errors.TracedValueError, match="program runs"),
    ):
        lm.compile(f)(lm.asarray(1.0))


def test_numpy_functions_on_traced_tensors():
    def f(x):
        return np.exp(x) + np.sum(x, axis=0) + np.concatenate([x, x])[:2] + np.float32(1) * x

    expected = np.exp(X) + X.sum(0) + X + X
    with lm.settings(engine="numpy"):
        np.testing.assert_allclose(lm.compile(f)(tensor()), expected, rtol=1e-6)


def test_the_softmax_of_the_lecture():
    dot, softmax = lm.dot, lm.softmax
    w, b = np.ones((3, 4), "float32") * 0.1, np.arange(4.0, dtype="float32")
    y = softmax(dot(tensor(), w) + b)
    np.testing.assert_allclose(y.sum(1), [1, 1], rtol=1e-6)


def test_a_misspelt_name_has_a_nearest_one():
    with pytest.raises(AttributeError, match="did you mean 'softmax'"):
        lm.sofmax  # noqa: B018


def test_elements_are_not_assigned():
    """The message holds what to write instead, for a tensor and for a variable."""
    x, v = lm.ones(3), lm.Variable(lm.ones(3))
    with pytest.raises(ValueError, match=r"x = x\.at\[index\]\.set\(value\)"):
        x[0] = 2.0
    with pytest.raises(ValueError, match=r"x\.assign\(x\.at\[index\]\.set\(value\)\)"):
        v[0] += 1.0
    v.assign(v.at[0].set(2.0))
    assert v.numpy().tolist() == [2.0, 1.0, 1.0]


def test_variables_of_one_element_are_python_numbers():
    rate = lm.optimizers.SGD(0.5).learning_rate
    assert (float(rate), int(lm.Variable(3)), bool(lm.Variable(0))) == (0.5, 3, False)
    with pytest.raises(ValueError, match="one element"):
        float(lm.Variable(lm.ones(3)))
    with pytest.raises(TypeError, match="traced"):
        lm.compile(lambda x: x if rate else -x)(lm.ones(3))


def test_the_truth_of_several_elements():
    with pytest.raises(ValueError, match=r"shape \(3,\)\n.*any\(\)"):
        assert lm.ones(3)
