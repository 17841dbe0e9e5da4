"""Sequential, functional and subclassed models: what they compute, hold, write down and refuse."""

import copy
import gc
import json
import sys
import weakref

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina import transforms
from lamina.configuration import deserialize, serialize
from lamina.errors import ArgumentError, NotBuiltError, ShapeError, UnknownNameError
from lamina.models import Model, Sequential, clone_model, model_from_json
from lamina.operations import elementwise, logits, random_keys, shaping
from lamina.settings import settings

X = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)


def lecture():
    return Sequential([
        L.Dense(512, activation="relu", input_shape=(784,)),
        L.Dense(10, activation="softmax"),
    ])  # fmt: skip


def two_towers():
    """Two inputs through one shared layer, joined; two outputs."""
    a, b = L.Input((8,), name="a"), L.Input((8,), name="b")
    shared = L.Dense(4, activation="relu", name="shared")
    joined = L.Concatenate(name="joined")([shared(a), shared(b)])
    return Model([a, b], {"y": L.Dense(2, name="y")(joined), "z": L.Dense(1, name="z")(joined)})


class Subclassed(Model):
    def __init__(self, units=3):
        super().__init__()
        self.units = units
        self.blocks = [L.Dense(units, activation="tanh"), L.Dense(units, activation="tanh")]
        self.drop = L.Dropout(0.5)
        self.head = L.Dense(1)

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x)
        return self.head(self.drop(x))


# ---- sequential ---------------------------------------------------------------------------------
def test_the_lectures_network():
    model = lecture()
    assert model.layers[0].count_params() == 401_920 and model.count_params() == 407_050
    assert model.input_shape == (None, 784) and model.output_shape == (None, 10)
    found = model(np.ones((3, 784)))
    np.testing.assert_allclose(found.numpy().sum(axis=1), 1, rtol=1e-5)
    assert logits.logits_of(found) is not None
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    assert model.layers[1].path == "sequential/dense_1"


@pytest.mark.parametrize("how", ["input_shape", "Input", "InputLayer", "build", "data", "add"])
def test_every_way_to_say_the_shape(how):
    random_keys.set_seed(6)
    first = L.Dense(3, input_shape=(8,)) if how == "input_shape" else L.Dense(3)
    front = {"Input": [L.Input((8,))], "InputLayer": [L.InputLayer((8,))]}.get(how, [])
    if how == "add":
        model = Sequential()
        model.add(L.Input((8,)))
        model.add(first)
        model.add(L.Dense(2))
    else:
        model = Sequential([*front, first, L.Dense(2)])
    if how == "build":
        model.build((None, 8))
    if how == "data":
        assert not model.built
        model(X)
    random_keys.set_seed(6)
    reference = Sequential([L.Dense(3), L.Dense(2)])
    reference.build((None, 8))
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert model.input_shape == (None, 8) and len(model.layers) == 2


def test_sequential_computes_its_layers_in_order():
    model = Sequential([L.Dense(4, activation="relu"), L.Flatten(), L.Dense(2)])
    k1, b1, k2, b2 = (model(X), model.get_weights())[1]
    np.testing.assert_allclose(model(X).numpy(), np.maximum(X @ k1 + b1, 0) @ k2 + b2, rtol=1e-5)


def test_add_and_pop():
    model = Sequential([L.Dense(4, input_shape=(8,))])
    model.add(L.Dense(2))
    assert model.output_shape == (None, 2)
    assert model.pop().units == 2 and model.output_shape == (None, 4) and len(model.weights) == 2
    with pytest.raises(ShapeError, match="Reshape"):
        model.add(L.Reshape((3,)))
    assert len(model.layers) == 1 and model(X).shape == (5, 4)


def test_a_model_as_the_first_layer_brings_its_input():
    base = Sequential([L.Dense(4, input_shape=(8,))], name="base")
    model = Sequential([base, L.Dense(2)])
    assert model.built and model.count_params() == 36 + 10
    assert next(iter(model.named_weights())) == "base/dense/kernel"
    assert model.layers[0] is base


