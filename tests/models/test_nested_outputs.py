"""Models with nests of outputs: what calls and predict return, and what a configuration keeps."""

import json
from collections import namedtuple

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina import tree
from lamina.errors import UnknownNameError

Pair = namedtuple("Pair", "first second")
X = np.linspace(-1, 1, 600, dtype="float32")[:, None]

NESTS = [
    lambda a, b, c: (a, b),
    lambda a, b, c: [a, (b, c)],
    lambda a, b, c: [[a]],
    lambda a, b, c: {"x": [a, {"y": (b, c)}]},
    lambda a, b, c: {"b": a, "a": b},
    lambda a, b, c: Pair(a, b),
    lambda a, b, c: Pair([a], {"q": b}),
    lambda a, b, c: {"from": a},
    lambda a, b, c: {"tuple": [a, b]},
    lambda a, b, c: {"dict": {"value": a}},
]


def three():
    return [L.Dense(1, name=name) for name in "pqr"]


def unwrapped(nest):
    """A list of one is that one, on the outside."""
    return nest[0] if type(nest) in (list, tuple) and len(nest) == 1 else nest


@pytest.mark.parametrize("nest", NESTS)
def test_predict_returns_the_nest_of_the_outputs(nest):
    inputs = lm.Input((1,))
    layers = three()
    outputs = [layer(inputs) for layer in layers]
    model = lm.Model(inputs, nest(*outputs))
    values = unwrapped(nest(*(layer(X).numpy() for layer in layers)))
    for batch_size in (None, 256):  # one call of the program, and several
        found = model.predict(X, batch_size, verbose=0)
        assert tree.flatten(found)[1] == tree.flatten(values)[1]
        for a, b in zip(tree.leaves(found), tree.leaves(values), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("nest", NESTS)
def test_a_subclassed_model_predicts_the_nest_that_its_call_returns(nest):
    class Model(lm.Model):
        def __init__(self):
            super().__init__()
            self.three = three()

        def call(self, inputs):
            return nest(*(layer(inputs) for layer in self.three))

    model = Model()
    found = model.predict(X, 256, verbose=0)
    assert tree.flatten(found)[1] == tree.flatten(nest(X, X, X))[1]


@pytest.mark.parametrize("nest", NESTS)
def test_a_configuration_keeps_the_nest_of_the_outputs(nest):
    inputs = lm.Input((1,))
    model = lm.Model(inputs, nest(*(layer(inputs) for layer in three())))
    copy = lm.Model.from_config(json.loads(json.dumps(model.get_config())))
    copy.set_weights(model.get_weights())
    expected, found = model.predict(X, verbose=0), copy.predict(X, verbose=0)
    if not isinstance(expected, Pair):  # a class of the user's, which a file cannot name
        assert tree.flatten(found)[1] == tree.flatten(expected)[1]
    for a, b in zip(tree.leaves(found), tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_model_of_one_output_in_a_list_returns_it_alone(kind):
    inputs = lm.Input((1,))
    model = lm.Model(inputs, kind([L.Dense(1)(inputs)]))
    assert model.predict(X, verbose=0).shape == (600, 1)
    assert model(X).shape == (600, 1)
    assert model.output_shape == (None, 1)
    assert len(model.outputs) == 1
    model.compile("sgd", "mse")
    model.fit(X, X, verbose=0)


def test_output_names_are_those_of_the_layers_or_the_keys():
    inputs = lm.Input((1,), name="x")
    p, q, _ = (layer(inputs) for layer in three())
    assert lm.Model(inputs, [p, q]).output_names == ["p", "q"]
    assert lm.Model(inputs, {"one": q, "another": p}).output_names == ["another", "one"]
    assert lm.Model(inputs, p).input_names == ["x"]


def test_an_unknown_output_among_metrics_by_name_is_an_error():
    x = lm.Input((2,))
    outputs = [lm.layers.Dense(1, name="first")(x), lm.layers.Dense(1, name="second")(x)]
    model = lm.Model(x, outputs)
    model.compile("sgd", "mse", metrics={"first": ["mae"], "secnd": ["mae"]})
    with pytest.raises(UnknownNameError, match=r"output in metrics 'secnd'"):
        model.fit(np.zeros((4, 2)), [np.zeros((4, 1))] * 2, verbose=0)
