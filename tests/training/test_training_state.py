"""A training that continues from its state has the bits of one that was never interrupted."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lamina as lm
from lamina.data.dataset import Dataset
from lamina.errors import NotBuiltError, ShapeError, StateError

ROWS, BATCH, EPOCHS = 50, 8, 4


def data(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, 6)).astype("float32")
    return x, rng.integers(0, 3, ROWS)


def network(units=8, **compiled):
    model = lm.Sequential(
        [
            lm.Input((6,)),
            lm.layers.Dense(units, "relu"),
            lm.layers.BatchNormalization(),
            lm.layers.Dropout(0.3),
            lm.layers.GaussianNoise(0.1),
            lm.layers.Dense(3, "softmax"),
        ]
    )
    rate = lm.schedules.CosineDecay(0.02, 40) if compiled.pop("schedule", False) else 0.02
    optimizer = compiled.pop("optimizer", lm.optimizers.Adam)(rate)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **compiled)
    return model


def watchers():
    return [
        lm.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
        lm.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=1, min_delta=0.5),
    ]


class Take(lm.callbacks.Callback):
    """Take the state at the end of an epoch, or after a batch of it."""

    comes_last = True

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch, self.state, self.now = epoch, batch, None, None

    def get_state(self):
        return {}

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch and batch == self.batch:
            self.state = self.model.training_state()

    def on_epoch_end(self, epoch, logs=None):
        if self.batch is None and epoch == self.epoch:
            self.state = self.model.training_state()


def train(model, taking, callbacks=(), **given):
    x, y = data()
    given = {"validation_split": 0.2, "batch_size": BATCH, **given}
    history = model.fit(x, y, epochs=EPOCHS, verbose=0, callbacks=[*callbacks, taking], **given)
    return model.get_weights(), history.history


def continued(state, callbacks=(), **given):
    lm.set_seed(99)  # the state brings its own
    model = network()
    model.restore_training_state(state)
    return train(model, Take(None), callbacks, **given)


def assert_same(one, other):
    (weights, history), (others, other_history) = one, other
    assert all(a.tobytes() == b.tobytes() for a, b in zip(weights, others, strict=True))
    assert history == other_history


@pytest.mark.parametrize("batch", [None, 0, 2, 4], ids=lambda b: f"after_batch_{b}")
@pytest.mark.parametrize("epoch", [0, 1, 3])
def test_a_restored_training_has_the_bits_of_an_uninterrupted_one(epoch, batch):
    taking = Take(epoch, batch)
    whole = train(network(), taking, seed=5)
    assert_same(whole, continued(taking.state))


def test_a_state_continues_without_a_seed_of_the_users():
    lm.set_seed(3)
    taking = Take(1)
    whole = train(network(), taking)
    assert_same(whole, continued(taking.state))


@pytest.mark.parametrize("epoch", [1, 2])
def test_counters_of_callbacks_are_part_of_the_state(epoch):
    taking = Take(epoch)
    whole = train(network(), taking, watchers(), seed=7)
    state = taking.state
    if state is not None:
        assert_same(whole, continued(state, watchers()))


def test_a_state_after_training_was_stopped_does_not_train_on():
    class Stop(lm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    taking = Take(1)
    whole = train(network(), taking, [Stop()], seed=7)
    assert len(whole[1]["loss"]) == 2
    assert_same(whole, continued(taking.state, [Stop()]))


def test_a_learning_rate_schedule_continues_at_its_step():
    taking = Take(1, 3)
    whole = train(network(schedule=True), taking, seed=1)
    model = network(schedule=True)
    model.restore_training_state(taking.state)
    assert_same(whole, train(model, Take(None)))


def test_batches_of_a_dataset_continue_in_the_middle_of_an_epoch():
    def batches():
        return Dataset.from_tensor_slices(data()).shuffle(seed=4).batch(BATCH)

    def fit(model, taking):
        history = model.fit(batches(), epochs=EPOCHS, verbose=0, callbacks=[taking], seed=2)
        return model.get_weights(), history.history

    taking = Take(1, 2)
    whole = fit(network(), taking)
    model = network()
    model.restore_training_state(taking.state)
    assert_same(whole, fit(model, Take(None)))


def test_a_list_of_batches_continues_in_the_middle_of_an_epoch():
    x, y = data()
    batches = [(x[k : k + 10], y[k : k + 10]) for k in range(0, ROWS, 10)]

    def fit(model, taking):
        history = model.fit(batches, epochs=3, verbose=0, callbacks=[taking], seed=2)
        return model.get_weights(), history.history

    taking = Take(1, 2)
    whole = fit(network(), taking)
    model = network()
    model.restore_training_state(taking.state)
    assert_same(whole, fit(model, Take(None)))


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_state_between_batches_of_a_custom_loop_continues_it(run_eagerly):
    x, y = data()

    def steps(model, numbers):
        for k in numbers:
            model.train_on_batch(x[k : k + 5], y[k : k + 5])

    whole = network(run_eagerly=run_eagerly)
    steps(whole, range(0, 20, 5))
    state = whole.training_state()
    steps(whole, range(20, 40, 5))
    other = network(run_eagerly=run_eagerly)
    other.train_on_batch(x[:5], y[:5])
    other.restore_training_state(state)
    steps(other, range(20, 40, 5))
    for a, b in zip(whole.get_weights(), other.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_states_of_layers_and_of_seed_generators_are_part_of_it():
    class Shaking(lm.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seeds = lm.keras.random.SeedGenerator(3)

        def call(self, inputs):
            return inputs + 0.1 * lm.random.normal((3,), key=self.seeds.next())

    def made():
        model = lm.Sequential(
            [
                lm.Input(batch_shape=(5, 4, 2)),
                lm.layers.LSTM(3, stateful=True),
                Shaking(),
                lm.layers.Dense(1),
            ]
        )
        model.compile("sgd", "mse")
        return model

    x = np.random.default_rng(0).normal(size=(20, 4, 2)).astype("float32")
    y = x.sum((1, 2))[:, None]

    def fit(model, taking):
        given = {"shuffle": False, "batch_size": 5, "seed": 0, "verbose": 0}
        history = model.fit(x, y, epochs=3, callbacks=[taking], **given)
        return model.get_weights(), history.history

    taking = Take(1, 1)
    whole = fit(made(), taking)
    model = made()
    model.restore_training_state(taking.state)
    assert_same(whole, fit(model, Take(None)))


PROGRAM = """
import os, pickle, sys
sys.path[:0] = sys.argv[1].split(os.pathsep)
import test_training_state as t
state = pickle.loads(open(sys.argv[2], "rb").read())
open(sys.argv[2] + ".out", "wb").write(pickle.dumps(t.continued(state, t.watchers())))
"""


@pytest.mark.parametrize("batch", [None, 2])
def test_another_process_continues_with_the_same_bits(batch, tmp_path):
    taking = Take(1, batch)
    whole = train(network(), taking, watchers(), seed=5)
    path = tmp_path / "state"
    path.write_bytes(pickle.dumps(taking.state))
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    subprocess.run([sys.executable, "-c", PROGRAM, here, str(path)], check=True)
    assert_same(whole, pickle.loads(Path(f"{path}.out").read_bytes()))


def test_taking_a_state_changes_nothing():
    lm.set_seed(1)
    plain = train(network(), Take(None), seed=5)
    lm.set_seed(1)
    assert_same(plain, train(network(), Take(1, 2), seed=5))


def test_a_second_fit_after_a_continued_one_starts_from_the_first_epoch():
    taking = Take(1)
    model = network()
    train(model, taking, seed=5)
    other = network()
    other.restore_training_state(taking.state)
    train(other, Take(None))
    x, y = data()
    assert other.fit(x, y, epochs=2, verbose=0).epoch == [0, 1]


def test_training_continues_after_its_end_with_the_history_so_far():
    def fit(model, epochs, **given):
        x, y = data()
        callbacks = [lm.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=0.5)]
        history = model.fit(
            x, y, epochs=epochs, batch_size=BATCH, verbose=0, callbacks=callbacks, **given
        )
        return model.get_weights(), history.history

    first = network()
    begun, other = copy.deepcopy(first), network()
    whole = fit(first, EPOCHS, seed=1)
    fit(begun, 2, seed=1)
    other.restore_training_state(begun.training_state())
    assert_same(whole, fit(other, EPOCHS))


def test_training_continues_where_ctrl_c_stopped_it():
    class Interrupt(lm.callbacks.Callback):
        comes_last = True

        def __init__(self, wanted):
            super().__init__()
            self.wanted = wanted

        def on_train_batch_end(self, batch, logs=None):
            if self.wanted and batch == 3:
                raise KeyboardInterrupt

    def fit(model, wanted):
        x, y = data()
        history = model.fit(
            x, y, epochs=3, batch_size=BATCH, verbose=0, seed=1, callbacks=[Interrupt(wanted)]
        )
        return model.get_weights(), history.history

    first = network()
    stopped, other = copy.deepcopy(first), network()
    whole = fit(first, False)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, True)
    state = stopped.training_state()
    for each in state["callbacks"]:
        each["state"].pop("wanted", None)
    other.restore_training_state(state)
    assert_same(whole, fit(other, False))


def test_a_model_that_is_trained_can_be_copied_by_a_callback_with_open_files(tmp_path):
    class Copying(lm.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.twin = copy.deepcopy(self.model)

    copying = Copying()
    copying.file = (tmp_path / "log").open("w")
    with copying.file:
        train(network(), Take(None), [copying], seed=1)
    assert copying.twin.training_state()["position"]["epoch"] == EPOCHS


class Own(lm.Model):
    """A model with a custom step, metric and counter, and random images."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flip = lm.layers.RandomFlip()
        self.flat, self.dense = lm.layers.Flatten(), lm.layers.Dense(3, "softmax")
        self.size = lm.metrics.Mean(name="size")

    def call(self, inputs):
        outputs = self.dense(self.flat(self.flip(inputs)))
        self.size.update_state(lm.mean(outputs * outputs))
        return outputs

    def train_step(self, data):
        logs = super().train_step(data)
        return {**logs, "twice": 2 * logs["loss"]}


