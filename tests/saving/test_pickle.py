"""Models pickled and copied: weights, optimizer and what they were compiled for come along."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L

X, Y = np.random.default_rng(0).normal(size=(2, 6, 3)).astype("float32")
Y = Y[:, :1]


class Block(L.Layer):
    def build(self, input_shape):
        self.w = self.add_weight(name="w", shape=(input_shape[-1],))

    def call(self, x):
        return x * self.w


class Own(lm.Model):
    def __init__(self, units=2):
        super().__init__()
        self.block, self.hidden, self.out = Block(), L.Dense(units, positive), L.Dense(1)

    def call(self, x):
        return self.out(self.hidden(self.block(x)))


def positive(x):
    return lm.maximum(x, 0)


def squared(y_true, y_pred):
    return lm.mean(lm.square(y_true - y_pred), axis=-1)


def functional():
    x = lm.Input((3,))
    h = L.Dense(4, "tanh")(x)
    return lm.Model(x, L.Dense(1)(L.Concatenate()([h, Block()(x)])))


MODELS = {
    "sequential": lambda: lm.Sequential([lm.Input((3,)), L.Dense(4, "relu"), L.Dense(1)]),
    "functional": functional,
    "subclassed": Own,
}


@pytest.mark.parametrize("kind", MODELS)
def test_a_pickled_model_predicts_and_trains_on_as_the_original(kind):
    model = MODELS[kind]()
    model.compile("adam", squared, metrics=["mae"])
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    first, second = (each.fit(X, Y, verbose=0, seed=2).history for each in (model, again))
    assert first == second
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_model_that_was_not_compiled_and_one_without_weights():
    model = functional()
    again = pickle.loads(pickle.dumps(model))
    assert not again.compiled
    np.testing.assert_array_equal(again(X), model(X))
    unbuilt = pickle.loads(pickle.dumps(lm.Sequential([L.Dense(1)])))
    assert not unbuilt.built and unbuilt(X).shape == (len(X), 1)


def test_a_pickled_model_comes_to_life_in_another_process(tmp_path):
    model = functional()
    (tmp_path / "m.pickle").write_bytes(pickle.dumps(model))
    np.save(tmp_path / "x.npy", X)
    code = (
        "import pickle, numpy as np\n"
        "m = pickle.load(open('m.pickle', 'rb'))\n"
        "np.save('y.npy', m.predict(np.load('x.npy'), verbose=0))"
    )
    paths = [str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), model.predict(X, verbose=0))


@pytest.mark.parametrize("kind", MODELS)
def test_a_deep_copy_has_separate_weights(kind):
    model = MODELS[kind]()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    twin = copy.deepcopy(model)
    before = model.get_weights()
    twin.fit(X, Y, verbose=0)
    for a, b in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not all(map(np.array_equal, twin.get_weights(), before))
    assert copy.copy(model).layers[0] is model.layers[0]


def test_models_of_many_layers_are_copied_and_pickled():
    model = lm.Sequential([lm.Input((3,)), *(L.Dense(3) for _ in range(300))])
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
