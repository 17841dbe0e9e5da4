"""Operations between the layers of functional models: saved, loaded, cloned, differentiated."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import ArgumentError, FileFormatError
from lamina.keras import layers, ops
from lamina.models import written_operations

X = np.random.default_rng(0).normal(size=(4, 5, 3)).astype("float32")
TABLE = np.random.default_rng(1).normal(size=(40, 3)).astype("float32")

EXPRESSIONS = {
    "plus a number": lambda x: x + 1,
    "an activation": lambda x: ops.relu(x),
    "a part": lambda x: x[:, 0],
    "joined": lambda x: ops.concatenate([x, ops.exp(x)], axis=-1),
    "a large constant": lambda x: ops.matmul(x, TABLE.T),
    "its own shape": lambda x: ops.reshape(x, (-1, ops.shape(x)[1] * 3)),
    "of numbers and types": lambda x: ops.cast(ops.not_equal(x, 0), "float32") * x,
    "several results": lambda x: ops.top_k(x, 2)[0],
    "a loop": lambda x: ops.scan(lambda c, y: (c + y, c * y), x[:, 0] * 2, x[None, :, 0])[0],
    "a gradient in closed form": lambda x: ops.softplus(x),
}  # fmt: skip


def model_with(expression, shape=(None, 3)):
    x = keras.Input(shape)
    return keras.Model(x, expression(layers.Dense(3, name="first")(x)))


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_plain_operations_are_saved_with_the_model(name, tmp_path):
    model = model_with(EXPRESSIONS[name])
    model.save(tmp_path / "model.lamina")
    loaded = keras.models.load_model(tmp_path / "model.lamina")
    assert loaded.output_shape == model.output_shape
    for x in (X, X[:, :2]):
        np.testing.assert_array_equal(loaded(x), model(x))
    loaded.save(tmp_path / "again.lamina")


@pytest.mark.parametrize("x", [-1e4, -1.0, 0.0, 0.5, 1e4])
def test_gradients_of_plain_operations_are_those_of_the_functions(x):
    inputs = keras.Input((1,))
    model = keras.Model(inputs, ops.softplus(inputs))
    loaded = keras.models.model_from_json(model.to_json())
    expected = lm.grad(lambda x: lm.sum(lm.softplus(x)))(lm.asarray([[x]])).item()
    for each in (model, loaded):
        assert lm.grad(lambda x, each=each: lm.sum(each(x)))(lm.asarray([[x]])).item() == expected


def test_a_custom_gradient_that_needs_only_its_operands_is_saved():
    @lm.custom_gradient
    def scaled(x):
        return x * 1.0, lambda g: g * ops.cos(x)

    inputs = keras.Input((1,))
    loaded = keras.models.model_from_json(keras.Model(inputs, scaled(inputs)).to_json())
    slope = lm.grad(lambda x: lm.sum(loaded(x)))(lm.asarray([[0.5]])).item()
    assert slope == pytest.approx(np.cos(0.5))


def test_an_operation_between_layers_that_share_a_result_is_computed_from_it():
    x = keras.Input((3,))
    h = layers.Dense(3)(x) * 2.0
    model = keras.Model(x, {"a": layers.Dense(2)(h), "b": (h + 1.0, [h])})
    loaded = keras.models.model_from_json(model.to_json())
    loaded.set_weights(model.get_weights())
    row = X[:, 0]
    ours, theirs = loaded(row), model(row)
    np.testing.assert_array_equal(ours["a"], theirs["a"])
    np.testing.assert_array_equal(ours["b"][1][0], theirs["b"][1][0])


def test_operations_of_other_types_than_the_layers_are_refused():
    config = model_with(lambda x: x + 1).get_config()
    config["outputs"]["operations"] = config["outputs"]["operations"].replace("axis1", "axis9")
    with pytest.raises(FileFormatError, match=r"expected float32\[batch, axis9, 3\]"):
        keras.Model.from_config(config)
    with pytest.raises(FileFormatError, match="expected the beginning of a graph"):
        written_operations.restored("import os", [])


# ---- clone_model -------------------------------------------------------------------------------
def two_outputs():
    x = keras.Input((3,))
    h = layers.Dense(4, activation="relu")(x)
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(4)], name="inner")
    model = keras.Model(x, {"sum": (inner(h) + h)[:, :2], "h": h})
    model.compile("adam", {"sum": "mse"}, metrics={"sum": ["mae"]})
    return model


def test_a_clone_has_other_weights_and_is_compiled_alike():
    model = two_outputs()
    clone = keras.models.clone_model(model)
    assert clone.compiled and type(clone.optimizer) is type(model.optimizer)
    assert clone.optimizer is not model.optimizer
    assert clone.output_shape == model.output_shape
    assert not np.array_equal(clone.get_weights()[0], model.get_weights()[0])


def test_a_clone_function_replaces_layers():
    model = two_outputs()
    shared = keras.models.clone_model(model, clone_function=lambda layer: layer)
    assert shared.layers[1] is model.layers[1]
    np.testing.assert_array_equal(shared(X[:, 0])["sum"], model(X[:, 0])["sum"])

    def wider(layer):
        config = layer.get_config()
        return type(layer).from_config({**config, "name": f"{layer.name}_copy"})

    names = [layer.name for layer in keras.models.clone_model(model, None, wider).layers[1:]]
    assert names == [f"{layer.name}_copy" for layer in model.layers[1:]]


def test_a_call_function_adds_layers_also_in_inner_models():
    def with_dropout(layer, *args, **kwargs):
        out = layer(*args, **kwargs)
        return layers.Dropout(0.5)(out) if isinstance(layer, layers.Dense) else out

    clone = keras.models.clone_model(two_outputs(), call_function=with_dropout, recursive=True)
    assert [type(layer).__name__ for layer in clone.layers].count("Dropout") == 1
    with pytest.raises(ArgumentError, match="is Sequential"):
        keras.models.clone_model(clone.get_layer("inner"), call_function=with_dropout)


def test_a_clone_begins_with_the_tensors_that_are_given():
    model, x = two_outputs(), keras.Input((3,), batch_size=7)
    assert keras.models.clone_model(model, x).output_shape == {"sum": (7, 2), "h": (7, 4)}
    inner = model.get_layer("inner")
    assert keras.models.clone_model(inner, keras.Input((4,), batch_size=2)).output_shape == (2, 4)
    with pytest.raises(ArgumentError, match="symbolic tensors as input_tensors, got float32 array"):
        keras.models.clone_model(model, X)


def test_a_subclassed_model_is_cloned_without_functions_only():
    class Own(keras.Model):
        def call(self, x):
            return x

    assert type(keras.models.clone_model(Own())) is Own
    with pytest.raises(ArgumentError, match="is a subclassed model"):
        keras.models.clone_model(Own(), clone_function=lambda layer: layer)
