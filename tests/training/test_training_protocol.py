"""Training knows models by the protocol `Trainable`: what fulfils it is trained, Model or not."""

import numpy as np
import pytest

import lamina as lm
from lamina import tree
from lamina.callbacks import CallbackList, History
from lamina.training.objectives import Compilation
from lamina.training.options import FitOptions
from lamina.training.predict import Predictor, predict
from lamina.training.session import Session


class Wires:
    """The structure of code: nothing is known."""

    key = None
    output_shapes = ()
    output_layers = ()

    def input_shapes(self, places):
        return []

    def readers(self, places):
        return []

    def outputs_for(self, shapes):
        return [(None, 1)], ["output"], tree.LEAF

    def last_layer(self, layer):
        return layer

    def layer_before(self, layer):
        return None


class Line:
    """A line through points, y = slope x + shift, which is neither a Layer nor a Model."""

    name, label, built, computes = "line", "Line 'line'", True, True
    structure = Wires()
    layers = ()
    non_trainable_weights = ()
    penalties = ()
    own_metrics = ()

    def __init__(self, optimizer):
        self.slope = lm.Variable(np.zeros((1, 1), np.float32))
        self.shift = lm.Variable(np.zeros(1, np.float32))
        self.trainable_weights = [self.slope, self.shift]
        self.optimizer = optimizer
        self.stopped = set()

    def build_for(self, inputs):
        pass

    def forward(self, inputs, training):
        return inputs @ self.slope.read() + self.shift.read()

    def forget_penalties(self):
        pass

    def arrange(self):
        pass

    def overrides(self, name):
        return False

    def is_stopped(self, kind):
        return kind in self.stopped

    def start(self, kind):
        self.stopped.discard(kind)


X = np.linspace(-1, 1, 64, dtype=np.float32)[:, None]
Y = 3 * X - 1


@pytest.fixture(params=[False, True], ids=["compiled", "eager"])
def trained(request):
    compilation = Compilation.of("sgd", "mse", None, ["mae"], None, request.param, None)
    compilation.optimizer.learning_rate = 0.3
    line, session, history = Line(compilation.optimizer), Session(compilation), History()
    options = FitOptions(epochs=20, batch_size=16, verbose=0, seed=0).checked()
    session.fit(line, X, Y, options, CallbackList(last=history))
    return line, session, history


def test_fit_trains_what_fulfils_the_protocol(trained):
    line, _, history = trained
    np.testing.assert_allclose(line.slope.numpy(), 3, atol=1e-3)
    np.testing.assert_allclose(line.shift.numpy(), -1, atol=1e-3)
    assert set(history.history) == {"loss", "mae"} and history.epoch == list(range(20))


def test_evaluate_and_predict_take_what_fulfils_the_protocol(trained):
    line, session, _ = trained
    logs = session.evaluate(line, X, Y, CallbackList(), verbose=0)
    assert logs["loss"] < 1e-5
    given = {"batch_size": None, "verbose": 0, "steps": None}
    found = predict(Predictor(), line, X, CallbackList(), **given)
    np.testing.assert_allclose(found, Y, atol=1e-2)


def test_a_step_on_one_batch_takes_what_fulfils_the_protocol(trained):
    line, session, _ = trained
    before = line.slope.numpy()
    assert session.on_batch(line, "train", X, Y + 1)["loss"] > 0.5
    assert np.any(line.slope.numpy() != before) or np.any(line.shift.numpy() > -1)


def test_options_of_fit_cannot_be_changed():
    options = FitOptions(epochs=2).checked()
    with pytest.raises(AttributeError):
        options.epochs = 3
