"""Metrics that a model or its layers hold, wherever a step updates them: in logs and history, and
reset for each epoch."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina import layers as L

X, Y = np.arange(6, dtype="float32")[:, None], np.zeros((6, 1), "float32")


class Base(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = L.Dense(1, kernel_initializer="zeros")
        self.rows = keras.metrics.Sum(name="rows")

    def call(self, x):
        return self.dense(x)

    def count(self, x):
        self.rows.update_state(lm.ones_like(x))


class InLoss(Base):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.count(x)
        return lm.mean(lm.square(y - y_pred))


class InLossWithoutTraining(Base):
    def compute_loss(self, x, y, y_pred, sample_weight):
        self.count(x)
        return super().compute_loss(x, y, y_pred, sample_weight)


class InCall(Base):
    def call(self, x):
        self.count(x)
        return self.dense(x)


class InComputeMetrics(Base):
    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        self.count(x)
        return super().compute_metrics(x, y, y_pred, sample_weight)


class InSteps(Base):
    def train_step(self, data):
        self.count(data[0])
        return super().train_step(data)

    def test_step(self, data):
        self.count(data[0])
        return super().test_step(data)


class InLayer(Base):
    def __init__(self):
        super().__init__()
        del self.rows
        self.layer = Counting()

    def call(self, x):
        return self.dense(self.layer(x))


class Counting(L.Layer):
    def __init__(self):
        super().__init__()
        self.found = {"sums": [keras.metrics.Sum(name="rows")]}

    def call(self, x):
        self.found["sums"][0].update_state(lm.ones_like(x))
        return x


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize(
    "cls", [InLoss, InLossWithoutTraining, InCall, InComputeMetrics, InSteps, InLayer]
)
def test_a_metric_updated_anywhere_in_a_step_is_in_the_logs_of_each_epoch(cls, eagerly):
    model = cls()
    model.compile("sgd", "mse", metrics=["mae"], run_eagerly=eagerly)
    told = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(logs))
    history = model.fit(
        X, Y, batch_size=4, epochs=2, validation_data=(X[:5], Y[:5]), callbacks=[callback],
        verbose=0,
    ).history  # fmt: skip
    assert history["rows"] == [6, 6] and history["val_rows"] == [5, 5]
    assert told[0].keys() == history.keys() == {
        "loss", "mae", "rows", "val_loss", "val_mae", "val_rows"}  # fmt: skip
    found = model.evaluate(X[:3], Y[:3], batch_size=2, return_dict=True, verbose=0)
    assert found["rows"] == 3
    assert model.metrics_names == ["loss", "mae", "rows"]
    assert model.evaluate(X, Y, verbose=0)[2] == 6
    assert dict(zip(found, model.train_on_batch(X, Y), strict=True))["rows"] == 6


def test_compute_metrics_may_add_to_the_logs():
    class Model(Base):
        def compute_metrics(self, x, y, y_pred, sample_weight=None):
            logs = super().compute_metrics(x, y, y_pred, sample_weight)
            return {**logs, "largest": lm.max(x)}

    model = Model()
    model.compile("sgd", "mse")
    assert model.fit(X, Y, batch_size=6, verbose=0).history["largest"] == [5.0]


def test_a_step_of_the_users_own_asks_for_all_results():
    class Model(Base):
        def train_step(self, data):
            x, y = data
            self.count(x)
            self.compute_metrics(x, y, self(x))
            return self.get_metrics_result()

    model = Model()
    model.compile("sgd", "mse", metrics=["mae"])
    assert model.fit(X, Y, batch_size=4, verbose=0).history["rows"] == [6]


def test_metrics_of_one_name_are_numbered_in_the_logs():
    model = InCall()
    model.layer = Counting()
    model.compile("sgd", "mse")
    history = model.fit(X, Y, verbose=0).history
    assert history["rows"] == [6] and "rows_1" in history


def test_a_tracker_of_the_loss_for_a_step_of_the_users_own_does_not_replace_the_loss():
    class Model(Base):
        def __init__(self):
            super().__init__()
            self.loss_tracker = keras.metrics.Mean(name="loss")

    model = Model()
    model.compile("sgd", "mse")
    assert model.evaluate(X, Y + 2, return_dict=True, verbose=0)["loss"] == 4.0


def test_models_inside_keep_their_metrics_to_themselves_and_have_them_reset():
    inner = InCall()
    outer = keras.Sequential([inner, L.Dense(1)])
    outer.compile("sgd", "mse")
    assert list(outer.fit(X, Y, epochs=2, verbose=0).history) == ["loss"]
    assert float(inner.rows.result()) == 6
