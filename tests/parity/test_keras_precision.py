"""Layers of 16 bits against Keras': same policy, same weights, results within a few roundings."""

import os

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "jax")
keras = pytest.importorskip("keras")

import lamina as lm  # noqa: E402
from lamina import layers  # noqa: E402

pytestmark = pytest.mark.parity

RNG = np.random.default_rng(0)
FLAT = RNG.normal(size=(4, 6)).astype("float32")
STEPS = RNG.normal(size=(2, 5, 6)).astype("float32")
IMAGES = RNG.normal(size=(2, 8, 8, 4)).astype("float32")
TOKENS = RNG.integers(0, 9, (2, 5)).astype("int32")
# Keras on JAX has no QR of 16 bits, and with it no orthogonal kernels
RECURRENT = {"recurrent_initializer": "glorot_uniform"}
UNITS = {"bfloat16": 2.0**-8, "float16": 2.0**-11}

CASES = [
    ("Dense", {"units": 5, "activation": "gelu"}, [FLAT]),
    ("Conv2D", {"filters": 5, "kernel_size": 3, "activation": "relu"}, [IMAGES]),
    ("DepthwiseConv2D", {"kernel_size": 3}, [IMAGES]),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3}, [IMAGES]),
    ("BatchNormalization", {}, [IMAGES]),
    ("LayerNormalization", {}, [STEPS]),
    ("GroupNormalization", {"groups": 2}, [IMAGES]),
    ("Embedding", {"input_dim": 9, "output_dim": 4}, [TOKENS]),
    ("LSTM", {"units": 4, "return_sequences": True, **RECURRENT}, [STEPS]),
    ("GRU", {"units": 4, **RECURRENT}, [STEPS]),
    ("SimpleRNN", {"units": 4, **RECURRENT}, [STEPS]),
    ("MultiHeadAttention", {"num_heads": 2, "key_dim": 3}, [STEPS, STEPS]),
    ("Softmax", {}, [FLAT]),
    ("Activation", {"activation": "swish"}, [FLAT]),
    ("AveragePooling2D", {"pool_size": 2}, [IMAGES]),
    ("MaxPooling2D", {"pool_size": 2}, [IMAGES]),
    ("GlobalAveragePooling2D", {}, [IMAGES]),
    ("PReLU", {"alpha_initializer": "random_uniform"}, [FLAT]),
    ("Rescaling", {"scale": 0.3}, [FLAT]),
]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
@pytest.mark.parametrize(("name", "arguments", "inputs"), CASES, ids=[name for name, *_ in CASES])
def test_layers_of_16_bits(name, arguments, inputs, policy):
    theirs = getattr(keras.layers, name)(**arguments, dtype=policy)
    ours = getattr(layers, name)(**arguments, dtype=policy)
    expected = theirs(*inputs)
    ours(*inputs)
    weights = [np.asarray(w.value, "float32") for w in theirs.weights]
    assert ours.dtype == theirs.dtype and ours.compute_dtype == theirs.compute_dtype
    assert [str(w.dtype) for w in ours.weights] == [w.dtype for w in theirs.weights]
    ours.set_weights(weights)
    found = ours(*inputs)
    dtype = keras.backend.standardize_dtype(expected.dtype)
    assert str(found.dtype) == dtype
    expected = np.asarray(expected, "float32")
    error = np.abs(np.asarray(lm.astype(found, "float32")) - expected).max()
    assert error <= 4 * UNITS[dtype] * np.abs(expected).max()
