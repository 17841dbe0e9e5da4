"""compile(steps_per_execution=n): callbacks are called once for n batches."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras

X, Y = np.ones((100, 4), "float32"), np.ones((100, 1), "float32")


class Batches(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("begin", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(("end", batch))

    def on_test_batch_begin(self, batch, logs=None):
        self.seen.append(("test", batch))

    def on_predict_batch_begin(self, batch, logs=None):
        self.seen.append(("predict", batch))


def model(steps, eager=False):
    made = lm.Sequential([lm.Input((4,)), lm.layers.Dense(1, kernel_initializer="ones")])
    made.compile("sgd", "mse", steps_per_execution=steps, run_eagerly=eager)
    return made


@pytest.mark.parametrize("eager", [False, True])
@pytest.mark.parametrize(("steps", "begins"), [(1, range(7)), (3, (0, 3, 6)), (101, (0,))])
def test_callbacks_are_called_once_for_the_batches_of_one_execution(steps, begins, eager):
    batches, made = Batches(), model(steps, eager)
    losses = made.fit(X, Y, batch_size=16, epochs=2, callbacks=[batches], verbose=0).history["loss"]
    each = [(kind, k) for b in begins for kind, k in (("begin", b), ("end", b + steps - 1))]
    assert batches.seen == 2 * each
    plain = model(None).fit(X, Y, batch_size=16, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(losses, plain, rtol=1e-5)


def test_evaluation_and_prediction_call_callbacks_as_training_does():
    batches, made = Batches(), model(3)
    made.evaluate(X, Y, batch_size=16, callbacks=[batches], verbose=0)
    made.predict(X, batch_size=16, callbacks=[batches], verbose=0)
    assert batches.seen == [(kind, k) for kind in ("test", "predict") for k in (0, 3, 6)]


def test_number_of_steps_survives_a_file(tmp_path):
    made = model(3)
    made.save(str(tmp_path / "m.lamina"))
    again, batches = lm.load_model(str(tmp_path / "m.lamina")), Batches()
    again.evaluate(X, Y, batch_size=16, callbacks=[batches], verbose=0)
    assert len(batches.seen) == 3


def test_model_without_weights_can_be_fitted_and_a_frozen_one_cannot():
    plain = lm.Sequential([lm.Input((4,)), lm.layers.Flatten()])
    plain.compile("sgd", "mse")
    found = plain.fit(X, 3 * X, epochs=2, verbose=0).history["loss"]
    np.testing.assert_allclose(found, [4.0, 4.0])
    frozen = model(None)
    frozen.trainable = False
    with pytest.raises(ValueError, match="no weight is trainable"):
        frozen.fit(X, Y, verbose=0)


def test_endless_data_set_by_inheritance_is_fitted_in_its_own_order():
    class Endless(keras.utils.PyDataset):
        def __getitem__(self, number):
            return X[:5], Y[:5]

    history = model(None).fit(Endless(), steps_per_epoch=4, epochs=2, verbose=0)
    assert len(history.history["loss"]) == 2


def test_epochs_of_few_steps_continue_the_pass_over_arrays():
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    x = np.ones((10, 2), np.float32)
    network = keras.Sequential([keras.layers.Dense(1)])
    network.compile("sgd", "mse")
    network.fit(
        x, x[:, :1], batch_size=1, steps_per_epoch=4, epochs=4, callbacks=[Seen()], verbose=0
    )
    assert seen == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 0, 1, 2, 3]
