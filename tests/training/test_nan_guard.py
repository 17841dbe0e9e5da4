"""NaNGuard names the operation that made the first NaN or infinity, and restores the state."""

import time

import numpy as np
import pytest

import lamina as lm
from lamina.callbacks import Callback, NaNGuard
from lamina.errors import StateError

X = np.random.default_rng(0).standard_normal((96, 4)).astype(np.float32)
Y = X[:, :1]


def dense(*layers, optimizer="sgd", loss="mse", **options):
    model = lm.Sequential([lm.Input((4,)), *layers])
    model.compile(optimizer, loss, **options)
    return model


def guarded(model, x=X, y=Y, **options):
    """The guard after a fit that it ended, and the history."""
    guard = NaNGuard(raise_error=False)
    options = {"epochs": 40, "verbose": 0, "seed": 1, "shuffle": False, **options}
    others = options.pop("callbacks", [])
    history = model.fit(x, y, callbacks=[*others, guard], **options)
    return guard, history


def is_finite(model):
    return all(np.isfinite(w).all() for w in model.get_weights())


def test_nan_guard_names_step_layer_operation_and_direction_of_a_forward_infinity(capsys):
    x = X.copy()
    x[50] = 1000.0
    model = dense(lm.layers.Lambda(lm.exp, name="grow"), lm.layers.Dense(1))
    guard, history = guarded(model, x)
    found = guard.found
    assert (found.epoch, found.batch, found.step) == (0, 1, 1)
    origin = found.origin
    assert (origin.operation, origin.direction, origin.layer) == ("exponential", "forward", "grow")
    assert origin.value == "inf" and "1000]" in origin.operands[0]
    assert (
        "epoch 1, batch 2 (step 1): exponential made inf in layer 'grow'" in capsys.readouterr().out
    )
    assert history.epoch == [0] and is_finite(model)


def test_nan_guard_finds_an_infinite_gradient_of_a_finite_loss():
    x = np.zeros_like(X)
    root = lm.layers.Lambda(lambda v: lm.sqrt(lm.abs(v)), name="root")
    model = dense(lm.layers.Dense(3, name="before"), root, lm.layers.Dense(1, name="after"))
    guard, _ = guarded(model, x)
    origin = guard.found.origin
    assert (origin.direction, origin.layer, guard.found.step) == ("backward", "root", 0)
    assert is_finite(model)


def test_nan_guard_names_the_update_of_the_optimizer():
    model = dense(lm.layers.Dense(1), optimizer=lm.optimizers.SGD(1e38))
    guard, _ = guarded(model, 1e3 * X)
    origin = guard.found.origin
    assert (origin.direction, origin.layer, origin.value) == ("update", "", "inf")
    assert "in the optimizer" in str(guard.found)


def test_nan_guard_leaves_the_state_before_the_step_and_the_batch_that_makes_it_again():
    def network():
        model = lm.Sequential([lm.Input((4,)), lm.layers.Dropout(0.2), lm.layers.Dense(1)])
        model.compile(lm.optimizers.SGD(0.5, momentum=0.5), "mse")  # diverges
        return model

    lm.set_seed(5)
    model, x = network(), X * 3
    guard, _ = guarded(model, x, shuffle=True, epochs=400)
    found = guard.found
    assert found.step > 6
    before = model.get_weights()
    lm.set_seed(5)
    again = network()
    steps = found.step
    seen = []

    class Count(Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)
            if len(seen) == steps:
                self.model.stop_training = True

    again.fit(x, Y, epochs=400, verbose=0, seed=1, callbacks=[Count()])
    for expected, weight in zip(again.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, expected)
    logs = model.train_on_batch(found.x, found.y)
    assert not np.isfinite(logs if np.isscalar(logs) else logs[0])


