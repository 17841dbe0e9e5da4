"""Arguments and methods of Keras 2: each warns with the form of today and works."""

import inspect
import sys

import numpy as np
import pytest

from lamina import keras
from lamina.errors import ArgumentError, RangeError


def model_of(outputs, activation=None):
    keras.utils.set_random_seed(0)
    layers = [keras.Input((3,)), keras.layers.Dense(outputs, activation)]
    model = keras.Sequential(layers)
    model.compile("sgd", "mse")
    return model


ROWS = np.linspace(-1, 1, 24, dtype=np.float32).reshape(8, 3)


class TestOptimizers:
    @pytest.mark.parametrize("kind", ["SGD", "RMSprop", "Adam", "Adagrad", "Adadelta", "Nadam"])
    def test_lr_is_the_learning_rate(self, kind):
        with pytest.warns(DeprecationWarning, match=rf"{kind}\(learning_rate=\)") as warned:
            optimizer = getattr(keras.optimizers, kind)(lr=0.25)
        assert warned[0].filename == __file__
        assert float(optimizer.learning_rate) == 0.25
        config = optimizer.get_config()
        assert config["learning_rate"] == 0.25 and "lr" not in config
        assert float(type(optimizer).from_config(config).learning_rate) == 0.25

    def test_decay_divides_the_rate_by_the_steps_as_in_keras_2(self):
        with pytest.warns(DeprecationWarning, match="InverseTimeDecay"):
            optimizer = keras.optimizers.SGD(0.5, decay=0.25)
        x = keras.Variable([0.0])
        for step in range(4):
            before = float(x.numpy()[0])
            optimizer.apply([np.ones(1, np.float32)], [x])
            moved = before - float(x.numpy()[0])
            assert moved == pytest.approx(0.5 / (1 + 0.25 * step), rel=1e-5)
        again = keras.optimizers.SGD.from_config(optimizer.get_config())
        assert float(again.learning_rate) == 0.5

    def test_decay_of_zero_keeps_a_rate_that_can_be_assigned(self):
        with pytest.warns(DeprecationWarning):
            optimizer = keras.optimizers.Adam(lr=0.5, decay=0.0)
        optimizer.learning_rate = 0.25
        assert float(optimizer.learning_rate) == 0.25 and "decay" not in optimizer.get_config()

    @pytest.mark.filterwarnings("ignore:.*older than Keras 3:DeprecationWarning")
    def test_impossible_decays_are_errors(self):
        with pytest.raises(RangeError, match="decay"):
            keras.optimizers.SGD(0.1, decay=-1.0)
        schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
        with pytest.raises(ArgumentError, match="decay"):
            keras.optimizers.SGD(schedule, decay=0.1)


def test_alpha_is_the_negative_slope_of_leaky_relu():
    with pytest.warns(DeprecationWarning, match=r"LeakyReLU\(negative_slope=\)"):
        layer = keras.layers.LeakyReLU(alpha=0.5)
    assert layer(np.asarray([-2.0, 2.0])).tolist() == [-1.0, 2.0]
    config = layer.get_config()
    assert config["negative_slope"] == 0.5 and "alpha" not in config
    assert type(layer).from_config(config).negative_slope == 0.5


def test_smart_resize_crops_to_the_aspect_ratio(tmp_path):
    (tmp_path / "only").mkdir()
    image = np.zeros((4, 12, 3))
    image[:, 4:8] = 255
    keras.utils.save_img(tmp_path / "only" / "a.png", image, scale=False)
    read = keras.utils.image_dataset_from_directory
    options = {"image_size": (4, 4), "label_mode": None, "verbose": False}
    with pytest.warns(DeprecationWarning, match=r"crop_to_aspect_ratio="):
        found = next(iter(read(tmp_path, smart_resize=True, **options)))
    assert float(found.numpy().min()) == 255
    assert "smart_resize" not in inspect.signature(read).parameters


class TestGenerators:
    def batches(self):
        while True:
            yield ROWS, ROWS[:, :1]

    def test_fit_generator_trains_as_fit(self):
        old, new = model_of(1), model_of(1)
        with pytest.warns(DeprecationWarning, match=r"model.fit\(generator\)"):
            history = old.fit_generator(
                self.batches(), steps_per_epoch=3, epochs=2, verbose=0, workers=2,
                validation_data=self.batches(), validation_steps=2,
            )  # fmt: skip
        expected = new.fit(self.batches(), steps_per_epoch=3, epochs=2, verbose=0)
        assert history.history["loss"] == expected.history["loss"]
        assert len(history.history["val_loss"]) == 2

    def test_evaluate_and_predict_generator_are_evaluate_and_predict(self):
        model = model_of(1)
        with pytest.warns(DeprecationWarning, match=r"model.evaluate\(generator\)"):
            loss = model.evaluate_generator(self.batches(), steps=2)
        assert loss == model.evaluate(ROWS, ROWS[:, :1], verbose=0)
        with pytest.warns(DeprecationWarning, match=r"model.predict\(generator\)"):
            found = model.predict_generator((ROWS for _ in range(2)), steps=2)
        np.testing.assert_array_equal(found, np.tile(model.predict(ROWS), (2, 1)))


def test_predict_classes_and_proba_of_sequential():
    several, one = model_of(4, "softmax"), model_of(1, "sigmoid")
    with pytest.warns(DeprecationWarning, match="argmax"):
        found = several.predict_classes(ROWS)
    np.testing.assert_array_equal(found, several.predict(ROWS).argmax(axis=-1))
    with pytest.warns(DeprecationWarning, match=r"> 0.5"):
        found = one.predict_classes(ROWS)
    np.testing.assert_array_equal(found, one.predict(ROWS) > 0.5)
    with pytest.warns(DeprecationWarning, match=r"model.predict\(x\)"):
        np.testing.assert_array_equal(one.predict_proba(ROWS), one.predict(ROWS))


@pytest.mark.parametrize(("name", "today"), [("CuDNNLSTM", "LSTM"), ("CuDNNGRU", "GRU")])
def test_layers_of_cudnn_are_errors_that_show_todays_layer(name, today):
    with pytest.raises(AttributeError, match=rf"instead: keras.layers.{today}\(units\)"):
        getattr(keras.layers, name)


def test_add_loss_leaves_inputs_out():
    class Penalty(keras.layers.Layer):
        def call(self, inputs):
            self.add_loss(keras.ops.sum(inputs), inputs=inputs)
            return inputs

    layer = Penalty()
    with pytest.warns(DeprecationWarning, match="add_loss without it"):
        layer(np.ones((2, 3), np.float32))
    assert [float(each) for each in layer.losses] == [6.0]


def test_np_utils_has_its_functions_and_warns_at_the_import():
    sys.modules.pop("lamina.keras.utils.np_utils", None)
    with pytest.warns(DeprecationWarning, match="np_utils is older") as warned:
        from lamina.keras.utils.np_utils import to_categorical
    assert to_categorical([1], 3).tolist() == [[0, 1, 0]] and warned[0].filename == __file__


def test_the_version_is_that_of_the_keras_whose_names_exist():
    assert keras.__version__.startswith("3.15")
