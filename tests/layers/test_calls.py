"""Calls of layers: arguments by position, by name and in any mixture mean the same."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

X = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
Y = X[:, ::-1].copy()


class Scaled(L.Layer):
    """a * w + b: builds for both shapes, by their names."""

    def build(self, a_shape, b_shape):
        self.w = self.add_weight(name="w", shape=(a_shape[-1],), initializer="ones")
        assert b_shape[-1] == 2

    def call(self, a, b, mask=None, training=False):
        return a * self.w - b if training else a * self.w + b


class OnlyByName(L.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(input_shape[-1],), initializer="ones")

    def call(self, *, features, training):
        return features * self.w


class InOrder(L.Layer):
    """Builds for shapes whose names say nothing of the arguments of call."""

    def build(self, first, second):
        self.w = self.add_weight(name="w", shape=(first[-1], second[-1]), initializer="ones")

    def call(self, p, q):
        return lm.matmul(p, self.w) + q


# a layer, its arguments by position, and the same by name
CALLS = [
    (lambda: L.Dense(2, kernel_initializer="ones"), (X,), {"inputs": X}),
    (lambda: L.LSTM(2, kernel_initializer="ones", recurrent_initializer="ones"), (X,),
     {"sequences": X}),
    (lambda: L.Bidirectional(L.GRU(2, kernel_initializer="ones", recurrent_initializer="ones")),
     (X,), {"sequences": X}),
    (lambda: L.MultiHeadAttention(1, 2, kernel_initializer="ones"), (X, Y, X),
     {"query": X, "value": Y, "key": X}),
    (lambda: L.MultiHeadAttention(1, 2, kernel_initializer="ones"), (X, Y),
     {"value": Y, "query": X}),
    (lambda: L.Embedding(3, 2, "ones"), (np.ones((2, 2), "int32"),),
     {"inputs": np.ones((2, 2), "int32")}),
    (lambda: L.Add(), ([X, Y],), {"inputs": [X, Y]}),
    (lambda: L.UpSampling1D(2), (X,), {"inputs": X}),
    (lambda: L.BatchNormalization(), (X,), {"inputs": X}),
    (Scaled, (X, Y), {"b": Y, "a": X}),
    (InOrder, (X, Y), {"q": Y, "p": X}),
]  # fmt: skip


@pytest.mark.parametrize("make,args,named", CALLS)
def test_a_layer_called_by_name_gives_what_it_gives_by_position(make, args, named):
    expected = make()(*args).numpy()
    layer = make()
    np.testing.assert_array_equal(layer(**named), expected)
    np.testing.assert_array_equal(layer(**named), expected)  # built by now


@pytest.mark.parametrize("make,args,named", CALLS)
def test_a_layer_called_by_name_becomes_part_of_a_functional_model(make, args, named):
    expected = make()(*args).numpy()

    def symbolic(value):
        if isinstance(value, list):
            return [symbolic(each) for each in value]
        made = lm.Input(value.shape[1:], dtype=value.dtype)
        inputs.append(made)
        data.append(value)
        return made

    inputs, data = [], []
    outputs = make()(**{name: symbolic(value) for name, value in named.items()})
    model = lm.Model(inputs, outputs)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-6)


def test_a_model_whose_layers_are_called_by_name_trains():
    class Block(lm.Model):
        def __init__(self):
            super().__init__()
            self.attention = L.MultiHeadAttention(1, 2)
            self.scaled, self.named, self.out = Scaled(), OnlyByName(), L.Dense(2)

        def call(self, tokens, training=False):
            seen = self.attention(query=tokens, value=tokens, key=tokens, training=training)
            return self.out(inputs=self.named(features=self.scaled(b=tokens, a=seen)))

    model = Block()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]
    np.testing.assert_array_equal(model(tokens=X), model(X))


def test_mask_and_training_may_come_by_position():
    layer = Scaled()
    np.testing.assert_array_equal(layer(X, Y, None, True), X - Y)
    np.testing.assert_array_equal(layer(X, Y), X + Y)
    model = lm.Sequential([L.Dropout(0.5)])
    lm.set_seed(0)
    assert (model(np.ones((9, 9), "float32"), True).numpy() == 0).any()


def test_an_argument_given_twice_is_an_error():
    with pytest.raises(TypeError, match="multiple values"):
        L.Dense(2)(X, inputs=X)
    with pytest.raises(TypeError, match="multiple values"):
        Scaled()(X, Y, None, True, training=True)


# ---- sizes that are known when a program runs --------------------------------------------------
class Sizes(L.Layer):
    """Computes with the number of rows, a symbol in a program."""

    def call(self, x):
        n = x.shape[0]
        found = [
            n + x,
            x + n,
            n - x,
            x - n,
            n * x,
            x * n,
            x / n,
            lm.asarray(n) * 0.5 + x * 0,
            n * 0.5 + x * 0,
        ]
        return lm.stack([lm.sum(each) for each in found])[None] + x[:, :1] * 0


def test_symbolic_sizes_combine_with_tensors_as_numbers():
    x = np.full((4, 2), 2, "float32")
    found = lm.Sequential([lm.Input((2,)), Sizes()]).predict(x, verbose=0)[0]
    assert found.tolist() == [48, 48, 16, -16, 64, 64, 4, 16, 16]
