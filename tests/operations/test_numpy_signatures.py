"""Operations take their arguments in the positions in which NumPy's functions take them."""

import inspect

import numpy as np
import pytest

import lamina as lm

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
SAME = {"a_min": "min", "a_max": "max", "M": "n_cols", "ddof": "correction"}  # other names


def functions():
    for ours, numpys in ((lm, np), (lm.linalg, np.linalg)):
        for name in sorted(ours.__all__):
            function, numpys_function = getattr(ours, name), getattr(numpys, name, None)
            if not inspect.isfunction(function) or not callable(numpys_function):
                continue
            if not isinstance(numpys_function, np.ufunc) and not any(
                p.kind is p.VAR_POSITIONAL for p in parameters(numpys_function)
            ):
                yield pytest.param(function, numpys_function, id=f"{ours.__name__}.{name}")


def parameters(function):
    return list(inspect.signature(function).parameters.values())


def positional(found):
    return [SAME.get(p.name, p.name) for p in found if p.kind in POSITIONAL]


@pytest.mark.parametrize(("ours", "numpys"), list(functions()))
def test_positional_arguments_are_those_of_numpy_in_its_order(ours, numpys):
    """Up to the first that Lamina lacks, such as `out`; from there on ours are keywords."""
    expected = parameters(numpys)
    wanted, given = positional(expected), positional(parameters(ours))
    keywords = {p.name for p in parameters(ours) if p.kind is p.KEYWORD_ONLY}
    operands = sum(p.default is p.empty and p.kind in POSITIONAL for p in expected)
    assert given[operands : len(wanted)] == wanted[operands : len(given)]
    if len(wanted) > len(given):
        missing = wanted[len(given)]
        assert missing not in keywords, f"{missing} has a position in NumPy"


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("tensordot", (np.ones((2, 3)), np.ones((2, 3)), 2)),
        ("flip", (np.arange(6).reshape(2, 3), 1)),
        ("diff", (np.array([1.0, 4.0, 9.0]), 2)),
        ("sum", (np.arange(6).reshape(2, 3), 0, np.float32)),
        ("roll", (np.arange(6).reshape(2, 3), 1, 1)),
        ("stack", ([np.zeros(2), np.ones(2)], 1)),
        ("take", (np.arange(6).reshape(2, 3), [2, 0], 1)),
        ("linspace", (0.0, 1.0, 4, False)),
        ("logspace", (0.0, 3.0, 4, False, 2.0, np.float64)),
        ("full", ((2, 2), 7, np.int32)),
        ("eye", (2, 3, 1, np.float32)),
        ("tril", (np.ones((3, 3)), 1)),
        ("diagonal", (np.arange(24).reshape(2, 3, 4), 1)),
        ("diagonal", (np.arange(24).reshape(2, 3, 4), 0, 1, 2)),
        ("trace", (np.arange(24).reshape(2, 3, 4),)),
        ("sort", (np.array([[3, 1], [2, 4]]), 0)),
        ("searchsorted", (np.array([1, 2, 4]), np.array([2, 4]), "right")),
        ("isclose", (np.array([np.nan]), np.array([np.nan]), 1e-5, 1e-8, True)),
    ],
)
def test_the_value_is_numpys_for_arguments_by_position(name, args):
    expected, found = getattr(np, name)(*args), getattr(lm, name)(*args)
    np.testing.assert_allclose(np.asarray(found), expected)


@pytest.mark.parametrize("name", ["diagonal", "trace"])
def test_functions_of_linalg_take_the_last_two_axes_of_tensors(name):
    x = np.arange(24.0).reshape(2, 3, 4)
    tensor = lm.asarray(x)
    expected = getattr(np.linalg, name)(x)
    np.testing.assert_allclose(getattr(lm.linalg, name)(tensor).numpy(), expected)
    found = getattr(np.linalg, name)(tensor)
    assert isinstance(found, lm.Tensor)
    np.testing.assert_allclose(found.numpy(), expected)
    np.testing.assert_allclose(getattr(np, name)(tensor).numpy(), getattr(np, name)(x))


# ---- einsum ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "subscripts",
    ["ij,jk,kl->il", "ij,jk,kl,lm->im", "ij,jk,k,i->", "a,b,c->abc", "i,i,i->i", "ab,bc,ca,ab->c",
     "...i,ij,j...->...", "ab,bc,cd,de,ef,fg->ag"],
)  # fmt: skip
def test_einsum_of_several_operands_is_numpys(subscripts):
    rng = np.random.default_rng(0)
    inputs = subscripts.partition("->")[0].split(",")
    operands = [rng.standard_normal((3,) * len(labels.replace("...", "z"))) for labels in inputs]
    expected = np.einsum(subscripts, *operands)
    np.testing.assert_allclose(lm.einsum(subscripts, *operands).numpy(), expected, rtol=1e-10)


def test_einsum_contracts_a_long_chain_from_its_vector():
    """(A (B (C v))) multiplies 3 n^2 times; from the left it would be 2 n^3."""
    n = 60

    def f(a, b, c, v):
        return lm.einsum("ij,jk,kl,l->i", a, b, c, v)

    text = str(lm.inspect.graph(f, *[np.ones((n, n))] * 3, np.ones(n)))
    sizes = [line for line in text.splitlines() if "dot_general" in line]
    assert len(sizes) == 3
    assert not any(line.endswith(f"[{n}, {n}]") for line in sizes), text


def test_einsum_of_unknown_batch_size_takes_the_same_order():
    @lm.compile
    def f(x, a, b):
        return lm.einsum("nj,jk,kl->nl", x, a, b)

    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((4, 50)), rng.standard_normal((50, 3))
    for rows in (2, 5):
        x = rng.standard_normal((rows, 4))
        np.testing.assert_allclose(np.asarray(f(x, a, b)), x @ a @ b, rtol=1e-10)
