"""Quantized layers: their weights, their outputs against integers in NumPy, training and files."""

import numpy as np
import pytest

import lamina as lm
from lamina import keras
from lamina import layers as L
from lamina import quantizers as Q
from lamina.errors import ArgumentError, NotBuiltError, StateError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6)).astype("float32")
STEPS = RNG.normal(size=(3, 4, 6)).astype("float32")
TOKENS = RNG.integers(0, 9, (12, 4)).astype("int32")
CASES = {
    "dense": (lambda **more: L.Dense(5, **more), X),
    "dense of steps": (lambda **more: L.Dense(5, use_bias=False, **more), STEPS),
    "einsum": (lambda **more: L.EinsumDense("abc,cde->abde", (4, 5, 2), "tanh", **more), STEPS),
    "einsum turned": (
        lambda **more: L.EinsumDense("abc,ecd->adbe", (3, 4, 5), None, "e", **more),
        STEPS,
    ),
    "einsum with ellipsis": (lambda **more: L.EinsumDense("...c,cd->...d", 5, **more), STEPS),
    "einsum over two axes": (lambda **more: L.EinsumDense("abc,bcd->ad", 5, **more), STEPS),
    "embedding": (lambda **more: L.Embedding(9, 6, **more), TOKENS),
    "reversible": (lambda **more: L.ReversibleEmbedding(9, 6, tie_weights=False, **more), TOKENS),
}
CONFIGS = {
    "int8": Q.Int8QuantizationConfig(),
    "int8 weights": Q.Int8QuantizationConfig(activation_quantizer=None),
    "int4": Q.Int4QuantizationConfig(block_size=4),
    "int4 columns": Q.Int4QuantizationConfig(block_size=None),
    "int4 columns and inputs": Q.Int4QuantizationConfig(None, Q.AbsMaxQuantizer(), None),
}
CLOSE = {"int8": 0.03, "int4": 0.35}  # of the largest output


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("case", CASES)
def test_outputs_are_close_to_those_of_floats(case, config):
    make, x = CASES[case]
    layer = make()
    before = layer(x).numpy()
    layer.quantize(config=CONFIGS[config])
    found = layer(x).numpy()
    assert np.abs(found - before).max() <= CLOSE[config[:4]] * np.abs(before).max()
    assert not any(w.trainable for w in layer.weights if w.name != "bias")


@pytest.mark.parametrize(
    ("case", "config"),
    [
        *(("dense", "int8"), ("dense", "int8 weights")),
        *(("einsum turned", "int4"), ("embedding", "int4")),
    ],
)
def test_compiled_outputs_are_those_of_the_layer_and_files_keep_them(case, config, tmp_path):
    make, x = CASES[case]
    layer = make()
    model = lm.Sequential([lm.Input(x.shape[1:], dtype=str(x.dtype)), layer])
    model.predict(x, verbose=0)  # a program of the weights before
    layer.quantize(config=CONFIGS[config])
    found = model.predict(x, verbose=0)
    np.testing.assert_allclose(found, layer(x).numpy(), rtol=1e-5, atol=1e-6)
    path = str(tmp_path / "model.lamina")
    model.save(path)
    again = lm.load_model(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), found)
    assert again.layers[0].dtype_policy == layer.dtype_policy


@pytest.mark.parametrize("rows", [6, 3000])
def test_products_of_int8_are_exact_sums_of_integers(rows):
    x = RNG.normal(size=(4, rows)).astype("float32")
    layer = L.Dense(5, use_bias=False)
    layer(x)
    layer.quantize("int8")
    integers, scale = Q.abs_max_quantize(x, -1)
    sums = integers.numpy().astype("int64") @ layer.kernel.numpy().astype("int64")
    expected = sums.astype("float32") / (scale.numpy() * layer.kernel_scale.numpy())
    np.testing.assert_array_equal(layer(x).numpy(), expected)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_scores_of_a_quantized_table_are_close_to_those_of_floats(tied, mode):
    layer = L.ReversibleEmbedding(9, 6, tie_weights=tied)
    layer(TOKENS)
    before = layer(X, reverse=True).numpy()
    layer.quantize(mode)
    found = layer(X, reverse=True).numpy()
    assert np.abs(found - before).max() <= CLOSE[mode] * np.abs(before).max()


