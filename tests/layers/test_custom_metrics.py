"""Metrics of the user's own: their state, and what becomes of it between epochs."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import UnknownNameError

X, Y = np.arange(6, dtype="float32").reshape(6, 1), np.zeros((6, 1), "float32")


class Rows(keras.metrics.Metric):
    """The number of rows, as Keras programs write such a metric."""

    def __init__(self, name="rows", **kwargs):
        super().__init__(name=name, **kwargs)
        self.count = self.add_weight(name="count", shape=(), initializer="zeros")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.count.assign_add(lm.sum(lm.ones_like(y_pred)))

    def result(self):
        return self.count


class Smallest(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="smallest")
        self.value = self.add_variable((), keras.initializers.Constant(100.0), "float32")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.value.assign(lm.minimum(self.value, lm.min(y_true)))

    def result(self):
        return self.value


class Of(keras.metrics.Metric):
    """A metric made of another one, and of its Variable."""

    def __init__(self):
        super().__init__(name="of")
        self.inner = {"mean": [keras.metrics.Mean()]}
        self.largest = lm.Variable(0.0)

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.inner["mean"][0].update_state(y_true)
        self.largest.assign(lm.maximum(self.largest, lm.max(y_true)))

    def result(self):
        return self.inner["mean"][0].result() + self.largest


def compiled(*metrics):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=list(metrics))
    return model


def test_a_metric_makes_its_state_with_add_weight_and_an_initializer():
    model = compiled(Rows())
    assert model.fit(X, Y, batch_size=4, epochs=2, verbose=0).history["rows"] == [6.0, 6.0]
    assert model.evaluate(X, Y, verbose=0)[1] == 6.0


def test_reset_state_gives_a_metric_the_first_values_of_its_initializer():
    metric = Smallest()
    metric.update_state(X + 2, X)
    assert float(metric.result()) == 2.0
    metric.reset_state()
    assert float(metric.result()) == 100.0
    assert compiled(metric).fit(X, Y + 7, verbose=0).history["smallest"] == [7.0]


def test_a_metric_resets_the_metrics_and_variables_that_it_holds():
    metric = Of()
    assert len(metric.variables) == 3
    history = compiled(metric).fit(X, Y + 3, epochs=3, verbose=0).history
    assert history["of"] == [6.0, 6.0, 6.0]
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_an_unknown_initializer_of_a_metric_is_an_error():
    with pytest.raises(UnknownNameError, match="zerso"):
        keras.metrics.Mean().add_variable((), "zerso")
