"""Attributes of layers and models: names that user classes may take, and changes after the fact."""

import copy
import gc
import weakref

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import ArgumentError, NotBuiltError

X, Y = np.ones((2, 3), "float32"), np.zeros((2, 1), "float32")
FREE = [
    "inputs", "outputs", "input_shape", "output_shape", "input_names", "output_names", "loss",
    "optimizer", "run_eagerly", "compiled", "history", "stop_training",
]  # fmt: skip


@pytest.mark.parametrize("name", FREE)
def test_a_model_class_may_use_the_name_for_a_custom_attribute(name):
    class Own(lm.Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(1)
            setattr(self, name, 3)
            assert getattr(self, name) == 3

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    assert model.predict(X, verbose=0).shape == (2, 1)
    if name == "loss":
        assert model.loss.name == "mean_squared_error"  # compile sets it again


def test_a_layer_that_an_attribute_named_outputs_holds_is_trained():
    class Own(lm.Model):
        def __init__(self):
            super().__init__()
            self.outputs = L.Dense(1)

        def call(self, x):
            return self.outputs(x)

    model = Own()
    model(X)
    assert len(model.trainable_weights) == 2


def test_an_optimizer_assigned_after_compile_is_the_one_that_trains():
    model = lm.Sequential([lm.Input((3,)), L.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    model.fit(X, Y, verbose=0)
    model.optimizer = lm.optimizers.SGD(0.0)
    before = model.get_weights()[0]
    model.fit(X, Y, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: L.Dense(2, **k),
        lambda **k: L.Activation(**k),
        lambda **k: L.EinsumDense("ab,bc->ac", 2, **k),
    ],
)
def test_an_activation_may_be_changed_after_construction(make):
    layer = make(activation="softmax")
    np.testing.assert_allclose(np.sum(layer(X), axis=-1), 1, rtol=1e-6)
    layer.activation = None
    assert not np.allclose(np.sum(layer(X), axis=-1), 1)
    assert layer.get_config()["activation"] is None
    layer.activation = "sigmoid"
    assert layer.get_config()["activation"] == "sigmoid"
    assert (layer(X * 0).numpy() == 0.5).all()


def test_activations_of_convolutions_and_cells_may_be_changed():
    layer = L.Conv1D(1, 1, activation="relu")
    layer.activation = None
    assert layer(X[..., None]).shape == (2, 3, 1)
    cell = L.LSTMCell(2)
    cell.activation = cell.recurrent_activation = None
    assert L.RNN(cell)(X[..., None]).shape == (2, 2)


def test_a_model_without_a_shape_has_no_output_shape():
    model = lm.Sequential([L.Dense(1)])
    assert not hasattr(model, "output_shape")
    with pytest.raises(NotBuiltError):
        _ = model.output_shape


def test_a_call_that_returns_nothing_raises():
    class Nothing(L.Layer):
        def call(self, x):
            x + 1

    class Model(lm.Model):
        def call(self, x):
            x + 1

    with pytest.raises(ArgumentError, match="Nothing 'nothing': call returned None"):
        Nothing()(lm.Input((3,)))
    with pytest.raises(ArgumentError, match=r"call returned None"):
        Model().predict(X, verbose=0)


def test_symbolic_tensors_are_found_in_lists():
    a, b, c = lm.Input((3,)), lm.Input((3,)), lm.Input((4,))
    assert a in [b, a] and a not in [b, c]
    assert [c, b, a].index(a) == 2
    model = lm.Model(a, L.Dense(1)(a))
    assert model.inputs == [a] and model.inputs != [b]
    assert model.outputs == [model.layers[-1].output]
    assert len({a, b, c}) == 3


def test_symbolic_tensors_are_compared_by_the_data_that_come():
    a, b = lm.Input((3,)), lm.Input((3,))
    model = lm.Model([a, b], lm.astype(a == b, "float32"))
    assert model.predict([X, X * [1, 2, 1]], verbose=0).tolist() == [[1, 0, 1]] * 2


# ---- the symbolic inputs and outputs of layers -------------------------------------------------
def test_layers_of_a_model_that_is_gone_have_inputs_and_outputs():
    x = lm.Input((3,))
    first, second, third = lm.Model(x, L.Dense(1)(L.Dense(2)(x))).layers
    del x
    assert [tuple(each.output.shape[1:]) for each in (first, second, third)] == [(3,), (2,), (1,)]
    assert first.input == first.output and third.input == second.output
    part = lm.Model(first.input, second.output)
    assert part.predict(X, verbose=0).shape == (2, 2)
    (layer,) = lm.Sequential([lm.Input((3,)), L.Dense(1)]).layers
    assert layer.input.shape[1:] == (3,)


def test_layers_of_a_copied_model_belong_to_the_copy():
    x = lm.Input((3,))
    model = lm.Model(x, L.Dense(1)(L.Dense(2)(x)))
    copied = copy.deepcopy(model)
    part = lm.Model(copied.input, copied.layers[1].output)
    assert part.layers[1] is copied.layers[1] is not model.layers[1]
    np.testing.assert_array_equal(part(X), copied.layers[1](X))


def test_a_model_is_freed_at_once_though_its_layers_know_their_inputs():
    shared = L.Dense(3)
    x = lm.Input((3,))
    model = lm.Model(x, shared(shared(L.Dense(3)(x))))
    references = [weakref.ref(each) for each in (model, shared, model.layers[1])]
    gc.disable()
    try:
        del model, shared, x
        assert [reference() for reference in references] == [None] * 3
    finally:
        gc.enable()