def test_nan_guard_names_the_iteration_of_a_recurrent_layer():
    class Grow(lm.layers.Layer):
        state_size = 2

        def call(self, inputs, states):
            state = lm.exp(states[0] + inputs)
            return state, [state]

    x = np.ones((32, 7, 2), np.float32)
    model = lm.Sequential([lm.Input((7, 2)), lm.layers.RNN(Grow(), name="rnn"), lm.layers.Dense(1)])
    model.compile("sgd", "mse")
    guard, _ = guarded(model, x, np.ones((32, 1), np.float32))
    origin = guard.found.origin
    # 1, e^1 = 2.7, e^3.7 = 41, e^42 = 1.3e18, e^1.3e18 = inf: iteration 3
    assert (origin.operation, origin.layer.split("/")[0], origin.iteration) == (
        "exponential",
        "rnn",
        3,
    )
    assert origin.direction == "forward"


def test_nan_guard_ignores_infinities_of_masks_and_reports_what_they_break():
    def masked(v, mask):
        scores = lm.where(mask, v, -np.inf)
        return lm.softmax(scores, axis=-1)

    x = np.abs(X) + 0.1
    model = dense(lm.layers.Lambda(lambda v: masked(v, v > 0.5), name="attend"), lm.layers.Dense(1))
    x[:, 0] = 1.0  # no row is masked completely
    guard, history = guarded(model, x, epochs=3)
    assert guard.found is None and len(history.epoch) == 3
    x[40] = 0.2
    guard, _ = guarded(model, x, epochs=3)
    origin = guard.found.origin
    assert (origin.operation, origin.layer, origin.value) == ("subtract", "attend", "nan")
    assert guard.found.batch == 1


def test_nan_guard_finds_bad_weights_that_the_loss_does_not_show():
    class Hidden(lm.layers.Layer):
        def build(self, shape):
            self.scale = self.add_weight((), initializer="ones", name="scale")

        def call(self, inputs):
            return lm.where(lm.isfinite(self.scale), inputs * lm.sqrt(self.scale), inputs)

    model = dense(Hidden(name="hidden"), lm.layers.Dense(1), optimizer=lm.optimizers.SGD(1.0))
    model.layers[0].scale.assign(0.0)
    guard, _ = guarded(model)
    assert guard.found.step == 0 and guard.found.origin.direction == "backward"
    assert guard.found.origin.layer == "hidden" and is_finite(model)


def test_nan_guard_reports_a_weight_that_is_nan_before_training():
    model = dense(lm.layers.Dense(1, name="out"))
    model.layers[0].kernel.assign(np.full((4, 1), np.nan, np.float32))
    guard, _ = guarded(model)
    assert guard.found.origin.operation == "parameter"
    assert "out/kernel' holds nan before the step" in str(guard.found)


@pytest.mark.parametrize("source", ["dataset", "list", "generator"])
def test_nan_guard_works_with_batches_that_are_made_one_by_one(source):
    x = X.copy()
    x[70] = 1000.0
    batches = [(x[k : k + 32], Y[k : k + 32]) for k in range(0, 96, 32)]
    data = {
        "dataset": lambda: lm.data.Dataset.from_tensor_slices((x, Y)).batch(32),
        "list": lambda: batches,
        "generator": lambda: iter(batches),
    }[source]()
    model = dense(lm.layers.Lambda(lm.exp, name="grow"), lm.layers.Dense(1))
    options = {"shuffle": True} if source != "dataset" else {}
    guard, _ = guarded(model, data, None, epochs=2 if source != "generator" else 1, **options)
    assert guard.found.batch == 2 and guard.found.origin.operation == "exponential"
    np.testing.assert_array_equal(guard.found.x, batches[2][0])


def test_nan_guard_writes_the_batch_and_raises(tmp_path):
    x = X.copy()
    x[3] = 1000.0
    model = dense(lm.layers.Lambda(lm.exp, name="grow"), lm.layers.Dense(1))
    guard = NaNGuard(tmp_path / "bad.npz")
    with pytest.raises(
        StateError, match=r"NaNGuard: epoch 1, batch 1 \(step 0\): exponential made inf"
    ):
        model.fit(x, Y, shuffle=False, verbose=0, callbacks=[guard], sample_weight=np.ones(96))
    with np.load(tmp_path / "bad.npz", allow_pickle=False) as stored:
        assert sorted(stored) == ["sample_weight", "x", "y"]
        np.testing.assert_array_equal(stored["x"], x[:32])


