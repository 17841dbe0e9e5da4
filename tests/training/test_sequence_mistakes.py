"""Mistakes with sequences and their messages: one of each in a row."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import (
    ArgumentError,
    DataError,
    DTypeError,
    OutOfBoundsError,
    RangeError,
    ShapeError,
    StateError,
    UnknownNameError,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(32, 10, 3)).astype("float32")
WORDS = RANDOM.integers(0, 20, (32, 10))
Y = RANDOM.integers(0, 4, 32)


def model(*layers, loss="sparse_categorical_crossentropy"):
    made = lm.Sequential(list(layers))
    made.compile("sgd", loss)
    return made


def end():
    return L.Dense(4, activation="softmax")


def fit(*layers, x=X, y=Y, loss="sparse_categorical_crossentropy", **how):
    model(*layers, loss=loss).fit(x, y, verbose=0, **how)


def words(x=WORDS, **how):
    fit(L.Embedding(20, 4), L.LSTM(8), end(), x=x, **how)


def stateful(batch=8, **how):
    fit(L.Input(batch_shape=(batch, 10, 3)), L.LSTM(8, stateful=True), end(), **how)


class EmbeddingModel(lm.Model):
    """Looks words up somewhere inside of `call`."""

    def __init__(self):
        super().__init__()
        self.table, self.end = L.Embedding(20, 4), end()

    def call(self, inputs):
        return self.end(lm.mean(self.table(lm.reshape(inputs["words"], (-1, 10))), axis=1))


def subclassed(x):
    made = EmbeddingModel()
    made.compile("sgd", "sparse_categorical_crossentropy")
    made.fit({"words": WORDS}, Y, verbose=0)
    made.predict({"words": x}, verbose=0)


def predicting(x):
    made = model(L.Embedding(20, 4), L.LSTM(8), end())
    made.predict(WORDS[:2], verbose=0)
    made.predict(x[:2], verbose=0)  # the short way


def two_inputs(x):
    a, b = L.Input((10, 3)), L.Input((10,), dtype="int32")
    h = L.Concatenate()([a, L.Embedding(20, 4)(b)])
    made = lm.Model([a, b], end()(L.LSTM(8)(h)))
    made.compile("sgd", "sparse_categorical_crossentropy")
    made.evaluate([X, x], Y, verbose=0)


MISTAKES = {
    # ---- shapes
    "a rank too few": (
        lambda: L.LSTM(8)(X[:, :, 0]),
        ShapeError,
        ["LSTM 'lstm'", "(batch, steps, features)", "(32, 10)", "x[..., None]"],
    ),
    "a second layer without return_sequences below": (
        lambda: model(L.Input((10, 3)), L.LSTM(8), L.LSTM(8), end()),
        ShapeError,
        ["lstm_1", "(None, 8)", "return_sequences=True"],
    ),
    "words without an Embedding": (
        lambda: fit(L.Input((10,)), L.LSTM(8), end(), x=WORDS),
        ShapeError,
        ["(None, 10)", "Embedding"],
    ),
    "one-hot words with an Embedding": (
        lambda: words(np.eye(20)[WORDS]),
        ShapeError,
        ["(None, 10, 20, 4)", "one-hot"],
    ),
    "an Input with the batch": (
        lambda: model(L.Input((32, 10, 3)), L.LSTM(8)),
        ShapeError,
        ["(None, 32, 10, 3)", "without the batch"],
    ),
    "no features where the model has one": (
        lambda: fit(L.Input((10, 3)), L.LSTM(8), end(), x=X[:, :, 0]),
        ShapeError,
        ["(None, 10, 3)", "(None, 10)", "features"],
    ),
    "one example": (
        lambda: model(L.Input((10, 3)), L.LSTM(8), end()).predict(X[0], verbose=0),
        ShapeError,
        ["x[None] makes a batch of one"],
    ),
    "other features": (
        lambda: L.TimeDistributed(L.Dense(3))(X[:, 0]),
        ShapeError,
        ["TimeDistributed", "(32, 3)"],
    ),
    "an image for Conv1D": (
        lambda: L.Conv1D(4, 3)(X[:, :, 0]),
        ShapeError,
        ["(batch, steps, channels)", "x[..., None]"],
    ),
    "images without channels": (
        lambda: L.Conv2D(4, 3)(X),
        ShapeError,
        ["(batch, rows, columns, channels)", "(32, 10, 3)", "x[..., None]"],
    ),
    "return_state in a Sequential": (
        lambda: model(L.Input((10, 3)), L.LSTM(8, return_state=True), end()),
        ShapeError,
        ["expected 1 input, got 3", "return_state"],
    ),
    "a state next to the inputs": (
        lambda: L.GRU(8)([X, np.zeros((32, 8))]),
        ShapeError,
        ["expected 1 input, got 2", "initial_state="],
    ),
    "rows of unequal lengths": (
        lambda: words([[1, 2], [3]], y=Y[:2]),
        ShapeError,
        ["row 0 has 2", "pad_sequences"],
    ),
    "lists as objects": (
        lambda: words(np.array([[1, 2], [3]], dtype=object), y=Y[:2]),
        DTypeError,
        ["2 lists", "[1, 2]", "pad_sequences"],
    ),
    # ---- targets
    "a label for each sequence, outputs for each step": (
        lambda: fit(L.Input((10, 3)), L.LSTM(8, return_sequences=True), end()),
        ShapeError,
        ["(32,)", "(10, 4)", "leave return_sequences=True out"],
    ),
    "a number for each sequence, outputs for each step": (
        lambda: fit(
            L.Input((10, 3)), L.GRU(8, return_sequences=True), L.Dense(1), loss="mse", y=X[:, 0, 0]
        ),
        ShapeError,
        ["(32,)", "(32, 10, 1)", "leave return_sequences=True out"],
    ),
    "labels for each step, one output": (
        lambda: fit(L.Input((10, 3)), L.LSTM(8), end(), y=WORDS % 4),
        ShapeError,
        ["(32, 10)", "(4,)", "return_sequences=True"],
    ),
    "fewer labels": (lambda: fit(L.LSTM(8), end(), y=Y[:30]), DataError, ["x has 32, y has 30"]),
    "no one-hot labels": (
        lambda: fit(L.LSTM(8), end(), loss="categorical_crossentropy"),
        ShapeError,
        ["to_categorical"],
    ),
    # ---- vocabularies
    "a word outside, in fit": (
        lambda: words(WORDS + 5),
        OutOfBoundsError,
        ["sequential/embedding", " at position (", "0 to 19", "at least 25"],
    ),
    "a word outside, in validation": (
        lambda: words(validation_data=(WORDS - 1, Y)),
        OutOfBoundsError,
        ["the number -1", "numbers begin with 0"],
    ),
    "a word outside, in a batch": (
        lambda: model(L.Embedding(20, 4), L.LSTM(8), end()).fit([(WORDS + 1, Y)], verbose=0),
        OutOfBoundsError,
        ["the number 20"],
    ),
    "a word outside, in predict": (lambda: predicting(WORDS + 5), OutOfBoundsError, ["21"]),
    "a word outside, in one of two inputs": (
        lambda: two_inputs(WORDS + 5),
        OutOfBoundsError,
        ["functional/embedding", " at position ("],
    ),
    "a word outside, in custom code": (
        lambda: subclassed(WORDS + 5),
        OutOfBoundsError,
        ["embedding_model/embedding", " at position ("],
    ),
    "no words at all": (lambda: words(X[:, :, 0]), DTypeError, ["whole numbers", "(0, 0)"]),
    # ---- masks
    "a mask of other steps": (
        lambda: L.LSTM(8)(X, mask=np.ones((32, 9), bool)),
        ShapeError,
        ["(32, 9)", "(32, 10, 3)", "(batch, steps)"],
    ),
    "a mask of the features": (
        lambda: L.GRU(8)(X, mask=np.ones(X.shape, bool)),
        ShapeError,
        ["(32, 10, 3)", "(batch, steps)"],
    ),
    "a mask of other pairs": (
        lambda: L.MultiHeadAttention(2, 4)(X, X, attention_mask=np.ones((32, 9, 10), bool)),
        ShapeError,
        ["attention_mask", "(32, 9, 10)", "(batch, queries, keys)", "(32, 10, 10)"],
    ),
    "a mask of other values": (
        lambda: L.MultiHeadAttention(2, 4)(X, X, value_mask=np.ones((32, 9), bool)),
        ShapeError,
        ["value_mask", "(32, 9)", "(32, 10)"],
    ),
    "a mask of other values, without heads": (
        lambda: L.Attention()([X, X], mask=[None, np.ones((32, 9), bool)]),
        ShapeError,
        ["value_mask", "(32, 9)", "(32, 10)"],
    ),
    # ---- attention
    "one tensor for attention": (
        lambda: L.Attention()(X),
        ArgumentError,
        ["[query, value]", "layer([x, x])"],
    ),
    "one tensor for heads": (
        lambda: L.MultiHeadAttention(2, 8)(X),
        ArgumentError,
        ["query and value", "layer(x, x)"],
    ),
    "queries and values of other batches": (
        lambda: L.MultiHeadAttention(2, 8)(X, X[:5]),
        ShapeError,
        ["(32, 10, 3)", "(5, 10, 3)"],
    ),
    "queries and values of other features": (
        lambda: L.Attention()([X, np.zeros((32, 10, 5))]),
        ShapeError,
        ["(32, 10, 3)", "(32, 10, 5)", "differ in features"],
    ),
    # ---- states
    "one state for an LSTM": (
        lambda: L.LSTM(8)(X, initial_state=np.zeros((32, 8))),
        ShapeError,
        ["shapes (32, 8);", "(32, 8), (32, 8)", "[h, c]"],
    ),
    "a state of other units": (
        lambda: L.GRU(8)(X, initial_state=np.zeros((32, 7))),
        ShapeError,
        ["(32, 7)", "(32, 8)"],
    ),
    "one state for two directions": (
        lambda: L.Bidirectional(L.GRU(8))(X, initial_state=[np.zeros((32, 8))]),
        ArgumentError,
        ["initial_state", "1", "forward_h"],
    ),
    "a stateful layer in batches of another size": (
        lambda: stateful(batch_size=16),
        ShapeError,
        ["sequential/lstm", "state of 8 sequences", "now 16 came", "batch_size=8"],
    ),
    "a stateful layer with rows left over": (
        lambda: stateful(5, batch_size=5),
        DataError,
        ["batches of 5 sequences", "32 rows", "x[:30]"],
    ),
    "a stateful layer that knows of no batch": (
        lambda: fit(L.Input((10, 3)), L.LSTM(8, stateful=True), end()),
        ShapeError,
        ["how many sequences", "batch_shape=(32, steps, features)"],
    ),
    "a stateful layer, called with fewer": (
        lambda: [layer := L.LSTM(8, stateful=True), layer(X), layer(X[:5])],
        ShapeError,
        ["32 sequences; now 5"],
    ),
    "reset_state without a state": (lambda: L.LSTM(8).reset_state(), StateError, ["stateful=True"]),
    # ---- arguments
    "a typo": (lambda: L.LSTM(8, return_sequence=True), UnknownNameError, ["'return_sequences'"]),
    "a shape for units": (lambda: L.LSTM((10, 3)), RangeError, ["units", "(10, 3)"]),
    "units for Bidirectional": (lambda: L.Bidirectional(64), ArgumentError, ["LSTM(64)"]),
    "Bidirectional of Dense": (
        lambda: L.Bidirectional(L.Dense(3)),
        ArgumentError,
        ["recurrent layer, not Dense"],
    ),
    "a layer for a cell": (lambda: L.RNN(L.LSTM(8)), ArgumentError, ["LSTM", "is a whole layer"]),
    "dropout in percent": (lambda: L.LSTM(8, dropout=50), RangeError, ["dropout", "50"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_and_what_is_said(name):
    mistake, kind, parts = MISTAKES[name]
    with pytest.raises(kind) as caught:
        mistake()
    missing = [part for part in parts if part not in str(caught.value)]
    assert not missing, f"{missing} not in:\n{caught.value}"


def test_batches_of_a_stateful_model_are_as_large_as_it_needs():
    made = model(L.Input(batch_shape=(8, 10, 3)), L.LSTM(8, stateful=True), end())
    assert made.fit(X, Y, verbose=0).history["loss"]  # 8 at a time, not 32
    assert made.predict(X, verbose=0).shape == (32, 4)
    assert made.predict(X[:8], verbose=0).shape == (8, 4)
    with pytest.raises(DataError, match="batches of 8 sequences; there are 12 rows"):
        made.predict(X[:12], verbose=0)
    with pytest.raises(DataError, match="batches of 8 sequences; there are 4 rows"):
        made.train_on_batch(X[:4], Y[:4])
    with pytest.raises(DataError, match="there are 16 rows"):
        made.fit([(X[:16], Y[:16])], verbose=0)


def test_whole_numbers_may_be_floats():
    words(WORDS.astype("float32"))
