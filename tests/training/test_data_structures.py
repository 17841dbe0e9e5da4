"""Data of several inputs and outputs: tuples and lists mean the same, wherever they come from."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina import layers as L
from lamina.errors import ArgumentError

X, Y, W = np.array([[1.0], [2], [3]], "float32"), np.zeros((3, 1), "float32"), np.ones(3)
KINDS = [list, tuple]


def two(inputs=1, **compiled):
    """A model of two outputs, of one or two inputs."""
    given = [lm.Input((1,)) for _ in range(inputs)]
    x = L.Add()(given) if inputs > 1 else given[0]
    p, q = (L.Dense(1, name=name, kernel_initializer="ones")(x) for name in "pq")
    model = lm.Model(given if inputs > 1 else x, [p, q])
    model.compile("sgd", **(compiled or {"loss": ["mse", "mse"]}))
    return model


class Batches(keras.utils.PyDataset):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return self.batch


def endless(batch):
    while True:
        yield batch


NAMES = {"loss", "p_loss", "q_loss", "val_loss", "val_p_loss", "val_q_loss"}


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_for_several_inputs_and_outputs(kind):
    model = two(2)
    pair = (kind([X, X]), kind([Y, Y]), kind([W, W]))
    history = model.fit(
        pair[0], pair[1], sample_weight=pair[2], validation_data=pair, verbose=0
    ).history
    assert history.keys() == NAMES
    model.fit(pair[0], pair[1], validation_data=pair[:2], verbose=0)
    assert len(model.evaluate(*pair[:2], sample_weight=pair[2], verbose=0)) == 3


@pytest.mark.parametrize("outer", KINDS)
@pytest.mark.parametrize("inner", KINDS)
@pytest.mark.parametrize("weights", [False, True])
def test_batches_for_several_inputs_and_outputs(outer, inner, weights):
    batch = [inner([X, X]), inner([Y, Y]), *([inner([W, W])] if weights else [])]
    batch = outer(batch)
    expected = two(2).fit(Batches(batch), validation_data=Batches(batch), verbose=0).history
    assert expected.keys() == NAMES
    found = two(2).fit(
        endless(batch), steps_per_epoch=2, validation_data=endless(batch), validation_steps=1,
        verbose=0,
    ).history  # fmt: skip
    assert found == expected
    assert two(2).fit([tuple(batch)] * 2, verbose=0).history["loss"] == expected["loss"]


def test_a_batch_in_a_list_is_inputs_and_targets_as_a_data_loader_makes_it():
    model = lm.Sequential([lm.Input((1,)), L.Dense(1, kernel_initializer="ones")])
    model.compile(loss="mse")
    assert model.evaluate(iter([[X, Y]]), verbose=0) == model.evaluate(X, Y, verbose=0)
    assert model.predict(iter([[X, Y]]), verbose=0).shape == (3, 1)
    assert model.predict(iter([[[1.0], [2.0]]]), verbose=0).shape == (2, 1)  # numbers are x


def test_a_sample_weight_of_none_leaves_an_output_unweighted():
    model = two()
    losses = model.evaluate(X, [Y, Y], sample_weight=[W * 2, None], verbose=0, return_dict=True)
    mean = float(np.mean(X**2))
    assert losses["p_loss"] == pytest.approx(2 * mean) and losses["q_loss"] == pytest.approx(mean)
    assert losses["loss"] == pytest.approx(3 * mean)


def test_losses_and_their_weights_may_be_nested_like_the_outputs():
    x = lm.Input((1,))
    p, q = (L.Dense(1, name=name, kernel_initializer="ones")(x) for name in "pq")
    model = lm.Model(x, [p, [q]])
    model.compile(loss=["mse", ["mae"]], loss_weights=[1, [10]])
    expected = float(np.mean(X**2) + 10 * np.mean(X))
    assert model.evaluate(X, [Y, [Y]], verbose=0)[0] == pytest.approx(expected)
    model = lm.Model(x, {"b": [p], "a": q})
    model.compile(loss={"b": ["mse"], "a": "mae"})
    expected = float(np.mean(X**2) + np.mean(X))
    assert model.evaluate(X, {"b": [Y], "a": Y}, verbose=0)[0] == pytest.approx(expected)


def test_a_list_of_too_many_parts_is_an_error():
    with pytest.raises(ArgumentError, match="tuple of 4"):
        two().fit(iter([[X, Y, W, W]]), verbose=0)


# ---- epochs without validation -----------------------------------------------------------------
def watched(callback, epochs=4, **arguments):
    model = lm.Sequential([lm.Input((1,)), L.Dense(1)])
    model.compile("sgd", "mse")
    history = model.fit(
        X, Y, epochs=epochs, validation_freq=2, callbacks=[callback], verbose=0, **arguments
    )
    return model, history


@pytest.mark.parametrize(
    "make",
    [
        lambda path: keras.callbacks.EarlyStopping("val_loss", patience=3),
        lambda path: keras.callbacks.ReduceLROnPlateau("val_loss"),
        lambda path: keras.callbacks.ModelCheckpoint(path / "m.lamina", save_best_only=True),
    ],
)
def test_callbacks_pass_over_epochs_that_validation_freq_leaves_out(make, tmp_path):
    _, history = watched(make(tmp_path), validation_data=(X, Y))
    assert len(history.history["loss"]) == 4 and len(history.history["val_loss"]) == 2
    with pytest.raises(lm.errors.UnknownNameError):  # no validation at all
        watched(make(tmp_path))


def test_patience_counts_the_epochs_with_validation():
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=1, min_delta=1e9)
    _, history = watched(stopping, epochs=9, validation_data=(X, Y))
    assert len(history.history["loss"]) == 4


def test_a_watched_name_that_validation_does_not_give_is_an_error():
    with pytest.raises(lm.errors.UnknownNameError, match="val_los"):
        watched(keras.callbacks.EarlyStopping("val_los"), validation_data=(X, Y))


# ---- models without call -----------------------------------------------------------------------
class WithoutCall(lm.Model):
    def __init__(self):
        super().__init__()
        self.inner = lm.Sequential([lm.Input((1,)), L.Dense(1, kernel_initializer="ones")])

    def train_step(self, data):
        x, y = data

        def loss(_):
            return self.compute_loss(x=x, y=y, y_pred=self.inner(x))

        value, gradients = lm.value_and_grad(loss)(self.trainable_weights)
        self.optimizer.apply(gradients, self.trainable_weights)
        return {"value": value}


@pytest.mark.parametrize("eagerly", [False, True])
def test_a_model_without_call_trains_by_its_own_step(eagerly):
    model = WithoutCall()
    model.compile("sgd", "mse", run_eagerly=eagerly)
    values = model.fit(X, Y, epochs=3, verbose=0).history["value"]
    assert values[0] == pytest.approx(float(np.mean(X**2))) and values[2] < values[0]
    assert model.fit([(X, Y)], verbose=0).history["value"][0] < values[2]
    with pytest.raises(NotImplementedError, match="must define call"):
        model.evaluate(X, Y, verbose=0)


def test_a_model_without_call_and_steps_is_an_error():
    class Nothing(lm.Model):
        pass

    model = Nothing()
    model.compile("sgd", "mse")
    with pytest.raises(NotImplementedError, match="Nothing must define call"):
        model.fit(X, Y, verbose=0)


def test_lists_of_metrics_by_the_names_of_outputs_belong_to_these_outputs():
    a = lm.Input((4,))
    last = lm.layers.Dense(1, name="z_first")(a), lm.layers.Dense(3, "softmax", name="second")(a)
    model = lm.Model(a, last)
    model.compile(
        "sgd",
        {"z_first": "mse", "second": "categorical_crossentropy"},
        metrics={"z_first": ["mae"], "second": ["accuracy"]},
    )
    x, targets = np.ones((6, 4)), (np.ones((6, 1)), np.eye(3)[[0, 1, 2, 0, 1, 2]])
    for y in (list(targets), dict(zip(("z_first", "second"), targets, strict=True))):
        logs = model.fit(x, y, verbose=0).history
        assert {"z_first_mae", "second_accuracy"} <= set(logs)
