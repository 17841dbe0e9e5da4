"""Training on the xla engine: the same losses, weights and random draws as on the llvm engine."""

from __future__ import annotations

import numpy as np
import pytest

import lamina as lm
from engine_names import needs_jax
from small_networks import KINDS, trained

pytestmark = needs_jax


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_trains_as_on_the_llvm_engine(kind):
    losses, model, x = trained(kind)
    with lm.settings(engine="xla"):
        found, twin, _ = trained(kind)
        predictions = twin.predict(x[:4], verbose=0)
    np.testing.assert_allclose(found, losses, rtol=1e-5)
    np.testing.assert_allclose(predictions, model.predict(x[:4], verbose=0), atol=1e-5)
    for mine, other in zip(twin.weights, model.weights, strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=1e-4, err_msg=mine.name)


def test_a_fit_compiles_once_for_all_numbers_of_steps_and_once_for_a_short_last_batch(monkeypatch):
    from lamina.engines.xla.executable import XlaProgram

    compiled = []
    lower = XlaProgram.lower
    monkeypatch.setattr(
        XlaProgram, "lower", lambda self, *a: compiled.append(self.graph.name) or lower(self, *a)
    )
    with lm.settings(engine="xla"):
        trained("recurrent", epochs=4, rows=200, batch_size=16)
    assert len(compiled) == 2, compiled


def test_a_model_may_change_engines_between_calls():
    with lm.settings(engine="xla"):
        _, model, x = trained("perceptron")
    there = model.predict(x[:4], verbose=0)
    with lm.settings(engine="xla"):
        np.testing.assert_allclose(model.predict(x[:4], verbose=0), there, atol=1e-6)


def test_a_stream_steps_on_xla_as_the_whole_sequence_is_computed():
    with lm.settings(engine="xla"):
        lm.set_seed(0)
        model = lm.Sequential([lm.Input((None, 3)), lm.layers.GRU(4, return_sequences=True)])
        x = np.random.default_rng(0).normal(size=(1, 5, 3)).astype("f")
        whole = model.predict(x, verbose=0)
        stream = model.stream()
        for _ in range(2):
            steps = [stream.step(x[:, k]) for k in range(5)]
            np.testing.assert_allclose(np.stack(steps, 1), whole, atol=1e-6)
            stream.reset()


class Halved(lm.Model):
    """A model with a custom train_step, which halves the gradient."""

    def __init__(self):
        super().__init__()
        self.dense = lm.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data

        def loss(_):
            return lm.mean((self(x, training=True) - y) ** 2)

        weights = self.trainable_weights
        value, gradients = lm.value_and_grad(loss)(weights)
        self.optimizer.apply([g / 2 for g in gradients], weights)
        return {"loss": value}


def test_a_custom_train_step_runs_on_xla():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 3)).astype("f")
    losses = []
    for name in ("llvm", "xla"):
        with lm.settings(engine=name):
            lm.set_seed(0)
            model = Halved()
            model.compile("sgd", "mse")
            history = model.fit(x, x.sum(1, keepdims=True), epochs=2, batch_size=8, verbose=0)
            losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-5)


def test_a_gradient_of_a_compiled_function_is_that_of_eager_code():
    def f(x):
        return lm.sum(lm.tanh(x) ** 3)

    x = lm.linspace(-1.0, 1.0, 7)
    with lm.settings(engine="xla"):
        found = lm.compile(lm.grad(f))(x)
    np.testing.assert_allclose(found, lm.grad(f)(x), rtol=1e-5)


def test_the_engine_argument_of_compile_selects_the_engine():
    from lamina.engines.xla.executable import XlaProgram

    f = lm.compile(lambda x: x + 1, engine="xla")
    assert f(lm.ones(2)).tolist() == [2, 2]
    ((_, executable),) = f._programs.values()
    assert isinstance(executable, XlaProgram)
    with pytest.raises(ValueError, match="unknown engine 'xlaa'"):
        lm.compile(lambda x: x, engine="xlaa")


def test_a_model_compiled_for_xla_runs_there_whatever_the_setting_is(monkeypatch):
    from lamina.engines.xla.executable import XlaProgram

    ran = []
    call = XlaProgram.__call__
    monkeypatch.setattr(
        XlaProgram, "__call__", lambda self, a: ran.append(self.graph.name) or call(self, a)
    )
    model = lm.Sequential([lm.Input((None, 3)), lm.layers.GRU(2)], name="net")
    x, y = np.ones((8, 2, 3), "f"), np.zeros((8, 2), "f")
    model.predict(x, verbose=0)
    assert not ran
    model.compile("sgd", "mse", engine="xla")
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.train_on_batch(x, y)
    for _ in range(2):
        model.predict(x, verbose=0)
    model.representations(x)
    names = ["train", "evaluate", "train", "predict", "predict", "representations"]
    assert ran == [f"{name} net" for name in names]
    model.stream().step(x[:1, 0])
    assert ran[-1] == "stream net"
    with lm.settings(engine="xla"):
        model.compile("sgd", "mse", engine="llvm")
        model.fit(x, y, verbose=0)
    assert len(ran) == len(names) + 1
    with pytest.raises(ValueError, match="unknown engine 'xlaa'"):
        model.compile("sgd", "mse", engine="xlaa")


def test_inspection_shows_the_program_before_and_after_xla():
    text = lm.inspect.stablehlo(lambda x: lm.tanh(x) + 1, lm.ones((3, 4)))
    assert "stablehlo.tanh" in text
    assert "tensor<3x4xf32>" in text
    assert lm.inspect.hlo(lambda x: lm.tanh(x) + 1, lm.ones((3, 4))).startswith("HloModule")


def test_inspection_shows_the_training_step_of_a_model():
    _, model, x = trained("recurrent", epochs=1)
    text = lm.inspect.stablehlo(model, x[:8], np.zeros(8, int))
    assert "stablehlo.while" in text
    assert "tensor<8x5x3xf32>" in text
