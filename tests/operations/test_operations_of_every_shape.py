"""Operations compiled for every batch size, and on random shapes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import lamina as lm
from lamina.operations import joining
from operands import close, of

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of NumPy, at infinities


# ---- compiled, and for every batch size --------------------------------------------------------
SAMPLE = {
    "affine": lambda x: lm.softmax(x @ lm.ones((4, 3)) + 0.5),
    "statistics": lambda x: (x - lm.mean(x, 0)) / lm.std(x, 0, correction=0.5),
    "mean of all": lambda x: lm.mean(x),
    "flatten": lambda x: lm.reshape(x, (-1, 2, 2)),
    "ravel": lambda x: lm.ravel(x) * 2,
    "slice": lambda x: x[:, 1:-1],
    "backwards": lambda x: x[::-1, ::2],
    "tail": lambda x: x[1:] - x[:-1],
    "last": lambda x: x[-1],
    "columns": lambda x: x[:, [2, 0]],
    "rows": lambda x: x[lm.argsort(x[:, 0])],
    "transpose": lambda x: x.T @ x,
    "concat": lambda x: lm.concat([x, x * 2], axis=0),
    "stack": lambda x: lm.stack([x, x], axis=1),
    "cumsum": lambda x: lm.cumulative_sum(x, axis=0),
    "cumsum rows": lambda x: lm.cumulative_sum(x, axis=1),
    "argmax": lambda x: lm.argmax(x, 1),
    "sort": lambda x: lm.sort(x, axis=0),
    "top": lambda x: lm.top_k(x, 2).values,
    "one hot": lambda x: lm.one_hot(lm.argmin(x, 1), 4),
    "where": lambda x: lm.where(x > 0, x, -1.0),
    "pad": lambda x: lm.pad(x, ((1, 1), (0, 2))),
    "roll": lambda x: lm.roll(x, 1, axis=0),
    "tile": lambda x: lm.tile(x, (2, 1)),
    "repeat": lambda x: lm.repeat(x, 2, axis=0),
    "broadcast": lambda x: lm.broadcast_to(lm.asarray(1.0), x.shape) + x,
    "zeros like": lambda x: lm.zeros_like(x) + lm.ones(x.shape) * x,
    "positions": lambda x: x * lm.astype(lm.arange(x.shape[0]), "float32")[:, None],
    "expand": lambda x: x[:, None, :] - x[None, :, :],
    "einsum": lambda x: lm.einsum("bi,ci->bc", x, x),
    "update": lambda x: x.at[:, 1].set(0.0),
    "update rows": lambda x: x.at[lm.asarray([0, 0])].add(1.0),
    "update some": lambda x: x.at[::2, 0].multiply(3.0),
    "along": lambda x: lm.take_along_axis(x, lm.argsort(x, axis=1), axis=1),
    "logsumexp": lambda x: lm.logsumexp(x, 1, keepdims=True),
    "flip": lambda x: lm.flip(x),
    "moveaxis": lambda x: lm.moveaxis(x, 0, 1),
    "squeeze": lambda x: lm.squeeze(lm.expand_dims(x, 1), 1),
    "floor_divide": lambda x: x // 0.7 + x % 0.7,
    "asinh": lambda x: lm.asinh(x) + lm.hypot(x, 1.0) + lm.logaddexp(x, 0.0),
    "scatter": lambda x: lm.bincount(lm.argmax(x, 1), length=4),
    "eye": lambda x: x @ lm.eye(4),
}


@pytest.mark.parametrize("name", SAMPLE)
def test_compiled_is_eager_for_every_batch_size(name):
    f = SAMPLE[name]
    x = of((5, 4))
    with lm.settings(engine="numpy"):
        close(lm.compile(f)(lm.asarray(x)), f(lm.asarray(x)), rtol=1e-6)
        symbolic = lm.compile(f, signature=[lm.Spec(("batch", 4))])
        count = lm.compile_stats().count
        for rows in (5, 2, 8):
            x = of((rows, 4))
            ours, theirs = symbolic(lm.asarray(x)), f(lm.asarray(x))
            assert ours.shape == theirs.shape
            assert ours.dtype == theirs.dtype
            close(ours, theirs, rtol=1e-6)
        assert lm.compile_stats().count == count + 1


def test_constants_in_a_program_stay_small():
    """A repeated number is a number and a broadcast, not a large array."""

    def f(x):
        return lm.relu(x * 2.0) + lm.zeros(x.shape) + lm.ones((64, 64)) + lm.eye(64)

    recorded, _ = lm.compile(f).recorded(lm.ones((64, 64)))
    assert recorded.captured == []
    sizes = [n.params["value"].size for n in recorded.graph.nodes() if n.op == "constant"]
    assert max(sizes) == 1


# ---- random shapes -----------------------------------------------------------------------------
EXTENTS = st.sampled_from([0, 1, 2, 3, 7])


@st.composite
def broadcasting(draw):
    full = draw(st.lists(EXTENTS, max_size=4))

    def part():
        kept = full[draw(st.integers(0, len(full))) :]
        return tuple(1 if draw(st.booleans()) else n for n in kept)

    return part(), part()


@examples(max_examples=40, deadline=None)
@given(broadcasting(), st.sampled_from(["add", "maximum", "less", "divide", "logaddexp"]))
def test_broadcasting_of_random_shapes(shapes, name):
    x, y = of(shapes[0]), of(shapes[1])
    with np.errstate(all="ignore"):
        close(getattr(lm, name)(x, y), getattr(np, name)(x, y), rtol=1e-5, atol=1e-5)


@examples(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4), st.data())
def test_reductions_of_random_shapes(shape, data):
    x = of(tuple(shape), "float64")
    axes = data.draw(st.sets(st.integers(0, len(shape) - 1)))
    keepdims = data.draw(st.booleans())
    for name in ("sum", "max", "mean", "std"):
        theirs = getattr(np, name)(x, axis=tuple(axes), keepdims=keepdims)
        close(getattr(lm, name)(x, axis=tuple(axes), keepdims=keepdims), theirs)


@examples(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=4), st.data())
def test_permutations_of_random_shapes(shape, data):
    x = of(tuple(shape))
    order = data.draw(st.permutations(range(len(shape))))
    np.testing.assert_array_equal(lm.permute_dims(x, order), np.permute_dims(x, order))
    shift = data.draw(st.integers(-5, 5))
    axis = data.draw(st.integers(0, len(shape) - 1))
    np.testing.assert_array_equal(joining.roll(x, shift, axis=axis), np.roll(x, shift, axis=axis))
