"""Layers one by one, and what every layer gets from its base class."""

import json

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina import transforms
from lamina.configuration import deserialize, serialize
from lamina.errors import ArgumentError, RangeError, ShapeError, StateError, UnknownNameError
from lamina.operations import random_keys, reductions
from lamina.settings import settings
from lamina.variables import Variable

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 10
A, B = X[:, 0], X[:, 1]

# layer, inputs, expected
VALUES = [
    (L.Identity(), X, X),
    (L.Flatten(), X, X.reshape(2, 12)),
    (L.Flatten(), A[:, 0], A[:, :1]),
    (L.Flatten(data_format="channels_first"), X, X.transpose(0, 2, 1).reshape(2, 12)),
    (L.Reshape((2, 6)), X, X.reshape(2, 2, 6)),
    (L.Reshape((-1, 2)), X, X.reshape(2, 6, 2)),
    (L.Reshape(()), A[:, :1], A[:, 0]),
    (L.Permute((2, 1)), X, X.transpose(0, 2, 1)),
    (L.RepeatVector(3), A, np.repeat(A[:, None], 3, axis=1)),
    (L.Activation("relu"), A, np.maximum(A, 0)),
    (L.Lambda(lambda x, k: x * k, arguments={"k": 2.0}), A, A * 2),
    (L.ReLU(), A, np.maximum(A, 0)),
    (L.ReLU(max_value=3, negative_slope=0.5, threshold=1), A,
     np.where(A >= 1, np.minimum(A, 3), 0.5 * (A - 1))),
    (L.LeakyReLU(), A, np.where(A > 0, A, 0.3 * A)),
    (L.ELU(2.0), A, np.where(A > 0, A, 2 * np.expm1(np.minimum(A, 0)))),
    (L.PReLU("ones"), A, A),
    (L.PReLU(alpha_initializer=lambda shape, dtype=None: np.full(shape, 0.5)), A,
     np.where(A > 0, A, 0.5 * A)),
    (L.Softmax(axis=0), np.zeros((4, 2)), np.full((4, 2), 0.25)),
    (L.Add(), [A, B, A], A + B + A),
    (L.Subtract(), [A, B], A - B),
    (L.Multiply(), [A, B], A * B),
    (L.Average(), [A, B, B], (A + 2 * B) / 3),
    (L.Maximum(), [A, -B], np.maximum(A, -B)),
    (L.Minimum(), [A, -B], np.minimum(A, -B)),
    (L.Add(), [X, X[:, :1]], X + X[:, :1]),
    (L.Add(), [X, A], X + A[:, None]),
    (L.Concatenate(), [A, B], np.concatenate([A, B], axis=1)),
    (L.Concatenate(axis=1), [X, X[:, :1]], np.concatenate([X, X[:, :1]], axis=1)),
    (L.Concatenate(axis=0), [A], A),
    (L.Dot(axes=1), [A, B], (A * B).sum(1, keepdims=True)),
    (L.Dot(axes=-1), [X, B], np.einsum("bij,bj->bi", X, B)),
    (L.Dot(axes=(2, 1)), [X, X.transpose(0, 2, 1)], X @ X.transpose(0, 2, 1)),
    (L.Dot(axes=1, normalize=True), [A, A], np.ones((2, 1))),
    (L.Dropout(0.5), X, X),
    (L.GaussianNoise(0.5), X, X),
    (L.GaussianDropout(0.5), X, X),
    (L.AlphaDropout(0.5), X, X),
    (L.SpatialDropout1D(0.5), X, X),
]  # fmt: skip
IDS = [f"{type(layer).__name__}-{k}" for k, (layer, _, _) in enumerate(VALUES)]


