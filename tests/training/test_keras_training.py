"""Optimizers and callbacks by the names of Keras; expected values are those of Keras 3.15."""

import http.server
import json
import os
import threading

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina.errors import ArgumentError, FileFormatError, StateError
from lamina.keras import callbacks, layers, optimizers

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def model_with(optimizer="sgd"):
    lm.set_seed(1)
    model = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


# ---- optimizers --------------------------------------------------------------------------------
START = (np.float32([[1.0, 2.0], [3.0, -1.0]]), np.float32([1.0, -1.0]))
STEPS = ([[1.0, -2.0], [0.5, 1.0]], [0.5, -2.0])


def test_muon_orthogonalizes_matrices_and_updates_vectors_as_adam_does():
    matrix, vector = keras.Variable(START[0]), keras.Variable(START[1])
    muon = optimizers.Muon(0.1, weight_decay=None, adam_weight_decay=None, rms_rate=None)
    muon.apply([lm.asarray(STEPS[0]), lm.asarray(STEPS[1])], [matrix, vector])
    singular = np.linalg.svd((START[0] - matrix.numpy()) / 0.1, compute_uv=False)
    assert np.all((singular > 0.6) & (singular < 1.3))
    np.testing.assert_allclose(vector, [0.9, -0.9], rtol=1e-5)
    embedding = keras.Variable(START[0], name="embeddings")
    assert set(muon.slots(embedding)) == {"momentum", "velocity"} and set(muon.slots(matrix)) == {
        "momentum"
    }


def test_schedule_free_adam_takes_gradients_between_iterates_and_their_mean():
    x = keras.Variable([1.0])
    free = optimizers.ScheduleFreeAdamW(0.1, beta_1=0.9, warmup_steps=2)
    for expected in (0.95, 0.895):
        free.apply([lm.asarray([5.0])], [x])
        assert x.numpy().item() == pytest.approx(expected, abs=1e-5)


def test_a_scaled_loss_gives_the_same_steps_and_skips_those_that_are_not_finite():
    plain, scaled = model_with(optimizers.Adam(0.01)), None
    scaled = model_with(
        optimizers.LossScaleOptimizer(optimizers.Adam(0.01), dynamic_growth_steps=2)
    )
    for model in (plain, scaled):
        model.fit(X, Y, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(plain.get_weights()[0], scaled.get_weights()[0], rtol=1e-4)
    assert float(scaled.optimizer.dynamic_scale) == 2.0**17
    before = scaled.get_weights()[0]
    variables = scaled.trainable_variables
    scaled.optimizer.apply([lm.full(v.shape, np.inf) for v in variables], variables)
    np.testing.assert_array_equal(scaled.get_weights()[0], before)
    assert float(scaled.optimizer.dynamic_scale) == 2.0**16


def test_optimizers_by_variable_train_save_and_load(tmp_path):
    chosen = optimizers.OptimizerMap(optimizers.SGD(0.0), {".*dense_1/.*": optimizers.Adam(0.1)})
    model = model_with(optimizers.MultiOptimizer(chosen))
    before = model.get_weights()
    model.fit(X, Y, verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)]
    assert changed == [False, False, True, True]
    model.save(tmp_path / "m.lamina")
    again = keras.models.load_model(tmp_path / "m.lamina")
    for each in (model, again):
        each.fit(X, Y, shuffle=False, verbose=0, seed=1)
    np.testing.assert_array_equal(model.get_weights()[2], again.get_weights()[2])


class Momentum(keras.optimizers.Optimizer):
    """A rule as a class for Keras writes it."""

    def build(self, variables):
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient, variable, learning_rate):
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, 0.9 * m - learning_rate * gradient)
        self.assign_add(variable, m)


