"""Mistakes with sequences raise errors before anything is computed: value, position and hint."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from lamina.errors import OutOfBoundsError, ShapeError, StateError
from lamina.layers import (
    GRU,
    LSTM,
    RNN,
    Bidirectional,
    Dense,
    Embedding,
    GlobalAveragePooling1D,
    GRUCell,
    Input,
    LSTMCell,
    PositionEmbedding,
    TokenAndPositionEmbedding,
)


def ones(*shape):
    return np.ones(shape, "float32")


# ---- numbers outside of a vocabulary -----------------------------------------------------------
TOKENS = np.ones((300, 5), int)
TOKENS[290, 3] = 20
Y = np.zeros((300, 1), "float32")
OUTSIDE = r"number 20 at position \(290, 3\) \(sample, step\) .* vocabulary, 0 to 19\n.* 21"


def tagger(*first):
    model = lm.Sequential([Input((None,), dtype="int32"), *first, GlobalAveragePooling1D()])
    model.add(Dense(1))
    model.compile("sgd", "mse")
    return model


FIRST = {
    "embedding": lambda: Embedding(20, 4),
    "with positions": lambda: TokenAndPositionEmbedding(20, 8, 4),
    "inside a model": lambda: lm.Sequential([Embedding(20, 4), Dense(3)]),
}


@pytest.mark.parametrize("first", FIRST)
def test_a_number_outside_of_the_vocabulary_is_found_in_the_data(first):
    model = tagger(FIRST[first]())
    before = model.get_weights()
    batches = [(TOKENS[:200], Y[:200]), (TOKENS[200:], Y[200:])]
    for run in (
        lambda: model.fit(TOKENS, Y, verbose=0),
        lambda: model.evaluate(TOKENS, Y, verbose=0),
        lambda: model.predict(TOKENS, verbose=0),
        lambda: model.train_on_batch(TOKENS, Y),
        lambda: model.evaluate(batches, verbose=0),
        lambda: model.fit(TOKENS[:9], Y[:9], validation_data=(TOKENS, Y), verbose=0),
    ):
        with pytest.raises(OutOfBoundsError, match=OUTSIDE):
            run()
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.predict(TOKENS[:5], verbose=0)
    with pytest.raises(OutOfBoundsError, match=r"position \(0, 3\)"):
        model.predict(TOKENS[290:], verbose=0)


def test_the_input_among_several_is_the_right_one():
    words, letters = Input((None,), name="words"), Input((4,), name="letters")
    model = lm.Model([words, letters], Dense(1)(LSTM(3)(Embedding(20, 4)(words))) + letters)
    given = {"letters": ones(300, 4) * 99, "words": TOKENS}
    with pytest.raises(OutOfBoundsError, match=r"embedding'.*\(290, 3\)"):
        model.predict(given, verbose=0)
    model.predict({**given, "words": TOKENS[:, :3]}, verbose=0)


# ---- sequences longer than declared ------------------------------------------------------------
@pytest.mark.parametrize(
    "first", [[TokenAndPositionEmbedding(20, 8, 4)], [Embedding(20, 4), PositionEmbedding(8)]]
)
def test_more_steps_than_positions_are_refused_by_programs(first):
    model = tagger(*first)
    x = np.ones((2, 9), int)
    for steps in (5, 8):
        model.train_on_batch(x[:, :steps], Y[:2])
    for run in (
        lambda: model.predict(x, verbose=0),
        lambda: model.fit(x, Y[:2], verbose=0),
        lambda: model.evaluate(x, Y[:2], verbose=0),
        lambda: model(x),
    ):
        with pytest.raises(ShapeError, match=r"9 steps came, .* positions for 8\n.*least 9"):
            run()


# ---- states ------------------------------------------------------------------------------------
X = ones(2, 5, 3)
STATES = {
    "one too few": (lambda: LSTM(4)(X, initial_state=ones(2, 4)), r"shapes \(2, 4\); .* \(2, 4\)"),
    "other units": (
        lambda: LSTM(4)(X, initial_state=[ones(2, 4), ones(2, 5)]),
        r"initial_state has shapes \(2, 4\), \(2, 5\); the cell's states have shapes \(2, 4\)",
    ),
    "other batch": (lambda: GRU(4)(X, initial_state=ones(3, 4)), r"\(3, 4\); .* \(2, 4\)"),
    "one too many": (
        lambda: GRU(4)(X, initial_state=[ones(2, 4)] * 2),
        r"shapes \(2, 4\), \(2, 4\); .* shapes \(2, 4\)\n",
    ),
    "of one direction": (
        lambda: Bidirectional(LSTM(4))(X, initial_state=[ones(2, 4)] * 2),
        r"forward_lstm'.* shapes \(2, 4\); .*\n.*h, c",
    ),
    "of a stack": (
        lambda: RNN([LSTMCell(4), GRUCell(3)])(X, initial_state=[ones(2, 4)] * 2),
        r"\(2, 4\), \(2, 4\), \(2, 3\)",
    ),
    "of an Input": (
        lambda: GRU(4)(Input((None, 3)), initial_state=Input((5,))),
        r"\(None, 5\); the cell's states have shapes \(None, 4\)",
    ),
    "of a cell": (lambda: LSTMCell(4)(X[:, 0], [ones(2, 4)]), r"states has shapes \(2, 4\);"),
    "an output too many": (
        lambda: lm.Sequential([Input((None, 3)), LSTM(4, return_state=True), Dense(1)]),
        "expected 1 input, got 3\n.*return_state=True",
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_states_that_do_not_fit(name):
    make, message = STATES[name]
    with pytest.raises(ShapeError, match=message):
        make()


def test_a_stateful_model_takes_batches_of_its_size():
    model = lm.Sequential([Input(batch_shape=(3, None, 2)), LSTM(4, stateful=True), Dense(1)])
    model.compile("sgd", "mse")
    model.fit(ones(6, 4, 2), ones(6, 1), batch_size=3, verbose=0)
    weights = model.get_weights()
    for run in (
        lambda: model.fit(ones(8, 4, 2), ones(8, 1), batch_size=4, verbose=0),
        lambda: model.predict(ones(8, 4, 2), batch_size=4, verbose=0),
    ):
        with pytest.raises(ShapeError, match=r"state of 3 sequences; now 4 came\n.*batch_size=3"):
            run()
    assert all(np.array_equal(a, b) for a, b in zip(weights, model.get_weights(), strict=True))
    with pytest.raises(StateError, match="needs stateful=True"):
        LSTM(4).reset_state()
