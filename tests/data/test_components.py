"""Dataset.from_tensor_slices gives the elements that tf.data gives, and never an empty data set."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import lamina as lm
from lamina.data import Dataset
from lamina.errors import DataError, DTypeError, LaminaError, ShapeError

Pair = namedtuple("Pair", ["left", "right"])
SLICES = Dataset.from_tensor_slices


def plain(element):
    """An element with Python's values in the place of arrays."""
    if isinstance(element, dict):
        return {key: plain(each) for key, each in element.items()}
    if isinstance(element, tuple):
        return (
            type(element)(*map(plain, element))
            if hasattr(element, "_fields")
            else tuple(map(plain, element))
        )
    return element.tolist()


ELEMENTS = {
    "a list of numbers": ([1, 2, 3], [1, 2, 3]),
    "a list of lists": ([[1, 2], [3, 4]], [[1, 2], [3, 4]]),
    "a list of tuples is one array": ([(1, 2), (3, 4)], [[1, 2], [3, 4]]),
    "a list of arrays": ([np.array([1, 2]), np.array([3, 4])], [[1, 2], [3, 4]]),
    "a list of tensors": ([lm.asarray([1, 2]), lm.asarray([3, 4])], [[1, 2], [3, 4]]),
    "a tuple of lists": (([1, 2], [3.0, 4.0]), [(1, 3.0), (2, 4.0)]),
    "a tuple of one": (([1, 2],), [(1,), (2,)]),
    "a dict of lists": ({"a": [1, 2], "b": [[3], [4]]}, [{"a": 1, "b": [3]}, {"a": 2, "b": [4]}]),
    "another mapping": (OrderedDict(a=[1, 2]), [{"a": 1}, {"a": 2}]),
    "features and labels": (({"a": [1, 2]}, [0, 1]), [({"a": 1}, 0), ({"a": 2}, 1)]),
    "a tuple of tuples": ((([1, 2], [3, 4]), [5, 6]), [((1, 3), 5), ((2, 4), 6)]),
    "a named tuple": (Pair([1, 2], [3, 4]), [Pair(1, 3), Pair(2, 4)]),
    "strings": (["a", "bc"], ["a", "bc"]),
    "strings as objects": (np.array(["a", "bc"], dtype=object), None),
    "strings and labels": ((["a", "bc"], [0, 1]), [("a", 0), ("bc", 1)]),
    "a range": (range(3), [0, 1, 2]),
    "a tensor": (lm.asarray([[1], [2]]), [[1], [2]]),
}


@pytest.mark.parametrize("what", ELEMENTS)
def test_the_elements_are_those_of_tf_data(what):
    given, expected = ELEMENTS[what]
    data = SLICES(given)
    if expected is None:
        assert list(data) == ["a", "bc"]
    else:
        assert len(data) == len(expected)
        assert [plain(each) for each in data] == expected
    assert not data.batched and len(data.batch(2)) == -(-len(data) // 2)


def test_python_numbers_have_the_dtypes_of_tensors_and_arrays_keep_theirs():
    kinds = {np.float32: [1.5], np.int32: [1], np.int64: [2**40], np.bool_: [True]}
    for kind, values in kinds.items():
        assert next(iter(SLICES(values))).dtype == kind
    for dtype in ("float64", "uint8", "int64"):
        assert next(iter(SLICES(np.zeros(2, dtype)))).dtype == dtype


@pytest.mark.parametrize(
    "given, error, words",
    [
        (3, ShapeError, "single value"),
        ("abc", ShapeError, "single value"),
        (np.float32(1), ShapeError, "single value"),
        (([1, 2], 3), ShapeError, r"component \[1\]: a single value"),
        (([1, 2], [3]), DataError, r"\[0\] has 2, \[1\] has 1"),
        ({"a": [1, 2], "b": ([3], [4])}, DataError, r"\['b'\]\[0\] has 1"),
        ([[1], [2, 3]], ShapeError, "differing shapes"),
        ([], DataError, "no rows"),
        ((), DataError, "no rows"),
        ({}, DataError, "no rows"),
        ([[], []], None, ""),
        (np.zeros((0, 3)), DataError, "no rows"),
        (None, DTypeError, "neither numbers nor strings"),
        (([1], None), DTypeError, r"component \[1\]"),
        ([None, 1], DTypeError, "neither numbers nor strings"),
        (iter([1, 2]), DTypeError, "neither numbers nor strings"),
        ({1, 2}, DTypeError, "neither numbers nor strings"),
        ([{"a": 1}, {"a": 2}], DTypeError, "neither numbers nor strings"),
        (object(), DTypeError, "neither numbers nor strings"),
    ],
)
def test_from_tensor_slices_refuses_data_without_rows(given, error, words):
    if error is None:
        assert len(SLICES(given)) == 2
        return
    with pytest.raises(error, match=rf"from_tensor_slices: .*{words}") as caught:
        SLICES(given)
    assert isinstance(caught.value, LaminaError) and caught.value.hint


def test_lists_train_a_model_like_arrays():
    x, y = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32), np.arange(20) % 2
    losses = []
    for data in ((x, y), (x.tolist(), y.tolist())):
        lm.set_seed(0)
        model = lm.Sequential([lm.Input((3,)), lm.layers.Dense(2, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        batches = SLICES(data).batch(8)
        losses.append(model.fit(batches, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]
