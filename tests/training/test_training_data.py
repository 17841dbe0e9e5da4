"""Forms of models and of data that `fit` takes, and steps of the user's own."""

import copy

import numpy as np
import pytest

import lamina as lm
from digits_training import DIGITS, X, Y, network, same


# ---- forms of models and data ------------------------------------------------------------------
def two_headed():
    inputs = lm.Input(shape=(8, 8))
    flat = lm.layers.Flatten()(inputs)
    digit = lm.layers.Dense(10, "softmax", name="digit")(flat)
    even = lm.layers.Dense(1, "sigmoid", name="even")(flat)
    return lm.Model(inputs, [digit, even])


def test_several_outputs_by_name_and_by_order():
    losses = {"digit": "sparse_categorical_crossentropy", "even": "binary_crossentropy"}
    targets = {"digit": Y, "even": (Y % 2 == 0).astype(np.float32)}
    logs = []
    for order in (False, True):
        lm.set_seed(1)
        model = two_headed()
        given = list(losses.values()) if order else losses
        weights = [1.0, 0.5] if order else {"digit": 1.0, "even": 0.5}
        metrics = [["accuracy"], ["accuracy"]] if order else {key: ["accuracy"] for key in losses}
        model.compile("sgd", given, loss_weights=weights, metrics=metrics)
        y = list(targets.values()) if order else targets
        logs.append(model.fit(X, y, seed=1, verbose=0).history)
    assert logs[0] == logs[1]
    names = ["loss", "digit_loss", "even_loss", "digit_accuracy", "even_accuracy"]
    assert list(logs[0]) == names == model.metrics_names
    total = logs[0]["digit_loss"][0] + 0.5 * logs[0]["even_loss"][0]
    assert logs[0]["loss"][0] == pytest.approx(total, rel=1e-5)


def test_several_inputs_as_list_and_as_dict():
    left, right = lm.Input(shape=(2,), name="left"), lm.Input(shape=(3,), name="right")
    joined = lm.layers.Concatenate()([left, right])
    model = lm.Model([left, right], lm.layers.Dense(1)(joined))
    model.compile("sgd", "mse")
    rows = np.random.default_rng(0)
    a, b = rows.normal(size=(20, 2)), rows.normal(size=(20, 3))
    model.fit([a, b], a[:, :1], verbose=0)
    model.fit({"right": b, "left": a}, a[:, :1], verbose=0)
    np.testing.assert_array_equal(model.predict([a, b]), model.predict({"left": a, "right": b}))


class Own(lm.Model):
    """A subclassed model whose weights are made by the first data."""

    def __init__(self):
        super().__init__()
        self.hidden = lm.layers.Dense(8, "relu")
        self.out = lm.layers.Dense(10)

    def call(self, x):
        return self.out(self.hidden(lm.reshape(x, (x.shape[0], 64))))


def test_a_subclassed_model_is_built_by_the_data():
    model = Own()
    model.compile(
        "adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["acc"]
    )
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert list(history) == ["loss", "acc"]


def test_a_custom_train_step():
    class Doubled(Own):
        def train_step(self, data):
            x, y = data
            weights = self.trainable_weights

            def loss(_):
                return lm.mean((self(x, training=True) - lm.one_hot(y, 10)) ** 2)

            value, gradients = lm.value_and_grad(loss)(weights)
            self.optimizer.apply(gradients, weights)
            return {"own_loss": value}

    model = Doubled()
    model.compile("adam", "mse")
    model.compile(lm.optimizers.Adam(0.01), lm.losses.SparseCategoricalCrossentropy(True))
    history = model.fit(X, Y, epochs=3, verbose=0).history
    assert history["own_loss"][-1] < history["own_loss"][0]


