"""Training with computations in 16 bits and weights in float32."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras, layers

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(256, 20)).astype("float32")
IMAGES = RNG.normal(size=(128, 10, 10, 1)).astype("float32")
SERIES = RNG.normal(size=(128, 10, 6)).astype("float32")
TOKENS = RNG.integers(0, 20, (256, 8)).astype("int32")
BRIGHT = IMAGES[:, :5].mean((1, 2, 3)) > 0


def mlp():
    stack = [layers.Dense(32, "relu"), layers.BatchNormalization(), layers.Dropout(0.1)]
    return lm.Sequential([*stack, layers.Dense(2, "softmax", dtype="float32")])


def cnn():
    stack = [layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization()]
    stack += [layers.MaxPooling2D(), layers.Conv2D(8, 3, activation="relu")]
    return lm.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(2, "softmax")])


def lstm():
    return lm.Sequential([layers.LSTM(16), layers.Dense(2, "softmax")])


def transformer():
    inputs = lm.Input((8,), dtype="int32")
    x = layers.TokenAndPositionEmbedding(20, 8, 16)(inputs)
    x = layers.GlobalAveragePooling1D()(layers.TransformerEncoder(32, 2)(x))
    return lm.Model(inputs, layers.Dense(2, "softmax")(x))


CASES = {
    "mlp": (mlp, FLAT, (FLAT[:, :10].sum(1) > FLAT[:, 10:].sum(1)).astype("int32")),
    "cnn": (cnn, IMAGES + np.where(BRIGHT, 0.5, -0.5)[:, None, None, None], BRIGHT.astype("int32")),
    "lstm": (lstm, SERIES, (SERIES[:, :, 0].sum(1) > 0).astype("int32")),
    "transformer": (transformer, TOKENS, ((TOKENS == 3).sum(1) > 0).astype("int32")),
}


@pytest.fixture(autouse=True)
def unchanged_policy():
    yield
    keras.mixed_precision.set_global_policy("float32")


def trained(name, policy, epochs=8, scale=None):
    make, x, y = CASES[name]
    keras.utils.set_random_seed(1)
    keras.mixed_precision.set_global_policy(policy)
    model = make()
    optimizer = lm.optimizers.Adam(1e-2)
    if scale is not None:
        optimizer = lm.optimizers.LossScaleOptimizer(optimizer, initial_scale=scale)
    model.compile(optimizer, "sparse_categorical_crossentropy")
    history = model.fit(x, y, batch_size=32, epochs=epochs, verbose=0).history
    return model, np.array(history["loss"])


SLOW = pytest.mark.slow
NAMES = ["cnn", "lstm", pytest.param("mlp", marks=SLOW), pytest.param("transformer", marks=SLOW)]


@pytest.mark.parametrize("name", NAMES)
def test_mixed_training_converges_like_float32(name):
    _, expected = trained(name, "float32")
    assert expected[-1] < 0.3 * expected[0]
    # The scale of float16 starts where no step of these networks overflows: a skipped step would
    # shift all later losses.
    for policy, scale in (("mixed_bfloat16", None), ("mixed_float16", 2.0**8)):
        model, found = trained(name, policy, scale=scale)
        assert {w.dtype.name for w in model.weights} == {"float32"}
        slots = [v for v in model.optimizer.variables if v.ndim]
        assert slots and {v.dtype.name for v in slots} == {"float32"}
        np.testing.assert_allclose(found, expected, rtol=0.1, atol=0.03)


def test_training_in_float16_skips_the_steps_that_overflow_and_converges():
    model, losses = trained("transformer", "mixed_float16")
    assert np.isfinite(losses).all() and losses[-1] < 0.3 * losses[0]
    assert float(model.optimizer.dynamic_scale) < 2.0**15


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_weights_and_slots_of_16_bits_are_trained_in_16_bits(policy):
    model, losses = trained("lstm", policy)
    assert {w.dtype.name for w in model.weights} == {policy}
    assert {v.dtype.name for v in model.optimizer.variables if v.ndim} == {policy}
    assert losses[-1] < 0.5 * losses[0]


def test_predictions_of_bfloat16_are_arrays_of_float32():
    model, _ = trained("lstm", "mixed_bfloat16", epochs=1)
    found = model.predict(SERIES, batch_size=50, verbose=0)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:7], model(SERIES[:7]).numpy())
    few = model.predict(SERIES[:7], verbose=0)
    np.testing.assert_array_equal(found[:7], few)
    whole = model.evaluate(SERIES, CASES["lstm"][2], verbose=0)
    assert np.isfinite(whole).all()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "bfloat16", "float16"])
def test_saved_model_predicts_the_same_bits_and_trains_on(policy, tmp_path):
    model, _ = trained("lstm", policy, epochs=1)
    model.save(tmp_path / "model.lamina")
    again = lm.load_model(tmp_path / "model.lamina")
    assert [layer.dtype_policy for layer in again.layers] == [
        layer.dtype_policy for layer in model.layers
    ]
    expected, found = model.predict(SERIES, verbose=0), again.predict(SERIES, verbose=0)
    np.testing.assert_array_equal(found, expected)
    y = CASES["lstm"][2]
    losses = [m.fit(SERIES, y, verbose=0, shuffle=False).history["loss"] for m in (model, again)]
    assert losses[0] == losses[1]
    model.save_weights(tmp_path / "w.safetensors")
    again.load_weights(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(
        again.predict(SERIES, verbose=0), model.predict(SERIES, verbose=0)
    )


def test_the_loss_is_scaled_with_mixed_float16_by_default():
    x, y = np.full((8, 2), 1e-5, "float32"), np.zeros((8, 1), "float32")

    def trained(**options):
        lm.set_seed(1)
        layer = lm.layers.Dense(1, use_bias=False, kernel_initializer="ones", dtype="mixed_float16")
        model = lm.Sequential([lm.Input((2,)), layer], dtype="mixed_float16")
        model.compile(lm.optimizers.SGD(1e5), "mse", **options)
        model.fit(x, y, verbose=0, epochs=2)
        return model, 1 - layer.kernel.numpy()

    scaled, moved = trained()
    assert isinstance(scaled.optimizer, lm.optimizers.LossScaleOptimizer)
    plain, unmoved = trained(auto_scale_loss=False)
    assert isinstance(plain.optimizer, lm.optimizers.SGD)
    assert (moved > 0).all() and not (unmoved > 0).any()  # 4e-5 * 1e-5 is below float16's numbers