@pytest.mark.parametrize(("layer", "inputs", "expected"), VALUES, ids=IDS)
def test_values(layer, inputs, expected):
    found = layer(inputs)
    assert found.dtype == "float32" and found.shape == expected.shape
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(("layer", "inputs", "expected"), VALUES, ids=IDS)
def test_shapes_of_symbolic_inputs_and_traces_agree(layer, inputs, expected):
    inputs = inputs if isinstance(inputs, list) else [inputs]
    batched = layer.__class__.__name__ != "Concatenate" or layer.axis != 0
    symbols = [L.Input(i.shape[1:]) for i in inputs]
    output = layer(symbols if len(symbols) > 1 or isinstance(layer, L.Concatenate) else symbols[0])
    if batched:
        assert layer._output_shape == (None, *expected.shape[1:])
        assert output.ndim == expected.ndim
    several = len(inputs) > 1 or isinstance(layer, L.Concatenate)
    with settings(engine="numpy"):
        f = transforms.compile(lambda *values: layer(list(values) if several else values[0]))
        np.testing.assert_allclose(f(*inputs).numpy(), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(("layer", "inputs", "expected"), VALUES, ids=IDS)
def test_configurations_make_equal_layers(layer, inputs, expected):
    if isinstance(layer, L.Lambda) or layer._arguments.get("alpha_initializer") not in (
        None,
        "ones",
        "Zeros",
    ):
        with pytest.raises(ArgumentError, match="hold code"):
            layer.get_config()
        return
    written = serialize(layer)
    again = deserialize(json.loads(json.dumps(written)))
    assert serialize(again) == written
    np.testing.assert_allclose(again(inputs).numpy(), expected, rtol=2e-6, atol=1e-6)


# ---- dense --------------------------------------------------------------------------------------
def test_dense_computes_the_product_and_bias_of_the_last_axis():
    layer = L.Dense(5, activation="tanh", bias_initializer="ones")
    found = layer(X).numpy()
    kernel, bias = layer.get_weights()
    assert kernel.shape == (4, 5) and (bias == 1).all()
    np.testing.assert_allclose(found, np.tanh(X @ kernel + bias), rtol=1e-5, atol=1e-6)


def test_dense_without_bias_and_in_float64():
    layer = L.Dense(2, use_bias=False, dtype="float64")
    found = layer(X)
    assert found.dtype == "float64" and layer.bias is None and len(layer.weights) == 1
    np.testing.assert_allclose(found.numpy(), X.astype(float) @ layer.get_weights()[0], rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8", "bool", "float16"])
def test_inputs_of_other_dtypes_become_the_layers(dtype):
    x = np.ones((2, 3), dtype=dtype)
    assert L.Dense(2)(x).dtype == "float32"


def test_lists_of_numbers_are_inputs():
    assert L.Dense(2)([[1, 2, 3], [4, 5, 6]]).shape == (2, 2)


# ---- random layers -----------------------------------------------------------------------------
def test_dropout_keeps_the_expected_sum_and_drops_its_share():
    random_keys.set_seed(1)
    x = np.ones((200, 300))
    found = L.Dropout(0.3)(x, training=True).numpy()
    assert set(np.unique(found)) == {0.0, np.float32(1 / 0.7)}
    assert abs((found == 0).mean() - 0.3) < 0.01 and abs(found.mean() - 1) < 0.02


def test_dropout_draws_new_numbers_each_time_and_repeats_after_the_seed():
    layer, x = L.Dropout(0.5), np.ones((8, 8))

    def twice():
        random_keys.set_seed(5)
        return [layer(x, training=True).numpy() for _ in range(2)]

    first, again = twice(), twice()
    assert (first[0] != first[1]).any()
    assert (first[0] == again[0]).all() and (first[1] == again[1]).all()


def test_dropouts_of_other_seeds_or_names_differ():
    masks = []
    for layer in (L.Dropout(0.5), L.Dropout(0.5, seed=1), L.Dropout(0.5, name="other")):
        random_keys.set_seed(5)
        masks.append(layer(np.ones((8, 8)), training=True).numpy())
    assert (masks[0] != masks[1]).any() and (masks[0] != masks[2]).any()


SMALL = {"kernel_initializer": lm.initializers.Constant(0.1), "recurrent_initializer": "zeros"}


@pytest.mark.parametrize(
    "layer",
    [
        lambda seed: L.Dropout(0.5, seed=seed),
        lambda seed: L.SpatialDropout1D(0.5, seed=seed),
        lambda seed: L.AlphaDropout(0.5, seed=seed),
        lambda seed: L.GaussianDropout(0.5, seed=seed),
        lambda seed: L.GaussianNoise(0.5, seed=seed),
        lambda seed: L.SimpleRNN(1, dropout=0.5, seed=seed, **SMALL),
    ],
)
def test_layers_draw_new_numbers_from_a_seed_generator_which_repeat_with_its_seed(layer):
    x, found = np.ones((4, 16, 8), "float32"), []
    for _ in range(2):
        own = layer(lm.random.SeedGenerator(5))
        found += [own(x, training=True).numpy() for _ in range(2)]
    assert not np.array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[:2], found[2:])


def test_the_steps_of_fit_advance_a_seed_generator():
    generator = lm.random.SeedGenerator(5)
    model = lm.Sequential([lm.Input((3,)), L.Dropout(0.5, seed=generator), L.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 3), "float32"), np.ones((8, 1), "float32"), batch_size=4, verbose=0)
    assert generator.count.numpy() == 2