def test_a_step_with_its_own_metric_optimizer_and_counter():
    class Adversary(Own):
        def __init__(self):
            super().__init__()
            self.mean = lm.metrics.Mean(name="mean_of_rows")
            self.second = lm.optimizers.SGD(0.1, momentum=0.9)
            self.steps_done = [lm.Variable(0, trainable=False)]

        @property
        def metrics(self):
            return [self.mean]

        def train_step(self, data):
            x, y = data
            weights = self.trainable_weights

            def loss(_):
                return lm.mean((self(x, training=True) - lm.one_hot(y, 10)) ** 2)

            value, gradients = lm.value_and_grad(loss)(weights)
            self.optimizer.apply(gradients[:2], weights[:2])
            self.second.apply(gradients[2:], weights[2:])
            self.steps_done[0].assign_add(1)
            self.mean.update_state(lm.mean(x))
            return {"loss": value, "mean_of_rows": self.mean.result()}

    model = Adversary()
    model.compile("sgd")
    for epochs in (2, 1):
        history = model.fit(X, Y, batch_size=30, epochs=epochs, verbose=0).history
        assert list(history) == ["loss", "mean_of_rows"]
        assert history["mean_of_rows"] == [pytest.approx(X.mean(), rel=1e-4)] * epochs
    assert model.steps_done[0].numpy() == 30


def test_a_step_may_add_to_the_usual_one():
    class More(Own):
        def train_step(self, data):
            return {**super().train_step(data), "seven": lm.asarray(7.0)}

    logs = []
    for kind in (Own, More):
        lm.set_seed(2)
        model = kind()
        model.compile("adam", lm.losses.SparseCategoricalCrossentropy(True), metrics=["accuracy"])
        logs.append(model.fit(X, Y, seed=1, verbose=0).history)
    assert logs[1] == {**logs[0], "seven": [7.0]}


def test_new_variables_in_each_step_are_refused():
    class Leaky(Own):
        def train_step(self, data):
            fresh = lm.Variable(0.0)
            fresh.assign_add(1.0)
            return {"fresh": fresh.value}

    model = Leaky()
    model.compile("sgd")
    with pytest.raises(lm.errors.StateError, match=r"new Variables(.|\n)*__init__"):
        model.fit(X, Y, verbose=0)


def test_nothing_to_train_is_said():
    model = network()
    model.trainable = False
    with pytest.raises(lm.errors.ArgumentError, match="no weight is trainable"):
        model.fit(X, Y, verbose=0)