@pytest.mark.parametrize("options", [{"run_eagerly": True}, {"engine": "numpy"}])
def test_nan_guard_works_without_compiled_programs(options):
    x = X.copy()
    x[50] = 1000.0
    model = dense(lm.layers.Lambda(lm.exp, name="grow"), lm.layers.Dense(1), **options)
    guard, _ = guarded(model, x)
    assert (guard.found.step, guard.found.origin.operation) == (1, "exponential")


def test_nan_guard_watches_a_custom_training_step():
    class Own(lm.Model):
        def __init__(self):
            super().__init__()
            self.inner = lm.layers.Dense(1, name="inner")

        def call(self, x):
            return self.inner(x)

        def train_step(self, data):
            x, y = data
            with lm.GradientTape() as tape:
                loss = lm.mean(lm.log(self(x)[:, 0] - y[:, 0]))
            grads = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(grads, self.trainable_variables, strict=True))
            return {"objective": loss}

    model = Own()
    model.compile("sgd")
    guard, _ = guarded(model)
    assert guard.found.origin.operation == "log" and guard.found.origin.direction == "forward"


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_nan_guard_reads_16_bit_floats_and_accepts_skipped_steps(policy):
    with lm.settings():
        model = lm.Sequential(
            [
                lm.Input((4,)),
                lm.layers.Dense(8, dtype=policy, name="first"),
                lm.layers.Lambda(lm.exp, dtype=policy, name="grow"),
                lm.layers.Dense(1, dtype="float32"),
            ]
        )
    model.compile(lm.optimizers.LossScaleOptimizer(lm.optimizers.SGD(1e-3)), "mse")
    guard, _ = guarded(model, epochs=2)
    assert guard.found is None
    x = X.copy()
    x[50] = 3e4
    guard, _ = guarded(model, x, epochs=2)
    assert guard.found.origin.layer == "grow" and guard.found.origin.value == "inf"


def test_nan_guard_changes_no_bit_of_a_training_without_nan():
    def run(callbacks):
        lm.set_seed(2)
        layers = [lm.layers.Dense(16, "relu"), lm.layers.BatchNormalization(), lm.layers.Dense(1)]
        model = dense(*layers, optimizer=lm.optimizers.Adam(0.01))
        model.fit(X, Y, epochs=5, verbose=0, seed=4, callbacks=callbacks, validation_split=0.2)
        return model.get_weights()

    for a, b in zip(run([]), run([NaNGuard()]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nan_guard_follows_rates_that_a_callback_changes_between_batches():
    class Faster(Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.optimizer.learning_rate = 1.8 * float(self.model.optimizer.learning_rate)

    model = dense(lm.layers.Dense(1), optimizer=lm.optimizers.SGD(1e-3))
    guard, _ = guarded(model, callbacks=[Faster()])
    assert guard.found.origin is not None and is_finite(model)


@pytest.mark.slow
def test_nan_guard_costs_less_than_a_tenth():
    rng = np.random.default_rng(0)
    x, y = rng.random((4096, 784), dtype=np.float32), rng.integers(0, 10, 4096)
    model = lm.Sequential([lm.Input((784,)), lm.layers.Dense(256, "relu"), lm.layers.Dense(10)])
    model.compile("adam", lm.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, verbose=0)
    ratios = []
    for _ in range(7):
        times = []
        for callbacks in ([], [NaNGuard()]):
            began = time.perf_counter()
            model.fit(x, y, epochs=2, verbose=0, callbacks=callbacks)
            times.append(time.perf_counter() - began)
        ratios.append(times[1] / times[0])
    assert np.median(ratios) < 1.10