def test_weights_of_a_quantized_layer_have_the_names_shapes_and_dtypes_of_keras():
    def listed(mode, **options):
        layer = L.Dense(5, **options)
        layer.build((None, 6))
        layer.quantize(mode)
        return {w.name: (w.shape, w.dtype.name) for w in layer.weights}

    bias = {"bias": ((5,), "float32")}
    integers = {"kernel": ((6, 5), "int8"), "kernel_scale": ((5,), "float32")}
    assert listed("int8") == bias | integers
    assert listed("int4") == bias | {
        "kernel": ((6, 3), "int8"),
        "kernel_scale": ((1, 5), "float32"),
        "kernel_zero": ((1, 5), "int8"),
        "g_idx": ((6,), "float32"),
    }
    assert len(listed("float8")) == 8


@pytest.mark.parametrize("mode", ["int8", "int4/4", "int4", "float8"])
def test_layer_made_with_a_quantized_policy_takes_the_weights_of_a_quantized_one(mode):
    layer = L.Dense(5, dtype=f"{mode}_from_float32")
    layer(X)
    source = L.Dense(5)
    source(X)
    if mode == "int4":
        source.quantize("int4", config=Q.Int4QuantizationConfig(block_size=None))
    elif mode == "int4/4":
        source.quantize("int4", config=Q.Int4QuantizationConfig(block_size=4))
    else:
        source.quantize(mode)
    stored = {}
    source.save_own_variables(stored)
    layer.load_own_variables(stored)
    np.testing.assert_array_equal(layer(X).numpy(), source(X).numpy())


def test_gradient_of_the_inputs_is_that_of_the_kernel_that_the_integers_stand_for():
    layer = L.Dense(5)
    layer(X)
    layer.quantize("int8")
    kernel = layer.kernel.numpy() / layer.kernel_scale.numpy()
    found = lm.grad(lambda x: lm.sum(layer(x)))(X).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(kernel.sum(1), X.shape), rtol=1e-5)


def test_training_a_quantized_network_trains_the_rest():
    model = lm.Sequential([lm.Input((6,)), L.Dense(5, "relu"), L.Dense(1)])
    model.quantize("int8", filters="^dense$")
    model.compile("sgd", "mse")
    integers = model.layers[0].kernel.numpy().copy()
    first, last = model.fit(X, X[:, :1], epochs=20, verbose=0).history["loss"][:: 20 - 1]
    assert last < first
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), integers)


def test_training_with_float8_updates_scales_and_histories_and_lowers_the_loss():
    model = lm.Sequential([lm.Input((6,)), L.Dense(1)])
    model.quantize("float8")
    model.compile("sgd", "mse")
    losses = model.fit(X, X[:, :1], epochs=30, batch_size=12, verbose=0).history["loss"]
    layer = model.layers[0]
    assert losses[-1] < 0.5 * losses[0]
    np.testing.assert_allclose(layer.inputs_amax_history.numpy()[0], np.abs(X).max(), rtol=1e-6)
    np.testing.assert_allclose(layer.inputs_scale.numpy(), np.abs(X).max() / 448, rtol=1e-5)


def test_model_quantizes_the_layers_that_filters_choose_and_warns_of_others():
    model = lm.Sequential([lm.Input((6,)), L.Dense(5, name="a"), L.Dense(4, name="b")])
    model.quantize("int8", filters=["a"])
    assert [each.quantization_mode for each in model.layers] == ["int8", None]
    with pytest.raises(ArgumentError, match="filters"):
        model.quantize("int8", filters=3)
    other = lm.Sequential([lm.Input((6,)), L.BatchNormalization()])
    with pytest.warns(UserWarning, match="no quantization"):
        other.quantize("int8")


def test_sublayers_keep_their_policies_in_files(tmp_path):
    x = lm.Input((4, 6))
    model = lm.Model(x, L.MultiHeadAttention(2, 3)(x, x))
    model.quantize("int8")
    model.save(str(tmp_path / "m.lamina"))
    again = lm.load_model(str(tmp_path / "m.lamina"))
    np.testing.assert_array_equal(again.predict(STEPS, verbose=0), model.predict(STEPS, verbose=0))


