"""`check_layer`: what every layer must do, checked for one layer.

Shapes and dtypes of symbols and values agree; a compiled model gives the layer's values for any
batch size; the configuration and a saved file restore an equal layer; the gradient is that of
central differences; one training step changes the weights; a mask gives finite values; a stream
gives the outputs of the whole sequence, or an error that names the layer.
"""

import json
from collections.abc import Callable

import numpy as np
import pytest

import lamina as lm
from lamina import layers as L


def check_layer(
    make: Callable[[], L.Layer],
    *inputs: np.ndarray,
    differentiable: bool = True,
    random: bool = False,
    saved: bool = True,
    tolerance: float = 1e-4,
) -> None:
    """Check one layer.

    Args:
        make: returns a new layer.
        inputs: arrays with the batch first; several are given to the layer as a list.
        differentiable: compare the gradient with central differences.
        random: True if a call outside of training draws random numbers.
        saved: False if the layer holds code of the user.
        tolerance: largest relative error of the gradient.
    """
    layer = make()
    outputs = _leaves(_applied(layer, inputs))
    assert all(np.isfinite(o.numpy()).all() for o in outputs)
    _check_symbols(layer, inputs, outputs)
    model = _model(layer, inputs)
    if not random:
        _check_any_batch_size(model, inputs, outputs)
    if saved:
        _check_configuration(layer)
    _check_training_step(make, inputs)
    if differentiable:
        _check_gradient(make, inputs, tolerance)
    if len(inputs) == 1 and inputs[0].ndim == 3 and inputs[0].dtype.kind == "f":
        _check_mask(make, inputs[0])
        _check_stream(make, inputs[0])


def check_saving(make: Callable[[], L.Layer], *inputs: np.ndarray, path: str) -> None:
    """Check that a saved model predicts the same bits after loading."""
    model = _model(make(), inputs)
    model.save(path)
    again = lm.load_model(path)
    data = list(inputs) if len(inputs) > 1 else inputs[0]
    before, after = model.predict(data, verbose=0), again.predict(data, verbose=0)
    for a, b in zip(_leaves(before), _leaves(after), strict=True):
        np.testing.assert_array_equal(a, b)


def _grouped(inputs):
    return list(inputs) if len(inputs) > 1 else inputs[0]


def _applied(layer, inputs):
    """The layer's outputs; attention between sequences takes its inputs as separate arguments."""
    if isinstance(layer, (L.MultiHeadAttention, L.GroupQueryAttention)):
        return layer(*inputs)
    return layer(_grouped(inputs))


def _leaves(value):
    if isinstance(value, (list, tuple)):
        return [leaf for each in value for leaf in _leaves(each)]
    return [value]


def _symbols(inputs):
    return [lm.Input(a.shape[1:], dtype=str(a.dtype)) for a in inputs]


def _model(layer, inputs):
    symbols = _symbols(inputs)
    return lm.Model(symbols if len(symbols) > 1 else symbols[0], _applied(layer, symbols))


def _check_symbols(layer, inputs, outputs):
    symbols = _leaves(_applied(layer, _symbols(inputs)))
    for symbol, value in zip(symbols, outputs, strict=True):
        assert symbol.dtype == value.dtype
        assert symbol.shape == (None, *value.shape[1:])


def _check_any_batch_size(model, inputs, outputs):
    for rows in (len(inputs[0]), 1):
        found = _leaves(model.predict(_grouped([a[:rows] for a in inputs]), verbose=0))
        for a, b in zip(found, outputs, strict=True):
            np.testing.assert_allclose(a, b.numpy()[:rows], rtol=1e-4, atol=1e-5)


def _check_configuration(layer):
    written = L.serialize(layer)
    again = L.deserialize(json.loads(json.dumps(written)))
    assert type(again) is type(layer)
    assert L.serialize(again) == written


def _check_training_step(make, inputs):
    model = _model(make(), inputs)
    outputs = _leaves(model.predict(_grouped(inputs), verbose=0))
    if any(o.dtype.kind != "f" for o in outputs) or not model.trainable_weights:
        return
    model.compile(lm.optimizers.SGD(0.1), "mse")
    targets = [o + 1.0 for o in outputs]
    before = [w.numpy().copy() for w in model.trainable_weights]
    history = model.fit(_grouped(inputs), _grouped(targets), epochs=1, verbose=0, shuffle=False)
    assert np.isfinite(history.history["loss"]).all()
    after = [w.numpy() for w in model.trainable_weights]
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


def _check_gradient(make, inputs, tolerance):
    layer = make()
    config = layer.get_config() | {"dtype": "float64"}
    layer = type(layer).from_config(config)
    rng = np.random.default_rng(0)
    points = [a.astype("float64") if a.dtype.kind == "f" else a for a in inputs]
    k = next(i for i, a in enumerate(points) if a.dtype.kind == "f")
    weights = [rng.normal(size=o.shape) for o in _leaves(_applied(layer, points))]

    def loss(x):
        values = [x if i == k else a for i, a in enumerate(points)]
        outputs = _leaves(_applied(layer, values))
        return sum((lm.sum(o * w) for o, w in zip(outputs, weights, strict=True)), start=0.0)

    direction = rng.normal(size=points[k].shape)
    step = 1e-6
    slope = loss(points[k] + step * direction) - loss(points[k] - step * direction)
    expected = slope.item() / (2 * step)
    found = (lm.grad(loss)(lm.asarray(points[k])).numpy() * direction).sum()
    assert found == pytest.approx(expected, rel=tolerance, abs=1e-7)


def _check_mask(make, x):
    x = x.copy()
    x[0, -1], x[1, :] = 0.0, 0.0
    model = lm.Sequential([lm.Input(x.shape[1:]), L.Masking(), make()])
    for output in _leaves(model.predict(x, verbose=0)):
        assert np.isfinite(output).all()


def _check_stream(make, x):
    model = lm.Sequential([lm.Input((None, x.shape[2])), make()]) if _is_open(make, x) else None
    if model is None:
        return
    try:
        stream = model.stream(batch_size=len(x))
    except lm.errors.ArgumentError as error:
        assert "cannot be streamed" in error.message
        return
    whole = model.predict(x, verbose=0)
    steps = [stream.step(x[:, t]) for t in range(x.shape[1])]
    last = whole[:, -1] if whole.ndim == 3 and whole.shape[1] == x.shape[1] else whole
    np.testing.assert_allclose(steps[-1], last, rtol=1e-4, atol=1e-5)


def _is_open(make, x):
    """True if the layer accepts any number of steps."""
    try:
        make()(lm.Input((None, x.shape[2])))
    except lm.errors.LaminaError:
        return False
    return True
