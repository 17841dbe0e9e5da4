"""Attention in groups and over several axes, spectra, and wrappers against Keras's."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

import lamina as lm  # noqa: E402
from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity
RNG = np.random.default_rng(0)
QUERY = RNG.normal(size=(2, 6, 8)).astype("float32")
VALUE = RNG.normal(size=(2, 5, 8)).astype("float32")
GRID = RNG.normal(size=(2, 3, 4, 8)).astype("float32")
WAVES = RNG.normal(size=(2, 640, 2)).astype("float32")


def both(name, arguments, *inputs, calls=(), **options):
    """Outputs of both layers with the same weights."""
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(layers, name)(**arguments)
    theirs(*inputs, **options)
    ours(*inputs, **options)
    weights = [RNG.normal(size=w.shape).astype("float32") for w in theirs.weights]
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    theirs.set_weights(weights)
    ours.set_weights(weights)
    return ours(*inputs, **options), theirs(*inputs, **options)


def close(found, expected, tolerance=1e-4):
    if isinstance(expected, tuple):
        for a, b in zip(found, expected, strict=True):
            close(a, b, tolerance)
        return
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), tolerance, tolerance)


GROUPS = {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2}
HEADS = {"num_heads": 2, "key_dim": 3}
ATTENTION = [
    ("GroupQueryAttention", GROUPS, (QUERY, VALUE), {}),
    ("GroupQueryAttention", GROUPS, (QUERY, VALUE), {"return_attention_scores": True}),
    ("GroupQueryAttention", {**GROUPS, "sliding_window": 2}, (QUERY, QUERY), {}),
    ("GroupQueryAttention", GROUPS, (QUERY, QUERY), {"use_causal_mask": True}),
    ("GroupQueryAttention", {**GROUPS, "use_bias": False}, (QUERY, VALUE, 2 * VALUE), {}),
    ("MultiHeadAttention", {**HEADS, "sliding_window": 3}, (QUERY, QUERY), {}),
    ("MultiHeadAttention", HEADS, (GRID, GRID), {}),
    ("MultiHeadAttention", {**HEADS, "attention_axes": (2,)}, (GRID, GRID), {}),
    ("MultiHeadAttention", {**HEADS, "attention_axes": (1,), "value_dim": 5}, (GRID, GRID), {}),
    ("MultiHeadAttention", {**HEADS, "attention_axes": (1, 2)}, (GRID, GRID[:, :2]),
     {"return_attention_scores": True}),
    ("MultiHeadAttention", {**HEADS, "attention_axes": (2,)}, (GRID, GRID),
     {"return_attention_scores": True}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "arguments", "inputs", "options"), ATTENTION)
def test_attention(name, arguments, inputs, options):
    close(*both(name, arguments, *inputs, **options))


@pytest.mark.parametrize("name", ["GroupQueryAttention", "MultiHeadAttention"])
def test_gated_attention(name):
    arguments = {**(GROUPS if name[0] == "G" else HEADS), "use_gate": True}
    theirs, ours = getattr(keras.layers, name)(**arguments), getattr(layers, name)(**arguments)
    theirs(QUERY, VALUE)
    ours(QUERY, VALUE)
    given = {w.path.split("/", 1)[1]: RNG.normal(size=w.shape) for w in theirs.weights}
    for weight in theirs.weights:
        weight.assign(given[weight.path.split("/", 1)[1]])
    for path, weight in ours.named_weights().items():
        weight.assign(given[path].astype("float32"))
    close(ours(QUERY, VALUE), theirs(QUERY, VALUE))


@pytest.mark.parametrize("mode", ["log", "magnitude", "psd", "real", "imag", "angle", "stft"])
@pytest.mark.parametrize("expand", [True, False])
def test_spectrogram(mode, expand):
    for form in ("channels_last", "channels_first"):
        waves = WAVES if form == "channels_last" else WAVES.transpose(0, 2, 1).copy()
        arguments = {
            "mode": mode, "frame_length": 60, "frame_step": 25, "fft_length": 64,
            "expand_dims": expand, "data_format": form, "padding": "same", "window": "hamming",
        }  # fmt: skip
        expected = keras.layers.STFTSpectrogram(**arguments)(waves)
        found = layers.STFTSpectrogram(**arguments)(waves)
        if mode == "angle":
            apart = np.abs(np.exp(1j * np.asarray(found)) - np.exp(1j * np.asarray(expected)))
            assert (apart > 0.01).mean() < 0.05  # where the signal is 0 the angle is any
            continue
        close(found, expected, 2e-3)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"power_to_db": False, "mag_exp": 1.0},
        {"sequence_length": 100, "window": "hamming", "max_freq": 4000.0, "top_db": 30.0},
    ],
)
def test_mel_spectrogram(arguments):
    common = {"fft_length": 128, "sequence_stride": 50, "num_mel_bins": 12}
    waves = WAVES[..., 0].copy()
    expected = keras.layers.MelSpectrogram(**common, **arguments)(waves)
    found = layers.MelSpectrogram(**common, **arguments)(waves)
    assert found.shape == tuple(expected.shape)
    close(found, expected, 2e-3)
    close(layers.MelSpectrogram(**common, power_to_db=False)(waves[0]),
          keras.layers.MelSpectrogram(**common, power_to_db=False)(waves[0]), 2e-3)  # fmt: skip


@pytest.mark.parametrize("power_iterations", [1, 3])
def test_spectral_normalization(power_iterations):
    kernel = RNG.normal(size=(8, 4)).astype("float32")
    u = RNG.normal(size=(1, 4)).astype("float32")
    found = []
    for module in (keras.layers, layers):
        layer = module.SpectralNormalization(module.Dense(4), power_iterations=power_iterations)
        layer(QUERY)
        layer.layer.kernel.assign(kernel)
        layer.vector_u.assign(u)
        outputs = [np.asarray(layer(QUERY, training=True)) for _ in range(2)]
        found.append((*outputs, np.asarray(layer.layer.kernel), np.asarray(layer.vector_u)))
    close(found[1], found[0])


@pytest.mark.parametrize("tied", [True, False])
def test_reversible_embedding(tied):
    numbers = RNG.integers(0, 9, (2, 5)).astype("int32")
    vectors = RNG.normal(size=(2, 5, 4)).astype("float32")
    arguments = {"input_dim": 9, "output_dim": 4, "tie_weights": tied, "logit_soft_cap": 2.0}
    theirs, ours = (
        keras.layers.ReversibleEmbedding(**arguments),
        layers.ReversibleEmbedding(**arguments),
    )
    theirs(numbers)
    ours(numbers)
    ours.set_weights([np.asarray(w.value) for w in theirs.weights])
    close(ours(numbers), theirs(numbers))
    close(ours(vectors, reverse=True), theirs(vectors, reverse=True))


def test_normalized_kernel_is_trained():
    model = lm.Sequential([lm.Input((8,)), layers.SpectralNormalization(layers.Dense(4))])
    model.compile("sgd", "mse")
    model.fit(QUERY[0], np.ones((6, 4), "float32"), epochs=30, verbose=0)
    largest = np.linalg.svd(model.layers[0].layer.kernel.numpy())[1][0]
    assert 0.7 < largest < 1.4


@pytest.mark.parametrize("clipping", [None, {"rmin": 0.8, "rmax": 1.2, "dmax": 0.1}])
@pytest.mark.parametrize("center", [True, False])
def test_batch_renormalization(clipping, center):
    found = []
    for module in (keras.layers, layers):
        layer = module.BatchNormalization(
            renorm=True, renorm_clipping=clipping, renorm_momentum=0.9, momentum=0.8, center=center
        )
        outputs = [np.asarray(layer(QUERY * k, training=True)) for k in (1, 2, 3)]
        outputs.append(np.asarray(layer(QUERY)))
        names = ("moving_mean", "moving_variance", "moving_stddev", "renorm_mean", "renorm_stddev")
        found.append((*outputs, *(np.asarray(getattr(layer, name)) for name in names)))
    close(found[1], found[0])


def test_adapted_dense_layer():
    theirs, ours = keras.layers.Dense(4), layers.Dense(4)
    for layer in (theirs, ours):
        layer.build((None, 8))
        layer.enable_lora(2, lora_alpha=3.0)
    for layer in (theirs, ours):
        rng = np.random.default_rng(1)
        kernel = layer._kernel if layer is theirs else layer.kernel
        for weight in (kernel, layer.bias, layer.lora_kernel_a, layer.lora_kernel_b):
            weight.assign(rng.normal(size=weight.shape).astype("float32"))
    close(ours(QUERY), theirs(QUERY))
