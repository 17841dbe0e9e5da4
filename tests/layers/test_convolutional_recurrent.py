"""ConvLSTM: its equations compared with NumPy, masks, states, streaming, training, errors."""

import numpy as np
import pytest

import lamina as lm
from lamina.errors import ArgumentError, ShapeError
from lamina.operations.convolution import conv

L = lm.layers
FILM = np.random.default_rng(0).normal(size=(2, 4, 5, 6, 3)).astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(layer, film):
    """The equations, step by step, with the convolutions of the library."""
    kernel, recurrent, bias = layer.get_weights()
    h = c = np.zeros((len(film), *film.shape[2:4], layer.filters), "float32")
    outputs = []
    for t in range(film.shape[1]):
        gates = np.asarray(conv(film[:, t], kernel, padding="same")) + bias
        gates = gates + np.asarray(conv(h, recurrent, padding="same"))
        i, f, g, o = np.split(gates, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


def test_the_equations():
    lm.set_seed(0)
    layer = L.ConvLSTM2D(4, 3, padding="same", return_sequences=True, return_state=True)
    found = layer(FILM)
    assert [w.shape for w in layer.get_weights()] == [(3, 3, 3, 16), (3, 3, 4, 16), (16,)]
    assert layer.get_weights()[2][4:8].tolist() == [1.0] * 4
    for each, expected in zip(found, by_hand(layer, FILM), strict=True):
        np.testing.assert_allclose(each, expected, atol=1e-5)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_shapes(rank, data_format):
    sizes = (6, 5, 7)[:rank]
    shape = (*sizes, 2) if data_format == "channels_last" else (2, *sizes)
    layer = getattr(L, f"ConvLSTM{rank}D")(
        3, 2, strides=2, data_format=data_format, return_sequences=True, dropout=0.2
    )
    small = tuple((n - 2) // 2 + 1 for n in sizes)
    expected = (*small, 3) if data_format == "channels_last" else (3, *small)
    x = np.zeros((2, 4, *shape), "float32")
    assert layer(x).shape == (2, 4, *expected)
    assert layer(x, training=True).shape == (2, 4, *expected)


def test_a_mask_is_each_film_alone():
    lm.set_seed(0)
    mask = np.array([[True, False, True, True], [False, True, False, False]])
    for options in ({}, {"return_sequences": True, "zero_output_for_mask": True}):
        layer = L.ConvLSTM2D(2, 3, padding="same", **options)
        found = np.asarray(layer(FILM, mask=mask))
        for k in range(2):
            alone = np.asarray(layer(FILM[k : k + 1, mask[k]]))[0]
            np.testing.assert_allclose(found[k][mask[k]] if options else found[k], alone, atol=1e-5)
        if options:
            assert not found[~mask].any()


def test_conv_lstm_streams_and_trains():
    lm.set_seed(0)
    model = lm.Sequential(
        [
            lm.Input((None, 5, 6, 3)),
            L.ConvLSTM2D(4, 3, padding="same", return_sequences=True),
            L.ConvLSTM2D(2, 3, padding="same"),
        ]
    )
    stream = model.stream(2)
    for t in range(4):
        last = stream.step(FILM[:, t])
    np.testing.assert_allclose(last, np.asarray(model(FILM)), atol=1e-5)
    model.compile(lm.optimizers.Adam(0.05), "mse")
    target = np.tanh(FILM[:, -1, :, :, :2]) * 0.5
    losses = model.fit(FILM, target, epochs=40, verbose=0).history["loss"]
    assert losses[-1] < losses[0] * 0.5


def test_conv_lstm_refuses_wrong_arguments_and_open_extents():
    with pytest.raises(ArgumentError, match="ConvLSTM2D: padding must be one of"):
        L.ConvLSTM2D(2, 3, padding="causal")
    with pytest.raises(ShapeError, match="open extents"):
        L.ConvLSTM2D(2, 3)(lm.Input((None, None, 8, 3)))
    with pytest.raises(ShapeError, match="ConvLSTM2D"):
        L.ConvLSTM2D(2, 3)(FILM[0])