def test_low_rank_adaptation_of_a_quantized_kernel_is_trained_and_merged_by_files(tmp_path):
    model = lm.Sequential([lm.Input((6,)), L.Dense(5)])
    layer = model.layers[0]
    model.quantize("int8")
    layer.enable_lora(2, lora_alpha=3.0)
    model.compile("sgd", "mse")
    model.fit(X, RNG.normal(size=(12, 5)).astype("float32"), epochs=9, verbose=0)
    assert layer.lora_kernel_b.numpy().any()
    path = str(tmp_path / "w.safetensors")
    model.save_weights(path)
    plain = lm.Sequential([lm.Input((6,)), L.Dense(5)])
    plain.quantize("int8")
    plain.load_weights(path)
    expected = model.predict(X, verbose=0)
    assert np.abs(plain.predict(X, verbose=0) - expected).max() < 0.03 * np.abs(expected).max()
    plain.save_weights(path)
    model.load_weights(path)
    np.testing.assert_array_equal(model.predict(X, verbose=0), plain.predict(X, verbose=0))


def test_file_of_an_adapted_layer_is_merged_into_a_plain_one_with_its_factor(tmp_path):
    adapted = lm.Sequential([lm.Input((6,)), L.Dense(5)])
    adapted.layers[0].enable_lora(2, lora_alpha=5.0, b_initializer="he_normal")
    path = str(tmp_path / "w.safetensors")
    adapted.save_weights(path)
    plain = lm.Sequential([lm.Input((6,)), L.Dense(5)])
    plain.load_weights(path)
    np.testing.assert_allclose(
        plain.predict(X, verbose=0), adapted.predict(X, verbose=0), rtol=1e-5, atol=1e-5
    )


def test_wrong_uses_raise():
    layer = L.Dense(5)
    with pytest.raises(NotBuiltError, match="needs the weights"):
        layer.quantize("int8")
    layer(X)
    with pytest.raises(ArgumentError, match="unknown quantization mode"):
        layer.quantize("int7")
    with pytest.raises(ArgumentError, match="needs config=GPTQConfig"):
        layer.quantize("gptq")
    layer.quantize("int8")
    with pytest.raises(StateError, match="quantized already"):
        layer.quantize("int4")
    half = L.Dense(5, dtype="mixed_float16")
    half(X)
    with pytest.raises(ArgumentError, match="float16"):
        half.quantize("int8")

    class Mine(L.Dense):
        pass

    mine = Mine(5)
    mine(X)
    with pytest.raises(NotImplementedError, match="type_check=False"):
        mine.quantize("int8")
    mine.quantize("int8", type_check=False)


def test_policy_that_is_assigned_quantizes_a_built_layer():
    layer = keras.layers.Dense(5)
    layer(X)
    layer.dtype_policy = "int8_from_float32"
    assert layer.kernel.dtype == lm.int8


def test_methods_that_need_samples_raise_before_anything_changes():
    model = lm.Sequential([lm.Input((6,)), L.Dense(5)])
    with pytest.raises(ArgumentError, match="needs the layers before the blocks"):
        model.quantize("gptq", config=Q.GPTQConfig(None, None))
    structure = {"pre_block_layers": [], "sequential_blocks": model.layers}
    config = Q.AWQConfig(None, None, quantization_layer_structure=structure)
    with pytest.raises(NotImplementedError, match="int4"):
        model.quantize(config=config)
    assert model.layers[0].quantization_mode is None


@pytest.mark.parametrize("mode", ["gptq", "awq"])
def test_layer_with_a_policy_of_rounded_weights_computes_with_those_it_is_given(mode):
    layer = L.Dense(5, dtype=f"{mode}/4/3_from_float32")
    layer.build((None, 6))
    integers = RNG.integers(0, 16, (5, 6)).astype("uint8")
    zero = RNG.integers(0, 16, (5, 2)).astype("uint8")
    scale = RNG.uniform(0.1, 1, (5, 2)).astype("float32")
    groups, rows = np.arange(6) // 3, RNG.uniform(0.5, 2, 6).astype("float32")
    packed = Q.pack_int4(integers, 0, "uint8")[0].numpy()
    arrays = [np.ones(5, "float32"), packed, scale, zero]
    arrays += [groups.astype("float32")] if mode == "gptq" else [rows, groups.astype("float32")]
    layer.load_own_variables({str(k): a for k, a in enumerate(arrays)})
    kernel = ((integers - zero.astype("float32")[:, groups]) * scale[:, groups]).T
    kernel = kernel / rows[:, None] if mode == "awq" else kernel
    np.testing.assert_allclose(layer(X).numpy(), X @ kernel + 1, rtol=1e-4, atol=1e-4)