@pytest.mark.parametrize("batch", [None, 1])
@pytest.mark.parametrize(
    "options", [{}, {"use_ema": True}, {"gradient_accumulation_steps": 2}], ids=str
)
def test_steps_metrics_and_random_images_of_a_users_model_continue(options, batch):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 4, 4, 1)).astype("float32"), rng.integers(0, 3, 20)

    def made():
        model = Own()
        model.build((None, 4, 4, 1))
        optimizer = lm.optimizers.SGD(0.1, momentum=0.9, **options)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def fit(model, taking):
        given = {"batch_size": 5, "seed": 0, "verbose": 0}
        history = model.fit(x, y, epochs=3, callbacks=[taking], **given)
        return model.get_weights(), history.history

    taking = Take(1, batch)
    whole = fit(made(), taking)
    assert {"size", "twice"} <= set(whole[1])
    model = made()
    model.restore_training_state(taking.state)
    assert_same(whole, fit(model, Take(None)))


# ---- mistakes ----------------------------------------------------------------------------------
def taken():
    taking = Take(1)
    train(network(), taking, seed=5)
    return taking.state


def test_a_state_before_the_first_data_is_refused():
    with pytest.raises(StateError, match="before the first data"):
        network().training_state()


def test_a_state_of_another_model_is_refused():
    with pytest.raises(ShapeError, match="belongs to another model"):
        network(units=9).restore_training_state(taken())


def test_a_model_without_weights_cannot_be_restored():
    model = lm.Sequential([lm.layers.Dense(3)])
    model.compile("adam", "mse")
    with pytest.raises(NotBuiltError):
        model.restore_training_state(taken())


def test_another_seed_than_that_of_the_state_is_refused():
    model = network()
    model.restore_training_state(taken())
    with pytest.raises(StateError, match="has seed 5, and seed=6"):
        train(model, Take(None), seed=6)


def test_a_fit_that_is_refused_leaves_the_state_to_the_next_one():
    taking = Take(1)
    whole = train(network(), taking, seed=5)
    model = network()
    model.restore_training_state(taking.state)
    x, y = data()
    for wrong in ({"seed": 6}, {"x": x[:, :3]}, {"callbacks": watchers()}):
        with pytest.raises(lm.errors.LaminaError):
            model.fit(**{"x": x, "y": y, "epochs": EPOCHS, "verbose": 0, **wrong})
    assert_same(whole, train(model, Take(None)))


def test_other_callbacks_than_those_of_the_state_are_refused():
    model = network()
    model.restore_training_state(taken())
    with pytest.raises(StateError, match="the restored training has the callbacks"):
        train(model, Take(None), watchers())
