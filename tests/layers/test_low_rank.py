"""Low-rank adaptation: the weight is frozen, and a product of two narrow ones is trained."""

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L
from lamina.errors import NotBuiltError, StateError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 6)).astype("float32")
TOKENS = RNG.integers(0, 9, (12, 4)).astype("int32")
LAYERS = [
    (lambda **more: L.Dense(5, **more), X, "kernel"),
    (lambda **more: L.EinsumDense("ab,bc->ac", 5, bias_axes="c", **more), X, "kernel"),
    (lambda **more: L.Embedding(9, 5, **more), TOKENS, "embeddings"),
]


def weight(layer, name):
    """The value of the frozen weight alone."""
    return next(w for w in layer.weights if w.name == name).numpy()


@pytest.mark.parametrize(("make", "x", "name"), LAYERS)
def test_adaptation_begins_with_the_outputs_of_the_weight(make, x, name):
    layer = make()
    before = layer(x).numpy()
    layer.enable_lora(2)
    np.testing.assert_array_equal(layer(x).numpy(), before)
    trained = {w.name for w in layer.trainable_weights}
    assert name not in trained
    assert {f"lora_{name}_a", f"lora_{name}_b"} <= trained


@pytest.mark.parametrize(("make", "x", "name"), LAYERS)
def test_outputs_are_those_of_the_sum_of_weight_and_product(make, x, name):
    layer = make(lora_rank=2, lora_alpha=3.0)
    layer(x)
    a, b = (getattr(layer, f"lora_{name}_{part}") for part in "ab")
    b.assign(RNG.normal(size=b.shape).astype("float32"))
    found = layer(x).numpy()
    plain = make()
    plain(x)
    rest = {w.name: w for w in layer.weights}
    for weight in plain.weights:
        weight.assign(rest[weight.name].numpy())
    whole = rest[name].numpy() + 1.5 * a.numpy() @ b.numpy()
    getattr(plain, name).assign(whole)
    np.testing.assert_allclose(found, plain(x).numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("make", "x", "name"), LAYERS)
def test_training_changes_the_product_alone_and_files_keep_it(make, x, name, tmp_path):
    first = make()
    model = lm.Sequential(
        [lm.Input(x.shape[1:], dtype=str(x.dtype)), first, L.Flatten(), L.Dense(1)]
    )
    first.enable_lora(2)
    frozen = weight(first, name).copy()
    before = getattr(first, f"lora_{name}_b").numpy().copy()
    model.compile("sgd", "mse")
    model.fit(x, np.ones((12, 1), "float32"), epochs=2, verbose=0)
    np.testing.assert_array_equal(weight(first, name), frozen)
    assert not np.array_equal(getattr(first, f"lora_{name}_b").numpy(), before)
    path = str(tmp_path / "model.lamina")
    model.save(path)
    again = lm.load_model(path)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert len(again.trainable_weights) == len(model.trainable_weights)


def test_adaptation_needs_weights_and_is_made_once():
    layer = L.Dense(3)
    with pytest.raises(NotBuiltError, match="needs the weights"):
        layer.enable_lora(2)
    layer(X)
    layer.enable_lora(2)
    with pytest.raises(StateError, match="on already"):
        layer.enable_lora(2)
