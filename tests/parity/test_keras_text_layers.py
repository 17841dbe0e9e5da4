"""Layers for texts and categories against Keras's, which needs TensorFlow for most of them."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
pytest.importorskip("tensorflow")
keras = pytest.importorskip("keras")

from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity

TEXTS = [
    "The cat sat on the mat.",
    "the dog; the CAT, and the dog's bone",
    "",
    "a  mat,\tA mat -- a_b c/d! cat",
]
MORE = ["the bird sat on a dog", "unseen words", "", "Cat."]
WORDS = ["cat", "dog", "", "bird", "cat", "mat", "[UNK]", "cat", "dog"]


def same(found, expected):
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5)


TEXT_CASES = [
    {},
    {"standardize": None},
    {"standardize": "lower"},
    {"standardize": "strip_punctuation"},
    {"split": "character"},
    {"split": None},
    {"ngrams": 2},
    {"ngrams": (3, 1)},
    {"max_tokens": 6},
    {"max_tokens": 6, "ngrams": 2, "output_mode": "count"},
    {"output_sequence_length": 3},
    {"output_sequence_length": 12},
    {"output_mode": "multi_hot"},
    {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 50},
    {"output_mode": "tf_idf"},
    {"output_mode": "tf_idf", "pad_to_max_tokens": True, "max_tokens": 30},
]


@pytest.mark.parametrize("arguments", TEXT_CASES, ids=str)
def test_text_vectorization(arguments):
    ours, theirs = (m.TextVectorization(**arguments) for m in (layers, keras.layers))
    ours.adapt(TEXTS)
    theirs.adapt(TEXTS)
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    assert ours.vocabulary_size() == theirs.vocabulary_size()
    same(ours(TEXTS), theirs(TEXTS))
    same(ours(MORE), theirs(MORE))
    if arguments.get("split", "") is not None:
        same(ours([[text] for text in MORE]), theirs([[text] for text in MORE]))
    assert ours.get_vocabulary(False) == theirs.get_vocabulary(include_special_tokens=False)


def test_text_vectorization_of_a_given_vocabulary():
    for more in ({}, {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 2.0]}):
        given = {"vocabulary": ["cat", "dog", "mat"], **more}
        ours, theirs = (m.TextVectorization(**given) for m in (layers, keras.layers))
        same(ours(MORE), theirs(MORE))
        same(ours("the cat"), theirs("the cat"))


LOOKUP_CASES = [
    {},
    {"mask_token": ""},
    {"num_oov_indices": 3, "mask_token": ""},
    {"num_oov_indices": 3, "salt": [133, 137]},
    {"max_tokens": 4},
    {"output_mode": "one_hot"},
    {"output_mode": "multi_hot", "mask_token": ""},
    {"output_mode": "count", "num_oov_indices": 2, "mask_token": ""},
    {"output_mode": "tf_idf"},
]


@pytest.mark.parametrize("arguments", LOOKUP_CASES, ids=str)
@pytest.mark.parametrize("shape", [(9,), (3, 3), (9, 1)])
def test_string_lookup(arguments, shape):
    ours, theirs = (m.StringLookup(**arguments) for m in (layers, keras.layers))
    data = np.array(WORDS).reshape(shape)
    ours.adapt(data)
    theirs.adapt(data)
    assert ours.get_vocabulary() == theirs.get_vocabulary()
    asked = np.array(["cat", "tiger", "", "owl", "elk", "dog", "newt", "bird", "ape"])
    same(ours(asked.reshape(shape)), theirs(asked.reshape(shape)))


INTEGER_CASES = [
    {},
    {"mask_token": 7},
    {"num_oov_indices": 3, "mask_token": 7},
    {"max_tokens": 3},
    {"output_mode": "one_hot"},
    {"output_mode": "multi_hot", "mask_token": 7},
    {"output_mode": "count", "num_oov_indices": 2},
    {"output_mode": "count", "pad_to_max_tokens": True, "max_tokens": 12},
    {"output_mode": "tf_idf"},
]


@pytest.mark.parametrize("arguments", INTEGER_CASES, ids=str)
@pytest.mark.parametrize("shape", [(8,), (2, 4), (8, 1)])
def test_integer_lookup(arguments, shape):
    ours, theirs = (m.IntegerLookup(**arguments) for m in (layers, keras.layers))
    data = np.array([5, 1000, 5, 7, -3, 1000, 5, 12]).reshape(shape)
    ours.adapt(data)
    theirs.adapt(data)
    assert [int(t) for t in theirs.get_vocabulary()] == ours.get_vocabulary()
    asked = np.array([5, 7, 8, -3, 1000, 2000, -7, 12]).reshape(shape)
    same(ours(asked), theirs(asked))


def test_integers_back():
    given = {"vocabulary": [12, 36, 1138], "invert": True, "mask_token": 0}
    ours, theirs = (m.IntegerLookup(**given) for m in (layers, keras.layers))
    numbers = np.array([[0, 1, 2], [3, 4, 99]])
    same(ours(numbers), theirs(numbers))


@pytest.mark.parametrize("mode", ["one_hot", "multi_hot", "count"])
@pytest.mark.parametrize("shape", [(4,), (2, 2), (4, 1)])
def test_category_encoding(mode, shape):
    numbers = np.array([3, 0, 3, 3]).reshape(shape)
    ours, theirs = (m.CategoryEncoding(5, mode) for m in (layers, keras.layers))
    same(ours(numbers), theirs(numbers))
    if mode == "count" and shape == (2, 2):
        weights = np.array([[0.5, 2.0], [1.0, 4.0]], "float32")
        same(ours(numbers, count_weights=weights), theirs(numbers, count_weights=weights))


@pytest.mark.parametrize("mode", ["int", "one_hot"])
def test_discretization(mode):
    x = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 2.0]], "float32")
    given = {"bin_boundaries": [0.0, 1.0, 2.0], "output_mode": mode}
    ours, theirs = (m.Discretization(**given) for m in (layers, keras.layers))
    same(ours(x), theirs(x))


HASH_CASES = [
    {},
    {"salt": 133},
    {"salt": [133, 137]},
    {"mask_value": ""},
    {"output_mode": "one_hot"},
    {"output_mode": "multi_hot"},
    {"output_mode": "count", "mask_value": "cat"},
]


@pytest.mark.parametrize("arguments", HASH_CASES, ids=str)
def test_hashing(arguments):
    ours, theirs = (m.Hashing(5, **arguments) for m in (layers, keras.layers))
    words = [[*WORDS[:4]], ["ünïcode " * 3, "x" * 70, "long " * 60, "y"]]
    same(ours(words), theirs(words))
    if "mask_value" not in arguments:
        same(ours(np.array([[1, -5], [10**12, 7]])), theirs(np.array([[1, -5], [10**12, 7]])))