def test_a_rule_with_update_step_is_that_of_sgd_with_momentum():
    own, ours = model_with(Momentum(0.01)), model_with(optimizers.SGD(0.01, momentum=0.9))
    for model in (own, ours):
        model.fit(X, Y, epochs=3, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_allclose(own.get_weights()[0], ours.get_weights()[0], rtol=1e-5)


def test_steps_and_calls_without_state_change_nothing():
    layer, sgd = layers.BatchNormalization(), optimizers.SGD(0.5, momentum=0.9)
    layer(X)
    sgd.build(layer.trainable_variables)
    trainable = [v.value for v in layer.trainable_variables]
    moving = [v.value for v in layer.non_trainable_variables]
    outputs, after = layer.stateless_call(trainable, moving, X, training=True)
    np.testing.assert_allclose(outputs, layer(X, training=True), rtol=1e-5)
    np.testing.assert_allclose(after[0], layer.non_trainable_variables[0], rtol=1e-5)
    state = [v.value for v in sgd.variables]
    values, after = sgd.stateless_apply(state, [lm.ones(3)] * 2, trainable)
    np.testing.assert_allclose(values[0], np.full(3, 0.5))
    np.testing.assert_array_equal(layer.trainable_variables[0], np.ones(3))
    assert int(after[0]) == 1 and int(sgd.iterations) == 0
    with pytest.raises(ArgumentError, match="expected 2, one for each"):
        layer.stateless_call([], moving, X)


# ---- callbacks ---------------------------------------------------------------------------------
class Crash(callbacks.Callback):
    """Ends training as a crash would."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise OSError("crash")


def test_training_continues_from_a_backup_as_if_nothing_had_happened(tmp_path):
    def run(model, crash=None):
        listeners = [callbacks.BackupAndRestore(tmp_path / "b")] + ([Crash(crash)] if crash else [])
        return model.fit(X, Y, batch_size=4, epochs=4, verbose=0, seed=3, callbacks=listeners)

    expected = model_with("adam")
    expected.fit(X, Y, batch_size=4, epochs=4, verbose=0, seed=3)
    with pytest.raises(OSError, match="crash"):
        run(model_with("adam"), crash=2)
    assert (tmp_path / "b").is_dir()
    again = model_with("adam")
    with pytest.raises(StateError, match="callbacks"):
        run(again)
    again = model_with("adam")
    history = again.fit(
        X, Y, batch_size=4, epochs=4, verbose=0, seed=3,
        callbacks=[callbacks.BackupAndRestore(tmp_path / "b"), Crash(9)],
    )  # fmt: skip
    assert history.epoch == [0, 1, 2, 3] or history.epoch == [2, 3]
    for a, b in zip(expected.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not (tmp_path / "b").exists()


def test_a_backup_that_the_disk_refuses_does_not_end_training(tmp_path, monkeypatch):
    real = os.replace

    def refuse(source, target):
        if str(target).endswith("training_state.safetensors"):
            raise OSError(28, "No space left on device", str(target))
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    backup = callbacks.BackupAndRestore(tmp_path / "b")
    with pytest.warns(UserWarning, match="No space left.*training continues") as said:
        history = model_with().fit(X, Y, epochs=4, verbose=0, callbacks=[backup])
    assert len(said) == 1 and history.epoch == [0, 1, 2, 3]


def test_a_damaged_backup_is_named(tmp_path):
    (tmp_path / "training_state.safetensors").write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="truncated or damaged"):
        model_with().fit(X, Y, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path)])


def test_running_means_are_evaluated_and_weights_trained():
    model = model_with(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    model.fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()], validation_data=(X, Y))
    with pytest.raises(ArgumentError, match="expected use_ema=True"):
        model_with().fit(X, Y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])
    model = model_with(optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    weights, swap = [], callbacks.SwapEMAWeights(swap_on_epoch=True)
    model.fit(
        X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False, callbacks=[
            swap,
            callbacks.LambdaCallback(
                on_epoch_begin=lambda epoch, logs: weights.append(model.get_weights()[0]),
                on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()[0]),
            ),
        ],
    )  # fmt: skip
    plain = model_with(optimizers.SGD(0.1))
    plain.fit(X, Y, batch_size=4, verbose=0, shuffle=False)
    np.testing.assert_allclose(weights[2], plain.get_weights()[0], rtol=1e-5)
    assert not np.array_equal(weights[1], weights[2])


def test_metrics_are_sent_to_a_server():
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root = f"http://127.0.0.1:{server.server_port}"
    monitor = callbacks.RemoteMonitor(root=root, send_as_json=True)
    model_with().fit(X, Y, epochs=2, verbose=0, callbacks=[monitor])
    server.shutdown()
    server.server_close()
    assert [row["epoch"] for row in received] == [0, 1] and "loss" in received[0]
    with pytest.warns(UserWarning, match="cannot be reached"):
        monitor.on_epoch_end(0, {"loss": 1.0})


def test_training_ends_with_an_error_where_the_loss_is_not_a_number():
    stop = callbacks.TerminateOnNaN(raise_error=True)
    with pytest.raises(StateError, match=r"the loss is (nan|inf)"):
        model_with(optimizers.SGD(1e30)).fit(X, Y, epochs=3, verbose=0, callbacks=[stop])


def test_a_list_of_callbacks_has_their_hooks():
    seen = []
    found = callbacks.CallbackList(
        [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))],
        add_history=True, add_progbar=True, model=model_with(), epochs=3,
    )  # fmt: skip
    found.on_train_begin()
    found.on_epoch_end(2, {"loss": 1.0})
    assert seen == [2] and found.callbacks[-1].history == {"loss": [1.0]}
    with pytest.raises(AttributeError, match="on_epoch_ended"):
        found.on_epoch_ended(2)