def test_noise_shape_drops_together():
    found = L.Dropout(0.5, noise_shape=(None, 1, None))(np.ones((20, 5, 6)), training=True).numpy()
    assert (found == found[:, :1]).all() and 0 < (found == 0).mean() < 1
    found = L.SpatialDropout2D(0.5)(np.ones((9, 3, 4, 5)), training=True).numpy()
    assert (found == found[:, :1, :1]).all() and 0 < (found == 0).mean() < 1


def test_all_or_nothing():
    assert (L.Dropout(1.0)(A, training=True).numpy() == 0).all()
    assert (L.Dropout(0.0)(A, training=True).numpy() == A).all()


@pytest.mark.parametrize(
    ("layer", "mean", "variance"),
    [
        (L.GaussianNoise(0.5), 1.0, 0.25),
        (L.GaussianDropout(0.2), 1.0, 0.25),
        (L.Dropout(0.2), 1.0, 0.25),
    ],
)
def test_mean_and_variance_of_noise(layer, mean, variance):
    random_keys.set_seed(2)
    found = layer(np.ones((300, 300)), training=True).numpy()
    assert abs(found.mean() - mean) < 0.01 and abs(found.var() - variance) < 0.01


def test_alpha_dropout_keeps_mean_and_variance():
    random_keys.set_seed(2)
    x = np.random.default_rng(0).standard_normal((300, 300))
    found = L.AlphaDropout(0.3)(x, training=True).numpy()
    assert abs(found.mean()) < 0.02 and abs(found.var() - 1) < 0.03


def test_in_a_compiled_function_dropout_needs_a_key():
    layer = L.Dropout(0.5)
    with settings(engine="numpy"):
        with pytest.raises(StateError, match=r"Dropout 'dropout'.*need a key"):
            transforms.compile(lambda x: layer(x, training=True))(A)

        def keyed(x, key):
            with random_keys.key_scope(key):
                return layer(x, training=True)

        f = transforms.compile(keyed)
        first, other = (f(np.ones((8, 8)), random_keys.key(k)).numpy() for k in (0, 1))
        assert (first != other).any() and (
            f(np.ones((8, 8)), random_keys.key(0)).numpy() == first
        ).all()