def test_one_layer_twice_shares_its_weights():
    shared = L.Dense(8, name="shared")
    model = Sequential([shared, shared])
    once = shared(X).numpy()
    np.testing.assert_allclose(model(X).numpy(), shared(once).numpy(), rtol=1e-5)
    assert len(model.weights) == 2


# ---- functional ---------------------------------------------------------------------------------
def test_two_inputs_two_outputs_and_a_shared_layer():
    model = two_towers()
    found = model([X, -X])
    kernel, bias = model.get_layer("shared").get_weights()
    joined = np.concatenate([np.maximum(s * X @ kernel + bias, 0) for s in (1, -1)], axis=1)
    for name in ("y", "z"):
        k, b = model.get_layer(name).get_weights()
        np.testing.assert_allclose(found[name].numpy(), joined @ k + b, rtol=1e-5, atol=1e-6)
    assert model.input_names == ["a", "b"]
    assert [layer.name for layer in model.layers] == ["a", "b", "shared", "joined", "y", "z"]
    by_name = model({"b": -X, "a": X})
    np.testing.assert_array_equal(by_name["y"].numpy(), found["y"].numpy())


def test_operations_between_layers():
    a, b = L.Input((8,)), L.Input((8,))
    hidden = L.Dense(4)(a * 2.0 + b)
    flat = shaping.reshape(hidden, (-1, 2, 2)) - elementwise.exp(hidden)[:, None, :2]
    model = Model([a, b], L.Flatten()(flat))
    k, bias = model.get_layer("dense").get_weights()
    h = (2 * X + X**2) @ k + bias
    expected = (h.reshape(-1, 2, 2) - np.exp(h)[:, None, :2]).reshape(-1, 4)
    np.testing.assert_allclose(model([X, X**2]).numpy(), expected, rtol=1e-4, atol=1e-5)
    with settings(engine="numpy"):
        signature = [transforms.Spec(("n", 8)), transforms.Spec(("n", 8))]
        f = transforms.compile(lambda p, q: model([p, q]), signature=signature)
        np.testing.assert_allclose(f(X, X**2).numpy(), expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(f(X[:2], X[:2] ** 2).numpy(), expected[:2], rtol=1e-4, atol=1e-5)


def test_a_loop_between_layers():
    x = L.Input((8,))
    total, _ = transforms.scan(lambda c, k: (c + x * k, k), x * 0.0, np.ones(3, np.float32))
    model = Model(x, L.Identity()(total))
    np.testing.assert_allclose(model(X).numpy(), 3 * X, rtol=1e-6)


def test_numpy_functions_on_symbolic_inputs_become_operations_or_say_what_to_do():
    x = L.Input((8,))
    model = Model(x, L.Identity()(np.exp(x)))
    np.testing.assert_allclose(model(X).numpy(), np.exp(X), rtol=1e-5)
    with pytest.raises(TypeError, match="lm"):
        np.fft.fft(x)


def test_models_as_layers_and_layers_of_other_models():
    inner = two_towers()
    a = L.Input((8,))
    outer = Model(a, L.Add()([inner([a, a])["z"], L.Dense(1)(a)]))
    assert outer(X).shape == (5, 1) and "functional/shared/kernel" in outer.named_weights()
    features = Model(inner.inputs, inner.get_layer("joined").output)
    assert features([X, X]).shape == (5, 8) and features.get_layer("shared") is inner.layers[2]
    middle = Model(inner.get_layer("joined").output, inner.output)
    found = middle(features([X, X]))["y"].numpy()
    np.testing.assert_allclose(found, inner([X, X])["y"].numpy(), rtol=1e-6)


def test_layers_of_two_models_that_share_names_are_made_distinct():
    towers = []
    for _ in range(2):
        x = L.Input((8,))
        towers.append((x, L.Dense(2)(x)))
    model = Model([x for x, _ in towers], L.Add()([y for _, y in towers]))
    assert [x.name for x in model.layers if x.weights] == ["dense", "dense_1"]
    assert (model.get_weights()[0] != model.get_weights()[2]).any()


def test_branches_start_differently_and_repeat():
    def build():
        random_keys.set_seed(8)
        x = L.Input((8,))
        return Model(x, L.Add()([L.Dense(2)(x), L.Dense(2)(x)])).get_weights()

    first, again = build(), build()
    assert (first[0] != first[2]).any()
    assert all((p == q).all() for p, q in zip(first, again, strict=True))


def test_dropout_at_inference_on_purpose():
    x = L.Input((8,))
    model = Model(x, L.Dropout(0.5)(x, training=True))
    assert (model(np.ones((4, 8))).numpy() == 0).any()


def test_inputs_of_integers_and_of_open_length():
    model = Model(x := L.Input((3,), dtype="int32"), L.Dense(2)(x))
    assert model(np.ones((2, 3), np.int32)).dtype == "float32"
    sequence = L.Input((None, 4))
    model = Model(sequence, L.Dense(2)(sequence))
    assert model.output_shape == (None, None, 2) and model(np.ones((2, 7, 4))).shape == (2, 7, 2)


def test_model_of_the_middle_of_a_sequential():
    model = lecture()
    features = Model(model.inputs, model.layers[0].output)
    assert features(np.ones((2, 784))).shape == (2, 512)


def test_one_feature_needs_no_separate_axis():
    model = Sequential([L.Dense(1, input_shape=[1], kernel_initializer="ones")])
    assert model(np.arange(3.0)).shape == (3, 1) and model(np.ones((3, 1))).shape == (3, 1)
    flat = Sequential([L.Input((4,)), L.Dense(1)])
    assert flat(np.ones((2, 4, 1))).shape == (2, 1)


def test_inputs_by_the_keys_of_a_dict():
    x = {"left": L.Input((3,)), "right": L.Input((2,))}
    model = Model(x, L.Concatenate()([x["left"], x["right"]]))
    found = model({"right": np.zeros((1, 2)), "left": np.ones((1, 3)), "more": np.ones(1)})
    assert found.numpy().tolist() == [[1, 1, 1, 0, 0]]
    with pytest.raises(ArgumentError, match=r"no data for the inputs \['left'\]"):
        model({"right": np.zeros((1, 2)), "links": np.ones((1, 3))})


# ---- subclassed ---------------------------------------------------------------------------------
def test_subclassed_models():
    model = Subclassed()
    with pytest.raises(NotBuiltError, match=r"Subclassed 'subclassed': weights.*\n.*build\("):
        _ = model.trainable_weights
    assert model(X).shape == (5, 1) and model.count_params() == 27 + 12 + 4
    assert [layer.name for layer in model.layers] == ["dense", "dense_1", "dropout", "dense_2"]
    again = Subclassed()
    again.build((None, 8))
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(X).numpy(), model(X).numpy())
    assert (model(X, training=True).numpy() != model(X).numpy()).any()


