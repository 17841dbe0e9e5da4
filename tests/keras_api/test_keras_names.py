"""Names that programs written for Keras use, and Lamina itself does not have."""

import functools
import re

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.elsewhere import ELSEWHERE
from lamina.errors import ArgumentError
from lamina.keras import layers, ops


def test_every_name_of_ops_is_there():
    missing = [name for name in ops.__all__ if not hasattr(ops, name)]
    assert not missing
    assert {"shape", "cast", "one_hot", "matmul", "silu", "scan", "cond"} <= set(ops.__all__)


X = np.float32([[3.0, 4.0], [0.0, 0.0]])
VALUES = {
    "norm": (lambda: ops.norm(X, axis=-1), [5.0, 0.0]),
    "normalize": (lambda: ops.normalize(X), [[0.6, 0.8], [0.0, 0.0]]),
    "average": (lambda: ops.average(X, axis=1, weights=[1.0, 3.0]), [3.75, 0.0]),
    "mean": (lambda: ops.average(X), 1.75),
    "divide_no_nan": (lambda: ops.divide_no_nan(X, X), [[1.0, 1.0], [0.0, 0.0]]),
    "slice": (lambda: ops.slice(X, [0, 1], [2, 1]), [[4.0], [0.0]]),
    "get_item": (lambda: ops.get_item(X, 0), [3.0, 4.0]),
    "arange": (lambda: ops.arange(start=2, stop=8, step=3), [2, 5]),
    "arange of one": (lambda: ops.arange(3), [0, 1, 2]),
    "convert": (lambda: ops.convert_to_numpy(ops.convert_to_tensor([1, 2], "float32")), [1.0, 2.0]),
    "mod": (lambda: ops.mod(-7, 4), 1),
    "cond": (lambda: ops.cond(True, lambda: ops.zeros(2), lambda: ops.ones(2)), [0.0, 0.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_operations_by_the_names_of_keras(name):
    compute, expected = VALUES[name]
    np.testing.assert_allclose(np.asarray(compute()), expected, atol=1e-6)


def test_shapes_are_asked_for_in_layers():
    class Positions(layers.Layer):
        def __init__(self):
            super().__init__()
            self.table = layers.Embedding(9, 4)

        def call(self, x):
            steps = ops.shape(x)[-1]
            return self.table(ops.arange(start=0, stop=steps, step=1)) + ops.ndim(x)

    inputs = keras.Input((None,))
    model = keras.Model(inputs, Positions()(inputs))
    assert model.predict(np.zeros((2, 5)), verbose=0).shape[-2:] == (5, 4)


def test_a_class_may_be_registered():
    @keras.saving.register_keras_serializable(package="Mine")
    class Twice(layers.Layer):
        def call(self, x):
            return 2 * x

    model = keras.Sequential([keras.Input((3,)), Twice()])
    assert keras.models.clone_model(model)(np.ones((1, 3))).tolist() == [[2.0, 2.0, 2.0]]


def test_outputs_without_references_are_still_available():
    """As the inference part of keras.io's lstm_seq2seq asks for."""
    inputs = keras.Input((None, 3))
    output, h, c = layers.LSTM(4, return_state=True, name="encoder")(inputs)
    model = keras.Model(inputs, layers.Dense(2)(h))
    del output, c
    _, h, c = model.get_layer("encoder").output
    encoder = keras.Model(model.input, [h, c])
    x = np.ones((2, 5, 3), "float32")
    expected = model.get_layer("encoder")(x)
    for a, b in zip(encoder.predict(x, verbose=0), expected[1:], strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_reset_states_resets_the_states_of_a_model():
    model = keras.Sequential([keras.Input(batch_shape=(2, None, 3))])
    model.add(layers.Bidirectional(layers.LSTM(4, stateful=True, return_sequences=True)))
    model.add(layers.GRU(4, stateful=True))
    x = np.ones((2, 5, 3), "float32")
    first = model.predict(x, verbose=0)
    assert np.abs(model.predict(x, verbose=0) - first).max() > 1e-4
    model.reset_states()
    np.testing.assert_array_equal(model.predict(x, verbose=0), first)
    lm.Sequential([layers.Dense(2)]).reset_states()


class Noisy(keras.Model):
    """Draws where it is called, as the encoder of a variational autoencoder does."""

    def __init__(self):
        super().__init__()
        self.dense, self.dropout = layers.Dense(3), layers.Dropout(0.5)

    def call(self, x, training=False):
        noise = layers.Lambda(lambda x: x + lm.random.normal(x.shape))
        return noise(self.dropout(self.dense(x), training=training))


class NoisySteps(Noisy):
    """The same, with custom steps."""

    def __init__(self):
        super().__init__()
        self.mean = keras.metrics.Mean(name="loss")

    def error(self, x, y, training):
        return lm.mean((self(x, training=training) - y) ** 2)

    def train_step(self, data):
        x, y = data
        weights = self.trainable_weights
        loss, g = lm.value_and_grad(lambda _: self.error(x, y, True))(weights)
        self.optimizer.apply(g, weights)
        self.mean.update_state(loss)
        return {"loss": self.mean.result()}

    def test_step(self, data):
        self.mean.update_state(self.error(*data[:2], False))
        return {"loss": self.mean.result()}


@pytest.mark.parametrize("kind", [Noisy, NoisySteps])
def test_random_numbers_without_keys(kind):
    """Drawn again in each step, each batch and each prediction; the same when run again."""
    x = np.ones((8, 3), "float32")

    def run():
        lm.set_seed(3)
        model = kind()
        model.compile("sgd", "mse")
        fitted = model.fit(x, x, batch_size=4, validation_data=(x, x), verbose=0, seed=1).history
        scores = [model.evaluate(x, x, batch_size=size, verbose=0) for size in (8, 8, 4)]
        return fitted, scores, [model.predict(x[:1], verbose=0).tolist() for _ in range(2)]

    first = run()
    assert first == run()
    _, scores, predicted = first
    assert scores[0] == scores[1] != scores[2] and predicted[0] != predicted[1]


@pytest.mark.parametrize("third", [["accuracy"], "accuracy", [keras.metrics.AUC()]])
def test_metrics_as_the_third_argument(third):
    """Of compile, that is loss_weights, in Keras too."""
    with pytest.raises(ArgumentError, match=r"loss_weights[^$]*metrics=\["):
        keras.Sequential([layers.Dense(1)]).compile("adam", "mse", third)


def test_logs_as_a_table(tmp_path):
    file, x = tmp_path / "log.csv", np.ones((4, 3), "float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, 0], epochs=2, callbacks=keras.callbacks.CSVLogger(file), verbose=0)
    history = model.fit(
        *(x, x[:, 0]), epochs=4, initial_epoch=2, validation_data=(x, x[:, 0]), verbose=0,
        callbacks=[keras.callbacks.CSVLogger(str(file), append=True)],
    ).history  # fmt: skip
    heading, *rows = [line.split(",") for line in file.read_text().splitlines()]
    assert heading == ["epoch", "loss", "val_loss"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3"] and rows[1][2] == "NA"
    assert [float(row[2]) for row in rows[2:]] == history["val_loss"]


def test_classes_to_derive_from():
    for name in ("Initializer", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer"):
        assert isinstance(getattr(keras, name), type)
    assert keras.metrics.mean_squared_error([1.0], [3.0]).item() == 4.0
    assert keras.tree.flatten({"b": 1, "a": [2, 3]}) == [2, 3, 1]


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_data_set_in_two(shuffle):
    x = np.arange(10)
    left, right = keras.utils.split_dataset((x, -x), left_size=0.8, shuffle=shuffle, seed=1)
    rows = [[int(a) for a, _ in part] for part in (left, right)]
    assert [len(part) for part in rows] == [8, 2] and sorted(rows[0] + rows[1]) == x.tolist()
    assert (rows[0] == list(range(8))) != shuffle
    _, right = keras.utils.split_dataset(x, right_size=3)
    assert len(right) == 3
    with pytest.raises(lm.errors.RangeError, match="8 and 5 samples of 10"):
        keras.utils.split_dataset(x, 8, 5)


DRAWS = {
    "normal": lambda seed: keras.random.normal((400,), 2.0, 0.5, seed=seed),
    "uniform": lambda seed: keras.random.uniform((400,), 1.0, 3.0, seed=seed),
    "truncated_normal": lambda seed: keras.random.truncated_normal((400,), 2.0, 0.5, seed=seed),
    "randint": lambda seed: keras.random.randint((400,), 0, 5, seed=seed),
    "categorical": lambda seed: keras.random.categorical(np.zeros((2, 5)), 200, seed=seed),
    "shuffle": lambda seed: keras.random.shuffle(np.linspace(0, 4, 400), seed=seed),
    "dropout": lambda seed: keras.random.dropout(np.full(400, 2.0), 0.5, seed=seed),
    "dropout of rows": lambda seed: keras.random.dropout(
        np.full((400, 2), 2.0), 0.5, (400, 1), seed
    ),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_by_seed(name):
    draw, seeds = DRAWS[name], keras.random.SeedGenerator(5)
    once, again, other = draw(1), draw(1), draw(2)
    assert np.array_equal(once, again) and not np.array_equal(once, other)
    first, second, begun_anew = draw(seeds), draw(seeds), draw(keras.random.SeedGenerator(5))
    assert not np.array_equal(first, second) and np.array_equal(first, begun_anew)
    assert np.asarray(first).mean() == pytest.approx(2, abs=0.3)


def test_the_encoder_of_a_variational_autoencoder():
    class Sampling(layers.Layer):
        def __init__(self):
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1337)

        def call(self, inputs):
            mean, log_variance = inputs
            noise = keras.random.normal(ops.shape(mean), seed=self.seed_generator)
            return mean + ops.exp(0.5 * log_variance) * noise

    inputs = keras.Input((6,))
    codes = Sampling()([layers.Dense(2)(inputs), layers.Dense(2)(inputs)])
    model = keras.Model(inputs, layers.Dense(6)(codes))
    x = np.ones((8, 6), "float32")
    first, second = model.predict(x, verbose=0), model.predict(x, verbose=0)
    assert not np.array_equal(first, second)
    model.compile("sgd", "mse")
    before = model.get_layer(index=3).seed_generator.count.numpy()
    model.fit(x, x, batch_size=4, epochs=2, verbose=0)
    assert model.get_layer(index=3).seed_generator.count.numpy() == before + 4


EINSUMS = [  # equation, output_shape, bias_axes, input, shapes of kernel and bias
    ("abc,cd->abd", (None, 6), "d", (2, 4, 3), (3, 6), (6,)),
    ("ab,bc->ac", 5, None, (2, 3), (3, 5), None),
    ("...x,xy->...y", 5, "y", (2, 4, 7, 3), (3, 5), (5,)),
    ("abcd,cde->abe", (None, 6), "e", (2, 4, 3, 5), (3, 5, 6), (6,)),
    ("abc,bde->acde", (3, 5, 6), "cd", (2, 4, 3), (4, 5, 6), (3, 5, 1)),
    ("ab...,bc->ac...", (5, None), "c", (2, 3, 4), (3, 5), (5, 1)),
]


@pytest.mark.parametrize("row", EINSUMS, ids=lambda row: row[0])
def test_dense_layers_of_any_product(row):
    equation, output_shape, bias_axes, shape, of_kernel, of_bias = row
    layer = layers.EinsumDense(equation, output_shape, "tanh", bias_axes, bias_initializer="ones")
    model = keras.Sequential([keras.Input(shape[1:]), layer])
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    assert layer.kernel.shape == of_kernel
    assert (layer.bias.shape if layer.bias is not None else None) == of_bias
    product = np.einsum(equation, x, layer.kernel.numpy())
    expected = np.tanh(product + (0 if of_bias is None else np.ones(of_bias)))
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-5)
    twin = keras.models.clone_model(model)
    assert twin.output_shape == model.output_shape


def test_mistakes_in_equations():
    with pytest.raises(ArgumentError, match="inputs,kernel->outputs"):
        layers.EinsumDense("ab->a", 3)
    with pytest.raises(ArgumentError, match="extent of 'd'"):
        layers.EinsumDense("abc,cd->abd", (4, None)).build((None, 4, 3))
    with pytest.raises(ArgumentError, match="bias axis 'z'"):
        layers.EinsumDense("ab,bc->ac", 5, bias_axes="z").build((None, 3))


def test_names_of_other_frameworks_are_answered():
    """Each answer names something that is here, and no name that is here is answered."""
    for name, answer in ELSEWHERE.items():
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; instead: "):
            getattr(lm, name)
        for path in re.findall(r"lamina\.([\w.]*\w)", answer):
            functools.reduce(getattr, path.split("."), lm)
    with pytest.raises(AttributeError, match="did you mean 'concat'"):
        lm.concatt  # noqa: B018