def test_a_custom_loss_function():
    class Norm(Own):
        def compute_loss(self, x, y, y_pred, sample_weight=None, training=True):
            return 0.0 * lm.sum(y_pred) + 7.0

    model = Norm()
    model.compile("sgd", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert model.fit(X, Y, verbose=0).history["loss"] == [7.0]


def test_iterables_of_batches():
    batches = [(X[k : k + 50], Y[k : k + 50]) for k in range(0, 300, 50)]

    class Endless:
        def __iter__(self):
            while True:
                yield from batches

    for source, steps in ((batches, None), (Endless(), 6), (iter(batches), None)):
        model, usual = network(), network()
        history = model.fit(source, steps_per_epoch=steps, validation_data=batches, verbose=0)
        usual.fit(X, Y, batch_size=50, shuffle=False, verbose=0)
        assert same(model, usual)
        assert history.history["val_loss"][0] == pytest.approx(
            usual.evaluate(X, Y, verbose=0)[0], rel=1e-5
        )
    assert model.predict(X[:50] for _ in range(2)).shape == (100, 10)


@pytest.mark.parametrize("kind", ["uint8", "int64", "float64", "lists", "tensor"])
def test_data_in_many_forms(kind):
    forms = {"lists": DIGITS[:20].tolist(), "tensor": lm.asarray(X[:20])}
    x = forms.get(kind, DIGITS[:20].astype("uint8" if kind in forms else kind))
    model = network()
    model.fit(x, Y[:20].tolist() if kind == "lists" else Y[:20], verbose=0)
    assert model.predict(x).shape == (20, 10)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_copy_of_a_trained_model_continues_as_the_model_would(run_eagerly):
    model = network(lm.layers.Dropout(0.5), run_eagerly=run_eagerly)
    model.fit(X, Y, epochs=2, verbose=0)
    before = model.predict(X, verbose=0)
    twin = copy.deepcopy(model)
    twin.fit(X, Y, epochs=2, verbose=0, seed=1)
    np.testing.assert_array_equal(model.predict(X, verbose=0), before)
    model.fit(X, Y, epochs=2, verbose=0, seed=1)
    for own, copied in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_array_equal(own, copied)


def test_a_subclassed_model_trains_after_a_call_on_another_length():
    class Words(lm.Model):
        def __init__(self):
            super().__init__()
            self.table, self.out = lm.layers.Embedding(9, 4), lm.layers.Dense(9)

        def call(self, tokens):
            return self.out(self.table(tokens))

    model = Words()
    model(np.zeros((2, 1), "int32"))
    model.compile("sgd", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    words = np.random.default_rng(0).integers(0, 9, (8, 5))
    assert len(model.fit(words, words, verbose=0).history["loss"]) == 1


def test_a_metric_of_one_value_in_an_array_is_a_number():
    score = lm.metrics.F1Score(threshold=0.5)
    model = lm.Sequential([lm.layers.Dense(1, "sigmoid", input_shape=(2,))])
    model.compile("adam", "binary_crossentropy", metrics=[score])
    x = np.random.default_rng(0).normal(size=(20, 2)).astype("float32")
    logs = model.fit(x, x[:, 0] > 0, verbose=2).history
    assert isinstance(logs["f1_score"][0], float)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_custom_train_step_gets_the_data_of_fit(run_eagerly):
    """As in Keras: (x, y), with weights (x, y, sample_weight), and inputs alone as they are."""
    seen = []

    class Watching(Own):
        def train_step(self, data):
            seen.append(len(data) if isinstance(data, tuple) else "x")
            x, y, weights = lm.keras.utils.unpack_x_y_sample_weight(data)
            assert (y is None) == (seen[-1] == "x")
            assert (weights is None) == (seen[-1] != 3)
            return super().train_step(data) if y is not None else {"loss": lm.mean(self(x))}

        def test_step(self, data):
            x, y = data
            return super().test_step((x, y))

    loss = lm.losses.SparseCategoricalCrossentropy(True)
    for given in ((X,), (X, Y, np.ones(len(X))), (X, Y)):
        model = Watching()
        model.compile("adam", loss if len(given) > 1 else None, run_eagerly=run_eagerly)
        x, y, weights = (*given, None, None)[:3]
        model.fit(
            x[:64],
            y if y is None else y[:64],
            batch_size=64,
            verbose=0,
            sample_weight=weights if weights is None else weights[:64],
        )
        assert seen.pop() == {1: "x", 2: 2, 3: 3}[len(given)]
        seen.clear()
    model.fit(X[:64], Y[:64], class_weight={0: 2.0}, batch_size=64, verbose=0)
    assert seen[0] == 3
    assert isinstance(model.evaluate(X[:64], Y[:64], verbose=0), float)


def test_a_rematerialized_value_finds_its_operands():
    """Two normalizations of one feature: the accumulators of one are read through the other."""
    rng, kept = np.random.default_rng(0), []
    x, y = rng.normal(size=(9, 6, 4, 1)), rng.integers(0, 3, 9)
    for name in ("llvm", "numpy"):
        with lm.settings(engine=name):
            lm.keras.utils.set_random_seed(3)
            layers = lm.keras.layers
            normalized = [layers.BatchNormalization(), layers.LayerNormalization()]
            head = [layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")]
            model = lm.keras.Sequential([*normalized, *head])
            model.compile("sgd", "sparse_categorical_crossentropy")
            model.fit(x, y, batch_size=4, verbose=0, seed=1)
            kept.append(model.get_weights())
    for one, other in zip(*kept, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