# ---- the base class -----------------------------------------------------------------------------
class Scale(L.Layer):
    def __init__(self, power, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def build(self, input_shape):
        self.factor = self.add_weight(name="factor", shape=input_shape[-1:], initializer="ones")

    def call(self, inputs):
        return (inputs * self.factor) ** self.power


class Block(L.Layer):
    def __init__(self, units):
        super().__init__()
        self.inner = [L.Dense(units, activation="relu"), Scale(2)]
        self.by_name = {"out": L.Dense(1), "drop": L.Dropout(0.5)}
        self.steps = Variable(0, trainable=False, name="steps")

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.by_name["out"](self.by_name["drop"](x))


def test_a_custom_layer():
    layer = Scale(2, name="mine")
    np.testing.assert_allclose(layer(A).numpy(), A**2)
    assert [v.name for v in layer.weights] == ["factor"] and layer.count_params() == 4
    again = deserialize(serialize(layer))
    assert isinstance(again, Scale) and again.power == 2 and again.name == "mine"
    assert serialize(layer)["registered_name"] == "custom>Scale"
    assert layer.compute_output_shape((None, 4)) == (None, 4)


def test_layers_inside_lists_and_dicts_are_found():
    block = Block(3)
    block(A)
    assert list(block.named_weights()) == [
        "steps",
        "dense/kernel",
        "dense/bias",
        "scale/factor",
        "dense_1/kernel",
        "dense_1/bias",
    ]
    assert [v.name for v in block.non_trainable_weights] == ["steps"]
    assert block.by_name["out"].path == "block/dense_1"
    block.inner.append(Scale(1))
    assert block.inner[-1] in block._children()


def test_trainable_false_reaches_everything_inside():
    block = Block(3)
    block(A)
    block.trainable = False
    assert block.trainable_weights == [] and len(block.non_trainable_weights) == 6
    assert not block.by_name["out"].trainable
    ones = np.ones((4, 4))
    assert (block.by_name["drop"](ones, training=True).numpy() == 1).all()
    block.inner[0].trainable = True
    block._trainable = True
    assert [v.name for v in block.trainable_weights] == ["kernel", "bias"]
    block.trainable = True
    assert [v.name for v in block.non_trainable_weights] == ["steps"]


def test_training_reaches_the_layers_inside_without_being_passed_on():
    block = Block(64)
    random_keys.set_seed(0)
    block(A)
    drop = L.Dropout(0.5)
    block.by_name = {"out": L.Identity(), "drop": drop}
    found = block(A + 20, training=True).numpy()
    assert (found == 0).any()
    assert (block(A + 20).numpy() == block(A + 20, training=False).numpy()).all()


def test_call_gets_training_and_mask_only_where_it_takes_them():
    class Asks(L.Layer):
        def call(self, inputs, training=False, mask=None):
            return inputs * (2.0 if training else 1.0) + (0.0 if mask is None else 10.0)

    assert (Asks()(np.zeros((1, 1)), mask=np.ones((1, 1))).numpy() == 10).all()
    assert (Asks()(np.ones((1, 1)), training=True).numpy() == 2).all()
    assert (L.Identity()(np.ones((1, 1)), training=True, mask=None).numpy() == 1).all()


def test_build_by_hand_happens_once():
    layer = Scale(1)
    layer.build((None, 4))
    kernel = layer.factor
    layer.build((None, 4))
    layer(A)
    assert layer.factor is kernel and len(layer.weights) == 1


def test_build_of_several_inputs():
    class Pair(L.Layer):
        def build(self, query_shape, value_shape):
            self.w = self.add_weight(name="w", shape=(query_shape[-1], value_shape[-1]))

        def call(self, query, value):
            return query @ self.w + value

    assert Pair()(A, X[:, 0, :2]).shape == (2, 2)
    assert Pair()(A, value=X[:, 0, :3]).shape == (2, 3)


def test_build_inside_a_gradient_and_inside_a_trace():
    layer = L.Dense(2)
    gradient = transforms.grad(lambda x: reductions.sum(layer(x)))(A)
    np.testing.assert_allclose(gradient.numpy(), np.tile(layer.get_weights()[0].sum(1), (2, 1)))
    other = L.Dense(2)
    with settings(engine="numpy"):
        f = transforms.compile(lambda x: other(x))
        found = f(A).numpy()
    np.testing.assert_allclose(found, A @ other.get_weights()[0], rtol=1e-5)


def test_add_loss():
    class Penalized(L.Layer):
        def call(self, inputs):
            self.add_loss(reductions.sum(inputs))
            return inputs

    outer = Block(2)
    outer.inner = [Penalized()]
    outer(np.ones((2, 3)))
    assert [loss.item() for loss in outer.losses] == [6.0]
    outer(np.ones((1, 3)))
    assert [loss.item() for loss in outer.losses] == [3.0]


def test_weights_come_and_go_as_arrays():
    first, second = L.Dense(3), L.Dense(3)
    first(A), second(A)
    second.set_weights(first.get_weights())
    np.testing.assert_array_equal(first(A).numpy(), second(A).numpy())
    with pytest.raises(
        ShapeError, match="Dense 'dense': set_weights got 1 arrays, and there are 2"
    ):
        first.set_weights([np.ones((4, 3))])
    with pytest.raises(ShapeError, match=r"shape \(3, 4\) for kernel, which has shape \(4, 3\)"):
        first.set_weights([np.ones((3, 4)), np.ones(3)])


def test_compute_output_shape_is_free():
    assert L.Dense(4).compute_output_shape((None, 3, 2)) == (None, 3, 4)
    assert L.Flatten().compute_output_shape((None, 3, 2)) == (None, 6)
    assert L.Flatten().compute_output_shape((None, None, 2)) == (None, None)
    assert L.Concatenate().compute_output_shape([(None, 3), (None, 2)]) == (None, 5)
    assert L.Dense(4).compute_output_shape((8, 3)) == (8, 4)


def test_input_specs_of_custom_layers():
    class Picky(L.Layer):
        input_spec = L.InputSpec(shape=(None, 3), dtype="float32")

        def call(self, inputs):
            return inputs

    assert Picky()(np.ones((2, 3))).shape == (2, 3)
    with pytest.raises(ShapeError, match=r"expected inputs with 3 entries in axis 1"):
        Picky()(A)
    with pytest.raises(ShapeError, match="expected an input of 2 axes"):
        Picky()(X)
    with pytest.raises(TypeError, match="expected an input of float32, got int32"):
        Picky()(np.ones((2, 3), np.int32))


def test_a_layer_can_be_renamed():
    layer = L.Dense(1)
    layer.name = "head"
    assert layer.name == layer.path == layer.get_config()["name"] == "head"


def test_names_are_those_of_the_class():
    assert (L.Dense(1).name, L.ReLU().name, L.SpatialDropout1D(0.1).name) == (
        "dense",
        "re_lu",
        "spatial_dropout1d",
    )


# ---- mistakes -----------------------------------------------------------------------------------
MISTAKES = [
    (lambda: L.Dense(0), RangeError, "Dense: units must be a positive integer, not 0"),
    (lambda: L.Dense(2.5), RangeError, "Dense: units must be a positive integer, not 2.5"),
    (lambda: L.Dense(3, activaton="relu"), UnknownNameError,
     r"unknown argument of Dense 'activaton'\n.*'activation'"),
    (lambda: L.Dense(3, dtype="int8"), TypeError, "dtype must be floating"),
    (lambda: L.Dense(3)(np.zeros(4)), ShapeError,
     r"Dense 'dense': expected an input of at least 2 axes.*got shape \(4,\).*\n.*x\[None\]"),
    (lambda: L.Dense(3)(L.Input((None,))), ShapeError,
     r"weight 'kernel' would have shape \(None, 3\).*\n.*give this axis of the Input a size"),
    (lambda: L.Dense(3)("text"), TypeError, "expected a tensor or an array, got 'text'"),
    (lambda: L.Dropout(1.5), RangeError, "Dropout: rate must be within 0 and 1, not 1.5"),
    (lambda: L.Dropout(0.5, noise_shape=(1,))(A, training=True), ShapeError, "noise_shape"),
    (lambda: L.Reshape((-1, -1)), ArgumentError, "only one entry may be -1"),
    (lambda: L.Reshape((5,))(A), ShapeError, r"\(4,\) have 4 entries.*target shape \(5,\)"),
    (lambda: L.Permute((0, 1)), ArgumentError, "an order of 1 to 2"),
    (lambda: L.Permute((2, 1))(A), ShapeError, "expected an input of 3 axes"),
    (lambda: L.RepeatVector(0), RangeError, "n must be a positive integer"),
    (lambda: L.Add()(A), ArgumentError, r"expected a list.*got one tensor of shape \(2, 4\)"),
    (lambda: L.Add()([A]), ArgumentError, "expected at least 2 inputs, got 1"),
    (lambda: L.Subtract()([A, A, A]), ArgumentError, "expected 2 inputs, got 3"),
    (lambda: L.Add()([A, A[:, :3]]), ShapeError,
     r"Add 'add': inputs of shapes \(2, 4\), \(2, 3\) do not fit together"),
    (lambda: L.Concatenate()([X, A]), ShapeError, "cannot be joined along axis -1"),
    (lambda: L.Concatenate(axis=1)([X, X[:, :, :2]]), ShapeError, "differ along axis 2"),
    (lambda: L.Dot(axes=1)([A, X]), ShapeError, "cannot be multiplied along the axes"),
    (lambda: L.Dot(axes=0)([A, A]), ShapeError, "cannot be multiplied along the axes"),
    (lambda: L.Lambda(3), ArgumentError, "Lambda: needs a function"),
    (lambda: L.ReLU(negative_slope=-1.0), RangeError, "negative_slope must be at least 0"),
    (lambda: L.Input(), ArgumentError, "give shape"),
    (lambda: L.Input(shape=("a",)), ShapeError, "a shape is a tuple of positive integers"),
    (lambda: float(L.Input((3,))), TypeError, "stands for data that will come"),
    (lambda: bool(L.Dense(1)(L.Input((3,)))), TypeError, "has no value yet"),
    (lambda: L.Layer()(A), NotImplementedError, r"Layer must define call"),
    (lambda: deserialize({"module": "keras.layers", "class_name": "Dens", "config": {}}),
     UnknownNameError, r"unknown class in lamina.layers 'Dens'\n.*custom_objects.*'Dense'"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_mistakes_are_named(mistake, kind, message):
    with pytest.raises(kind, match=message):
        mistake()


def test_an_error_inside_names_the_layer_once():
    class Wrong(L.Layer):
        def call(self, inputs):
            return inputs @ inputs

    block = Block(2)
    block.inner = [Wrong()]
    with pytest.raises(ShapeError) as caught:
        block(A)
    assert str(caught.value).startswith("Wrong 'block/wrong': matmul")
    assert "Block" not in str(caught.value) and caught.value.layer == "block/wrong"


def test_built_layers_refuse_other_widths():
    layer = L.Dense(2)
    layer(A)
    with pytest.raises(
        ShapeError, match=r"expected inputs with 4 features in the last axis, got shape \(2, 3\)"
    ):
        layer(A[:, :3])