def test_building_for_data_computes_nothing_and_takes_any_nest():
    class Pair(Model):
        def __init__(self):
            super().__init__()
            self.left, self.right = L.Dense(2), L.Dense(2)

        def call(self, inputs):
            return self.left(inputs["left"]) + self.right(inputs["right"])

    model = Pair()
    model.build_for({"left": X, "right": X[:, :3]})
    assert model.built and model.count_params() == 18 + 8
    assert model.compute_output_shape({"left": (None, 8), "right": (None, 3)}) == (None, 2)


def test_a_first_call_that_fails_leaves_the_model_unbuilt():
    class Fails(Model):
        def __init__(self):
            super().__init__()
            self.dense = L.Dense(2)

        def call(self, x):
            return self.dense(x) @ x

    model = Fails()
    with pytest.raises(ShapeError, match="matmul"):
        model(X)
    assert not model.built


def test_subclass_of_a_functional_model():
    class Own(Model):
        def __init__(self, units):
            x = L.Input((8,))
            super().__init__(inputs=x, outputs=L.Dense(units)(x))

    model = Own(3)
    assert model(X).shape == (5, 3)
    again = deserialize(serialize(model))
    assert isinstance(again, Own) and again.output_shape == (None, 3)


# ---- weights ------------------------------------------------------------------------------------
def test_freezing():
    model = lecture()
    model.layers[0].trainable = False
    assert [v.shape for v in model.trainable_weights] == [(512, 10), (10,)]
    assert [v.shape for v in model.non_trainable_weights] == [(784, 512), (512,)]
    model.trainable = False
    assert model.trainable_weights == []


