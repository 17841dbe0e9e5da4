"""`x[...]` and `x.at[...]` against NumPy: basic, advanced, masks, traced, any batch size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

import lamina as lm
from lamina.errors import DTypeError

X = np.arange(4 * 5 * 6, dtype="float32").reshape(4, 5, 6)
MASK = np.array([True, False, True, True])
MASK2 = X[:, :, 0] % 4 == 0
MASK3 = X % 7 == 0
I = np.array([2, 0, -1])
J = np.array([[1], [3], [-2]])

CASES = [
    0, -1, (1, 2, 3), (..., 2), (2, ...), (slice(1, 3),), slice(None), ...,
    (slice(None), slice(1, -1)), (slice(None, None, -1), 2), (slice(None), slice(4, 0, -2)),
    (slice(10, 100), slice(None), slice(None)), slice(3, 1), (slice(-3, None, 2), ..., -1),
    None, (None, 1, None, ..., None), (slice(None), None, 0), (np.int64(2), np.uint8(1)),
    # advanced
    I, [2, 0], [], J, (I, 1), (I, slice(None), 1), (I, slice(None), I), (slice(None), I, I),
    (slice(None), I, slice(1, 4)), (slice(1, 3), I), (I, J), (I, slice(None), J),
    (0, slice(None), I),
    (slice(None), 0, I), (None, I), (I, None, I), (I, None, slice(None), I), (..., I), (..., I, 0),
    (I, ..., I), (slice(None, None, -1), I, slice(None, None, 2)), np.array(2), (np.array(2), I),
    (slice(None), np.array(1)), np.zeros((2, 0), int), (I, slice(0, 0)),
    # masks
    MASK, (MASK, 1), (MASK, slice(None), [0, 1, 2]), MASK2, (MASK2, 3), MASK3,
    (slice(None), X[0, :, 0] > 9),
    True, False, (True, 1), (slice(None), False), np.array(True), np.zeros(4, bool),
    (MASK2, slice(1, 3)),
]  # fmt: skip


@pytest.mark.parametrize("index", CASES, ids=lambda i: repr(i)[:60])
def test_as_in_numpy(index):
    ours = lm.asarray(X)[index]
    assert ours.shape == X[index].shape
    np.testing.assert_array_equal(ours, X[index])


@pytest.mark.parametrize("index", CASES, ids=lambda i: repr(i)[:60])
def test_traced_tensors(index):
    with lm.settings(engine="numpy"):
        np.testing.assert_array_equal(lm.compile(lambda x: x[index])(lm.asarray(X)), X[index])


INTEGERS = [c for c in CASES if isinstance(c, np.ndarray) and c.dtype.kind == "i"]


@pytest.mark.parametrize("index", [I, J, np.array(2), np.array([[0, -4]])], ids=repr)
def test_traced_indices(index):
    with lm.settings(engine="numpy"):
        for f in (lambda x, i: x[i], lambda x, i: x[:, i], lambda x, i: x[i, 1:, i]):
            np.testing.assert_array_equal(
                lm.compile(f)(lm.asarray(X), lm.asarray(index)), f(X, index)
            )


def test_traced_indices_outside_are_moved_to_the_nearest():
    x = np.arange(3.0, dtype="float32")
    with lm.settings(engine="numpy"):
        taken = lm.compile(lambda i: lm.asarray(x)[i])(np.array([5, 2, -1, -9]))
    assert taken.tolist() == [2.0, 2.0, 2.0, 0.0]


def test_lines_of_the_lectures():
    x = lm.asarray(np.arange(128 * 28 * 28, dtype="float32").reshape(128, 28, 28))
    y = x.numpy()
    n = 2
    for ours, theirs in [
        (x[10:100, :, :], y[10:100, :, :]),
        (x[:, 14:, 14:], y[:, 14:, 14:]),
        (x[:, 7:-7, 7:-7], y[:, 7:-7, 7:-7]),
        (x[32 * n : 32 * (n + 1)], y[32 * n : 32 * (n + 1)]),
        (x[4], y[4]),
        (x[4, 3:5], y[4, 3:5]),
    ]:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (4, "index 4 is out of bounds for axis 0 with size 4"),
        ((0, -6), "index -6 is out of bounds for axis 1 with size 5"),
        (([0, 9],), "index 9 is out of bounds for axis 0 with size 4"),
        ((..., [-7]), "index -7 is out of bounds for axis 2 with size 6"),
        ((0, 0, 0, 0), "too many indices: 4 for a tensor of 3 axes"),
        ((..., ...), "one Ellipsis"),
        (np.ones(3, bool), "a mask of shape"),
        (([0, 1], [0, 1, 2]), "do not broadcast"),
        (1.0, "an index must be an integer"),
        ("a", "an array of dtype"),
        (slice(0, 1.5), "bounds must be integers"),
    ],
)
def test_errors(index, message):
    with pytest.raises(lm.LaminaError, match=message):
        lm.asarray(X)[index]


def test_an_index_by_traced_values_raises_with_the_alternative():
    with lm.settings(engine="numpy"):
        with pytest.raises(lm.errors.TracedValueError, match=r"lm\.where"):
            lm.compile(lambda x: x[x > 0])(lm.asarray(X))
        with pytest.raises(lm.errors.TracedValueError, match="dynamic_slice"):
            lm.compile(lambda x, n: x[n:])(lm.asarray(X), lm.asarray(1))
        with pytest.raises(lm.errors.TracedValueError, match="nonzero"):
            lm.compile(lambda x: lm.nonzero(x))(lm.asarray(X))
        symbolic = [lm.Spec(("batch", 3))]
        with pytest.raises(lm.errors.ShapeError, match=r"x\[1:\]"):
            lm.compile(lambda x: x[:2], signature=symbolic)(lm.ones((5, 3)))
        with pytest.raises(lm.errors.TracedValueError, match="symbolic"):
            lm.compile(lambda x: x * len(x), signature=symbolic)(lm.ones((5, 3)))


SYMBOLIC = {
    "whole": lambda x: x[:],
    "tail": lambda x: x[2:],
    "head": lambda x: x[:-2],
    "middle": lambda x: x[1:-1],
    "last ones": lambda x: x[-2:],
    "steps": lambda x: x[::2],
    "steps from": lambda x: x[1::3],
    "backwards": lambda x: x[::-1],
    "first": lambda x: x[0],
    "last": lambda x: x[-1],
    "columns": lambda x: x[:, 7:-7, 7:-7],
    "corner": lambda x: x[:, 14:, 14:],
    "new axis": lambda x: x[:, None],
    "picked": lambda x: x[[0, -1]],
    "picked columns": lambda x: x[:, [0, -1], 2],
    "apart": lambda x: x[:, [0, 1], :, None][..., 0],
}


@pytest.mark.parametrize("name", SYMBOLIC)
def test_any_batch_size(name):
    f = SYMBOLIC[name]
    program = lm.compile(f, signature=[lm.Spec(("batch", 28, 28))])
    with lm.settings(engine="numpy"):
        for rows in (3, 8, 5):
            x = np.arange(rows * 28 * 28, dtype="float32").reshape(rows, 28, 28)
            np.testing.assert_array_equal(program(lm.asarray(x)), f(x))


# ---- random indices ----------------------------------------------------------------------------
def item(n):
    whole = st.integers(-n, n - 1)
    bound = st.one_of(st.none(), st.integers(-n - 2, n + 2))
    step = st.one_of(st.none(), st.integers(1, 3), st.integers(-3, -1))
    part = st.builds(slice, bound, bound, step)
    array = st.lists(whole, min_size=2, max_size=2).map(np.array)
    column = st.lists(whole, min_size=3, max_size=3).map(lambda v: np.array(v)[:, None])
    return st.one_of(whole, part, st.just(slice(None)), array, column)


@st.composite
def indices(draw):
    count = draw(st.integers(0, 3))
    items = [draw(item(n)) for n in X.shape[:count]]
    for _ in range(draw(st.integers(0, 2))):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        items.insert(count if len(items) == count else len(items), ...)
    return tuple(items)


@examples(max_examples=300, deadline=None)
@given(indices())
def test_random_indices(index):
    expected = X[index]
    ours = lm.asarray(X)[index]
    assert ours.shape == expected.shape
    np.testing.assert_array_equal(ours, expected)


@examples(max_examples=100, deadline=None)
@given(indices(), st.sampled_from(["set", "add", "multiply", "min", "max"]))
def test_random_updates(index, kind):
    picked = X[index]
    values = np.arange(picked.size, dtype="float32").reshape(picked.shape) % 5 - 2
    if kind == "set":  # where an element is named twice the last one stays, here and in NumPy
        expected = X.copy()
        expected[index] = values
    else:
        expected = X.copy()
        combine = {"add": np.add, "multiply": np.multiply, "min": np.minimum, "max": np.maximum}
        combine[kind].at(expected, index, values)
    np.testing.assert_array_equal(getattr(lm.asarray(X).at[index], kind)(values), expected)


# ---- updates -----------------------------------------------------------------------------------
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("run", [lambda f: f, lm.compile])
def test_16_bit_floats_are_combined_in_float32_and_rounded_once(dtype, run):
    x = lm.zeros(2, dtype=dtype)
    summed = run(lambda x, v: x.at[lm.zeros(4097, dtype="int32")].add(v))(
        x, lm.ones(4097, dtype=dtype)
    )
    assert summed.dtype == dtype and summed.astype("float32").tolist() == [4096, 0]
    largest = run(lambda x, v: x.at[[0, 0]].max(v))(x, lm.asarray([3.0, 2.0], dtype=dtype))
    assert largest.astype("float32").tolist() == [3, 0]


def test_updates_that_compute_need_numbers():
    x = lm.zeros(2, dtype="bool")
    assert x.at[[0, 0]].set(True).tolist() == [True, False]
    with pytest.raises(DTypeError, match="add: needs numbers; got bool"):
        x.at[[0, 0]].add(True)


def test_updates_leave_the_tensor_alone():
    x = lm.asarray(X)
    y = x.at[0, 1:3].set(-1)
    assert y[0, 1, 0].item() == -1
    np.testing.assert_array_equal(x, X)
    assert x.at[0].get().shape == (5, 6)
    np.testing.assert_array_equal(x.at[0].subtract(1.0)[0], X[0] - 1)


def test_updates_broadcast_and_convert():
    x = lm.zeros((3, 4), dtype="int32")
    assert x.at[1].set(2.0).dtype == "int32"
    assert x.at[:, 1:3].set([5, 6]).tolist() == [[0, 5, 6, 0]] * 3
    with pytest.raises(lm.errors.ShapeError, match="do not fit"):
        x.at[:, 1:3].set([5, 6, 7])


def test_repeated_positions_add_up():
    x = lm.zeros(4).at[lm.asarray([1, 1, 3, -1])].add(1.0)
    assert x.tolist() == [0, 2, 0, 2]


def test_updates_in_programs():
    def f(x, i, v):
        return x.at[i].add(v), x.at[1:3, :2].multiply(2.0), x.at[i, 0].set(9.0)

    i, v = np.array([0, 2, 0]), np.ones((3, 5, 6), "float32")
    with lm.settings(engine="numpy"):
        added, scaled, written = lm.compile(f)(lm.asarray(X), lm.asarray(i), lm.asarray(v))
    expected = X.copy()
    np.add.at(expected, i, v)
    np.testing.assert_array_equal(added, expected)
    expected = X.copy()
    expected[1:3, :2] *= 2
    np.testing.assert_array_equal(scaled, expected)
    expected = X.copy()
    expected[i, 0] = 9
    np.testing.assert_array_equal(written, expected)


def test_gradients_of_reading_and_updating():
    x = lm.asarray(np.arange(4.0))
    picked = lm.grad(lambda v: lm.sum(v[[1, 1, 3]] ** 2))(x)
    assert picked.tolist() == [0.0, 4.0, 0.0, 6.0]
    replaced = lm.grad(lambda v: lm.sum(v.at[1:3].set(0.0) ** 2))(x)
    assert replaced.tolist() == [0.0, 0.0, 0.0, 6.0]
    written = lm.grad(lambda v: lm.sum(lm.ones(4).at[[0, 2]].add(v[:2]) ** 2))(x)
    assert written.tolist() == [2.0, 4.0, 0.0, 0.0]


# ---- taking ------------------------------------------------------------------------------------
def test_take():
    x = lm.asarray(X)
    np.testing.assert_array_equal(lm.take(x, J, axis=1), np.take(X, J, axis=1))
    np.testing.assert_array_equal(x.take([3, -1]), X.take([3, -1]))
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 1"):
        lm.take(x, [5], axis=1)
    with pytest.raises(lm.errors.DTypeError, match="indices must be integers"):
        lm.take(x, [0.5], axis=1)


def test_dynamic_slices():
    x = lm.asarray(X)
    part = lm.dynamic_slice(x, (1, 0, 4), (2, 5, 2))
    np.testing.assert_array_equal(part, X[1:3, :, 4:6])
    moved = lm.dynamic_slice(x, (3, 0, 0), (2, 5, 6))
    np.testing.assert_array_equal(moved, X[2:4])
    written = lm.dynamic_update_slice(x, lm.zeros((1, 5, 6)), (lm.asarray(2), 0, 0))
    assert lm.sum(written[2]).item() == 0
    with pytest.raises(lm.errors.ShapeError, match="2 starts"):
        lm.dynamic_slice(x, (1, 0), (2, 5, 2))


def test_nonzero():
    for ours, theirs in zip(lm.nonzero(MASK3), np.nonzero(MASK3), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_iteration():
    rows = list(lm.asarray(X))
    assert len(rows) == 4
    np.testing.assert_array_equal(rows[2], X[2])
    a, b = lm.asarray([1, 2])
    assert (a.item(), b.item()) == (1, 2)
    assert 2 in lm.asarray([1, 2])
    with pytest.raises(TypeError, match="without axes"):
        iter(lm.asarray(1.0))