def test_models_of_the_same_layers_name_their_weights_alike():
    random_keys.set_seed(1)
    x = L.Input((8,))
    functional = Model(x, L.Dense(2)(L.Dense(3)(x)))
    sequential = Sequential([L.Dense(3), L.Dense(2)], name="other")
    sequential.build((None, 8))
    assert list(functional.named_weights()) == list(sequential.named_weights())


def test_models_that_are_no_longer_used_are_freed_at_once():
    def uses():
        sequential = lecture()
        sequential(np.ones((2, 784)))
        functional = two_towers()
        functional([X, X])
        subclassed = Subclassed()
        subclassed(X)
        return [weakref.ref(v) for v in (sequential, functional, subclassed, sequential.layers[0])]

    gc.disable()
    try:
        assert [reference() for reference in uses()] == [None] * 4
    finally:
        gc.enable()


def test_deep_copies_are_independent():
    model = two_towers()
    twin = copy.deepcopy(model)
    before = model([X, X])["y"].numpy().copy()
    twin.set_weights([w * 0 for w in twin.get_weights()])
    assert (twin([X, X])["y"].numpy() == 0).all()
    np.testing.assert_array_equal(model([X, X])["y"].numpy(), before)


# ---- configurations -----------------------------------------------------------------------------
@pytest.mark.parametrize("make", [lecture, two_towers, Subclassed])
def test_configurations_make_equal_models(make):
    model = make()
    inputs = np.ones((2, 784)) if make is lecture else [X, X] if make is two_towers else X
    expected = model(inputs)
    again = deserialize(json.loads(json.dumps(serialize(model))))
    again(inputs)
    assert type(again) is type(model) and again.name == model.name
    assert list(again.named_weights()) == list(model.named_weights())
    again.set_weights(model.get_weights())
    for ours, theirs in zip(leaves(again(inputs)), leaves(expected), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert serialize(again) == serialize(model)


def leaves(nest):
    return list(nest.values()) if isinstance(nest, dict) else [nest]


def test_clones_and_json():
    model = two_towers()
    again = model_from_json(model.to_json())
    clone = clone_model(model)
    for other in (again, clone):
        assert list(other.named_weights()) == list(model.named_weights())
        assert (other.get_weights()[0] != model.get_weights()[0]).any()


def test_a_model_that_cannot_be_written_down_raises():
    with pytest.raises(ArgumentError, match="Lambda layer of a lambda cannot be saved"):
        Sequential([L.Input((8,)), L.Lambda(lambda x: x)]).get_config()


def test_steps_that_no_input_declared_may_be_of_any_number(tmp_path):
    """A Sequential accepts other sizes than those of its first data, also after saving."""
    model = Sequential([L.Embedding(9, 4), L.GRU(3, return_sequences=True), L.Dense(2)])
    model(np.zeros((2, 40), int))
    model.save(tmp_path / "model.lamina")
    same = lm.models.load_model(tmp_path / "model.lamina")
    copied = Sequential.from_config(model.get_config())
    for each in (model, same, copied):
        assert each.input_shape == (None, 40)
        assert each(np.zeros((2, 7), int)).shape == (2, 7, 2)
        with pytest.raises(ShapeError, match="expected data of shape"):
            each(np.zeros((2, 7, 3, 3), int))
    declared = Sequential([L.Input((40,), dtype="int32"), L.Embedding(9, 4)])
    with pytest.raises(ShapeError, match="expected data of shape"):
        declared(np.zeros((2, 7), int))


# ---- mistakes -----------------------------------------------------------------------------------
def unbuilt():
    return Sequential([L.Dense(2)])


A_INPUT = L.Input((8,), name="a")

MISTAKES = [
    (lambda: lecture()(np.ones((32, 783))), ShapeError,
     r"Sequential 'sequential': expected data of shape \(None, 784\), got shape \(32, 783\)"),
    (lambda: lecture()(np.ones((32, 28, 28))), ShapeError,
     r"expected data of shape \(None, 784\), got shape \(32, 28, 28\)\n.*flatten the examples"),
    (lambda: lecture()(np.ones(784)), ShapeError, r"got shape \(784,\)\n.*x\[None\]"),
    (lambda: unbuilt().get_weights(), NotBuiltError,
     r"Sequential 'sequential': get_weights\(\) needs weights.*\n.*begin with Input"),
    (lambda: unbuilt().weights, NotBuiltError, "weights needs weights"),
    (lambda: unbuilt().count_params(), NotBuiltError, r"count_params\(\) needs weights"),
    (lambda: unbuilt().build(), NotBuiltError, r"build\(\) without a shape"),
    (lambda: unbuilt().build([(None, 2), (None, 3)]), ShapeError, "takes one input"),
    (lambda: Sequential([L.Dense]), ArgumentError, r"add needs a layer.*\n.*write Dense\(...\)"),
    (lambda: Sequential([np.tanh]), ArgumentError, r"add needs a layer.*\n.*Lambda"),
    (lambda: Sequential(L.Dense(2)), ArgumentError, "layers must be a list"),
    (lambda: Sequential([L.Dense(2, name="d"), L.Dense(2, name="d")]), ArgumentError,
     "there is already a layer 'd'"),
    (lambda: Sequential([L.Dense(2), L.Input((3,))]), ArgumentError, "before the first layer"),
    (lambda: Sequential([L.Input((3,)), L.Input((3,))]), ArgumentError, "can only come first"),
    (lambda: Sequential([L.Input((28, 28)), L.Dense(2), L.Reshape((9,))]), ShapeError,
     r"Reshape 'sequential/reshape': examples of shape \(28, 2\)"),
    (lambda: Sequential().pop(), ArgumentError, "no layer to remove"),
    (lambda: Model(A_INPUT), ArgumentError, "give both inputs and outputs"),
    (lambda: Model(X, A_INPUT), ArgumentError, "inputs must be symbolic tensors"),
    (lambda: Model(A_INPUT, X), ArgumentError, "outputs must be symbolic tensors"),
    (lambda: Model(A_INPUT + 1.0, A_INPUT), ArgumentError, "must come from Input"),
    (lambda: Model(A_INPUT, L.Add()([A_INPUT, L.Input((8,), name="b")])), ArgumentError,
     "depend on Input 'b', which is not among the inputs"),
    (lambda: Model(A_INPUT, L.Dense(2, name="a")(A_INPUT)), ArgumentError,
     "two layers are called 'a'"),
    (lambda: two_towers()([X, X[:, :3]]), ShapeError, "for input 'b', got shape"),
    (lambda: two_towers()(X), ArgumentError, r"expected 2 inputs \(a, b\), got 1"),
    (lambda: two_towers()({"a": X, "c": X}), ArgumentError, r"no data for the inputs \['b'\]"),
    (lambda: lecture().get_layer("dens"), UnknownNameError, r"'dens'\n.*'dense'"),
    (lambda: lecture().get_layer(), ArgumentError, "either a name or an index"),
    (lambda: lecture().get_layer(index=7), IndexError, "there are 2 layers"),
    (lambda: Model()(X), NotImplementedError, "must define call"),
    (lambda: Subclassed().inputs, AttributeError, "has no symbolic inputs"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "kind", "message"), MISTAKES)
def test_mistakes_are_named(mistake, kind, message):
    with pytest.raises(kind, match=message):
        mistake()


def test_layers_without_references_are_refused():
    """Made in `call`, held by a function: their weights would not be trained."""

    class Forgetful(lm.Model):
        def call(self, x):
            return lm.layers.Bidirectional(lm.layers.LSTM(2))(x)

    held_by_a_function = lm.layers.Dense(2)
    x = np.ones((2, 3, 4), "float32")
    message = r"does not keep.*\n.*make the layer in __init__"
    with pytest.raises(lm.errors.StateError, match=f"'forgetful' .*{message}"):
        Forgetful()(x)
    with pytest.raises(lm.errors.StateError, match=f"'lambda' .*{message}"):
        lm.layers.Lambda(lambda t: held_by_a_function(t))(x)
    nothing_to_train = lm.layers.Lambda(lambda t: lm.layers.Rescaling(2.0)(lm.layers.ReLU()(t)))
    assert (nothing_to_train(x).numpy() == 2.0).all()


def test_layers_are_kept_in_lists_dicts_and_made_while_building():
    class Blocks(lm.layers.Layer):
        def __init__(self):
            super().__init__()
            self.blocks = {"a": [lm.layers.Dense(3)], "b": (lm.layers.Dense(4),)}

        def build(self, input_shape):
            last = lm.layers.Dense(2)
            last(lm.zeros((1, 4)))
            self.last = last

        def call(self, x):
            return self.last(self.blocks["b"][0](self.blocks["a"][0](x)))

    layer = Blocks()
    assert layer(lm.ones((2, 3))).shape == (2, 2)
    assert len(layer.trainable_weights) == 6


# ---- many layers -------------------------------------------------------------------------------
def calls_made(function):
    """Count the functions of Python and C that a function calls: a measure without noise."""
    count = 0

    def hear(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(hear)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def chain(depth):
    x = inputs = L.Input((4,))
    for _ in range(depth):
        x = L.Activation("relu")(x)
    return Model(inputs, x)


MANY = {
    "Sequential": lambda n: Sequential([L.Input((4,)), *(L.Activation("relu") for _ in range(n))]),
    "Sequential without an Input": lambda n: Sequential([L.Activation("relu") for _ in range(n)]),
    "functional": chain,
}


@pytest.mark.parametrize("kind", MANY)
def test_the_work_of_making_a_model_grows_in_proportion_to_its_layers(kind):
    make = MANY[kind]
    make(10)
    assert calls_made(lambda: make(400)) < 2.1 * calls_made(lambda: make(200))


def test_layers_that_are_taken_off_give_their_names_free():
    model = Sequential([L.Input((4,)), L.Dense(3), L.Dense(2)])
    model.pop()
    model.add(L.Dense(5))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1"]
    with pytest.raises(ShapeError):
        model.add(L.Conv2D(1, 1))
    model.add(L.Dense(1, name="dense_2"))
    assert [layer.name for layer in model.layers] == ["dense", "dense_1", "dense_2"]
    assert model.output_shape == (None, 1)


def test_optional_input_may_be_none_in_calls_training_and_files(tmp_path):
    class Sum(lm.layers.Layer):
        def call(self, x, more=None):
            return x if more is None else x + more

    x, more = lm.Input((2,), name="x"), lm.Input((2,), name="more", optional=True)
    model = lm.Model({"x": x, "more": more}, lm.layers.Dense(1)(Sum()(x, more)))
    model.compile("sgd", "mse")
    ones = np.ones((4, 2), "float32")
    for given in (None, ones):
        model.fit({"x": ones, "more": given}, ones[:, :1], verbose=0)
    path = str(tmp_path / "m.lamina")
    model.save(path)
    again = lm.load_model(path, custom_objects={"Sum": Sum})
    found = again({"x": ones, "more": None}).numpy()
    np.testing.assert_array_equal(found, model.layers[-1](ones).numpy())
    with pytest.raises(ArgumentError, match="no data for the input"):
        model([None, None])


def test_sequential_without_layers_raises():
    with pytest.raises(ArgumentError, match="has no layers"):
        Sequential()(X)
